//! Logins at a provider, against a stand-in for each vendor ([`stand_in`]): who comes in, who does not, and what they are
//! told. A real OpenID provider is met in `tests/`.

mod crowds;
mod every_vendor;
mod kept;
mod settings;
mod stand_in;
mod tabs;
mod trusted;
mod vendors;

use hub::config::{Accounts, AuthenticatorClass, Config, Provider};
use hub_types::secret::Token;
use serde_json::json;

use crate::harness::{Hub, Reply};
use stand_in::{CLIENT, SECRET, StandIn};

/// A hub whose people log in at the stand-in.
async fn hub(provider: Provider, at: &StandIn, change: impl FnOnce(&mut Config)) -> Hub {
    let url = Some(at.url.clone());
    let hub = Hub::with(|config| {
        config.jupyterhub.authenticator_class = AuthenticatorClass::OAuth(provider, Accounts::Hub);
        config.authenticator.allowed_users.clear();
        config.authenticator.admin_users.clear();
        config.jupyterhub.load_roles.clear();
        config.jupyterhub.load_groups.clear();
        config.oauth.client_id = Some(CLIENT.to_owned());
        config.oauth.client_secret = Some(Token::from_config(SECRET));
        config.github.github_url.clone_from(&url);
        config.gitlab.gitlab_url.clone_from(&url);
        config.google.google_api_url.clone_from(&url);
        config.oidc.issuer = Some(at.issuer());
        match provider {
            Provider::Google => {
                config.oauth.authorize_url = at.url.join("o/oauth2/v2/auth").ok();
            }
            Provider::Generic => {
                config.oauth.authorize_url = at.url.join("authorize").ok();
                config.oauth.token_url = at.url.join("token").ok();
                config.oauth.userdata_url = at.url.join("me").ok();
            }
            _ => {}
        }
        change(config);
    })
    .await;
    at.change(|world| world.now = hub.state.clock.now().timestamp());
    hub
}

const HOST: &str = "127.0.0.1:8000";

/// Leaves the hub: the answer that sends the browser away.
async fn leave(hub: &Hub, next: &str) -> Reply {
    let path = format!("/hub/oauth_login{next}");
    hub.request("GET", &path).header("host", HOST).send().await
}

/// The cookie by which the browser remembers a login that it has begun: name and value. The value is empty when it is to be
/// forgotten.
fn remembered(reply: &Reply) -> Option<(String, String)> {
    let of_state = |(name, _): &(String, String)| name.starts_with("oauthenticator-state-");
    let (name, rest) = reply.set_cookies().into_iter().find(of_state)?;
    let value = rest.split(';').next().unwrap_or_default();
    Some((name, value.to_owned()))
}

/// The same, as the browser sends it.
fn kept(reply: &Reply) -> Option<String> {
    remembered(reply).map(|(name, value)| format!("{name}={value}"))
}

/// Comes back with these cookies.
async fn come_back(hub: &Hub, to: &url::Url, cookies: Option<&str>) -> Reply {
    let path = format!("{}?{}", to.path(), to.query().unwrap_or_default());
    let call = hub.request("GET", &path).header("host", HOST);
    let call = match cookies {
        Some(cookies) => call.header("cookie", cookies),
        None => call,
    };
    call.send().await
}

/// A whole login, as a browser does it.
async fn log_in(hub: &Hub, at: &StandIn) -> Reply {
    let left = leave(hub, "?next=%2Fhub%2Ftoken").await.expect(302);
    let back = at.visit(left.header("location")).await;
    come_back(hub, &back, kept(&left).as_deref()).await
}

fn allow_all(config: &mut Config) {
    config.authenticator.allow_all = Some(true);
}

#[track_caller]
fn assert_out(reply: &Reply, status: u16, part: &str, case: &str) {
    assert_eq!(reply.status.as_u16(), status, "{case}: {reply:?}");
    assert!(reply.body.contains(part), "{case}: {}", reply.body);
    assert_eq!(reply.cookie("jupyterhub-hub-login"), None, "{case}");
}

#[tokio::test]
async fn a_provider_that_describes_itself_may_be_away_and_may_change_its_keys() {
    let person = json!({"sub": "u-7", "preferred_username": "mal"});
    let at = StandIn::start(person).await;
    at.change(|world| world.down = true);
    let hub = hub(Provider::Oidc, &at, allow_all).await;
    let away = leave(&hub, "").await;
    assert_out(&away, 503, "does not answer right now", "away");
    at.change(|world| world.down = false);
    log_in(&hub, &at).await.expect(302);
    let left = leave(&hub, "").await;
    let mut back = at.visit(left.header("location")).await;
    back.query_pairs_mut()
        .append_pair("iss", "https://evil.example");
    let mixed = come_back(&hub, &back, kept(&left).as_deref()).await;
    assert_out(
        &mixed,
        400,
        "was not begun in this browser",
        "an answer of another provider",
    );
    at.rotate();
    log_in(&hub, &at).await.expect(302);
    let asked = at.change(|world| world.asked.clone());
    let count = |path: &str| asked.iter().filter(|one| one.ends_with(path)).count();
    assert_eq!(
        (count("/.well-known/openid-configuration"), count("/jwks")),
        (2, 2)
    );
}

