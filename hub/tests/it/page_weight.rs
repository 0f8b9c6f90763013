//! Pages with long lists: less than 100 KB with all that is loaded for them, when names have 40 characters.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use hub::auth::issue::MAX_TOKENS;
use hub::bus::Event;
use hub::db::oauth::{OAuthClient, put_client};
use hub::db::{NewTokenRow, groups, last_activity, tokens, users};
use hub::domain::token::TokenOwner;
use hub_types::clock::Clock as _;
use hub_types::names::Username;
use hub_types::secret::Token;
use serde_json::json;

use crate::harness::{Browser, Hub, Reply};

/// The most that a page weighs with its stylesheet, scripts and pictures, in bytes.
const HEAVIEST: usize = 100_000;

async fn get(hub: &Hub, browser: &Browser, path: &str) -> Reply {
    let call = hub.request("GET", path).browser(browser);
    call.send().await.expect(200)
}

/// The bytes of a page and of every file of ours that it names.
async fn weight(hub: &Hub, page: &Reply) -> usize {
    let named = |attribute: &'static str| page.body.split(attribute).skip(1);
    let urls = named("src=\"").chain(named("href=\""));
    let files: BTreeSet<&str> = urls
        .filter_map(|rest| rest.split('"').next())
        .filter(|url| url.contains("/static/"))
        .collect();
    assert!(files.len() > 4, "{files:?}");
    let mut bytes = page.body.len();
    for file in files {
        bytes += hub.request("GET", file).send().await.expect(200).body.len();
    }
    bytes
}

/// A name of 40 characters, as an address of e-mail.
fn long(number: usize) -> String {
    format!("student.{number:020}@example.edu")
}

/// Users who were seen, half of them with a running server, each in a group of their own.
async fn register(hub: &Hub, count: usize) {
    let tx = hub.state.db.write().await.unwrap();
    let mut seen = Vec::new();
    for number in 0..count {
        let name = Username::stored(long(number));
        let user = users::insert(&tx, &name, true, DateTime::<Utc>::UNIX_EPOCH);
        let user = user.await.unwrap();
        let group = groups::ensure_exists(&tx, &long(number)).await.unwrap();
        groups::add_member(&tx, group, user.id).await.unwrap();
        seen.push((user.id, hub.clock.now()));
    }
    last_activity::of_users(&tx, &seen).await.unwrap();
    tx.commit_and_tell(&hub.state.bus, [Event::Identities])
        .await
        .unwrap();
    let root = hub.token("admin", &["inherit"]).await;
    for number in (0..count).step_by(2) {
        let path = format!("/hub/api/users/{}/server", long(number));
        hub.call(&root, "POST", &path).send().await;
    }
    hub.state.manager.idle().await;
}

#[tokio::test]
async fn the_longest_list_of_users_is_light() {
    assert_eq!(long(7).len(), 40);
    let hub = Hub::start().await;
    register(&hub, 60).await;
    let admin = hub.log_in("admin").await;
    for query in ["name_filter=student", "name_filter=student&limit=9999"] {
        let page = get(&hub, &admin, &format!("/hub/admin?{query}")).await;
        let rows = page.body.matches("name=\"user\" value=").count();
        assert_eq!(rows, 50, "{query}");
        assert!(page.body.contains("Running") && page.body.contains("1–50 of 60"));
        let bytes = weight(&hub, &page).await;
        assert!(bytes < HEAVIEST, "{query}: {bytes} bytes in all");
    }
    let page = get(&hub, &admin, "/hub/admin/groups").await;
    assert!(page.body.contains("1–50 of 61"), "{}", page.body);
    let bytes = weight(&hub, &page).await;
    assert!(bytes < HEAVIEST, "groups: {bytes} bytes in all");
    let page = get(&hub, &admin, "/hub/admin").await.body;
    let sizes = page.split(" to a page</option>").count() - 1;
    assert_eq!(sizes, 2, "nothing heavier is offered: {page}");
}

