//! Logins at a real OpenID provider (npm's `oidc-provider`), as a person goes through them.

use std::sync::Arc;
use std::time::Duration;

use e2e::{Client, Process, Reply, Sandbox, Stack, Visitor, eventually, eventually_some, peers};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const PATIENCE: Duration = Duration::from_secs(60);

/// A provider that runs until the test ends.
struct Provider {
    issuer: String,
    _process: Process,
    _sandbox: Sandbox,
}

impl Provider {
    async fn start() -> Self {
        let sandbox = Sandbox::new(false);
        let mut command = sandbox.command("node");
        let script = peers::workspace().join("tests/peers/openid-provider.mjs");
        command.arg(script).arg(peers::openid_provider());
        let process = sandbox.start("openid-provider", command);
        let issuer = eventually_some(PATIENCE, "the OpenID provider listens", async || {
            let said = process.output();
            let mut lines = said.lines();
            lines.find_map(|line| Some(line.strip_prefix("issuer ")?.to_owned()))
        })
        .await;
        Self {
            issuer,
            _process: process,
            _sandbox: sandbox,
        }
    }

    fn client(&self) -> Client {
        Client::new(&self.issuer)
    }

    /// Tells it where the hub is; from then on it signs with other keys than before.
    async fn knows(&self, stack: &Stack, algorithm: &str) {
        self.knows_for(stack, algorithm, 3600).await;
    }

    /// The same; its access tokens last so many seconds.
    async fn knows_for(&self, stack: &Stack, algorithm: &str, seconds: u32) {
        let callback = format!("{}hub/oauth_callback", stack.url());
        let body = json!({"redirect_uri": callback, "alg": algorithm, "seconds": seconds});
        self.client().post("/set", &body).await.expect(204);
    }

    /// Says who is in which group from now on.
    async fn groups(&self, groups: Value) {
        self.client().post("/groups", &groups).await.expect(204);
    }

    /// Takes back what it granted with a token.
    async fn revoke(&self, token: &Value) {
        let form = [
            ("client_id", "hub"),
            ("client_secret", "the-hubs-secret"),
            ("token", token.as_str().expect("a token")),
        ];
        let client = self.client();
        let request = client.request(reqwest::Method::POST, "/token/revocation");
        client.send(request.form(&form)).await.expect(200);
    }
}

