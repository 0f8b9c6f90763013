//! Cases 57-64: names, and what else people type.

mod input;

use std::collections::{BTreeMap, BTreeSet};

use hub::config::AuthenticatorClass;
use hub_types::names::{ServerName, Username, escape};
use hub_types::paths::{BaseUrl, server_client_id, server_full_name};
use hub_types::secret::Token;
use serde_json::{Value, json};

use super::{admin, count, database, send_login_form};
use crate::harness::{Hub, PASSWORD};
use crate::watch::Watched;

async fn create(hub: &Hub, token: &str, name: &str) -> u16 {
    let call = hub.call(token, "POST", "/hub/api/users");
    let reply = call.json(&json!({"usernames": [name]})).send().await;
    reply.status.as_u16()
}

#[tokio::test]
async fn case_57_names_that_mislead() {
    let hub = Watched::with(|config| config.authenticator.allow_all = Some(true)).await;
    let root = admin(&hub).await;
    let mut bad: Vec<String> = (0..0x20)
        .chain(0x7f..0xa0)
        .filter_map(char::from_u32)
        .map(|c| format!("a{c}b"))
        .collect();
    let hidden = [
        '\u{ad}',
        '\u{61c}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202b}',
        '\u{202c}',
        '\u{202d}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2067}',
        '\u{2068}',
        '\u{2069}',
        '\u{206f}',
        '\u{feff}',
        '\u{fff9}',
        '\u{fffd}',
        '\u{ffff}',
        '\u{e000}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{10fffd}',
    ];
    bad.extend(hidden.map(|c| format!("a{c}b")));
    // Look-alikes: Cyrillic, Greek, Armenian, Cherokee letters among Latin ones.
    bad.extend(
        [
            "\u{430}lice",
            "alic\u{435}",
            "p\u{430}ypal",
            "\u{3bf}live",
            "h\u{578}me",
            "\u{13aa}dmin",
        ]
        .map(ToOwned::to_owned),
    );
    bad.extend([
        "x".repeat(256),
        "x".repeat(300),
        "x".repeat(5_000),
        "\u{e9}".repeat(128),
    ]);
    bad.extend(["", " ", "/", "a/b", ".", "..", "...", "%2e", "\u{301}a"].map(ToOwned::to_owned));
    let users = count(&hub, "SELECT COUNT(*) FROM users").await;
    for name in &bad {
        assert_eq!(create(&hub, &root, name).await, 400, "{name:.40?}");
        // A form cuts the spaces around a name, as people expect.
        let typed = send_login_form(&hub, "x=y", "", name, PASSWORD).await;
        assert_eq!(typed.status, 403, "{name:.40?}: {typed:?}");
        assert!(typed.body.len() < 20_000, "the page stays small");
    }
    assert_eq!(count(&hub, "SELECT COUNT(*) FROM users").await, users);
    let longest = hub.log.text().lines().map(str::len).max().unwrap();
    assert!(longest < 1_024, "a line of the log has {longest} bytes");
    for good in [
        "zo\u{eb}",
        "\u{438}\u{432}\u{430}\u{43d}",
        "\u{5c71}\u{7530}",
        "ada lovelace",
        "a@b.example",
        "a%b",
        &"y".repeat(255),
    ] {
        assert_eq!(create(&hub, &root, good).await, 201, "{good}");
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_57_a_pattern_widens_and_narrows() {
    let hub = Watched::with(|config| {
        let pattern = hub::config::UsernamePattern::new("[a-z\u{430}\u{200d}].*").unwrap();
        config.authenticator.username_pattern = Some(pattern);
    })
    .await;
    let root = admin(&hub).await;
    for (name, status) in [
        ("\u{430}lice", 201),
        ("a\u{200d}b", 201),
        ("9a", 400),
        ("a\u{202e}b", 400),
        ("a\u{200b}b", 400),
        ("a\nb", 400),
        ("a/b", 400),
    ] {
        assert_eq!(create(&hub, &root, name).await, status, "{name:?}");
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_58_one_person_one_name() {
    let hub = Watched::with(|config| {
        config.authenticator.allow_all = Some(true);
        config.authenticator.admin_users.insert("CAF\u{c9}".into());
        config
            .authenticator
            .blocked_users
            .insert(" Mallor\u{ff59} ".into());
    })
    .await;
    let id = |name: &'static str| {
        let hub = &hub;
        async move {
            let reply = send_login_form(hub, "x=y", "", name, PASSWORD).await;
            let cookie = reply.expect(302).cookie("jupyterhub-hub-login").unwrap();
            let call = hub
                .request("GET", "/hub/api/user")
                .header("cookie", &format!("jupyterhub-hub-login={cookie}"));
            call.send().await.expect(200).json()
        }
    };
    for (forms, admin) in [
        (
            &[
                "alice",
                "ALICE",
                " Alice ",
                "\u{ff21}\u{ff2c}\u{ff29}\u{ff23}\u{ff25}",
                "\u{3000}alice",
                "aLiCe\t",
            ][..],
            false,
        ),
        (
            &[
                "caf\u{e9}",
                "CAF\u{c9}",
                "cafe\u{301}",
                "CAFE\u{301}",
                "\u{ff43}af\u{e9}",
            ],
            true,
        ),
        (&["stra\u{df}e", "STRA\u{1e9e}E"], false),
        (&["\u{212a}", "k", "K"], false),
        (&["\u{130}", "i\u{307}"], false),
        (&["\u{fb01}n", "fin", "FIN"], false),
    ] {
        let mut seen = BTreeSet::new();
        for form in forms {
            let model = id(form).await;
            seen.insert(model["name"].as_str().unwrap().to_owned());
            assert_eq!(model["admin"], json!(admin), "{form:?}");
        }
        assert_eq!(seen.len(), 1, "{forms:?} are {seen:?}");
        // The API means the same person.
        let root = hub.token("admin", &["inherit"]).await;
        for form in forms {
            // The form of the login forgives space around a name, the API does not.
            let expected = if form.trim() == *form { 409 } else { 400 };
            assert_eq!(create(&hub, &root, form).await, expected, "{form:?}");
        }
    }
    for form in ["mallory", "MALLORY", "\u{ff4d}allory"] {
        send_login_form(&hub, "x=y", "", form, PASSWORD)
            .await
            .expect(403);
    }
    hub.is_well().await;
}

/// An administrator's name wants the administrators' password, whatever it looks like.
#[tokio::test]
async fn case_58_a_password_of_administrators_goes_with_every_spelling() {
    let theirs = "a-word-for-administrators-and-nobody-else";
    let hub = Watched::with(|config| {
        config.jupyterhub.authenticator_class = AuthenticatorClass::SharedPassword;
        config.authenticator.allow_all = Some(true);
        config.authenticator.admin_users.insert("Caf\u{c9}".into());
        config.shared_password.user_password = Some(Token::from_config(PASSWORD));
        config.shared_password.admin_password = Some(Token::from_config(theirs));
    })
    .await;
    for (forms, is_theirs) in [
        (&["ADMIN", "admin", " Admin ", "\u{ff21}dmin"][..], true),
        (&["caf\u{e9}", "CAFE\u{301}"], true),
        (&["ALICE", "\u{3000}alice"], false),
    ] {
        for form in forms {
            for (password, right) in [(PASSWORD, !is_theirs), (theirs, is_theirs)] {
                let status = if right { 302 } else { 403 };
                let reply = send_login_form(&hub, "x=y", "", form, password).await;
                assert_eq!(reply.status, status, "{form:?} {password}");
            }
        }
    }
    let admins = count(&hub, "SELECT COUNT(*) FROM users WHERE admin").await;
    assert_eq!(admins, 2, "and no other was made");
    hub.is_well().await;
}

/// Names with everything that means something in a URL, a shell or a page.
const ODD: &[&str] = &[
    "a%b",
    "a%2fb",
    "a%252fb",
    "a@b",
    "a:b",
    "a;b",
    "a#b",
    "a?b",
    "a&b=c",
    "a\\b",
    "a\"b",
    "a'b",
    "a<b>",
    "a$(b)",
    "a`b`",
    "-a",
    "--help",
    "a b",
    "a+b",
    "a*b",
    "a|b",
    "a~b",
    "a!b=c",
    "{a}",
    "{username}",
    "\u{5c71}\u{7530}",
    "a,b",
    "(a)",
    "[a]",
    "a^b",
    "%",
];

#[tokio::test]
async fn case_60_odd_names_go_round() {
    let hub = Watched::start().await;
    let root = admin(&hub).await;
    for name in ODD {
        assert_eq!(create(&hub, &root, name).await, 201, "{name}");
    }
    for name in ODD {
        let url = format!("/hub/api/users/{}", escape(name));
        let model = hub.call(&root, "GET", &url).send().await.expect(200).json();
        assert_eq!(model["name"], *name);
        hub.call(&root, "POST", &format!("{url}/server"))
            .send()
            .await
            .expect(201);
        hub.call(&root, "POST", &format!("{url}/servers/gpu"))
            .send()
            .await
            .expect(201);
        let me = hub.token(name, &["inherit"]).await;
        let own = hub
            .call(&me, "GET", "/hub/api/user")
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(own["name"], *name);
        hub.call(&me, "GET", &url).send().await.expect(200);
    }
    // Each has its own two routes, under a path of its own (`routespecs_survive_the_proxy` has the way through its table).
    let routes: BTreeSet<String> = hub.proxy.0.lock().unwrap().keys().cloned().collect();
    assert_eq!(routes.len(), 2 * ODD.len());
    for name in ODD {
        assert!(
            routes.contains(&format!("/user/{}/", escape(name)))
                && routes.contains(&format!("/user/{}/gpu/", escape(name))),
            "{name}: {routes:?}"
        );
        let users = format!(
            "/hub/api/users?name_filter={}",
            url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>()
        );
        let found = hub
            .call(&root, "GET", &users)
            .send()
            .await
            .expect(200)
            .json();
        assert!(
            found
                .as_array()
                .unwrap()
                .iter()
                .any(|user| user["name"] == *name),
            "{name}"
        );
    }
    // Deleting one touches no other.
    for (gone, name) in (1..).zip(ODD) {
        let url = format!("/hub/api/users/{}", escape(name));
        hub.call(&root, "DELETE", &url).send().await.expect(204);
        hub.call(&root, "GET", &url).send().await.expect(404);
        assert_eq!(
            hub.proxy.0.lock().unwrap().len(),
            2 * (ODD.len() - gone),
            "{name}"
        );
    }
    // Names of groups; those of servers and services are made of what needs no escaping, or are that one's alone.
    for name in ODD {
        let url = format!("/hub/api/groups/{}", escape(name));
        let body = json!({"users": ["bob"]});
        let made = hub.call(&root, "POST", &url).json(&body).send().await;
        if made.status != 405 {
            assert_eq!(made.expect(201).json()["name"], *name);
            assert_eq!(
                hub.call(&root, "GET", &url).send().await.expect(200).json()["users"],
                json!(["bob"])
            );
            hub.call(&root, "DELETE", &url).send().await.expect(204);
        }
        let url = format!("/hub/api/services/{}", escape(name));
        let made = hub.call(&root, "POST", &url).json(&json!({})).send().await;
        if made.status != 400 {
            assert_eq!(made.expect(201).json()["name"], *name);
            let found = hub.call(&root, "GET", &url).send().await.expect(200).json();
            assert_eq!(found["name"], *name);
            hub.call(&root, "DELETE", &url).send().await.expect(204);
        }
        let server = format!("/hub/api/users/alice/servers/{}", escape(name));
        hub.call(&root, "PUT", &server)
            .json(&json!({}))
            .send()
            .await
            .expect(400);
    }
    hub.is_well().await;
}

/// A deterministic stream of names over the characters that separate things.
fn names(seed: u64, count: usize) -> Vec<String> {
    const PARTS: &[&str] = &[
        "a", "b", "-", "--", "+", "%", "%2d", ".", "_", "~", "@", ":", "user", "hub", "www", "c",
        "\u{e9}", " ",
    ];
    let mut state = seed;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    (0..count)
        .map(|_| (0..=next(5)).map(|_| PARTS[next(PARTS.len())]).collect())
        .filter(|name: &String| Username::new(name).is_ok())
        .collect()
}

#[tokio::test]
async fn case_62_no_two_servers_share_a_name() {
    let base = BaseUrl::default();
    let users = names(1, 20_000);
    let servers = names(2, 20_000);
    let mut paths: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut full: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut pairs = 0;
    for (user, server) in users.iter().zip(&servers) {
        for server in ["", server.as_str()] {
            pairs += 1;
            let pair = (user.clone(), server.to_owned());
            let (name, at) = (Username::stored(user), ServerName::stored(server));
            let path = base.server(&name, &at);
            assert_eq!(paths.entry(path).or_insert_with(|| pair.clone()), &pair);
            let text = server_full_name(user, server);
            assert_eq!(full.entry(text).or_insert_with(|| pair.clone()), &pair);
        }
    }
    assert!(pairs > 10_000, "{pairs}");
    // As JupyterHub writes them, ids of OAuth clients can be the same: then the later server gets another.
    let client = |user: &str, server: &str| {
        server_client_id(&Username::stored(user), &ServerName::stored(server))
    };
    assert_eq!(client("a-b", "c"), client("a", "b-c"));
    let hub = Watched::start().await;
    let root = admin(&hub).await;
    let mut ids = BTreeSet::new();
    for (user, server) in [("a", "b-c"), ("a-b", "c"), ("a-b-c", "")] {
        create(&hub, &root, user).await;
        let path = format!("/hub/api/users/{user}/servers/{server}");
        hub.call(&root, "POST", &path).send().await.expect(201);
        let at =
            hub::domain::server::ServerRef::new(Username::stored(user), ServerName::stored(server));
        let row = hub::db::servers::find(hub.state.db.read(), &at)
            .await
            .unwrap()
            .unwrap();
        ids.insert(
            hub::db::oauth::client_of_server(hub.state.db.read(), row.id)
                .await
                .unwrap()
                .unwrap(),
        );
    }
    assert_eq!(ids.len(), 3, "{ids:?}");
    hub.is_well().await;
}