/// A group with very many members, and somebody in very many groups.
#[tokio::test]
async fn the_pages_of_a_large_group_and_of_a_joiner_are_light() {
    let hub = Hub::start().await;
    let tx = hub.state.db.write().await.unwrap();
    let user = users::find(&*tx, "alice").await.unwrap().unwrap();
    let all = groups::ensure_exists(&tx, "all").await.unwrap();
    for number in 0..250 {
        let name = Username::stored(long(number));
        let member = users::insert(&tx, &name, true, DateTime::<Utc>::UNIX_EPOCH);
        groups::add_member(&tx, all, member.await.unwrap().id)
            .await
            .unwrap();
        for joined in [true, false] {
            let name = format!("{}-{joined}", long(number));
            let group = groups::ensure_exists(&tx, &name).await.unwrap();
            if joined {
                groups::add_member(&tx, group, user.id).await.unwrap();
            }
        }
    }
    tx.commit_and_tell(&hub.state.bus, [Event::Identities])
        .await
        .unwrap();
    let admin = hub.log_in("admin").await;
    for (path, button) in [
        ("group?name=all", "form=\"remove\" name=\"user\""),
        ("user?name=alice", "form=\"leave\" name=\"group\""),
    ] {
        let page = get(&hub, &admin, &format!("/hub/admin/{path}")).await;
        assert_eq!(page.body.matches(button).count(), 100, "{path}");
        assert!(page.body.contains("And 15"), "{path}: {}", page.body);
        let bytes = weight(&hub, &page).await;
        assert!(bytes < HEAVIEST, "{path}: {bytes} bytes in all");
    }
    // The buttons belong to a form that stands before them.
    let page = get(&hub, &admin, "/hub/admin/group?name=all").await.body;
    let (_, form) = page
        .split_once("<form id=\"remove\" action=\"")
        .expect(&page);
    let action = form.split('"').next().unwrap().replace("&amp;", "&");
    let gone = long(7);
    let fields = [
        ("_xsrf", admin.xsrf.as_str()),
        ("do", "remove"),
        ("user", &gone),
    ];
    let call = hub.request("POST", &action).browser(&admin).form(&fields);
    call.send().await.expect(302);
    let page = get(&hub, &admin, "/hub/admin/group?name=all").await.body;
    assert!(
        !page.contains(&gone) && page.contains("And 149 more"),
        "{page}"
    );
}

/// Scopes of a token, as many and as long as they get where one has a user and a group each.
fn many_scopes() -> Vec<hub_types::scope::Scope> {
    let scopes = (0..50).flat_map(|number| {
        let name = long(number);
        ["read:users", "access:servers"].map(|scope| format!("{scope}!user={name}"))
    });
    scopes.map(|scope| scope.parse().unwrap()).collect()
}

