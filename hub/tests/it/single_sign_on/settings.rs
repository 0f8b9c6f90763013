//! Settings of what a provider is asked, of what is kept of its answers, and of what people are told.

use chrono::TimeDelta;
use hub::config::{Config, Provider, TokenGoes};
use hub::domain::lifecycle::ServerState;
use hub::http::xsrf;
use hub_types::clock::Clock as _;
use serde_json::{Value, json};

use super::kept::{home, keep, state};
use super::stand_in::{StandIn, World};
use super::vendors::{In, Out, Outcome, Row, nothing, run};
use super::{HOST, allow_all, come_back, hub, kept, log_in};
use crate::harness::{Hub, Reply};
use crate::home_pages::row;
use crate::watch::Log;

const SENSELESS: Outcome = Out(502, "does not understand");

fn audience(world: &mut World) {
    world.token_wants = Some(("audience", "the lab"));
}

fn fields(world: &mut World) {
    world.userdata_wants = Some(("fields", "name&more"));
}

fn with_fields(config: &mut Config) {
    allow_all(config);
    config.oauth.userdata_params = [("fields".to_owned(), "name&more".to_owned())].into();
}

fn in_url(config: &mut Config) {
    allow_all(config);
    config.oauth.userdata_token_method = TokenGoes::Url;
}

/// What is asked of the provider, which takes nothing else.
const ASKED: &[Row] = &[
    (
        "token_params",
        |config| {
            allow_all(config);
            config.oauth.token_params = [("audience".to_owned(), "the lab".to_owned())].into();
        },
        audience,
        In("mal", false),
    ),
    ("no token_params", allow_all, audience, SENSELESS),
    ("userdata_params", with_fields, fields, In("mal", false)),
    ("no userdata_params", allow_all, fields, SENSELESS),
    (
        "the token in the URL",
        in_url,
        |world| world.token_in_url = true,
        In("mal", false),
    ),
    (
        "the token in the URL, among what else is wanted there",
        |config| {
            with_fields(config);
            in_url(config);
        },
        |world| {
            fields(world);
            world.token_in_url = true;
        },
        In("mal", false),
    ),
    (
        "the token in a header",
        allow_all,
        |world| world.token_in_url = true,
        SENSELESS,
    ),
    (
        "no PKCE",
        |config| {
            allow_all(config);
            config.oauth.enable_pkce = false;
        },
        |world| world.pkce = false,
        In("mal", false),
    ),
    (
        "a message of one's own for those whom no rule allows",
        |config| config.oauth.custom_403_message = "Ask <Inara> first.".to_owned(),
        nothing,
        Out(403, "Ask &lt;Inara&gt; first."),
    ),
];

fn by_id_token(config: &mut Config) {
    allow_all(config);
    config.oauth.userdata_url = None;
    config.oauth.userdata_from_id_token = true;
}

/// Who it is stands in the token that comes with the other: nobody is asked further.
const BY_ID_TOKEN: &[Row] = &[
    (
        "an ID token",
        by_id_token,
        |world| {
            world.proves = true;
            world.claims = json!({"username": "Mal"});
        },
        In("mal", false),
    ),
    (
        "an ID token for another client",
        by_id_token,
        |world| {
            world.proves = true;
            world.claims = json!({"username": "Mal", "aud": "another"});
        },
        SENSELESS,
    ),
    ("no ID token", by_id_token, nothing, SENSELESS),
];

#[tokio::test]
async fn what_a_provider_wants_is_said() {
    run(Provider::Generic, &json!({"username": "Mal"}), ASKED).await;
    run(Provider::Generic, &json!({"sub": "u-7"}), BY_ID_TOKEN).await;
}

