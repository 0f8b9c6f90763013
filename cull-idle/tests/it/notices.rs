//! With a notice period users can know before a server of theirs is stopped.

use chrono::TimeDelta;

use crate::fake_hub::{Answer, FakeHub, idle, user};

const FLAGS: [&str; 2] = ["--timeout=600", "--notice=120"];

async fn hub() -> FakeHub {
    FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(590))]))
        .user(user("bob", 0, &[("", idle(5))]))
}

#[tokio::test]
async fn a_stop_is_announced_waited_for_and_done() {
    let hub = hub().await;
    let summary = hub.sweep(&FLAGS).await.unwrap();
    assert_eq!((summary.announced, summary.servers_culled), (1, 0));
    assert_eq!(
        summary.to_string(),
        "0 of 2 servers culled, 1 announced to be stopped"
    );
    assert_eq!(hub.lines("PUT"), ["PUT /users/alice/server/stop-notice"]);
    let seen = hub.seen();
    let told = seen
        .iter()
        .find(|seen| seen.line.starts_with("PUT"))
        .unwrap();
    assert!(told.headers.contains_key("x-jupyterhub-if-inactive-since"));
    assert!(
        told.body.contains("inactive for 9 min (limit 10 min)"),
        "{}",
        told.body
    );
    // A minute later it is not over; three minutes later it is.
    let hub = hub.clock_ahead(TimeDelta::seconds(60));
    hub.sweep(&FLAGS).await.unwrap();
    assert_eq!((hub.lines("PUT").len(), hub.lines("DELETE").len()), (1, 0));
    let hub = hub.clock_ahead(TimeDelta::seconds(180));
    let summary = hub.sweep(&FLAGS).await.unwrap();
    assert_eq!((summary.announced, summary.servers_culled), (0, 1));
    assert_eq!(hub.deleted(), ["alice/server"]);
}

#[tokio::test]
async fn a_hub_that_cannot_show_notices_is_named_and_nothing_is_stopped() {
    let hub = hub().await.without_notices();
    let hub = hub.clock_ahead(TimeDelta::seconds(180));
    let summary = hub.sweep(&FLAGS).await.unwrap();
    assert_eq!((summary.announced, summary.failed), (0, 1));
    assert_eq!(hub.deleted(), [""; 0]);
}

#[tokio::test]
async fn whoever_comes_back_is_not_told() {
    let hub = hub().await.answer(
        "PUT /users/alice/server/stop-notice",
        Answer::Status(412, "{}"),
    );
    let summary = hub.sweep(&FLAGS).await.unwrap();
    assert_eq!(
        (summary.announced, summary.became_active, summary.failed),
        (0, 1, 0)
    );
    let rehearsal = hub
        .sweep(&["--timeout=600", "--notice=120", "--dry-run"])
        .await;
    assert_eq!(rehearsal.unwrap().servers_culled, 0);
    assert_eq!(hub.lines("PUT").len(), 1, "a rehearsal tells nobody");
}
