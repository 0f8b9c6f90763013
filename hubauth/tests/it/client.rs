//! The typed client.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt as _;
use hub_types::clock::{Clock as _, FakeClock, SystemClock};
use hub_types::server::ServerModel;
use hub_types::socket_url;
use hub_types::token::NewToken;
use hub_types::user::{ActivityReport, ServerActivity};
use hubauth::testing::{FakeHub, Mood};
use hubauth::{
    ClientError, HubClient, Retries, StartOptions, Started, StateFilter, StopOptions, Stopped,
    Token, UserChange, UsersQuery,
};
use serde_json::Value;

async fn hub_and_client() -> (FakeHub, HubClient) {
    let hub = FakeHub::start().await.unwrap();
    let token = hub.add_service("me");
    let client = HubClient::new(hub.api_url(), token).unwrap();
    (hub, client)
}

#[tokio::test]
async fn version_and_clock() {
    let (hub, client) = hub_and_client().await;
    assert_eq!(client.clock_offset(), None);
    assert_eq!(client.api_root().await.unwrap().version, "6.1.1");
    assert_eq!(client.clock_offset().unwrap().num_seconds(), 0);

    // A machine whose clock is wrong still reckons in the hub's time.
    let wrong = FakeClock::at(DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000));
    let lost = HubClient::builder(hub.api_url())
        .clock(Arc::new(wrong.clone()))
        .build()
        .unwrap();
    assert_eq!(lost.hub_now(), wrong.now());
    lost.api_root().await.unwrap();
    let apart = lost.hub_now() - SystemClock.now();
    assert!(apart.abs() < TimeDelta::seconds(30), "{apart}");
}

#[tokio::test]
async fn users_are_paged_as_the_hub_says() {
    let (hub, client) = hub_and_client().await;
    for n in 0..7 {
        hub.add_user(&format!("user{n}"));
    }
    hub.add_server(
        "user3",
        ServerModel {
            ready: true,
            ..ServerModel::default()
        },
    );
    let pages: Vec<_> = client
        .users(UsersQuery::default().with_limit(3))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        pages
            .iter()
            .map(|page| page.items.len())
            .collect::<Vec<_>>(),
        [3, 3, 1]
    );
    let names: Vec<String> = client
        .each_user(UsersQuery::default().with_limit(2))
        .map_ok(|user| user.name)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        names,
        (0..7).map(|n| format!("user{n}")).collect::<Vec<_>>()
    );
    let active: Vec<_> = client
        .each_user(UsersQuery::active())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        active
            .iter()
            .map(|user| user.name.as_str())
            .collect::<Vec<_>>(),
        ["user3"]
    );
    let idle = UsersQuery::default()
        .with_state(StateFilter::Inactive)
        .with_limit(4);
    let idle: Vec<_> = client.each_user(idle).try_collect().await.unwrap();
    assert_eq!(idle.len(), 6);
}

#[tokio::test]
async fn a_hub_without_pages_gives_one() {
    let (hub, client) = hub_and_client().await;
    hub.set_mood(Mood::Babble(r#"[{"name": "old"}]"#.into()));
    let pages: Vec<_> = client
        .users(UsersQuery::default())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0].items[0].name, "old");
}

#[tokio::test]
async fn users_and_servers() {
    let (hub, client) = hub_and_client().await;
    assert_eq!(client.create_user("zoe").await.unwrap().name, "zoe");
    assert_eq!(
        client
            .create_user("zoe")
            .await
            .unwrap_err()
            .status()
            .unwrap(),
        409
    );
    assert_eq!(client.create_users(&["zoe", "mal"]).await.unwrap().len(), 1);
    assert!(client.user("nobody").await.unwrap().is_none());

    assert_eq!(
        client
            .start_server("zoe", "", &StartOptions::default())
            .await
            .unwrap(),
        Started::Ready
    );
    let again = client
        .start_server("zoe", "", &StartOptions::default())
        .await
        .unwrap_err();
    assert!(
        again.to_string().contains("zoe is already running"),
        "{again}"
    );
    let events: Vec<_> = client
        .server_progress("zoe", "")
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        events
            .iter()
            .map(|event| event.progress)
            .collect::<Vec<_>>(),
        [0, 100]
    );
    assert!(events[1].ready);
    let none: Result<Vec<_>, _> = client.server_progress("mal", "").try_collect().await;
    assert_eq!(none.unwrap_err().status().unwrap(), 400);
    assert_eq!(client.stop_server("zoe", "").await.unwrap(), Stopped::Done);
    assert_eq!(client.stop_server("zoe", "").await.unwrap(), Stopped::Done);
    assert_eq!(
        client
            .stop_server("zoe", "gpu")
            .await
            .unwrap_err()
            .status()
            .unwrap(),
        404
    );

    hub.set_slow(true);
    let options = StartOptions::default().with_display_name("G P U");
    assert_eq!(
        client.start_server("zoe", "gpu", &options).await.unwrap(),
        Started::Pending
    );
    assert_eq!(
        client.remove_server("zoe", "gpu").await.unwrap(),
        Stopped::Pending
    );

    client.delete_user("zoe").await.unwrap();
    assert_eq!(
        client
            .delete_user("zoe")
            .await
            .unwrap_err()
            .status()
            .unwrap(),
        404
    );
    assert!(client.services().await.unwrap().contains_key("me"));
    assert_eq!(client.service("me").await.unwrap().unwrap().kind, "service");
    assert!(client.service("you").await.unwrap().is_none());
    assert!(client.routes().await.unwrap().is_empty());
    client.check_routes().await.unwrap();
}