/// All pages of them, at a login and when it is refreshed.
#[tokio::test]
async fn teams_at_github_are_kept() {
    let at = StandIn::start(json!({"login": "Mal", "id": 7})).await;
    at.change(|world| world.scope = "read:org".to_owned());
    let crew = json!([{"slug": "crew"}, {"slug": "pilots"}]);
    for (wanted, teams, asked) in [(true, crew, 4), (false, Value::Null, 4)] {
        let hub = hub(Provider::GitHub, &at, |config| {
            keep(config);
            allow_all(config);
            config.oauth.scope = Some(vec!["read:org".to_owned()]);
            config.github.populate_teams_in_auth_state = wanted;
        })
        .await;
        let login = log_in(&hub, &at).await.expect(302);
        let first = state(&hub, "mal").await;
        assert_eq!(
            (&first["teams"], &first["scope"]),
            (&teams, &json!(["read:org"]))
        );
        hub.clock.advance(TimeDelta::seconds(301));
        assert_eq!(home(&hub, &login).await, 200);
        assert_eq!(state(&hub, "mal").await["teams"], teams, "after a refresh");
        let of_teams = |one: &&String| one.ends_with("/user/teams");
        let count = at.change(|world| world.asked.iter().filter(of_teams).count());
        assert_eq!(count, asked, "{wanted}");
    }
}

/// A request of the browser that has logged in.
async fn ask(hub: &Hub, login: &Reply, method: &str, path: &str) -> Reply {
    let names = ["jupyterhub-hub-login", "jupyterhub-session-id"];
    let [shown, session] = names.map(|name| login.cookie(name).unwrap());
    let xsrf = xsrf::issue(&hub.state.cookies, Some(&session), hub.clock.now());
    let cookies = format!("{}={shown}; {}={session}; _xsrf={xsrf}", names[0], names[1]);
    let call = hub.request(method, path).header("cookie", &cookies);
    call.header("x-xsrftoken", &xsrf)
        .header("sec-fetch-site", "same-origin")
        .send()
        .await
}

/// The login page would lead back in at once.
#[tokio::test]
async fn whoever_logs_out_where_logins_are_automatic_stays_out() {
    let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
    let other_place = "https://id.example/logout";
    for (stops, elsewhere) in [(false, false), (true, false), (false, true)] {
        let hub = hub(Provider::GitHub, &at, |config| {
            allow_all(config);
            config.authenticator.auto_login = true;
            config.jupyterhub.shutdown_on_logout = stops;
            let url = other_place.parse().ok();
            config.oauth.logout_redirect_url = url.filter(|_| elsewhere);
        })
        .await;
        let login = log_in(&hub, &at).await.expect(302);
        let out = ask(&hub, &login, "GET", "/hub/logout").await;
        assert_eq!(out.cookie("jupyterhub-hub-login").as_deref(), Some(""));
        assert_eq!(home(&hub, &login).await, 302, "the session has ended");
        if elsewhere {
            assert_eq!(out.expect(302).header("location"), other_place);
            continue;
        }
        let page = out.expect(200).body;
        for part in ["You are signed out", "Sign in again", "href=\"/hub/login\""] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let said = match stops {
            true => "Your servers are being stopped",
            false => "Servers that you left running keep running",
        };
        assert!(page.contains(said), "{said}: {page}");
        // Whoever is not logged in, is led in.
        let stranger = hub.request("GET", "/hub/logout").send().await.expect(302);
        assert_eq!(stranger.header("location"), "/hub/login");
    }
}

/// However fresh the login is. Whoever uses a token cannot log in again, and goes on.
#[tokio::test]
async fn a_login_is_looked_at_before_a_server_stops_where_that_is_wanted() {
    let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
    let path = "/hub/api/users/mal/server";
    for (wanted, strict, by_browser, by_token) in [
        (false, false, 204, 204),
        (true, false, 403, 204),
        (true, true, 403, 403),
    ] {
        let case = format!("{wanted} {strict}");
        at.change(|world| {
            let member = "/api/v3/orgs/ship/members/mal".to_owned();
            world.scope = "read:org".to_owned();
            world.members.insert(member, Value::Null)
        });
        let hub = hub(Provider::GitHub, &at, |config| {
            keep(config);
            config.github.allowed_organizations = ["ship".to_owned()].into();
            config.authenticator.refresh_pre_stop = wanted;
            config.authenticator.auth_refresh_strict = strict;
        })
        .await;
        let login = log_in(&hub, &at).await.expect(302);
        let token = hub.token("mal", &["inherit"]).await;
        let call = hub.call(&token, "POST", path);
        call.send().await.expect(201);
        at.change(|world| world.members.clear());
        let reply = ask(&hub, &login, "DELETE", path).await;
        assert_eq!(reply.status.as_u16(), by_browser, "{case}: {reply:?}");
        if by_browser == 403 {
            let said = "auth has expired for mal, login again";
            assert_eq!(reply.error().1.as_deref(), Some(said), "{case}");
            let server = row(&hub, "mal", "").await.unwrap();
            assert_eq!(server.state, ServerState::Ready, "{case}");
        }
        let reply = hub.call(&token, "DELETE", path).send().await;
        assert_eq!(reply.status.as_u16(), by_token, "{case}: {reply:?}");
    }
}

