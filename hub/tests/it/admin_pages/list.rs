//! The list of users: search, filters, order, pages.

use chrono::TimeDelta;
use hub::db::last_activity;
use hub::domain::user::UserId;

use super::{get, listed, post, register, stored};
use crate::harness::Hub;

/// Makes users seen some days ago.
async fn seen(hub: &Hub, users: &[(&str, i64)]) {
    let now = hub.state.clock.now();
    let tx = hub.state.db.write().await.unwrap();
    let mut at: Vec<(UserId, _)> = Vec::new();
    for (name, days) in users {
        let user = stored::find(&*tx, name).await.unwrap().unwrap();
        at.push((user.id, now - TimeDelta::days(*days)));
    }
    last_activity::of_users(&tx, &at).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn search_filters_and_order() {
    let hub = Hub::start().await;
    register(&hub, &["zoe", "wash", "Zebra_1", "kaylee"]).await;
    seen(&hub, &[("zoe", 3), ("wash", 40), ("kaylee", 400)]).await;
    let admin = hub.log_in("admin").await;
    post(
        &hub,
        &admin,
        "/hub/admin",
        &[("act", "do=start&user=wash&server=")],
    )
    .await
    .expect(302);
    hub.state.manager.idle().await;
    for (query, expected) in [
        (
            "",
            &["Zebra_1", "admin", "alice", "bob", "kaylee", "wash", "zoe"][..],
        ),
        ("sort=-name&limit=2", &["zoe", "wash"]),
        ("sort=-name&limit=2&offset=6", &["Zebra_1"]),
        ("sort=id&limit=3", &["admin", "alice", "bob"]),
        ("name_filter=ZE", &["Zebra_1"]),
        ("name_filter=_", &["Zebra_1"]),
        ("name_filter=%25", &[]),
        ("state=active", &["wash"]),
        ("state=ready&name_filter=as", &["wash"]),
        (
            "state=inactive&name_filter=e",
            &["Zebra_1", "alice", "kaylee", "zoe"],
        ),
        ("admin=true", &["admin"]),
        ("admin=false&name_filter=z", &["Zebra_1", "zoe"]),
        ("group=lab", &["bob"]),
        ("group=none-such", &[]),
        ("activity=7d&name_filter=z", &["zoe"]),
        (
            "activity=not-180d&sort=-last_activity",
            &["kaylee", "bob", "alice", "Zebra_1"][..],
        ),
        ("activity=never", &["Zebra_1", "alice", "bob"]),
        ("sort=-last_activity&limit=3", &["wash", "admin", "zoe"]),
    ] {
        let page = get(&hub, &admin, &format!("/hub/admin?{query}"))
            .await
            .expect(200);
        let found = listed(&page);
        match query {
            // Who logs in and whose server starts was seen at the same moment.
            "sort=-last_activity&limit=3" => {
                assert!(found.contains(&"zoe".to_owned()), "{found:?}");
            }
            "activity=not-180d&sort=-last_activity" => {
                assert_eq!(
                    found.first().map(String::as_str),
                    Some("kaylee"),
                    "{found:?}"
                );
                assert_eq!(found.len(), expected.len(), "{found:?}");
            }
            _ => assert_eq!(found, expected, "{query}"),
        }
    }
    for bad in [
        "state=x",
        "sort=admin",
        "activity=1",
        "limit=x",
        "offset=-1",
    ] {
        get(&hub, &admin, &format!("/hub/admin?{bad}"))
            .await
            .expect(400);
    }
}

#[tokio::test]
async fn a_row_says_what_its_server_does_and_offers_what_fits() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    let token = hub.token("admin", &["inherit"]).await;
    let options =
        serde_json::json!({"user_options": {"profile": "gpu-large"}, "display_name": "My lab"});
    hub.call(&token, "POST", "/hub/api/users/bob/servers/lab")
        .json(&options)
        .send()
        .await
        .expect(201);
    let page = get(&hub, &admin, "/hub/admin?name_filter=bob")
        .await
        .expect(200);
    for expected in [
        "gpu-large",
        "(My lab)",
        "Running",
        "Stopped",
        "href=\"/user/bob/lab/\"",
        "value=\"do=stop&amp;user=bob&amp;server=lab\"",
        "value=\"do=start&amp;user=bob&amp;server=\"",
        "href=\"/hub/spawn/bob\"",
        "href=\"/hub/admin/user?name=bob\"",
        "<li>lab</li>",
    ] {
        assert!(page.body.contains(expected), "{expected}: {}", page.body);
    }
    // A running server is not deleted, and nobody deletes themselves.
    assert!(!page.body.contains("do=remove"), "{}", page.body);
    let own = get(&hub, &admin, "/hub/admin?name_filter=admin").await;
    assert!(!own.body.contains("do=delete"), "{}", own.body);
}

#[tokio::test]
async fn a_list_on_which_something_happens_is_looked_at_again() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    let page = get(&hub, &admin, "/hub/admin").await;
    assert!(!page.body.contains("data-wait"), "{}", page.body);
    hub.spawner.next(crate::harness::Behaviour::Hangs);
    let start = &[("act", "do=start&user=bob&server=")];
    let done = post(&hub, &admin, "/hub/admin?state=active", start)
        .await
        .expect(302);
    assert_eq!(
        done.header("location"),
        "/hub/admin?state=active&done=start"
    );
    let page = get(&hub, &admin, done.header("location")).await.expect(200);
    assert!(page.body.contains("data-wait=\"3\""), "{}", page.body);
    assert!(page.body.contains("Starting"), "{}", page.body);
    post(
        &hub,
        &admin,
        "/hub/admin",
        &[("act", "do=stop&user=bob&server=")],
    )
    .await
    .expect(302);
    hub.state.manager.idle().await;
}
