//! Cases 118, 120 and 121, as far as they are about logins.

use std::path::Path;

use chrono::TimeDelta;
use futures_util::future::join_all;
use hub::auth::login::log_failure;
use hub::config::AuthenticatorClass;
use serde_json::json;

use crate::harness::{Hub, PASSWORD, Reply};
use crate::watch::{Log, Watched};

/// A browser that fills in the form as often as it likes.
struct Guesser {
    cookie: String,
    xsrf: String,
}

impl Guesser {
    async fn at(hub: &Hub) -> Self {
        let page = hub.request("GET", "/hub/login").send().await.expect(200);
        let xsrf = page.cookie("_xsrf").unwrap();
        let cookie = format!("_xsrf={xsrf}");
        Self { cookie, xsrf }
    }

    async fn tries(&self, hub: &Hub, name: &str, password: &str, from: &str) -> Reply {
        let fields = [
            ("_xsrf", &*self.xsrf),
            ("username", name),
            ("password", password),
        ];
        let call = hub
            .request("POST", "/hub/login")
            .header("cookie", &self.cookie);
        call.header("x-forwarded-for", from)
            .form(&fields)
            .send()
            .await
    }
}

/// How many of these answers are what status.
fn count(replies: &[Reply], status: u16) -> usize {
    let status = |reply: &&Reply| reply.status.as_u16() == status;
    replies.iter().filter(status).count()
}

async fn open_hub() -> Watched {
    Watched::with(|config| config.authenticator.allow_all = Some(true)).await
}

/// A name and a password for a token: the same door, with an answer that is quickly made.
async fn asks_for_token(hub: &Hub, name: &str, password: &str, from: &str) -> Reply {
    let body = json!({"auth": {"username": name, "password": password}});
    let path = format!("/hub/api/users/{name}/tokens");
    let call = hub.request("POST", &path).json(&body);
    call.header("x-forwarded-for", from).send().await
}

#[tokio::test]
async fn case_120_guessing_is_slowed() {
    let hub = open_hub().await;
    let guesser = Guesser::at(&hub).await;
    let here = "192.0.2.1";
    // At once, and one after the other.
    let guess = |n: usize| asks_for_token(&hub, "alice", ["a", "b"][n % 2], here);
    let mut replies = join_all((0..500).map(guess)).await;
    for n in 0..500 {
        replies.push(guess(n).await);
    }
    assert_eq!((count(&replies, 403), count(&replies, 429)), (10, 990));
    assert_eq!(replies.last().unwrap().header("retry-after"), "6");

    // The page as well, right or wrong; but only from there, and not for long.
    let slowed = guesser
        .tries(&hub, "alice", PASSWORD, here)
        .await
        .expect(429);
    assert_eq!(slowed.header("retry-after"), "6");
    assert!(slowed.body.contains("Try again in 6 seconds"), "{slowed:?}");
    guesser
        .tries(&hub, "alice", PASSWORD, "192.0.2.2")
        .await
        .expect(302);
    guesser.tries(&hub, "bob", PASSWORD, here).await.expect(302);
    hub.clock.advance(TimeDelta::seconds(6));
    guesser
        .tries(&hub, "alice", PASSWORD, here)
        .await
        .expect(302);
    hub.is_well().await;
}

#[tokio::test]
async fn case_120_neighbours_of_a_guesser_come_in_with_a_browser_that_is_known() {
    let hub = open_hub().await;
    let here = "192.0.2.1";
    let guesser = Guesser::at(&hub).await;
    let come_in = guesser
        .tries(&hub, "alice", PASSWORD, here)
        .await
        .expect(302);
    let known = come_in.cookie("jupyterhub-known-browser").unwrap();
    assert!(!known.contains("alice"), "{known}");
    // Somebody of the same school guesses alice's password, and everybody's.
    join_all((0..100).map(|_| asks_for_token(&hub, "alice", "a", here))).await;
    let spray = (0..300).map(|n| {
        let hub = &hub;
        async move { asks_for_token(hub, &format!("user-{n}"), "a", here).await }
    });
    join_all(spray).await;
    guesser.tries(&hub, "bob", PASSWORD, here).await.expect(429);
    guesser
        .tries(&hub, "alice", PASSWORD, here)
        .await
        .expect(429);
    let alices = Guesser {
        cookie: format!(
            "{}; jupyterhub-known-browser=forged; jupyterhub-known-browser={known}",
            guesser.cookie
        ),
        xsrf: guesser.xsrf.clone(),
    };
    // It is hers alone, and no way around the limit.
    alices.tries(&hub, "bob", PASSWORD, here).await.expect(429);
    alices
        .tries(&hub, "alice", PASSWORD, here)
        .await
        .expect(302);
    let mut guesses = Vec::new();
    for _ in 0..12 {
        guesses.push(alices.tries(&hub, "alice", "wrong", here).await);
    }
    assert_eq!((count(&guesses, 403), count(&guesses, 429)), (10, 2));
    hub.is_well().await;
}

#[tokio::test]
async fn case_120_one_password_for_many_users_is_slowed() {
    let hub = open_hub().await;
    let guesser = Guesser::at(&hub).await;
    // What the client makes up does not count, and a /64 is one customer.
    let guesses = (0..300).map(|n| {
        let hub = &hub;
        async move {
            let from = format!("10.0.0.{}, 2001:db8::{n:x}", n % 250);
            asks_for_token(hub, &format!("user-{n}"), "123456", &from).await
        }
    });
    let replies = join_all(guesses).await;
    assert_eq!((count(&replies, 403), count(&replies, 429)), (200, 100));
    guesser
        .tries(&hub, "alice", PASSWORD, "2001:db8:0:1::1")
        .await
        .expect(302);
    hub.is_well().await;
}

