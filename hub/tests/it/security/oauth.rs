//! Cases 1-18: the OAuth provider. (16 is the client's part: `hubauth/tests/it/oauth.rs`.)

mod authorize;
mod change;
mod replies;

use chrono::TimeDelta;
use hub::db::{OAuthClient, oauth};
use hub::spawner::manager::HubProcess;
use hub::tasks::{self, Context};
use hub_types::secret::Token;
use serde_json::{Value, json};

use super::{admin, count, database, is_logged_in, send_login_form};
use crate::harness::{Browser, Hub, Reply, WHOAMI_TOKEN};
use crate::oauth::{
    AUTHORIZE, SERVER_CALLBACK, SERVICE_CALLBACK, TOKEN, VERIFIER, authorize, challenge, query,
    redeem_service, redemption, running_server, send_consent, server_code, service_code, usual,
};
use crate::watch::Watched;

fn invalid_grant() -> Value {
    json!({"error": "invalid_grant"})
}

async fn redeem(hub: &Hub, fields: &[(&str, &str)]) -> Reply {
    hub.request("POST", TOKEN).form(fields).send().await
}

/// The token of an exchange that worked.
fn access_token(reply: Reply) -> String {
    let body = reply.expect(200).json();
    body["access_token"].as_str().unwrap().to_owned()
}

/// Whether a token is good for anything.
async fn lives(hub: &Hub, token: &str) -> bool {
    let reply = hub.call(token, "GET", "/hub/api/user").send().await;
    match reply.status.as_u16() {
        200 => true,
        403 => false,
        _ => panic!("{reply:?}"),
    }
}

/// The fields with one of them changed, or taken out.
fn changed<'a>(
    fields: &[(&'a str, &'a str)],
    name: &str,
    value: Option<&'a str>,
) -> Vec<(&'a str, &'a str)> {
    let mut fields = fields.to_vec();
    match value {
        Some(value) => fields
            .iter_mut()
            .filter(|(key, _)| *key == name)
            .for_each(|field| field.1 = value),
        None => fields.retain(|(key, _)| *key != name),
    }
    fields
}

/// One round of the task that forgets what has expired.
async fn purge(hub: &Hub) {
    let context = Context {
        state: hub.state.clone(),
        hub: HubProcess::of_this().unwrap(),
        proxy: None,
    };
    tasks::purge(&context).await.unwrap();
}

#[tokio::test]
async fn case_01_code_replay() {
    let hub = Watched::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    for later in [TimeDelta::zero(), TimeDelta::hours(1), TimeDelta::days(13)] {
        let code = server_code(&hub, &browser).await;
        let fields = redemption(&code, secret);
        assert!(
            !database(&hub).await.contains(&code),
            "codes are stored hashed"
        );
        let token = access_token(redeem(&hub, &fields).await);
        assert!(lives(&hub, &token).await);
        // Somebody without the client's secret cannot take it away.
        redeem(&hub, &changed(&fields, "client_secret", Some("wrong")))
            .await
            .expect(401);
        hub.clock.advance(later);
        purge(&hub).await;
        assert!(lives(&hub, &token).await);
        let replay = redeem(&hub, &fields).await.expect(400);
        assert_eq!(replay.json(), invalid_grant(), "after {later}");
        assert!(!lives(&hub, &token).await, "after {later}");
        hub.clock.advance(-later);
    }
    let audit = hub.log.text();
    assert_eq!(audit.matches("an OAuth code was used twice").count(), 3);
    hub.is_well().await;
}

