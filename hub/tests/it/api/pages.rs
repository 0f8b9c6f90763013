//! Pages of lists.

use chrono::TimeDelta;
use hub::bus::Event;
use hub::db::{UserFilter, UsersOnly};
use serde_json::{Value, json};

use crate::harness::{CULLER_TOKEN, Hub};

const PAGES: &str = "application/jupyterhub-pagination+json";

fn names(users: &Value) -> Vec<&str> {
    users
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn one_page_leads_to_the_next() {
    let hub = Hub::start().await;
    let mut path = "/hub/api/users?limit=2&sort=name&include_stopped_servers".to_owned();
    let mut seen = Vec::new();
    for round in 0..2 {
        let reply = hub
            .call(CULLER_TOKEN, "GET", &path)
            .header("accept", PAGES)
            .header("host", "hub:81")
            .send()
            .await;
        assert_eq!(reply.header("content-type"), "application/json");
        let page = reply.expect(200).json();
        seen.extend(names(&page["items"]).into_iter().map(ToOwned::to_owned));
        assert_eq!(
            (
                &page["_pagination"]["offset"],
                &page["_pagination"]["total"]
            ),
            (&json!(2 * round), &json!(3))
        );
        match page["_pagination"]["next"]["url"].as_str() {
            Some(url) => {
                assert!(url.starts_with("http://hub:81/hub/api/users?"), "{url}");
                path = url.strip_prefix("http://hub:81").unwrap().to_owned();
            }
            None => assert_eq!((round, &page["_pagination"]["next"]), (1, &json!(null))),
        }
    }
    assert_eq!(seen, ["admin", "alice", "bob"]);
}

#[tokio::test]
async fn roles_come_in_pages_too() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let path = "/hub/api/roles?limit=2&offset=1";
    let page = hub.call(&admin, "GET", path).header("accept", PAGES);
    let page = page.send().await.expect(200).json();
    assert_eq!(names(&page["items"]), ["cull-idle", "server"]);
    let next = &page["_pagination"]["next"];
    assert_eq!((&next["offset"], &next["limit"]), (&json!(3), &json!(2)));
    let bare = hub
        .call(&admin, "GET", path)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(names(&bare), ["cull-idle", "server"]);
    let all = hub.call(&admin, "GET", "/hub/api/roles");
    let all = all.send().await.expect(200).json();
    assert_eq!(page["_pagination"]["total"], names(&all).len());
    let wrong = hub.call(&admin, "GET", "/hub/api/roles?limit=x");
    assert_eq!(wrong.send().await.status, 400);
}

#[tokio::test]
async fn lists_without_pages_and_bad_arguments() {
    let hub = Hub::start().await;
    let bare = hub
        .call(
            CULLER_TOKEN,
            "GET",
            "/hub/api/users?limit=1&offset=1&sort=-name",
        )
        .send()
        .await
        .expect(200);
    assert_eq!(names(&bare.json()), ["alice"]);
    let all = hub
        .call(CULLER_TOKEN, "GET", "/hub/api/users?name_filter=LI")
        .send()
        .await
        .expect(200);
    assert_eq!(names(&all.json()), ["alice"]);
    let none = hub
        .call(CULLER_TOKEN, "GET", "/hub/api/users?name_filter=%25")
        .send()
        .await
        .expect(200);
    assert_eq!(none.json(), json!([]));
    for (query, message) in [
        (
            "limit=x",
            "Invalid argument type, offset and limit must be integers",
        ),
        (
            "offset=1.5",
            "Invalid argument type, offset and limit must be integers",
        ),
        (
            "limit=-1",
            "Invalid argument value, offset and limit must not be negative",
        ),
        ("state=zzz", "Unrecognized state filter: 'zzz'"),
        (
            "sort=zzz",
            "sort must be 'id', 'name', or 'last_activity', not 'zzz'",
        ),
    ] {
        let reply = hub
            .call(CULLER_TOKEN, "GET", &format!("/hub/api/users?{query}"))
            .send()
            .await;
        assert_eq!(reply.error(), (400, Some(message.into())), "{query}");
    }
    let capped = hub
        .call(CULLER_TOKEN, "GET", "/hub/api/users?limit=100000")
        .header("accept", PAGES)
        .send()
        .await;
    assert_eq!(capped.expect(200).json()["_pagination"]["limit"], 200);
    let default = hub
        .call(CULLER_TOKEN, "GET", "/hub/api/users?limit=0")
        .header("accept", PAGES)
        .send()
        .await;
    assert_eq!(default.expect(200).json()["_pagination"]["limit"], 1);
    let default = hub
        .call(CULLER_TOKEN, "GET", "/hub/api/users")
        .header("accept", PAGES)
        .send()
        .await;
    assert_eq!(default.expect(200).json()["_pagination"]["limit"], 50);
}

