//! Keys that a passphrase protects, in the forms that OpenSSL writes. All of them were made by `openssl`, and are opened
//! by `sesame`.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::certs::{Authority, acceptor, connect_trusting, trusting};
use crate::harness::{Target, TestProxy};

const EC: &str = include_str!("keys/ec-cert.pem");
const RSA: &str = include_str!("keys/rsa-cert.pem");

const KEYS: [(&str, &str, &str); 6] = [
    ("PKCS#8, AES", EC, include_str!("keys/ec-pkcs8-aes256.pem")),
    ("PKCS#8, 3DES", EC, include_str!("keys/ec-pkcs8-3des.pem")),
    (
        "PKCS#8, scrypt",
        EC,
        include_str!("keys/ec-pkcs8-scrypt.pem"),
    ),
    ("older, AES-128", EC, include_str!("keys/ec-old-aes128.pem")),
    ("older, 3DES", EC, include_str!("keys/ec-old-3des.pem")),
    (
        "older, AES-256, RSA",
        RSA,
        include_str!("keys/rsa-old-aes256.pem"),
    ),
];

const PUBLIC: &str = "CONFIGPROXY_SSL_KEY_PASSPHRASE";
const API: &str = "CONFIGPROXY_API_SSL_KEY_PASSPHRASE";
const CLIENT: &str = "CONFIGPROXY_CLIENT_SSL_KEY_PASSPHRASE";

#[tokio::test]
async fn every_form_is_opened() {
    let authority = Authority::new();
    for (form, text, key) in KEYS {
        let cert = authority.file("cert.pem", text);
        let key = authority.file("key.pem", key);
        for (variable, options, of_api) in [
            (PUBLIC, ["--ssl-cert", &cert, "--ssl-key", &key], false),
            (API, ["--api-ssl-cert", &cert, "--api-ssl-key", &key], true),
        ] {
            let proxy = TestProxy::start_in(&[(variable, "sesame")], &options).await;
            let to = if of_api { proxy.api } else { proxy.public };
            let stream = connect_trusting(trusting(text), to, "http/1.1", None).await;
            stream.unwrap_or_else(|error| panic!("{form} {variable}: {error}"));
        }
    }
}

#[tokio::test]
async fn what_does_not_open_is_told_in_one_line() {
    let authority = Authority::new();
    let pbes1 = authority.file("pbes1.pem", include_str!("keys/ec-pkcs8-pbes1.pem"));
    for (form, cert, key) in KEYS {
        let cert = authority.file("cert.pem", cert);
        let key = authority.file("key.pem", key);
        for (variable, prefix) in [
            (PUBLIC, "--ssl"),
            (API, "--api-ssl"),
            (CLIENT, "--client-ssl"),
        ] {
            let (of_cert, of_key) = (format!("{prefix}-cert"), format!("{prefix}-key"));
            let options = [&of_cert, &cert, &of_key, &key].map(String::as_str);
            let told = TestProxy::refuses(&options);
            assert!(told.contains("protected by a passphrase"), "{form}: {told}");
            assert!(told.contains(variable), "{form}: {told}");
            let told = TestProxy::refuses_in(&[(variable, "swordfish")], &options);
            assert!(told.contains("does not open the key"), "{form}: {told}");
            assert!(
                told.contains(variable) && told.contains("key.pem"),
                "{form}: {told}"
            );
            assert!(
                !told.contains('\n') && !told.contains("swordfish"),
                "{form}: {told}"
            );
        }
        let told = TestProxy::refuses_in(
            &[(PUBLIC, "sesame")],
            &["--ssl-cert", &cert, "--ssl-key", &pbes1],
        );
        assert!(told.contains("openssl pkcs8 -topk8"), "{told}");
    }
}

#[tokio::test]
async fn targets_are_shown_a_certificate_whose_key_was_locked() {
    let authority = Authority::new();
    let issued = authority.issue();
    let acceptor = acceptor(&issued, Some(trusting(EC)));
    let target = Target::accepting(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut space = [0; 4096];
            while let Ok(1..) = stream.read(&mut space).await {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let cert = authority.file("own.pem", EC);
    let key = authority.file("own-key.pem", include_str!("keys/ec-pkcs8-aes256.pem"));
    let ca = authority.ca();
    let options = [
        "--client-ssl-cert",
        &cert,
        "--client-ssl-key",
        &key,
        "--client-ssl-ca",
        &ca,
    ];
    let proxy = TestProxy::start_in(&[(CLIENT, "sesame")], &options).await;
    proxy
        .route("/", &format!("https://{}", target.address))
        .await;
    assert_eq!(proxy.get("/").await.text(), "secret");
}
