//! Groups on the admin pages.

use hub::bus::Event;
use hub::db::groups;

use super::{get, post, stored};
use crate::harness::Hub;

/// However many groups there are, pages name the first of them; any can be typed.
#[tokio::test]
async fn a_page_names_no_more_groups_than_somebody_reads() {
    let hub = Hub::start().await;
    let tx = hub.state.db.write().await.unwrap();
    let bob = stored::find(&*tx, "bob").await.unwrap().unwrap();
    for n in 0..500 {
        let id = groups::ensure_exists(&tx, &format!("class-{n:03}"))
            .await
            .unwrap();
        if n < 250 {
            groups::add_member(&tx, id, bob.id).await.unwrap();
        }
    }
    tx.commit_and_tell(&hub.state.bus, [Event::Identities])
        .await
        .unwrap();
    let admin = hub.log_in("admin").await;
    let bob = "/hub/admin/user?name=bob";
    let page = get(&hub, &admin, bob).await.expect(200).body;
    assert_eq!(page.matches("<option value=\"class-").count(), 100);
    assert_eq!(page.matches("form=\"leave\" name=\"group\"").count(), 100);
    // The group lab of the configuration is one more.
    assert!(page.contains("And 151 more."), "{page}");
    let list = get(&hub, &admin, "/hub/admin?name_filter=bob").await;
    let list = list.expect(200).body;
    assert_eq!(list.matches("<option value=\"class-").count(), 50);
    assert_eq!(list.matches("<li>class-").count(), 5);
    assert!(list.contains("<li>and 246 more</li>"), "{list}");
    post(&hub, &admin, bob, &[("do", "join"), ("group", "class-499")])
        .await
        .expect(302);
    let snapshot = groups::snapshot(hub.state.db.read()).await.unwrap();
    assert!(snapshot.of_user("bob").contains(&"class-499".to_owned()));
}

#[tokio::test]
async fn a_group_from_its_making_to_its_end() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    let done = post(&hub, &admin, "/hub/admin/groups", &[("name", "crew")])
        .await
        .expect(302);
    assert_eq!(
        done.header("location"),
        "/hub/admin/group?name=crew&done=create"
    );
    let crew = "/hub/admin/group?name=crew";
    let send = async |fields: &[(&str, &str)]| post(&hub, &admin, crew, fields).await;
    send(&[("do", "add"), ("users", " alice\r\nbob \n")])
        .await
        .expect(302);
    // All or none: what was typed stays.
    let page = send(&[("do", "add"), ("users", "admin\nghost")])
        .await
        .expect(400);
    assert!(page.body.contains("No such user: ghost"), "{}", page.body);
    assert!(
        page.body.contains(">admin\nghost</textarea>"),
        "{}",
        page.body
    );
    let many = "alice\n".repeat(1_001);
    let page = send(&[("do", "add"), ("users", &many)]).await.expect(400);
    assert!(page.body.contains("At most 1000 users"), "{}", page.body);
    let page = get(&hub, &admin, crew).await.expect(200);
    for expected in [
        "Remove alice",
        "Remove bob",
        "href=\"/hub/admin?group=crew\"",
    ] {
        assert!(page.body.contains(expected), "{expected}: {}", page.body);
    }
    assert!(!page.body.contains("Remove admin"), "{}", page.body);
    send(&[("do", "remove"), ("user", "alice")])
        .await
        .expect(302);
    let page = get(&hub, &admin, crew).await;
    assert!(!page.body.contains("Remove alice"), "{}", page.body);

    send(&[
        ("do", "properties"),
        ("properties", "{\"room\": [7, \"<b>\"]}"),
    ])
    .await
    .expect(302);
    let bad = send(&[("do", "properties"), ("properties", "{room}")])
        .await
        .expect(400);
    assert!(bad.body.contains(">{room}</textarea>"), "{}", bad.body);
    let list = get(&hub, &admin, "/hub/admin/groups").await.expect(200);
    assert!(list.body.contains("<li>room</li>"), "{}", list.body);

    let asked = send(&[("do", "delete")]).await.expect(200);
    assert!(asked.body.contains("Delete this group?"), "{}", asked.body);
    get(&hub, &admin, crew).await.expect(200);
    let gone = send(&[("do", "delete"), ("confirmed", "yes")])
        .await
        .expect(302);
    assert_eq!(gone.header("location"), "/hub/admin/groups?done=delete");
    get(&hub, &admin, crew).await.expect(404);
    for (name, status) in [("lab", 409), ("", 400), ("a\u{202e}b", 400)] {
        let reply = post(&hub, &admin, "/hub/admin/groups", &[("name", name)]).await;
        assert_eq!(reply.status.as_u16(), status, "{name:?} {reply:?}");
    }
}

#[tokio::test]
async fn groups_of_the_authenticator_are_not_changed_here() {
    let hub = Hub::start().await;
    // This authenticator knows no groups: nobody could log in after the change.
    let admin = hub.log_in("admin").await;
    let hub = hub
        .restart(|config| config.authenticator.manage_groups = true)
        .await;
    let groups = get(&hub, &admin, "/hub/admin/groups").await.expect(200);
    assert!(groups.body.contains("said by the login"), "{}", groups.body);
    assert!(!groups.body.contains("New group"), "{}", groups.body);
    let reply = post(&hub, &admin, "/hub/admin/groups", &[("name", "crew")])
        .await
        .expect(400);
    assert!(
        reply.body.contains("Group management via API is disabled"),
        "{}",
        reply.body
    );
    let users = get(&hub, &admin, "/hub/admin").await.expect(200);
    assert!(!users.body.contains("add_to_group"), "{}", users.body);
}
