//! What testssl.sh finds wrong with our TLS: nothing above "low".

use std::process::{Command, Output};

use http::Response;
use serde_json::Value;

use crate::harness::{Target, TestProxy, full};

/// Runs a program, which has to succeed.
fn run(folder: &std::path::Path, command: &str) -> Output {
    let mut words = command.split(' ');
    let program = words.next().unwrap();
    let output = Command::new(program)
        .args(words)
        .current_dir(folder)
        .output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{command}: {output:?}");
    output
}

/// A certificate as an authority would issue it, with its key; and the authority's own.
fn certificates(folder: &std::path::Path) {
    let curve = "-pkeyopt ec_paramgen_curve:P-256 -nodes -newkey ec";
    let extensions = "subjectAltName=DNS:localhost\ncrlDistributionPoints=URI:http://localhost/crl\n\
        extendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n";
    std::fs::write(folder.join("leaf.ext"), extensions).unwrap();
    for command in [
        &format!(
            "openssl req -x509 {curve} -keyout ca.key -out ca.pem -days 90 -subj /CN=Authority"
        ),
        &format!("openssl req {curve} -keyout key.pem -out leaf.csr -subj /CN=localhost"),
        "openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 80 -sha256 \
         -extfile leaf.ext",
    ] {
        run(folder, command);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "testssl.sh shakes hands a thousand times, which takes three minutes: tests/run --slow testssl"]
async fn testssl_finds_nothing_above_low() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let proxy =
        TestProxy::start(&["--ssl-cert", &cert, "--ssl-key", &key, "--hsts", "31536000"]).await;
    // Headers of pages are the target's business, and testssl.sh looks at them, too.
    let target = Target::start(async |_| {
        Response::builder()
            .header(
                "content-security-policy",
                "default-src 'self'; frame-ancestors 'none'",
            )
            .header("x-content-type-options", "nosniff")
            .header("x-frame-options", "DENY")
            .body(full("hello"))
            .unwrap()
    })
    .await;
    proxy.route("/", &target.url()).await;
    let command = format!(
        "testssl --quiet --color 0 --warnings off --add-ca ca.pem --jsonfile found.json --ip 127.0.0.1 localhost:{}",
        proxy.public.port()
    );
    let place = folder.path().to_owned();
    // Its exit code counts what it calls problems, low ones included.
    let ran = tokio::task::spawn_blocking(move || {
        let mut words = command.split(' ');
        Command::new(words.next().unwrap())
            .args(words)
            .current_dir(place)
            .output()
    });
    let said = ran
        .await
        .unwrap()
        .expect("testssl is installed: run tests/run --peers-only");
    let found = std::fs::read_to_string(folder.path().join("found.json")).unwrap();
    let found: Vec<Value> = serde_json::from_str(&found).unwrap();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    // It did look.
    for id in [
        "TLS1_2",
        "TLS1_3",
        "cipher_order",
        "heartbleed",
        "ROBOT",
        "LUCKY13",
        "HSTS",
    ] {
        assert!(
            found.iter().any(|one| text(one, "id").starts_with(id)),
            "{id}: {said:?}"
        );
    }
    assert!(found.len() > 100, "{} findings", found.len());
    let above_low: Vec<String> = found
        .iter()
        .filter(|one| {
            !["OK", "INFO", "LOW", "WARN", "DEBUG"].contains(&text(one, "severity").as_str())
        })
        .map(|one| {
            format!(
                "{} {}: {}",
                text(one, "severity"),
                text(one, "id"),
                text(one, "finding")
            )
        })
        .collect();
    assert!(above_low.is_empty(), "{above_low:#?}");
    for id in ["SSLv2", "SSLv3", "TLS1", "TLS1_1"] {
        let one = found.iter().find(|one| text(one, "id") == id).unwrap();
        assert!(text(one, "finding").contains("not offered"), "{one}");
    }
}
