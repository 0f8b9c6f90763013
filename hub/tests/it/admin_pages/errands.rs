//! Orders for many: they go on without whoever gave them, deal with whom the question named, and tell how far they are.

use std::sync::Arc;
use std::time::Duration;

use hub::bus::Event;
use hub::domain::lifecycle::ServerState;
use hub::domain::principal::Owner;
use hub::state::errands::Errand;

use super::{confirm, exists, get, hidden, post, register, state, stored, with_scopes};
use crate::harness::{Browser, Hub};

/// For a hub on a busy machine.
const LONG: Duration = Duration::from_secs(60);

async fn owner(hub: &Hub, name: &str) -> Owner {
    let user = stored::find(hub.state.db.read(), name).await.unwrap();
    Owner::User(user.unwrap())
}

/// What is still done for the administrator.
async fn under_way(hub: &Hub) -> Vec<Arc<Errand>> {
    hub.state.errands.under_way(&owner(hub, "admin").await)
}

/// Sends a form and goes away when its handler has waited so often. Returns when nothing is under way; the status, if the
/// answer came first.
async fn gone(
    hub: &Hub,
    browser: &Browser,
    path: &str,
    fields: &[(&str, &str)],
    turns: usize,
) -> Option<u16> {
    let mut fields = fields.to_vec();
    fields.push(("_xsrf", &browser.xsrf));
    let call = hub.request("POST", path).browser(browser).form(&fields);
    let answer = call.gone_after(turns).await;
    for errand in under_way(hub).await {
        let report = errand.wait(LONG).await;
        assert!(report.ended.is_some(), "{report:?}");
    }
    hub.state.manager.idle().await;
    answer.map(|status| status.as_u16())
}

/// As often it is tried that an order goes on although nobody waits for it: what falls into one turn depends on the machine.
const ROUNDS: usize = 30;

/// Gives an order to start three users' servers, and goes away ever later, until it is answered: nothing was begun, or it is
/// done for all. How often it was done unheard.
async fn started_unheard(hub: &Hub, admin: &Browser, round: usize) -> usize {
    let mut left = 0;
    for turns in 0..60 {
        let names = ["a", "b", "c"].map(|who| format!("{who}-{round}-{turns}"));
        register(hub, &names.each_ref().map(String::as_str)).await;
        let mut fields = vec![("action", "start")];
        fields.extend(names.iter().map(|name| ("user", name.as_str())));
        let answer = gone(hub, admin, "/hub/admin", &fields, turns).await;
        let starts = hub.spawner.starts();
        let started = |name: &&String| starts.contains_key(&format!("{name}/"));
        let started = names.iter().filter(started).count();
        assert!([0, 3].contains(&started), "{turns}: {started} {answer:?}");
        if answer.is_some() {
            assert_eq!((answer, started), (Some(302), 3), "{turns}");
            return left;
        }
        left += usize::from(started == 3);
    }
    panic!("the order was never done");
}

/// The same with users who are added.
async fn added_unheard(hub: &Hub, admin: &Browser, round: usize) -> usize {
    let mut left = 0;
    for turns in 0..60 {
        let names = ["a", "b", "c"].map(|who| format!("{who}-{round}-{turns}"));
        let list = names.join("\n");
        let fields = [("names", list.as_str())];
        let answer = gone(hub, admin, "/hub/admin/add-users", &fields, turns).await;
        let mut added = 0;
        for name in &names {
            added += usize::from(exists(hub, name).await);
        }
        assert!([0, 3].contains(&added), "{turns}: {added} {answer:?}");
        if answer.is_some() {
            return left;
        }
        left += usize::from(added == 3);
    }
    panic!("nobody was ever added");
}

#[tokio::test]
async fn an_order_goes_on_when_the_browser_has_gone() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    let mut round = 0;
    while started_unheard(&hub, &admin, round).await == 0 {
        round += 1;
        assert!(round < ROUNDS, "nobody ever went away in the middle");
    }
}

#[tokio::test]
async fn users_are_added_when_the_browser_has_gone() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    let mut round = 0;
    while added_unheard(&hub, &admin, round).await == 0 {
        round += 1;
        assert!(round < ROUNDS, "nobody ever went away in the middle");
    }
}

