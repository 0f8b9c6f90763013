//! Logins at a real OpenID provider (npm's `oidc-provider`), as a person goes through them.

use std::time::Duration;

use e2e::{Client, Process, Reply, Sandbox, Stack, Visitor, eventually, eventually_some, peers};
use serde_json::{Value, json};

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
        let callback = format!("{}hub/oauth_callback", stack.url());
        let body = json!({"redirect_uri": callback, "alg": algorithm});
        self.client().post("/set", &body).await.expect(204);
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

#[tokio::test]
async fn a_login_that_a_real_openid_provider_takes_back_is_over() {
    let provider = Provider::start().await;
    let key = "5a".repeat(32);
    let more = format!(
        "enable_auth_state = true
auth_refresh_age = 1
[CryptKeeper]
keys = [\"{key}\"]
"
    );
    let stack = stack(&provider, &more).await;
    provider.knows(&stack, "RS256").await;
    let mut visitor = stack.visitor();
    log_in(&mut visitor, "zoe").await.expect(200);
    let kept = async || stack.api().user("zoe").await["auth_state"].clone();
    let first = kept().await;
    assert_eq!(first["oidc_user"]["email"], "zoe@ship.example");
    let token = |state: &Value| state["access_token"].as_str().expect("a token").to_owned();

    visitor.get("hub/home").await.expect(200);
    // The provider takes back what it granted: the login is over, here as there.
    let revoke = async |token: &str| {
        let form = [
            ("client_id", "hub"),
            ("client_secret", "the-hubs-secret"),
            ("token", token),
        ];
        let client = provider.client();
        let request = client.request(reqwest::Method::POST, "/token/revocation");
        client.send(request.form(&form)).await.expect(200);
    };
    revoke(&token(&first)).await;
    eventually(PATIENCE, "the login is over", async || {
        visitor.get("hub/home").await.status == 302
    })
    .await;
}