/// GitHub shows some logins public members alone.
#[tokio::test]
async fn the_log_says_once_why_a_member_may_be_kept_out() {
    for (scope, organizations, said) in [
        ("", vec!["ship", "lab"], 1),
        ("user:email", vec!["ship:crew"], 1),
        ("user:email,read:org", vec!["ship"], 0),
        ("admin:org", vec!["ship"], 0),
        ("", Vec::new(), 0),
    ] {
        let log = Log::default();
        let _collecting = log.collect_as_written();
        let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
        at.change(|world| world.scope = scope.to_owned());
        let hub = hub(Provider::GitHub, &at, |config| {
            let organizations = organizations.iter().map(|&name| name.to_owned());
            config.github.allowed_organizations = organizations.collect();
        })
        .await;
        for _ in 0..2 {
            log_in(&hub, &at).await.expect(403);
        }
        let log = log.text();
        let hints = log.matches("without the scope read:org").count();
        assert_eq!(hints, said, "{scope:?} {organizations:?}: {log}");
    }
}

/// Whoever comes from a service or a server goes past the login page, if that is wanted, and back; whoever comes by themselves
/// sees it.
#[tokio::test]
async fn the_way_to_a_service_may_lead_past_the_login_page() {
    let asked = "/hub/api/oauth2/authorize?client_id=service-whoami&response_type=code";
    let next: String = url::form_urlencoded::byte_serialize(asked.as_bytes()).collect();
    for (wanted, first) in [(false, "/hub/login"), (true, "/hub/oauth_login")] {
        let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
        let hub = hub(Provider::GitHub, &at, |config| {
            allow_all(config);
            config.authenticator.auto_login_oauth2_authorize = wanted;
        })
        .await;
        let get = async |path: &str| {
            let call = hub.request("GET", path).header("host", HOST);
            call.send().await
        };
        let sent = get(asked).await.expect(302);
        assert_eq!(sent.header("location"), format!("{first}?next={next}"));
        let home = get("/hub/home").await.expect(302);
        assert_eq!(home.header("location"), "/hub/login?next=%2Fhub%2Fhome");
        let page = get(home.header("location")).await.expect(200);
        assert!(page.body.contains("Sign in with GitHub"), "{}", page.body);
        let left = get(&format!("/hub/oauth_login?next={next}")).await;
        let back = at.visit(left.header("location")).await;
        let come = come_back(&hub, &back, kept(&left).as_deref()).await;
        assert_eq!(come.expect(302).header("location"), asked, "{wanted}");
    }
}

/// Each answer leads on to the next, to the page that was wanted.
#[tokio::test]
async fn nobody_presses_a_button_where_logins_are_automatic() {
    let at = StandIn::start(json!({"login": "mal", "id": 7})).await;
    let hub = hub(Provider::GitHub, &at, |config| {
        allow_all(config);
        config.authenticator.auto_login = true;
    })
    .await;
    let follow = async |to: &str| {
        let call = hub.request("GET", to).header("host", HOST);
        call.send().await.expect(302)
    };
    let sent = follow("/hub/home?x=y").await;
    let login = follow(sent.header("location")).await;
    let left = follow(login.header("location")).await;
    let back = at.visit(left.header("location")).await;
    let come = come_back(&hub, &back, kept(&left).as_deref()).await;
    assert_eq!(come.expect(302).header("location"), "/hub/home?x=y");
}
