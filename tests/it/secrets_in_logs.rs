//! What opens a door is in no log of hub and proxy (security case 17), and in no arguments of a program, which everybody on
//! the machine can read (case 94): everything that carries a secret happens once between real processes, at the most talkative
//! level, and then the logs and the command lines of all that ran are searched.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{Client, Jar, Stack, Visitor, programs};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::Method;
use url::Url;

use crate::spec;

/// Shorter values are words that may occur anyway.
const SHORTEST: usize = 8;

/// Environment variables of services, servers and the proxy that hold secrets.
const VARIABLES: &[&str] = &[
    "JUPYTERHUB_API_TOKEN",
    "JPY_API_TOKEN",
    "CONFIGPROXY_AUTH_TOKEN",
];

/// Arguments of a query that hold secrets.
const ARGUMENTS: &[&str] = &["code", "state", "token", "_xsrf"];

/// What must not be in a log.
#[derive(Debug, Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn add(&mut self, secret: &str) {
        let secret = secret.trim_matches('"');
        if secret.len() >= SHORTEST {
            self.0.insert(secret.to_owned());
        }
    }

    /// The secrets in the query of a URL, and in the URLs that it holds.
    fn of_url(&mut self, url: &Url) {
        for (name, value) in url.query_pairs() {
            if ARGUMENTS.contains(&name.as_ref()) {
                self.add(&value);
            }
            if let Ok(inner) = url.join(&value)
                && name == "next"
            {
                self.of_url(&inner);
            }
        }
    }

    fn of_jar(&mut self, jar: &Jar) {
        for cookie in jar.all() {
            self.add(&cookie.value);
        }
    }

    fn of_processes(&mut self, stack: &Stack) {
        for process in stack.sandbox().running() {
            for name in VARIABLES {
                if let Some(value) = process.env.get(*name) {
                    self.add(value);
                }
            }
        }
    }

    /// Those that are in a text, as they are or encoded for a URL.
    fn seen_in<'a>(&'a self, text: &'a str) -> Vec<&'a str> {
        let decoded = percent_decode_str(text).decode_utf8_lossy();
        let seen = |secret: &str| {
            let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
            [text, &decoded]
                .iter()
                .any(|text| text.contains(secret) || text.contains(&encoded))
        };
        let found = self.0.iter().map(String::as_str);
        found.filter(|secret| seen(secret)).collect()
    }
}

/// Goes where the redirects lead, agrees to what the hub asks, and notes the secrets on the way.
async fn walk(visitor: &mut Visitor, path: &str, secrets: &mut Secrets) -> e2e::Reply {
    let mut reply = visitor.get(path).await;
    for _ in 0..20 {
        secrets.of_url(&reply.url);
        secrets.of_jar(&visitor.jar);
        if (300..400).contains(&reply.status) {
            let next = reply.url.join(reply.location()).expect("a URL");
            secrets.of_url(&next);
            reply = visitor.get(next.as_str()).await;
        } else if reply.url.path().ends_with("/oauth2/authorize") && reply.status == 200 {
            let action = reply.url.to_string();
            reply = visitor.submit(&reply, &action, &[]).await;
        } else {
            return reply;
        }
    }
    panic!("no end: {}", reply.url);
}

/// Sends a token in every place where somebody might put it.
async fn everywhere(client: &Client, token: &str, cookie: &str) {
    let cookie = utf8_percent_encode(cookie, NON_ALPHANUMERIC).to_string();
    for path in [
        format!("/hub/api/authorizations/token/{token}"),
        format!("/hub/api/authorizations/cookie/jupyterhub-services/{cookie}"),
        format!("/hub/api/%61uthorizations/token/{token}"),
        format!("/hub/api/user?token={token}"),
        format!("/hub/home?next=%2Fhub%2F%3Ftoken%3D{token}"),
        format!("/hub/login?{token}"),
        format!("/services/whoami/?token={token}"),
        format!("/services/mine/oauth_callback?code={token}&state={token}"),
        format!("/user/mal/api/contents?token={token}"),
        format!("/user/nobody/lab?token={token}&other={token}"),
    ] {
        client.get(&path).await;
    }
    let basic = format!("Basic {}", STANDARD.encode(format!("mal:{token}")));
    for value in [
        format!("token {token}"),
        format!("Bearer {token}"),
        basic,
        token.to_owned(),
    ] {
        let sent = client.clone().header("authorization", &value);
        sent.get("/hub/api/user").await;
        sent.get("/services/whoami/").await;
        sent.post(
            "/hub/api/users/mal/tokens",
            &serde_json::json!({ "note": token, "expires_in": token }),
        )
        .await;
    }
    for path in ["/hub/login", "/hub/api/oauth2/token"] {
        let fields = [
            ("username", "mal"),
            ("password", token),
            ("_xsrf", token),
            ("client_id", "service-mine"),
            ("client_secret", token),
            ("code", token),
            ("grant_type", "authorization_code"),
        ];
        let request = client.request(Method::POST, path).form(&fields);
        client.send(request).await;
    }
}

/// How often is looked what runs.
const LOOK: Duration = Duration::from_millis(100);