#[tokio::test]
async fn a_long_order_tells_how_far_it_has_come_to_whom_it_concerns() {
    let hub = Hub::start().await;
    register(&hub, &["zoe", "wash"]).await;
    let (admin, alice) = (hub.log_in("admin").await, hub.log_in("alice").await);
    // Nothing can be written for a while.
    let tx = hub.state.db.write().await.unwrap();
    let fields = [
        ("action", "start"),
        ("user", "zoe"),
        ("user", "ghost"),
        ("user", "wash"),
    ];
    let begun = post(&hub, &admin, "/hub/admin?sort=-name", &fields).await;
    let place = begun.expect(302).header("location").to_owned();
    assert!(place.starts_with("/hub/admin/errand?id="), "{place}");
    let page = get(&hub, &admin, &place).await.expect(200);
    for expected in [
        "<h1>Start 3 servers</h1>",
        "of 3</p>",
        "data-refresh=\"3\"",
        "<noscript><p class=\"note note-page\">It goes on. <a id=\"look-again\"",
        "It goes on when you leave this page.",
    ] {
        assert!(page.body.contains(expected), "{expected}: {}", page.body);
    }
    let list = get(&hub, &admin, "/hub/admin").await.expect(200);
    assert!(list.body.contains("Start 3 servers</a>"), "{}", list.body);
    get(&hub, &alice, &place).await.expect(403);
    let errand = under_way(&hub).await.remove(0);
    drop(tx);
    assert!(errand.wait(LONG).await.ended.is_some());
    let page = get(&hub, &admin, &place).await.expect(200);
    for expected in [
        "Done: 2. Not done: 1.",
        "<li>ghost: Not Found</li>",
        "href=\"/hub/admin?sort=-name\"",
    ] {
        assert!(page.body.contains(expected), "{expected}: {}", page.body);
    }
    for gone in ["data-refresh", "look-again"] {
        assert!(!page.body.contains(gone), "{gone}: {}", page.body);
    }
    let list = get(&hub, &admin, "/hub/admin").await.expect(200);
    assert!(!list.body.contains("Under way"), "{}", list.body);
    get(&hub, &admin, "/hub/admin/errand?id=x")
        .await
        .expect(404);
    assert_eq!(state(&hub, "zoe", "").await, ServerState::Ready);
}

/// Another administrator's orders are theirs.
#[tokio::test]
async fn nobody_looks_at_the_orders_of_others() {
    let hub = with_scopes(&["admin-ui", "list:users"]).await;
    register(&hub, &["zoe"]).await;
    let (admin, alice) = (hub.log_in("admin").await, hub.log_in("alice").await);
    let tx = hub.state.db.write().await.unwrap();
    let order = [("action", "start"), ("user", "zoe")];
    let begun = post(&hub, &admin, "/hub/admin", &order).await.expect(302);
    get(&hub, &admin, begun.header("location"))
        .await
        .expect(200);
    let other = get(&hub, &alice, begun.header("location")).await;
    assert!(!other.expect(404).body.contains("Start 1"));
    let list = get(&hub, &alice, "/hub/admin").await.expect(200);
    assert!(!list.body.contains("Under way"), "{}", list.body);
    drop(tx);
    for errand in under_way(&hub).await {
        assert!(errand.wait(LONG).await.ended.is_some());
    }
    hub.state.manager.idle().await;
}

#[tokio::test]
async fn a_hub_that_ends_begins_nothing_more() {
    let hub = Hub::start().await;
    register(&hub, &["zoe"]).await;
    let admin = hub.log_in("admin").await;
    hub.state.shutdown.cancel();
    let order = [("action", "start"), ("user", "zoe"), ("user", "bob")];
    let page = post(&hub, &admin, "/hub/admin", &order).await.expect(503);
    assert!(page.body.contains("shutting down"), "{}", page.body);
    let add = post(&hub, &admin, "/hub/admin/add-users", &[("names", "wash")]).await;
    add.expect(503);
    assert!(hub.spawner.starts().is_empty() && !exists(&hub, "wash").await);
}

