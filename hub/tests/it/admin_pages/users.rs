//! What is done with users and their servers.

use hub::domain::lifecycle::ServerState;

use super::{confirm, exists, get, listed, post, register, state, stored};
use crate::harness::{Behaviour, Hub};

#[tokio::test]
async fn one_thing_for_many() {
    let hub = Hub::start().await;
    register(&hub, &["zoe", "wash"]).await;
    let admin = hub.log_in("admin").await;
    let send = async |fields: &[(&str, &str)]| post(&hub, &admin, "/hub/admin", fields).await;
    let both = |action| {
        [
            ("action", action),
            ("user", "zoe"),
            ("user", "wash"),
            ("group", "lab"),
        ]
    };

    send(&both("start")).await.expect(302);
    assert_eq!(state(&hub, "zoe", "").await, ServerState::Ready);
    assert_eq!(state(&hub, "wash", "").await, ServerState::Ready);
    send(&both("add_to_group")).await.expect(302);
    let lab = get(&hub, &admin, "/hub/admin?group=lab").await;
    assert_eq!(listed(&lab), ["bob", "wash", "zoe"]);
    send(&both("remove_from_group")).await.expect(302);
    assert_eq!(
        listed(&get(&hub, &admin, "/hub/admin?group=lab").await),
        ["bob"]
    );
    send(&both("stop")).await.expect(302);
    assert_eq!(state(&hub, "zoe", "").await, ServerState::Stopped);
    assert_eq!(hub.spawner.running(), 0);

    // Whoever is refused holds up nobody else, and is named with the reason.
    let reply = send(&[("action", "start"), ("user", "zoe"), ("user", "ghost")]).await;
    let page = reply.expect(200);
    assert!(page.body.contains("Done: 1. Not done: 1."), "{}", page.body);
    assert!(
        page.body.contains("<li>ghost: Not Found</li>"),
        "{}",
        page.body
    );
    assert_eq!(state(&hub, "zoe", "").await, ServerState::Ready);
    send(&[("action", "start"), ("user", "ghost")])
        .await
        .expect(404);
    for fields in [
        &[("action", "stop")][..],
        &[("user", "zoe")],
        &[("act", "do=burn")],
    ] {
        send(fields).await.expect(400);
    }

    // Deleting asks first.
    let asked = send(&both("delete")).await.expect(200);
    assert!(asked.body.contains("Delete 2 users?"), "{}", asked.body);
    assert!(exists(&hub, "zoe").await);
    let mut confirmed = both("delete").to_vec();
    confirmed.push(("confirmed", "yes"));
    send(&confirmed).await.expect(302);
    assert!(!exists(&hub, "zoe").await && !exists(&hub, "wash").await);
    assert_eq!(hub.spawner.running(), 0);
    let own = [
        ("action", "delete"),
        ("user", "admin"),
        ("confirmed", "yes"),
    ];
    let refused = send(&own).await.expect(400);
    assert!(
        refused.body.contains("Cannot delete yourself!"),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn all_is_all_that_is_found_and_asks_first() {
    let hub = Hub::start().await;
    register(&hub, &["zoe", "zack"]).await;
    let admin = hub.log_in("admin").await;
    let path = "/hub/admin?name_filter=z";
    let asked = post(&hub, &admin, path, &[("all", "start")])
        .await
        .expect(200);
    assert!(asked.body.contains("Start 2 servers?"), "{}", asked.body);
    assert!(
        asked.body.contains(&format!("action=\"{path}\"")),
        "{}",
        asked.body
    );
    assert!(hub.spawner.starts().is_empty());
    let done = confirm(&hub, &admin, path, &[("all", "start")])
        .await
        .expect(302);
    assert_eq!(done.header("location"), format!("{path}&done=start"));
    hub.state.manager.idle().await;
    assert_eq!(
        hub.spawner.starts().into_keys().collect::<Vec<_>>(),
        ["zack/", "zoe/"]
    );
    // Named servers count: all means all.
    let token = hub.token("admin", &["inherit"]).await;
    hub.call(&token, "POST", "/hub/api/users/zoe/servers/lab")
        .send()
        .await
        .expect(201);
    let asked = post(&hub, &admin, "/hub/admin", &[("all", "stop")])
        .await
        .expect(200);
    assert!(asked.body.contains("Stop 3 servers?"), "{}", asked.body);
    assert!(asked.body.contains("zoe/lab"), "{}", asked.body);
    let zack = "/hub/admin?name_filter=zack";
    confirm(&hub, &admin, zack, &[("all", "stop")])
        .await
        .expect(302);
    assert_eq!(state(&hub, "zack", "").await, ServerState::Stopped);
    assert_eq!(state(&hub, "zoe", "lab").await, ServerState::Ready);
    confirm(&hub, &admin, "/hub/admin", &[("all", "stop")])
        .await
        .expect(302);
    hub.state.manager.idle().await;
    assert_eq!(hub.spawner.running(), 0);
    let nobody = post(&hub, &admin, "/hub/admin", &[("all", "stop")])
        .await
        .expect(200);
    assert!(nobody.body.contains("There is nobody"), "{}", nobody.body);
}

#[tokio::test]
async fn a_server_is_forgotten_when_that_was_asked_for_twice() {
    let hub = Hub::start().await;
    register(&hub, &["zoe"]).await;
    let admin = hub.log_in("admin").await;
    let path = "/hub/admin/user?name=zoe";
    let made = hub.token("admin", &["admin:users", "admin:servers"]).await;
    let put = hub.call(&made, "PUT", "/hub/api/users/zoe/servers/lab");
    put.json(&serde_json::json!({})).send().await.expect(201);
    let page = get(&hub, &admin, path).await.expect(200).body;
    let button = page
        .split("<button")
        .find(|button| button.contains("do=remove"));
    let button = button.expect("a button");
    assert!(button.contains("formaction=\"/hub/admin\""), "{button}");
    let value = button.split("value=\"").nth(1).expect("a value");
    let value = value.split('"').next().unwrap_or_default();
    let value = value.replace("&amp;", "&");
    post(&hub, &admin, path, &[("act", &value)])
        .await
        .expect(400);
    let asked = post(&hub, &admin, "/hub/admin", &[("act", &value)]).await;
    assert!(asked.expect(200).body.contains("id=\"confirm\""));
    let servers = || async {
        let user = stored::find(hub.state.db.read(), "zoe")
            .await
            .unwrap()
            .unwrap();
        hub::db::servers::of_users(hub.state.db.read(), &[user.id])
            .await
            .unwrap()
            .len()
    };
    assert_eq!(servers().await, 1);
    let yes = [("act", value.as_str()), ("confirmed", "yes")];
    post(&hub, &admin, "/hub/admin", &yes).await.expect(302);
    assert_eq!(servers().await, 0);
}

#[tokio::test]
async fn users_from_a_list() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    let path = "/hub/admin/add-users";
    let names = [("names", "zoe\r\n bob\nwash\na/b\n\nzoe")];
    let page = post(&hub, &admin, path, &names).await.expect(200);
    assert!(
        page.body.contains("Added: 2. Not added: 2."),
        "{}",
        page.body
    );
    for expected in [
        "<strong><bdi>bob</bdi></strong>: User bob already exists",
        "<strong><bdi>a/b</bdi></strong>: Invalid username: a/b",
        ">bob\na/b</textarea>",
    ] {
        assert!(page.body.contains(expected), "{expected}: {}", page.body);
    }
    assert!(exists(&hub, "zoe").await && exists(&hub, "wash").await);
    let done = post(&hub, &admin, path, &[("names", "kaylee"), ("admin", "yes")]).await;
    assert_eq!(done.expect(302).header("location"), "/hub/admin?done=add");
    let kaylee = stored::find(hub.state.db.read(), "kaylee").await.unwrap();
    assert!(kaylee.unwrap().admin);
    post(&hub, &admin, path, &[("names", " \n")])
        .await
        .expect(400);
    post(&hub, &admin, path, &[("names", "bob")])
        .await
        .expect(409);
    let many: String = (0..1_001).map(|n| format!("u{n}\n")).collect();
    post(&hub, &admin, path, &[("names", &many)])
        .await
        .expect(400);
    assert!(!exists(&hub, "u0").await);
}

#[tokio::test]
async fn one_user_is_renamed_promoted_and_put_into_groups() {
    let hub = Hub::start().await;
    register(&hub, &["zoe"]).await;
    let admin = hub.log_in("admin").await;
    let page = get(&hub, &admin, "/hub/admin/user?name=zoe")
        .await
        .expect(200);
    assert!(
        page.body.contains("<option value=\"lab\">"),
        "{}",
        page.body
    );
    let fields = [
        ("do", "save"),
        ("name", "zoey"),
        ("has_admin", "yes"),
        ("admin", "yes"),
    ];
    let done = post(&hub, &admin, "/hub/admin/user?name=zoe", &fields)
        .await
        .expect(302);
    let zoey = "/hub/admin/user?name=zoey";
    assert_eq!(done.header("location"), format!("{zoey}&done=save"));
    let user = stored::find(hub.state.db.read(), "zoey")
        .await
        .unwrap()
        .unwrap();
    assert!(user.admin);
    post(&hub, &admin, zoey, &[("do", "join"), ("group", "lab")])
        .await
        .expect(302);
    let page = get(&hub, &admin, zoey).await;
    assert!(page.body.contains("Remove from group lab"), "{}", page.body);
    post(&hub, &admin, zoey, &[("do", "leave"), ("group", "lab")])
        .await
        .expect(302);
    // A box that is not ticked, and one that was not there.
    post(&hub, &admin, zoey, &[("do", "save"), ("name", "zoey")])
        .await
        .expect(302);
    let user = stored::find(hub.state.db.read(), "zoey")
        .await
        .unwrap()
        .unwrap();
    assert!(user.admin);
    let fields = [("do", "save"), ("name", "zoey"), ("has_admin", "yes")];
    post(&hub, &admin, zoey, &fields).await.expect(302);
    let user = stored::find(hub.state.db.read(), "zoey")
        .await
        .unwrap()
        .unwrap();
    assert!(!user.admin);
    let taken = post(&hub, &admin, zoey, &[("do", "save"), ("name", "bob")])
        .await
        .expect(400);
    assert!(
        taken.body.contains("User bob already exists"),
        "{}",
        taken.body
    );
    assert!(
        taken.body.contains("value=\"bob\""),
        "what was typed: {}",
        taken.body
    );
    for (fields, status) in [
        (&[("do", "join"), ("group", "none")][..], 404),
        (&[("do", "burn")], 400),
        (&[("act", "do=start&user=bob&server=")], 400),
        (&[("act", "do=delete&user=zoey&server=")], 400),
    ] {
        post(&hub, &admin, zoey, fields).await.expect(status);
    }
    get(&hub, &admin, "/hub/admin/user?name=ghost")
        .await
        .expect(404);
}

#[tokio::test]
async fn a_server_with_its_options_failure_and_output() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    let bob = "/hub/admin/user?name=bob";
    // Started once with options, which hold for the starts below.
    let options = serde_json::json!({"image": "<r-base>"});
    let token = hub.token("bob", &["inherit"]).await;
    let server = |method| hub.call(&token, method, "/hub/api/users/bob/server");
    let body = serde_json::json!({"user_options": options});
    server("POST").json(&body).send().await.expect(201);
    server("DELETE").send().await.expect(204);
    hub.spawner
        .next(Behaviour::Fails("no image for bob".into()));
    let start = [("act", "do=start&user=bob&server=")];
    let reply = post(&hub, &admin, bob, &start).await;
    assert!([302, 500].contains(&reply.status.as_u16()), "{reply:?}");
    hub.state.manager.idle().await;
    let page = get(&hub, &admin, bob).await.expect(200);
    assert!(page.body.contains("no image for bob"), "{}", page.body);
    assert!(page.body.contains("Failed"), "{}", page.body);
    let list = get(&hub, &admin, "/hub/admin?name_filter=bob").await;
    assert!(list.body.contains("Failed"), "{}", list.body);

    hub.spawner.next(Behaviour::Answers);
    *hub.spawner.output.lock().unwrap() = vec!["first <line>".into(), "last line".into()];
    let done = post(&hub, &admin, bob, &start).await.expect(302);
    assert_eq!(done.header("location"), format!("{bob}&done=start"));
    assert_eq!(state(&hub, "bob", "").await, ServerState::Ready);
    assert_eq!(hub.spawner.told().0, options);
    let page = get(&hub, &admin, bob).await.expect(200);
    for expected in [
        "first &lt;line&gt;\nlast line",
        "&#34;image&#34;: &#34;&lt;r-base&gt;&#34;",
        "href=\"/user/bob/\"",
        "do=stop",
    ] {
        assert!(page.body.contains(expected), "{expected}: {}", page.body);
    }
    assert!(!page.body.contains("no image for bob"), "{}", page.body);
    post(&hub, &admin, bob, &[("act", "do=stop&user=bob&server=")])
        .await
        .expect(302);
    assert_eq!(state(&hub, "bob", "").await, ServerState::Stopped);
}