#[tokio::test]
async fn activity_is_reported() {
    let (hub, client) = hub_and_client().await;
    let time = hub_types::time::parse("2026-11-22T03:00:00Z").unwrap();
    let report = ActivityReport {
        last_activity: Some(time),
        servers: [(
            String::new(),
            ServerActivity {
                last_activity: time,
            },
        )]
        .into(),
    };
    client.report_activity("a b", &report).await.unwrap();
    assert_eq!(hub.reported_activity(), [("a b".to_owned(), report)]);
}

#[tokio::test]
async fn errors_name_the_url_and_what_to_do() {
    let (hub, client) = hub_and_client().await;
    let token = Token::from_config("x");
    for (mood, status, text) in [
        (Mood::Status(500), 502, "the hub failed with 500"),
        (Mood::Status(503), 502, "the hub failed with 503"),
        (Mood::Status(401), 502, "401 Unauthorized"),
        (Mood::Status(404), 502, "404 Not Found"),
        (Mood::Status(429), 503, "429"),
        (Mood::Babble("<html>".into()), 502, "makes no sense"),
        (Mood::Babble("{}".into()), 502, "missing field"),
        (
            Mood::Redirect("https://evil.example/?x=secret".into()),
            502,
            "redirects to https://evil.example/,",
        ),
    ] {
        hub.set_mood(mood.clone());
        let error = client.whoami(&token).await.unwrap_err();
        assert_eq!(error.status_for_visitor(), status, "{mood:?}");
        let later = matches!(mood, Mood::Status(429 | 500 | 503));
        assert_eq!(error.is_transient(), later, "{mood:?}");
        let message = error.to_string();
        assert!(
            message.contains(text) && message.contains(&hub.api_url()),
            "{mood:?}: {message}"
        );
        assert!(!message.contains("secret"));
    }
    hub.set_mood(Mood::Status(403));
    assert!(client.whoami(&token).await.unwrap().is_none());
    let refused = client.services().await.unwrap_err();
    assert!(
        matches!(refused, ClientError::Refused { .. })
            && refused.to_string().contains("JUPYTERHUB_API_TOKEN")
    );
}

#[tokio::test]
async fn a_hub_that_is_away_or_silent() {
    let (hub, _) = hub_and_client().await;
    let quick = HubClient::builder(hub.api_url())
        .lookup_timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    hub.set_mood(Mood::Silent);
    let error = quick.whoami(&Token::from_config("x")).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
    assert_eq!(error.status_for_visitor(), 503);

    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let away = HubClient::builder(format!("http://{address}/hub/api"))
        .build()
        .unwrap();
    let error = away.api_root().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert!(
        error.to_string().contains("refused") && error.to_string().contains("JUPYTERHUB_API_URL"),
        "{error}"
    );
}

#[tokio::test]
async fn the_cookie_of_old_hubs() {
    let (hub, client) = hub_and_client().await;
    hub.add_cookie("jupyterhub-services", "2|1:0|10:x/y=", "alice");
    let look = async |value: &str| {
        client
            .whoami_by_cookie("jupyterhub-services", &Token::from_config(value))
            .await
    };
    assert_eq!(look("2|1:0|10:x/y=").await.unwrap().unwrap().name, "alice");
    assert!(look("other").await.unwrap().is_none());
    hub.set_mood(Mood::Babble("{}".into()));
    assert!(look("2|1:0|10:x/y=").await.unwrap().is_none());
    hub.set_mood(Mood::Status(500));
    assert!(
        !look("secret-value")
            .await
            .unwrap_err()
            .to_string()
            .contains("secret-value")
    );
}