/// The command lines of everything of the stack that runs while `what` happens, one each.
async fn watched<T>(stack: &Stack, what: impl Future<Output = T>) -> (T, BTreeSet<String>) {
    let mut what = std::pin::pin!(what);
    let mut lines = BTreeSet::new();
    loop {
        let running = stack.sandbox().running();
        lines.extend(running.iter().map(|process| process.argv.join(" ")));
        if let Ok(done) = tokio::time::timeout(LOOK, &mut what).await {
            return (done, lines);
        }
    }
}

/// A secret of the configuration.
const OF_OLD: &str = "a-secret-of-the-old-service-0123456789";

/// Two of the hub's environment.
const CRYPT_KEY: &str = "5a00112233445566778899aabbccddeeff00112233445566778899aabbccdd5a";
const PROXY_TOKEN: &str = "a-token-between-hub-and-proxy-0123456789";

/// A hub and a proxy that say all they can, and every kind of client.
async fn talkative() -> Stack {
    let hub = programs::path("hub").display().to_string();
    let stack = Stack::builder()
        .config(spec::LEAN_SERVER)
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .config(&spec::whoami())
        .config(&spec::example())
        .config(&format!(
            "[JupyterHub]\nlog_level = 'DEBUG'\n\
             [ConfigurableHTTPProxy]\ncommand = [{hub:?}, 'proxy', '--access-log', 'text']\n\
             [[JupyterHub.services]]\nname = 'old'\nurl = 'http://127.0.0.1:1'\ncookie_auth = true\n\
             api_token = {OF_OLD:?}\n\
             [Authenticator]\nenable_auth_state = true\n"
        ))
        .env("JUPYTERHUB_CRYPT_KEY", CRYPT_KEY)
        .env("CONFIGPROXY_AUTH_TOKEN", PROXY_TOKEN)
        .start()
        .await;
    for name in ["whoami", "mine"] {
        stack.service_is_up(name).await;
    }
    stack
}

/// A user logs in, opens services and a server, uses tokens and codes in all ways, and leaves. Gives back every secret
/// that was part of it.
async fn a_day(stack: &Stack) -> Secrets {
    let mut secrets = Secrets::default();
    let (api, mut visitor) = (stack.api(), stack.visitor());
    let keys = std::fs::read_to_string(stack.data("jupyterhub_cookie_secret"));
    let password = "a password that is right";
    let keys = keys.expect("a file");
    let known = [api.token(), OF_OLD, CRYPT_KEY, PROXY_TOKEN];
    for secret in known.into_iter().chain([keys.trim(), password]) {
        secrets.add(secret);
    }
    visitor.login("mal", password).await;
    secrets.of_jar(&visitor.jar);
    api.start_server("mal").await;
    secrets.of_processes(stack);
    for (path, status) in [
        ("services/whoami/", 200),
        ("services/mine/", 200),
        ("user/mal/files/nothing-there", 404),
        ("hub/token", 200),
    ] {
        walk(&mut visitor, path, &mut secrets).await.expect(status);
    }
    let cookie = visitor.jar.get("jupyterhub-services", "/services/old/");
    let cookie = cookie.expect("the cookie of old").value.clone();
    let token = api.new_token("mal", &[]).await;
    for token in [token.as_str(), "a-token-that-nobody-knows-0123456789"] {
        secrets.add(token);
        everywhere(&stack.client(), token, &cookie).await;
    }
    let shared = api.post("/share-codes/mal/", &serde_json::json!({})).await;
    let shared = shared.expect(200).json();
    let code = shared["code"].as_str().expect("a code");
    secrets.add(code);
    visitor.get(&format!("hub/accept-share?code={code}")).await;
    visitor.get("hub/logout").await;
    secrets
}

#[tokio::test]
async fn nothing_secret_is_in_the_logs_of_hub_and_proxy() {
    let stack = talkative().await;
    let (secrets, lines) = watched(&stack, a_day(&stack)).await;
    let count = secrets.0.len();
    assert!(count > 20, "only {count} secrets were part of it");

    let hub = stack.log();
    let proxy = std::fs::read_to_string(stack.data("logs/proxy.log")).expect("the proxy's log");
    // Both did write of those requests, where the secrets would be.
    for said in ["code", "state", "token", "next"].map(|name| format!("{name}=[secret]")) {
        assert!(hub.contains(&said), "the hub does not say {said}");
    }
    for (name, log) in [("hub", &hub), ("proxy", &proxy)] {
        let said = "/hub/api/authorizations/token/[secret]";
        assert!(log.contains(said), "the {name} does not say {said}");
        let found = secrets.seen_in(log);
        assert_eq!(found, Vec::<&str>::new(), "in the log of the {name}");
    }
    // Those of the hub, of the proxy, of a managed service and of a server are among them.
    for program in [" proxy ", " whoami", "jupyterhub-singleuser"] {
        let ran = lines.iter().any(|line| line.contains(program));
        assert!(ran, "{program}: {lines:#?}");
    }
    for line in &lines {
        assert_eq!(secrets.seen_in(line), Vec::<&str>::new(), "in {line}");
    }
}