#[tokio::test]
async fn only_who_may_be_listed() {
    let hub = Hub::start().await;
    for (scopes, expected) in [
        (&["list:users"][..], &["admin", "alice", "bob"][..]),
        (&["list:users!group=lab"], &["bob"]),
        (&["list:users!user=alice"], &["alice"]),
        (
            &["list:users!user=alice", "list:users!group=lab"],
            &["alice", "bob"],
        ),
        (&["list:users!group=nobody"], &[]),
    ] {
        let token = hub.token("admin", scopes).await;
        let page = hub
            .call(&token, "GET", "/hub/api/users")
            .header("accept", PAGES)
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(names(&page["items"]), expected, "{scopes:?}");
        assert_eq!(page["_pagination"]["total"], expected.len(), "{scopes:?}");
    }
    let wrong = hub.token("admin", &["list:users!server=alice/"]).await;
    hub.call(&wrong, "GET", "/hub/api/users")
        .send()
        .await
        .expect(403);
    let alice = hub.token("alice", &["inherit"]).await;
    let reply = hub.call(&alice, "GET", "/hub/api/users").send().await;
    let text = "Action is not authorized with current scopes; requires any of [list:users]";
    assert_eq!(reply.error(), (403, Some(text.into())));
}

#[tokio::test]
async fn a_group_may_have_more_members_than_a_statement_has_values() {
    const MEMBERS: u64 = 40_000;
    let hub = Hub::start().await;
    let tx = hub.state.db.write().await.unwrap();
    let crowd: Vec<String> = (1..=MEMBERS)
        .map(|n| format!("('crowd{n:05}', FALSE, 0)"))
        .collect();
    let users = format!(
        "INSERT INTO users (name, admin, created) VALUES {}",
        crowd.join(", ")
    );
    let members = "INSERT INTO group_members (group_id, user_id) \
                   SELECT user_groups.id, users.id FROM user_groups, users \
                   WHERE user_groups.name = 'lab' AND users.name LIKE 'crowd%'";
    for sql in [users.as_str(), members] {
        sea_orm::ConnectionTrait::execute_unprepared(&*tx, sql)
            .await
            .unwrap();
    }
    tx.commit_and_tell(&hub.state.bus, [Event::Identities])
        .await
        .unwrap();
    let lab = hub
        .token("admin", &["list:users!group=lab", "list:users!user=alice"])
        .await;
    let path = "/hub/api/users?limit=2&offset=39999&sort=-name";
    let call = hub.call(&lab, "GET", path).header("accept", PAGES);
    let page = call.send().await.expect(200).json();
    assert_eq!(page["_pagination"]["total"], MEMBERS + 2, "bob, and alice");
    assert_eq!(names(&page["items"]), ["crowd00001", "bob"]);
    // As many names as that can also stand there one by one.
    let names: Vec<String> = (1..=MEMBERS).map(|n| format!("crowd{n:05}")).collect();
    let filter = UserFilter {
        only: Some(UsersOnly {
            users: names,
            groups: Vec::new(),
        }),
        ..UserFilter::default()
    };
    let found = hub::db::users::page(&hub.state.db, &filter, 0, 1).await;
    assert_eq!(found.unwrap().total, MEMBERS);
}

#[tokio::test]
async fn users_are_in_the_order_of_the_activity_that_is_shown() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.token("alice", &[]).await, hub.token("bob", &[]).await);
    let admin = hub.token("admin", &["inherit"]).await;
    for token in [&bob, &alice] {
        hub.clock.advance(TimeDelta::minutes(5));
        hub.call(token, "GET", "/hub/api/user").send().await;
    }
    let path = "/hub/api/users?sort=last_activity&name_filter=b";
    let path_of_all = "/hub/api/users?sort=last_activity";
    for path in [path, path_of_all] {
        let users = hub
            .call(&admin, "GET", path)
            .send()
            .await
            .expect(200)
            .json();
        let shown: Vec<String> = users
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["last_activity"].to_string())
            .collect();
        assert!(
            shown.iter().filter(|at| *at != "null").is_sorted(),
            "{path}: {shown:?}"
        );
    }
    let users = hub.call(&admin, "GET", path_of_all).send().await.json();
    let names: Vec<&str> = users
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|user| user["name"].as_str())
        .collect();
    let place = |name| names.iter().position(|other| *other == name);
    assert!(place("bob") < place("alice"), "{names:?}");
}