/// An order is worth what who gave it may: when they are gone, it ends.
#[tokio::test]
async fn an_order_ends_with_the_right_to_give_it() {
    let hub = with_scopes(&["admin-ui", "list:users", "start:servers"]).await;
    let names: Vec<String> = (0..70).map(|n| format!("student-{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    register(&hub, &names).await;
    let alice = hub.log_in("alice").await;
    let giver = owner(&hub, "alice").await;
    let tx = hub.state.db.write().await.unwrap();
    let mut order = vec![("action", "start")];
    order.extend(names.iter().map(|name| ("user", *name)));
    post(&hub, &alice, "/hub/admin", &order).await.expect(302);
    let errand = hub.state.errands.under_way(&giver).remove(0);
    stored::delete(&tx, giver.user().unwrap().id).await.unwrap();
    tx.commit_and_tell(&hub.state.bus, [Event::Identities])
        .await
        .unwrap();
    let report = errand.wait(LONG).await;
    assert!(report.ended.is_some(), "{report:?}");
    assert_eq!((report.done, report.refused.len()), (16, 54), "{report:?}");
    assert_eq!(report.refused[0].status, 403);
    hub.state.manager.idle().await;
    assert_eq!(hub.spawner.running(), 16);
}

/// "Stop 2 servers?" stops these two, whatever has started meanwhile.
#[tokio::test]
async fn what_was_asked_is_what_is_done() {
    let hub = Hub::start().await;
    register(&hub, &["zoe", "wash", "kaylee"]).await;
    let admin = hub.log_in("admin").await;
    let send = async |fields: &[(&str, &str)]| post(&hub, &admin, "/hub/admin", fields).await;
    let both = [("action", "start"), ("user", "zoe"), ("user", "wash")];
    send(&both).await.expect(302);
    assert_eq!(state(&hub, "wash", "").await, ServerState::Ready);
    let asked = send(&[("all", "stop")]).await.expect(200);
    assert!(asked.body.contains("Stop 2 servers?"), "{}", asked.body);
    send(&[("action", "start"), ("user", "kaylee")])
        .await
        .expect(302);
    send(&[("action", "stop"), ("user", "wash")])
        .await
        .expect(302);
    assert_eq!(state(&hub, "kaylee", "").await, ServerState::Ready);
    let answer = hidden(&asked);
    let answer: Vec<(&str, &str)> = answer.iter().map(|(a, b)| (&**a, &**b)).collect();
    send(&answer).await.expect(302);
    assert_eq!(state(&hub, "zoe", "").await, ServerState::Stopped);
    assert_eq!(state(&hub, "kaylee", "").await, ServerState::Ready);
    // What says that it was confirmed, but not what, is asked.
    let vague = send(&[("all", "stop"), ("confirmed", "yes")]).await;
    assert!(vague.expect(200).body.contains("Stop 1 server?"));
    assert_eq!(state(&hub, "kaylee", "").await, ServerState::Ready);
    for these in ["x", "1.-1", "ffffffffff"] {
        send(&[("all", "stop"), ("confirmed", "yes"), ("these", these)])
            .await
            .expect(400);
    }
    // And of starts: who has come since was not in the question.
    let asked = post(
        &hub,
        &admin,
        "/hub/admin?name_filter=a",
        &[("all", "start")],
    )
    .await;
    let answer = hidden(&asked.expect(200));
    register(&hub, &["maya"]).await;
    let answer: Vec<(&str, &str)> = answer.iter().map(|(a, b)| (&**a, &**b)).collect();
    send(&answer).await.expect(302);
    assert_eq!(state(&hub, "wash", "").await, ServerState::Ready);
    assert_eq!(state(&hub, "maya", "").await, ServerState::Stopped);
    assert_eq!(state(&hub, "zoe", "").await, ServerState::Stopped);
}

/// Numbers of others in a confirmed form reach nobody.
#[tokio::test]
async fn a_form_names_no_server_out_of_reach() {
    let hub = with_scopes(&[
        "admin-ui",
        "list:users!group=lab",
        "read:servers!group=lab",
        "start:servers!group=lab",
        "delete:servers!group=lab",
    ])
    .await;
    register(&hub, &["zoe"]).await;
    let (admin, alice) = (hub.log_in("admin").await, hub.log_in("alice").await);
    let both = [("action", "start"), ("user", "zoe"), ("user", "bob")];
    post(&hub, &admin, "/hub/admin", &both).await.expect(302);
    assert_eq!(state(&hub, "zoe", "").await, ServerState::Ready);
    assert_eq!(state(&hub, "bob", "").await, ServerState::Ready);
    let asked = post(&hub, &admin, "/hub/admin", &[("all", "stop")]).await;
    let answer = hidden(&asked.expect(200));
    let answer: Vec<(&str, &str)> = answer.iter().map(|(a, b)| (&**a, &**b)).collect();
    post(&hub, &alice, "/hub/admin", &answer).await.expect(302);
    assert_eq!(state(&hub, "zoe", "").await, ServerState::Ready);
    assert_eq!(state(&hub, "bob", "").await, ServerState::Stopped);
    let all: String = (0..500).map(|_| "1.").collect();
    for all_of in ["start", "stop"] {
        let order = [("all", all_of), ("these", &*all)];
        let asked = post(&hub, &alice, "/hub/admin", &order).await.expect(200);
        assert!(!asked.body.contains("zoe"), "{all_of}: {}", asked.body);
    }
    confirm(&hub, &alice, "/hub/admin", &[("all", "start")])
        .await
        .expect(302);
    assert_eq!(state(&hub, "bob", "").await, ServerState::Ready);
}