async fn stack(provider: &Provider, more: &str) -> Stack {
    let issuer = &provider.issuer;
    let config = format!(
        "
[JupyterHub]
authenticator_class = \"oidc\"
[Authenticator]
allow_all = false
admin_users = [\"mal\"]
manage_groups = true
[oidc]
issuer = \"{issuer}\"
client_id = \"hub\"
client_secret = \"the-hubs-secret\"
login_service = \"the ship\"
allowed_groups = [\"crew\"]
scope = [\"openid\", \"profile\", \"email\", \"groups\", \"offline_access\"]
extra_authorize_params = {{ prompt = \"consent\" }}
{more}"
    );
    Stack::builder().config(&config).start().await
}

/// Goes to the provider, and logs in there as `name`: the page on which it asks whether the hub may know.
async fn at_the_provider(visitor: &mut Visitor, name: &str) -> Reply {
    let page = visitor
        .follow("hub/login?next=%2Fhub%2Ftoken")
        .await
        .expect(200);
    assert!(page.body.contains("Sign in with the ship"), "{}", page.body);
    let form = visitor
        .follow("hub/oauth_login?next=%2Fhub%2Ftoken")
        .await
        .expect(200);
    assert!(form.url.path().starts_with("/interaction/"), "{}", form.url);
    let action = form.url.to_string();
    let sent = visitor
        .submit(&form, &action, &[("login", name), ("password", "x")])
        .await;
    let next = sent.url.join(sent.location()).expect("a URL");
    visitor.follow(next.as_str()).await.expect(200)
}

/// A whole login: where the browser ends up.
async fn log_in(visitor: &mut Visitor, name: &str) -> Reply {
    let consent = at_the_provider(visitor, name).await;
    let action = consent.url.to_string();
    let sent = visitor.submit(&consent, &action, &[]).await;
    let next = sent.url.join(sent.location()).expect("a URL");
    visitor.follow(next.as_str()).await
}

#[tokio::test]
async fn people_log_in_at_a_real_openid_provider() {
    let provider = Provider::start().await;
    let stack = stack(&provider, "").await;
    // It does not say who it is yet.
    let mut visitor = stack.visitor();
    let away = visitor.follow("hub/oauth_login").await.expect(503);
    assert!(
        away.body.contains("the ship does not answer right now"),
        "{}",
        away.body
    );

    provider.knows(&stack, "RS256").await;
    let page = log_in(&mut visitor, "zoe").await.expect(200);
    assert_eq!(page.url.path(), "/hub/token", "{:#?}", visitor.hops);
    let zoe = stack.api().user("zoe").await;
    assert_eq!(
        (&zoe["admin"], &zoe["groups"]),
        (&json!(false), &json!(["crew"]))
    );

    let mut administrator = stack.visitor();
    log_in(&mut administrator, "mal").await.expect(200);
    assert_eq!(stack.api().user("mal").await["admin"], true);

    let mut passenger = stack.visitor();
    let refused = log_in(&mut passenger, "simon").await.expect(403);
    assert!(
        refused
            .body
            .contains("not currently authorized to use this hub"),
        "{}",
        refused.body
    );
    assert!(
        stack
            .log()
            .contains("for \"simon\": no rule allows this user"),
        "{}",
        stack.log()
    );

    let mut unwilling = stack.visitor();
    let consent = at_the_provider(&mut unwilling, "zoe").await;
    let cancel = format!("{}/abort", consent.url);
    let denied = unwilling.follow(&cancel).await.expect(403);
    assert!(
        denied.body.contains("did not agree to sign in"),
        "{}",
        denied.body
    );

    // Other keys, another algorithm: the hub looks again.
    provider.knows(&stack, "ES256").await;
    let mut again = stack.visitor();
    let page = log_in(&mut again, "zoe").await.expect(200);
    assert_eq!(page.url.path(), "/hub/token");

    // Which arguments came is logged, and nothing of what they say.
    let log = stack.log().replace("code=[secret]", "");
    for secret in ["the-hubs-secret", "code=", "eyJ"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// Settings with which logins are asked about again every second.
fn refreshed() -> String {
    let key = "5a".repeat(32);
    format!("enable_auth_state = true\nauth_refresh_age = 1\n[CryptKeeper]\nkeys = [\"{key}\"]\n")
}

async fn is_in(visitor: &mut Visitor) -> bool {
    visitor.get("hub/home").await.status == 200
}

#[tokio::test]
async fn a_login_that_a_real_openid_provider_takes_back_is_over() {
    let provider = Provider::start().await;
    let stack = stack(&provider, &refreshed()).await;
    provider.knows(&stack, "RS256").await;
    let mut visitor = stack.visitor();
    log_in(&mut visitor, "zoe").await.expect(200);
    let first = stack.api().user("zoe").await["auth_state"].clone();
    assert_eq!(first["oidc_user"]["email"], "zoe@ship.example");
    assert!(is_in(&mut visitor).await);
    provider.revoke(&first["access_token"]).await;
    eventually(PATIENCE, "the login is over", async || {
        !is_in(&mut visitor).await
    })
    .await;
}

#[tokio::test]
async fn a_login_at_a_real_openid_provider_is_renewed_until_its_grant_is_taken_back() {
    let provider = Provider::start().await;
    let stack = stack(&provider, &refreshed()).await;
    // Signed anew by another algorithm than RS256, while we are at it.
    provider.knows_for(&stack, "ES256", 2).await;
    let mut visitor = stack.visitor();
    log_in(&mut visitor, "zoe").await.expect(200);
    let kept = async || stack.api().user("zoe").await["auth_state"].clone();
    let mut seen = vec![kept().await];
    for renewal in ["first", "second"] {
        let last = seen.last().cloned().expect("one");
        let what = format!("the {renewal} renewal");
        let new = eventually_some(PATIENCE, &what, async || {
            assert!(is_in(&mut visitor).await, "{what}");
            let now = kept().await;
            (now["access_token"] != last["access_token"]).then_some(now)
        })
        .await;
        assert_ne!(new["refresh_token"], last["refresh_token"], "it is rotated");
        assert_ne!(new["id_token"], last["id_token"], "and proven again");
        assert_eq!(new["oidc_user"]["sub"], "zoe");
        seen.push(new);
    }
    // Who leaves the group is out; a login after they have come back holds for the tabs that were out, too.
    provider.groups(json!({})).await;
    eventually(PATIENCE, "who has left is out", async || {
        !is_in(&mut visitor).await
    })
    .await;
    provider.groups(json!({"zoe": ["crew"]})).await;
    log_in(&mut stack.visitor(), "zoe").await.expect(200);
    eventually(PATIENCE, "who is back is in", async || {
        is_in(&mut visitor).await
    })
    .await;
    let refresh_token = kept().await["refresh_token"].clone();
    assert!(is_in(&mut visitor).await);
    provider.revoke(&refresh_token).await;
    eventually(PATIENCE, "the login is over", async || {
        !is_in(&mut visitor).await
    })
    .await;
}

#[tokio::test]
async fn while_a_real_openid_provider_is_down_who_is_in_stays_in() {
    let provider = Provider::start().await;
    let stack = stack(&provider, &refreshed()).await;
    provider.knows(&stack, "RS256").await;
    let mut visitor = stack.visitor();
    log_in(&mut visitor, "zoe").await.expect(200);
    let mut late = stack.visitor();
    let consent = at_the_provider(&mut late, "zoe").await;
    let callback = to_the_callback(&mut late, &consent).await;
    drop(provider);
    eventually(PATIENCE, "the hub has asked in vain", async || {
        assert!(is_in(&mut visitor).await);
        stack
            .log()
            .contains("the login of zoe cannot be checked again")
    })
    .await;
    assert!(is_in(&mut visitor).await);
    let away = late.get(&callback).await.expect(503);
    assert!(
        away.body.contains("the ship does not answer right now"),
        "{}",
        away.body
    );
}

/// Agrees, and goes on until the provider sends the browser back to the hub: to which URL.
async fn to_the_callback(visitor: &mut Visitor, consent: &Reply) -> String {
    let action = consent.url.to_string();
    let mut sent = visitor.submit(consent, &action, &[]).await;
    for _ in 0..5 {
        let next = sent.url.join(sent.location()).expect("a URL");
        if next.path().ends_with("/hub/oauth_callback") {
            return next.into();
        }
        sent = visitor.get(next.as_str()).await;
    }
    panic!("never sent back: {sent:#?}");
}

#[tokio::test]
async fn what_a_real_openid_provider_answers_counts_in_the_browser_that_asked() {
    let provider = Provider::start().await;
    let stack = stack(&provider, "").await;
    provider.knows(&stack, "RS256").await;
    let mut visitor = stack.visitor();
    let consent = at_the_provider(&mut visitor, "zoe").await;
    let callback = to_the_callback(&mut visitor, &consent).await;
    let mut other = stack.visitor();
    other.get("hub/oauth_login").await.expect(302);
    for url in [callback.clone(), callback.replace("state=", "state=x")] {
        let refused = other.get(&url).await.expect(400);
        assert!(
            refused.body.contains("was not begun in this browser"),
            "{}",
            refused.body
        );
    }
    visitor.get(&callback).await.expect(302);
    assert!(is_in(&mut visitor).await && !is_in(&mut other).await);
}

#[tokio::test]
async fn a_real_openid_provider_must_have_verified_an_address() {
    let provider = Provider::start().await;
    let stack = stack(&provider, "username_claim = \"email\"\nallow_all = true").await;
    provider.knows(&stack, "RS256").await;
    let refused = log_in(&mut stack.visitor(), "jayne").await.expect(403);
    let text = "the ship has not verified your e-mail address";
    assert!(refused.body.contains(text), "{}", refused.body);
    log_in(&mut stack.visitor(), "zoe").await.expect(200);
    assert_eq!(stack.api().user("zoe@ship.example").await["admin"], false);
}

/// What a server called localhost shows, and the authority that has signed it.
fn signed() -> (rustls::ServerConfig, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, own).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let shown = params.signed_by(&key, &authority).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![shown.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        );
    (config.expect("a key that fits"), authority.pem())
}

/// Puts TLS before the provider: where it is, and the authority of its certificate.
async fn in_front_of(provider: &Provider) -> (String, String) {
    let (config, authority) = signed();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let target = provider.issuer.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            tokio::spawn(async move {
                // Who does not trust it gets no further.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut behind = TcpStream::connect(target).await.expect("the provider");
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    (format!("https://localhost:{port}"), authority)
}

#[tokio::test]
async fn a_certificate_of_a_private_authority_counts_once_that_is_trusted() {
    let provider = Provider::start().await;
    let (front, authority) = in_front_of(&provider).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, authority).expect("written");
    let trusted = [("SSL_CERT_FILE", file.display().to_string())];
    let issuer = &provider.issuer;
    for (case, env, line, status) in [
        ("by default", &[][..], "", 502),
        ("its authority is known", &trusted[..], "", 200),
        (
            "not looked at",
            &[][..],
            "validate_server_cert = false",
            200,
        ),
    ] {
        let config = format!(
            "
[JupyterHub]
authenticator_class = \"generic-oauth\"
[OAuthenticator]
client_id = \"hub\"
client_secret = \"the-hubs-secret\"
authorize_url = \"{issuer}/auth\"
token_url = \"{front}/token\"
userdata_url = \"{front}/me\"
username_claim = \"preferred_username\"
scope = [\"openid\", \"profile\"]
login_service = \"the ship\"
{line}"
        );
        let mut builder = Stack::builder().config(&config);
        for (name, value) in env {
            builder = builder.env(name, value);
        }
        let stack = builder.start().await;
        provider.knows(&stack, "RS256").await;
        let page = log_in(&mut stack.visitor(), "zoe").await;
        assert_eq!(page.status, status, "{case}: {page:#?}");
        if status == 502 {
            let said = "does not trust the certificate of the ship";
            assert!(page.body.contains(said), "{case}: {}", page.body);
            let log = stack.log();
            for part in [
                "localhost shows a certificate that is not trusted",
                "SSL_CERT_FILE",
            ] {
                assert!(log.contains(part), "{case}: {log}");
            }
        }
    }
}