#[tokio::test]
async fn only_the_browser_that_began_a_login_ends_it() {
    let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
    let hub = hub(Provider::GitHub, &at, allow_all).await;
    let left = leave(&hub, "").await.expect(302);
    let (name, value) = remembered(&left).unwrap();
    let kept = format!("{name}={value}");
    let whole = left.set_cookies();
    let (_, attributes) = whole.iter().find(|(other, _)| *other == name).unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/hub/", "Max-Age=3600"] {
        assert!(attributes.contains(part), "{attributes}");
    }
    assert_eq!(left.header("cache-control"), "no-store");
    let back = at.visit(left.header("location")).await;
    let (other, of_other) = remembered(&leave(&hub, "").await).unwrap();
    for (case, kept) in [
        ("no cookie", None),
        (
            "the cookie of another login",
            Some(format!("{other}={of_other}")),
        ),
        (
            "the same under this one's name",
            Some(format!("{name}={of_other}")),
        ),
        ("a forged cookie", Some(format!("{name}=2|1:0|10:1|x|y|z"))),
    ] {
        let reply = come_back(&hub, &back, kept.as_deref()).await;
        assert_out(&reply, 400, "was not begun in this browser", case);
    }
    // An error of somebody's choice is not shown either.
    let mut link = back.clone();
    link.set_query(Some(
        "error=access_denied&error_description=call+555&state=x",
    ));
    let reply = come_back(&hub, &link, Some(&kept)).await;
    assert_out(
        &reply,
        400,
        "was not begun in this browser",
        "a link with an error",
    );
    assert!(!reply.body.contains("555"));
    let mut denied = back.clone();
    let state = back
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    denied
        .query_pairs_mut()
        .clear()
        .append_pair("state", &state)
        .append_pair("error", "<script>");
    let reply = come_back(&hub, &denied, Some(&kept)).await;
    assert_out(&reply, 400, "could not sign you in", "an unknown error");
    denied
        .query_pairs_mut()
        .clear()
        .append_pair("state", &state);
    let reply = come_back(&hub, &denied, Some(&kept)).await;
    assert_out(&reply, 400, "without a word of who you are", "no code");
    assert_eq!(
        at.change(|world| world.tokens.len()),
        0,
        "no code was shown to the provider"
    );
    come_back(&hub, &back, Some(&kept)).await.expect(302);
    let again = come_back(&hub, &back, Some(&kept)).await;
    assert_out(&again, 400, "this sign-in is over", "the same code again");
    // Too late.
    let left = leave(&hub, "").await;
    let back = at.visit(left.header("location")).await;
    hub.clock.advance(chrono::TimeDelta::seconds(3601));
    let late = come_back(
        &hub,
        &back,
        remembered(&left)
            .map(|(name, value)| format!("{name}={value}"))
            .as_deref(),
    )
    .await;
    assert_out(&late, 400, "too long ago", "an hour later");
}

#[tokio::test]
async fn people_go_where_they_were_going_on_this_host() {
    let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
    let hub = hub(Provider::GitHub, &at, allow_all).await;
    for (next, to) in [
        ("?next=%2Fuser%2Fmal%2Ftree%3Fa%3Db", "/user/mal/tree?a=b"),
        ("?next=https%3A%2F%2Fevil.example%2F", "/hub/"),
        ("?next=%2F%2Fevil.example", "/hub/"),
        ("?next=%2F%5Cevil.example", "/%5Cevil.example"),
        ("", "/hub/"),
    ] {
        let left = leave(&hub, next).await.expect(302);
        let back = at.visit(left.header("location")).await;
        let come = come_back(&hub, &back, kept(&left).as_deref()).await;
        assert_eq!(come.header("location"), to, "{next}");
    }
    let long = leave(&hub, &format!("?next=%2F{}", "x".repeat(4000))).await;
    assert_eq!(long.status, 414);
}

#[tokio::test]
async fn the_login_page_leads_there() {
    let at = StandIn::start(json!({"login": "mal"})).await;
    let github = hub(Provider::GitHub, &at, allow_all).await;
    let page = github
        .request("GET", "/hub/login?next=%2Fhub%2Fhome")
        .send()
        .await
        .expect(200);
    assert!(
        page.body
            .contains("href=\"/hub/oauth_login?next=%2Fhub%2Fhome\""),
        "{}",
        page.body
    );
    assert!(page.body.contains("Sign in with GitHub") && !page.body.contains("type=\"password\""));
    let form = [("username", "mal"), ("password", "x")];
    github
        .request("POST", "/hub/login")
        .form(&form)
        .send()
        .await
        .expect(403);
    let github = github
        .restart(|config| {
            config.authenticator.auto_login = true;
            config.oauth.logout_redirect_url = "https://id.example/logout".parse().ok();
            config.oauth.oauth_callback_url = "https://hub.example/hub/oauth_callback".parse().ok();
        })
        .await;
    let page = github.request("GET", "/hub/login").send().await.expect(302);
    assert_eq!(page.header("location"), "/hub/oauth_login");
    let left = leave(&github, "").await.expect(302);
    assert_eq!(
        left.location_argument("redirect_uri").unwrap(),
        "https://hub.example/hub/oauth_callback"
    );
    // Other authenticators have no such pages.
    let plain = Hub::start().await;
    plain
        .request("GET", "/hub/oauth_login")
        .send()
        .await
        .expect(404);
}