/// A hub that listens on a unix socket: what comes there is passed on to the one with a port.
#[tokio::test]
async fn a_hub_on_a_socket() {
    let hub = FakeHub::start().await.unwrap();
    let (token, origin) = (hub.add_service("me"), hub.origin());
    for number in 0..5 {
        hub.add_user(&format!("user{number}"));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let address = origin.trim_start_matches("http://");
        while let Ok((mut from, _)) = listener.accept().await {
            let mut to = tokio::net::TcpStream::connect(address).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
        }
    });
    let url = format!("{}/hub/api", socket_url::origin(&path));
    let client = HubClient::new(&url, token.clone()).unwrap();
    assert_eq!(client.api_url(), url);
    let who = client.whoami(&token).await.unwrap().unwrap();
    assert_eq!(who.name, "me");
    // Also where the hub says how to go on.
    let query = UsersQuery::default().with_limit(2);
    let pages: Vec<_> = client.users(query).try_collect().await.unwrap();
    let names = pages.iter().flat_map(|page| &page.items).count();
    assert_eq!((pages.len(), names), (3, 5));
    drop(folder);
    let late = HubClient::new(&url, token).unwrap();
    let error = late.api_root().await.unwrap_err().to_string();
    assert!(error.contains(&url), "{error}");
}

#[test]
fn addresses_that_cannot_be_right() {
    for url in [
        "",
        "hub",
        "ftp://hub/hub/api",
        "http://user:pw@hub/hub/api",
        "http://hub/hub/api?x",
        "http+unix:///srv/hub.sock/hub/api",
        "http+unix://srv%2Fhub.sock/hub/api",
    ] {
        assert!(
            HubClient::new(url, Token::from_config("t")).is_err(),
            "{url}"
        );
    }
    assert!(HubClient::new("https://hub.example/hub/api/", Token::from_config("t")).is_ok());
}

#[tokio::test]
async fn one_bad_user_spoils_a_page_only_for_those_who_want_all() {
    let (hub, client) = hub_and_client().await;
    hub.set_mood(Mood::Babble(
        r#"{"items": [{"name": "a", "last_activity": "someday"}, {"name": "b"}, 7],
            "_pagination": {"offset": 0, "limit": 50, "total": 3, "next": null}}"#
            .into(),
    ));
    let strict: Result<Vec<_>, _> = client.users(UsersQuery::default()).try_collect().await;
    let error = strict.unwrap_err().to_string();
    assert!(error.contains("item 0 of the page"), "{error}");

    let pages: Vec<_> = client
        .users_as::<hub_types::user::UserModel>(UsersQuery::default())
        .try_collect()
        .await
        .unwrap();
    let items = &pages[0].items;
    assert_eq!(items[1].as_ref().unwrap().name, "b");
    let bad: Vec<_> = items
        .iter()
        .filter_map(|item| item.as_ref().err())
        .collect();
    assert_eq!((bad[0].index, bad[0].name.as_deref()), (0, Some("a")));
    assert_eq!((bad[1].index, bad[1].name.as_deref()), (2, None));
    assert!(pages[0].date.is_some(), "the hub says when that was");

    let raw: Vec<_> = client
        .users_as::<Value>(UsersQuery::default())
        .try_collect()
        .await
        .unwrap();
    assert!(raw[0].items.iter().all(Result::is_ok));
}

#[tokio::test]
async fn servers_one_by_one() {
    let (hub, client) = hub_and_client().await;
    for (user, server) in [("zoe", ""), ("zoe", "gpu"), ("mal", "")] {
        hub.add_user(user);
        let options = StartOptions::default();
        client.start_server(user, server, &options).await.unwrap();
    }
    let servers: Vec<(String, String)> = client
        .each_server(UsersQuery::active().with_limit(1))
        .map_ok(|(user, server)| (user, server.name))
        .try_collect()
        .await
        .unwrap();
    let expected = [("mal", ""), ("zoe", ""), ("zoe", "gpu")];
    // Adding a user again replaces it: zoe has what was started last.
    let expected: Vec<_> = expected
        .into_iter()
        .filter(|server| *server != ("zoe", ""))
        .map(|(user, server)| (user.to_owned(), server.to_owned()))
        .collect();
    assert_eq!(servers, expected);
    assert!(client.server("zoe", "gpu").await.unwrap().unwrap().ready);
    assert!(client.server("zoe", "none").await.unwrap().is_none());
}