/// As many tokens as one may have, and fifteen applications.
async fn fill(hub: &Hub, user: &str) {
    let tx = hub.state.db.write().await.unwrap();
    let user = users::find(&*tx, user).await.unwrap().unwrap();
    let of = |number: usize, client_id: Option<String>| NewTokenRow {
        hash: Some(Token::generate().hash()),
        expires: Some(hub.clock.now() + chrono::TimeDelta::days(1)),
        client_id,
        ..NewTokenRow::new(TokenOwner::User(user.id), many_scopes(), long(number))
    };
    let mut rows: Vec<_> = (0..usize::try_from(MAX_TOKENS).unwrap())
        .map(|number| of(number, None))
        .collect();
    for number in 0..15 {
        let client = OAuthClient {
            id: format!("service-{number:02}"),
            secret_hash: None,
            redirect_uri: "/services/x/oauth_callback".to_owned(),
            description: long(number),
            allowed_scopes: Vec::new(),
            server_id: None,
            service_id: None,
        };
        put_client(&tx, &client).await.unwrap();
        rows.push(of(number, Some(client.id)));
    }
    for row in rows {
        tokens::insert(&tx, &row, hub.clock.now()).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_page_of_somebody_with_all_tokens_that_one_may_have_is_light() {
    let hub = Hub::start().await;
    let alice = hub.log_in("alice").await;
    fill(&hub, "alice").await;
    for (query, first, last) in [
        ("", 1, 25),
        ("?offset=25", 26, 50),
        ("?offset=99999", 1976, 2000),
        ("?offset=x", 1, 25),
    ] {
        let page = get(&hub, &alice, &format!("/hub/token{query}")).await;
        assert_eq!(page.body.matches("Revoke token").count(), 25, "{query}");
        let shown = format!("{first}–{last} of 2000");
        assert!(page.body.contains(&shown), "{query}: {}", page.body);
        assert!(page.body.contains("1–10 of 15"), "{query}: {}", page.body);
        assert!(
            page.body.contains("<li>and 90 more</li>"),
            "{query}: {}",
            page.body
        );
        // The newest first: none has been used.
        let newest = long(2000 - first);
        assert!(page.body.contains(&newest), "{query}: {}", page.body);
        let bytes = weight(&hub, &page).await;
        assert!(bytes < HEAVIEST, "{query}: {bytes} bytes in all");
    }
    let page = get(&hub, &alice, "/hub/token?applications=10").await.body;
    assert!(page.contains("11–15 of 15"), "{page}");
    let page = get(&hub, &alice, "/hub/token?offset=25").await.body;
    assert!(
        page.contains("action=\"/hub/token/revoke?offset=25\""),
        "{page}"
    );
    let id = page.split("form=\"revoke\" name=\"id\" value=\"").nth(1);
    let id = id.unwrap().split('"').next().unwrap();
    let fields = [("_xsrf", alice.xsrf.as_str()), ("id", id)];
    let call = hub.request("POST", "/hub/token/revoke?offset=25");
    let done = call.browser(&alice).form(&fields).send().await.expect(302);
    assert_eq!(done.header("location"), "/hub/token?offset=25");
    let page = get(&hub, &alice, done.header("location")).await.body;
    assert!(page.contains("26–50 of 1999"), "{page}");
}

#[tokio::test]
async fn the_pages_of_somebody_with_many_named_servers_are_light() {
    let hub = Hub::with(|config| config.jupyterhub.allow_named_servers = true).await;
    let root = hub.token("admin", &["inherit"]).await;
    for number in 0..40 {
        let path = format!("/hub/api/users/alice/servers/server-{number:023}");
        let said = json!({ "display_name": long(number) });
        hub.call(&root, "POST", &path).json(&said).send().await;
    }
    hub.state.manager.idle().await;
    let alice = hub.log_in("alice").await;
    for (query, first, last) in [
        ("", 1, 15),
        ("?servers=30", 31, 40),
        ("?servers=99", 31, 40),
    ] {
        let page = get(&hub, &alice, &format!("/hub/home{query}")).await;
        let shown = format!("{first}–{last} of 40");
        assert!(page.body.contains(&shown), "{query}: {}", page.body);
        let count = page.body.matches("id=\"restart-server-").count();
        assert_eq!(count, last + 1 - first, "{query}: {}", page.body);
        let bytes = weight(&hub, &page).await;
        assert!(bytes < HEAVIEST, "{query}: {bytes} bytes in all");
    }
    let admin = hub.log_in("admin").await;
    let page = get(&hub, &admin, "/hub/admin/user?name=alice&servers=10").await;
    assert!(page.body.contains("11–15 of 41"), "{}", page.body);
    let action = "action=\"/hub/admin/user?name=alice&amp;servers=10\"";
    assert!(page.body.contains(action), "{}", page.body);
    let bytes = weight(&hub, &page).await;
    assert!(bytes < HEAVIEST, "{bytes} bytes in all");
    // What is done to one of them leads back to it, and a new one is shown.
    let page = get(&hub, &alice, "/hub/home?servers=30").await.body;
    let action = "/hub/home/stop-server?servers=30";
    assert!(page.contains(&format!("action=\"{action}\"")), "{page}");
    let name = format!("server-{:023}", 33);
    let fields = [("_xsrf", alice.xsrf.as_str()), ("server", name.as_str())];
    let call = hub.request("POST", action).browser(&alice).form(&fields);
    let done = call.send().await.expect(302);
    assert_eq!(done.header("location"), "/hub/home?servers=30");
    let fields = [("_xsrf", alice.xsrf.as_str()), ("display_name", "Thesis")];
    let call = hub.request("POST", "/hub/home/new-server").browser(&alice);
    let done = call.form(&fields).send().await.expect(302);
    assert_eq!(done.header("location"), "/hub/home?servers=30");
}