#[tokio::test]
async fn case_118_nobody_is_allowed_unless_a_rule_says_so() {
    let hub = Watched::with(|config| {
        config.authenticator.allowed_users.clear();
        config.authenticator.admin_users.clear();
        config.authenticator.allow_all = Some(false);
        config.authenticator.allow_existing_users = Some(false);
        config.jupyterhub.load_groups.clear();
    })
    .await;
    assert!(!hub.state.config.any_allow_config());
    let guesser = Guesser::at(&hub).await;
    for name in ["alice", "bob", "admin", "somebody"] {
        guesser
            .tries(&hub, name, PASSWORD, "192.0.2.1")
            .await
            .expect(403);
    }
    let log = hub.log.text();
    assert!(
        log.contains("Authenticator.allowed_users and allow_all"),
        "{log}"
    );
}

#[tokio::test]
async fn nobody_logs_in_at_a_hub_for_programs() {
    let hub = Hub::with(|config| config.jupyterhub.authenticator_class = AuthenticatorClass::Null);
    let hub = hub.await;
    let page = hub.request("GET", "/hub/login").send().await.expect(403);
    assert!(page.body.contains("Nobody logs in here"), "{}", page.body);
    let xsrf = page.cookie("_xsrf").unwrap_or_default();
    let fields = [
        ("_xsrf", &*xsrf),
        ("username", "alice"),
        ("password", PASSWORD),
    ];
    let form = hub
        .request("POST", "/hub/login")
        .header("cookie", &format!("_xsrf={xsrf}"));
    form.form(&fields).send().await.expect(403);
    let token = hub.token("alice", &["inherit"]).await;
    hub.call(&token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn case_121_names_write_no_lines_of_their_own() {
    let hub = open_hub().await;
    let guesser = Guesser::at(&hub).await;
    let long = "x".repeat(1 << 19);
    let hostile = [
        "a\r\n[W 2026-11-22 03:30:07.624 JupyterHub login:1] Failed login from 192.0.2.66 for \"b\"",
        "a\nFailed login from 192.0.2.66 for \"b\": c",
        "\u{1b}[31mred\u{1b}[0m",
        "\" from 192.0.2.66 for \"b",
        "a\u{2028}b\u{85}c",
        &long,
    ];
    for name in hostile {
        guesser
            .tries(&hub, name, "wrong", "192.0.2.1")
            .await
            .expect(403);
        let begin: String = name.chars().take(20).collect();
        let path = format!("/hub/login?username={}", hub_types::names::escape(&begin));
        hub.request("GET", &path)
            .header("user-agent", "a\tb")
            .send()
            .await
            .expect(200);
    }
    let log = hub.log.text();
    let failures: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("Failed login"))
        .collect();
    assert_eq!(failures.len(), hostile.len(), "{log}");
    for line in log.lines() {
        assert!(
            line.starts_with("2"),
            "a line that is none of ours: {line:.80}"
        );
        assert!(
            line.len() <= 1_024 && !line.contains('\u{1b}'),
            "{line:.200}"
        );
    }
    for line in failures {
        let (_, rest) = line.split_once("Failed login ").unwrap();
        assert!(rest.starts_with("from 192.0.2.1 for \""), "{line}");
    }
}

/// The filter of the howto, as fail2ban reads it: what the date pattern matches is cut out first.
fn fail2ban() -> (regex::Regex, regex::Regex) {
    let howto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/howto/logins.md");
    let text = std::fs::read_to_string(howto).unwrap();
    let setting = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start_matches(" = ").to_owned()
    };
    let mut date = setting("datepattern").replace("%%f", r"\d+");
    for (part, digits) in [("Y", 4), ("m", 2), ("d", 2), ("H", 2), ("M", 2), ("S", 2)] {
        date = date.replace(&format!("%%{part}"), &format!(r"\d{{{digits}}}"));
    }
    let failure = setting("failregex").replace("<ADDR>", r"(?<addr>[0-9a-fA-F:.]+)");
    (
        regex::Regex::new(&date).unwrap(),
        regex::Regex::new(&failure).unwrap(),
    )
}

#[test]
fn the_line_of_a_failed_login_fits_the_filter_of_the_howto() {
    let log = Log::default();
    let collecting = log.collect_as_written();
    let evil = "x\" from 192.0.2.66 for \"y";
    for (name, from) in [("ada", "192.0.2.7"), (evil, "2001:db8::1")] {
        log_failure(name, from.parse().ok(), "wrong name or password");
    }
    log_failure("ada", None, "wrong name or password");
    tracing::warn!("somebody writes [W JupyterHub login:1] Failed login from 192.0.2.66 for \"b\"");
    drop(collecting);
    let (date, failure) = fail2ban();
    let text = log.text();
    let found: Vec<Option<String>> = text
        .lines()
        .map(|line| {
            assert!(date.is_match(line), "{line}");
            let rest = date.replace(line, "");
            failure
                .captures(&rest)
                .map(|found| found["addr"].to_owned())
        })
        .collect();
    let found: Vec<Option<&str>> = found.iter().map(Option::as_deref).collect();
    assert_eq!(
        found,
        [Some("192.0.2.7"), Some("2001:db8::1"), None, None],
        "{text}"
    );
}