/// 64 clients with one code, again and again: exactly one gets a token.
async fn parallel_redemption(rounds: usize) {
    let hub = Watched::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    // Half of them go to another hub with the same database.
    let other = hub.beside().await;
    for round in 0..rounds {
        let code = server_code(&hub, &browser).await;
        let fields = redemption(&code, secret);
        let hubs = [&*hub, &other].into_iter().cycle();
        let replies = hubs.take(64).map(|hub| redeem(hub, &fields));
        let replies = futures_util::future::join_all(replies).await;
        let given = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(given, 1, "round {round}");
        let refused = replies.iter().filter(|reply| reply.status != 200);
        for reply in refused {
            assert_eq!(
                (reply.status.as_u16(), reply.json()),
                (400, invalid_grant())
            );
        }
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_02_parallel_redemption() {
    parallel_redemption(10).await;
}

#[tokio::test]
#[ignore = "1,000 rounds of 64 take minutes; run with --ignored"]
async fn case_02_parallel_redemption_a_thousand_times() {
    parallel_redemption(1_000).await;
}

#[tokio::test]
async fn case_03_code_of_another_client() {
    let hub = Watched::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let code = server_code(&hub, &browser).await;
    let before = database(&hub).await;
    let reply = redeem_service(&hub, &code).await.expect(400);
    assert_eq!(reply.json(), invalid_grant());
    // With the redirect of the code's own client, too.
    let fields = redemption(&code, WHOAMI_TOKEN);
    let fields = changed(&fields, "client_id", Some("service-whoami"));
    let reply = redeem(&hub, &fields).await.expect(400);
    assert_eq!(reply.json(), invalid_grant());
    assert_eq!(database(&hub).await, before);
    // Our choice: it stays the first client's.
    access_token(redeem(&hub, &redemption(&code, secret)).await);
    hub.is_well().await;
}

#[tokio::test]
async fn case_04_client_secrets() {
    let hub = Watched::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let code = server_code(&hub, &browser).await;
    let fields = redemption(&code, secret);
    let long = "x".repeat(64 << 10);
    let almost = format!("{secret} ");
    let upper = secret.to_uppercase();
    let mut bodies = Vec::new();
    for wrong in [
        Some("wrong"),
        Some(""),
        None,
        Some(&long),
        Some(&almost),
        Some(&upper),
        Some(&secret[1..]),
        Some(WHOAMI_TOKEN),
    ] {
        let fields = changed(&fields, "client_secret", wrong);
        bodies.push(redeem(&hub, &fields).await.expect(401).body);
    }
    for client in ["nobody", "service-whoami", "jupyterhub", "service-culler"] {
        let fields = changed(&fields, "client_id", Some(client));
        bodies.push(redeem(&hub, &fields).await.expect(401).body);
    }
    for scheme in ["Basic", "basic", "BASIC"] {
        let both = hub
            .request("POST", TOKEN)
            .header("authorization", &format!("{scheme} YTpi"))
            .form(&fields)
            .send()
            .await;
        bodies.push(both.expect(401).body);
    }
    bodies.dedup();
    assert_eq!(bodies, [r#"{"error":"invalid_client"}"#]);
    assert_eq!(
        count(
            &hub,
            "SELECT COUNT(*) FROM tokens WHERE code_hash IS NOT NULL"
        )
        .await,
        0
    );
    access_token(redeem(&hub, &fields).await);
    hub.is_well().await;
}

#[tokio::test]
async fn case_06_redirect_at_the_token_endpoint() {
    let hub = Watched::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let code = server_code(&hub, &browser).await;
    let fields = redemption(&code, secret);
    for uri in [
        None,
        Some(""),
        Some("/user/alice/oauth_callback/"),
        Some("/user/alice/oauth_callback?"),
        Some("/user/alice/oauth_callback#x"),
        Some("/user/Alice/oauth_callback"),
        Some("/user/alice/oauth%5fcallback"),
        Some("http://127.0.0.1:8000/user/alice/oauth_callback"),
        Some(SERVICE_CALLBACK),
    ] {
        let reply = redeem(&hub, &changed(&fields, "redirect_uri", uri)).await;
        assert_eq!(
            reply.expect(400).json()["error"],
            "invalid_request",
            "{uri:?}"
        );
    }
    access_token(redeem(&hub, &fields).await);
    hub.is_well().await;
}

#[tokio::test]
async fn case_07_pkce_verifiers() {
    let hub = Watched::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let code = server_code(&hub, &browser).await;
    let fields = redemption(&code, secret);
    let (long, longer) = ("a".repeat(129), "a".repeat(64 << 10));
    let challenge = challenge();
    let odd = VERIFIER.replace('C', "+");
    let spaced = format!("{VERIFIER} ");
    let unicode = VERIFIER.replace('C', "\u{ff23}");
    let lower = VERIFIER.to_lowercase();
    for verifier in [
        None,
        Some(""),
        Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXx"),
        Some(&VERIFIER[..42]),
        Some(&long),
        Some(&longer),
        Some(&challenge),
        Some(&odd),
        Some(&spaced),
        Some(&unicode),
        Some(&lower),
        Some("plain"),
    ] {
        let fields = changed(&fields, "code_verifier", verifier);
        let error = redeem(&hub, &fields).await.expect(400).json()["error"].clone();
        let expected = match verifier {
            None | Some("") => "invalid_request",
            Some(_) => "invalid_grant",
        };
        assert_eq!(error, expected, "{verifier:.60?}");
    }
    let mut twice = fields.clone();
    twice.push(("code_verifier", VERIFIER));
    redeem(&hub, &twice).await.expect(400);
    access_token(redeem(&hub, &fields).await);
    hub.is_well().await;
}

#[tokio::test]
async fn case_08_pkce_downgrade() {
    let hub = Watched::start().await;
    let secret = running_server(&hub).await;
    let browser = hub.log_in("alice").await;
    let challenge = challenge();
    let full = usual("jupyterhub-user-alice", SERVER_CALLBACK, &challenge);
    // Somebody on the way strips the challenge; the client still sends its verifier.
    let stripped: Vec<_> = full
        .iter()
        .filter(|(name, _)| !name.starts_with("code_challenge"))
        .copied()
        .collect();
    let empty: Vec<_> = full
        .iter()
        .map(|(name, value)| match name.starts_with("code_challenge") {
            true => (*name, ""),
            false => (*name, *value),
        })
        .collect();
    for pairs in [stripped, empty] {
        let reply = authorize(&hub, &browser, &pairs).send().await.expect(302);
        let code = reply.location_argument("code").unwrap();
        let fields = redemption(&code, secret);
        let reply = redeem(&hub, &fields).await.expect(400);
        assert_eq!(reply.json(), invalid_grant());
        // A client of before PKCE still works.
        let without = changed(&fields, "code_verifier", None);
        access_token(redeem(&hub, &without).await);
    }
    hub.is_well().await;

    let strict = Watched::with(|config| config.jupyterhub.oauth_require_pkce = true).await;
    let browser = strict.log_in("alice").await;
    let bare = [("client_id", "service-whoami"), ("response_type", "code")];
    let reply = authorize(&strict, &browser, &bare).send().await.expect(302);
    assert_eq!(
        (
            reply.location_argument("error").as_deref(),
            reply.location_argument("code")
        ),
        (Some("invalid_request"), None)
    );
    strict.is_well().await;
}