#[tokio::test]
async fn what_was_used_since_is_not_stopped() {
    let (hub, client) = hub_and_client().await;
    hub.add_user("zoe");
    let time = |text| hub_types::time::parse(text);
    let server = ServerModel {
        name: "gpu".into(),
        ready: true,
        last_activity: time("2026-11-22T03:00:00Z"),
        ..ServerModel::default()
    };
    hub.add_server("zoe", server);
    let stop = async |since| {
        let options = StopOptions::default().if_inactive_since(time(since));
        client.stop_server_with("zoe", "gpu", options).await
    };
    let error = stop("2026-11-22T02:59:59Z").await.unwrap_err();
    assert!(error.was_used_since(), "{error}");
    assert_eq!(stop("2026-11-22T03:00:00Z").await.unwrap(), Stopped::Done);
    client
        .delete_user_if_inactive("zoe", time("2026-11-22T03:00:00Z"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_busy_hub_is_given_time_and_a_broken_connection_one_more_try() {
    let (hub, client) = hub_and_client().await;
    hub.add_user("zoe");
    hub.set_mood(Mood::Busy(2, 0));
    client.create_user("mal").await.unwrap();
    assert_eq!(hub.calls("POST /users/mal"), 3);

    hub.set_mood(Mood::Busy(9, 0));
    let error = client.user("zoe").await.unwrap_err();
    assert_eq!(error.status().unwrap(), 429);
    assert_eq!(error.retry_after(), Some(Duration::ZERO));
    assert_eq!(hub.calls("GET /users/zoe"), 3);

    hub.set_mood(Mood::Busy(9, 3_600));
    let error = client.groups().try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
    assert_eq!(hub.calls("GET /groups"), 1, "an hour is not waited for");

    // A visitor waits for this one: never again.
    hub.set_mood(Mood::Busy(9, 0));
    client.whoami(&Token::from_config("x")).await.unwrap_err();
    assert_eq!(hub.calls("GET /user"), 1);

    hub.set_mood(Mood::Broken(1));
    assert!(client.service("me").await.unwrap().is_some());
    assert_eq!(hub.calls("GET /services/me"), 2);
    hub.set_mood(Mood::Broken(1));
    let error = client.create_user("kaylee").await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert_eq!(
        hub.calls("POST /users/kaylee"),
        1,
        "it may have been done already"
    );

    let once = HubClient::builder(hub.api_url())
        .retries(Retries::never())
        .build()
        .unwrap();
    hub.set_mood(Mood::Busy(1, 0));
    assert!(once.services().await.is_err());
}

#[tokio::test]
async fn groups() {
    let (hub, client) = hub_and_client().await;
    hub.add_user("zoe");
    hub.add_user("mal");
    assert_eq!(client.create_group("crew").await.unwrap().name, "crew");
    let again = client.create_group("crew").await.unwrap_err();
    assert_eq!(again.status().unwrap(), 409);
    let crew = client.add_to_group("crew", &["zoe", "mal"]).await.unwrap();
    assert_eq!(crew.users.unwrap(), ["zoe", "mal"]);
    let crew = client.remove_from_group("crew", &["mal"]).await.unwrap();
    assert_eq!(crew.users.unwrap(), ["zoe"]);
    let properties = serde_json::json!({"deck": 3});
    let properties = properties.as_object().unwrap();
    client
        .set_group_properties("crew", properties)
        .await
        .unwrap();
    let crew = client.group("crew").await.unwrap().unwrap();
    assert_eq!(crew.properties.as_ref(), Some(properties));
    assert!(client.group("none").await.unwrap().is_none());
    let pages: Vec<_> = client.groups().try_collect().await.unwrap();
    assert_eq!(pages[0].items, [crew]);
    client.delete_group("crew").await.unwrap();
    let gone = client.delete_group("crew").await.unwrap_err();
    assert_eq!(gone.status().unwrap(), 404);
}

#[tokio::test]
async fn tokens_and_changes_of_users() {
    let (hub, client) = hub_and_client().await;
    hub.add_user("zoe");
    let new = NewToken {
        note: Some("for a script".into()),
        scopes: Some(vec!["access:services".into()]),
        ..NewToken::default()
    };
    let (secret, model) = client.create_token("zoe", &new).await.unwrap();
    assert_eq!(model.token, None);
    assert_eq!(client.whoami(&secret).await.unwrap().unwrap().name, "zoe");
    assert_eq!(
        client.tokens("zoe").await.unwrap(),
        std::slice::from_ref(&model)
    );
    let found = client.token("zoe", &model.id).await.unwrap();
    assert_eq!(found, Some(model.clone()));
    client.revoke_token("zoe", &model.id).await.unwrap();
    assert!(client.token("zoe", &model.id).await.unwrap().is_none());
    assert!(client.whoami(&secret).await.unwrap().is_none());

    let change = UserChange::default().rename("zoë").admin(true);
    let user = client.update_user("zoe", &change).await.unwrap();
    assert_eq!((&*user.name, user.admin), ("zoë", Some(true)));
    assert!(client.user("zoë").await.unwrap().is_some());
    let root = client.get::<Value>("/").await.unwrap();
    assert_eq!(root.value["version"], "6.1.1");
}
