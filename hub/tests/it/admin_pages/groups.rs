//! Groups on the admin pages.

use super::{get, post};
use crate::harness::Hub;

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
