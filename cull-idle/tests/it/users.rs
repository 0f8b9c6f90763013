//! Deleting users: only with `--cull-users`, and never while a server of theirs lives.

use serde_json::json;

use crate::fake_hub::{Answer, FakeHub, ago, idle, user};

#[tokio::test]
async fn idle_users_go_after_their_servers() {
    let mut admin = user("admin", 900, &[]);
    admin["admin"] = json!(true);
    let hub = FakeHub::start()
        .await
        .user(user("gone", 900, &[]))
        .user(user("both", 900, &[("", idle(900)), ("gpu", idle(900))]))
        .user(user("half", 900, &[("", idle(900)), ("gpu", idle(1))]))
        .user(user("here", 1, &[]))
        .user(admin);
    let flags = ["--timeout=600", "--cull-users", "--cull-admin-users=false"];
    let summary = hub.sweep(&flags).await.unwrap();
    assert_eq!(
        hub.deleted(),
        [
            "both",
            "both/server",
            "both/servers/gpu",
            "gone",
            "half/server"
        ]
    );
    assert_eq!((summary.servers_culled, summary.users_culled), (3, 2));
    let reads = hub.lines("GET");
    assert_eq!(
        &reads[..3],
        [
            "GET /",
            "GET /users?state=inactive&limit=200",
            "GET /users?state=ready&limit=200"
        ]
    );
    assert_eq!(
        reads.len(),
        6,
        "and one look before each deletion, two when servers are stopped for it"
    );
    let order = hub.lines("DELETE");
    assert_eq!(
        order
            .iter()
            .rfind(|line| line.contains(" /users/both"))
            .unwrap(),
        "DELETE /users/both"
    );
}

#[tokio::test]
async fn case_108_a_user_stays_while_a_stop_is_incomplete() {
    for answer in [
        Answer::Status(202, ""),
        Answer::Status(500, "{}"),
        Answer::Status(404, "{}"),
        Answer::Status(412, "{}"),
        Answer::Broken,
    ] {
        let hub = FakeHub::start()
            .await
            .user(user("alice", 900, &[("", idle(900))]))
            .answer("DELETE /users/alice/server", answer.clone());
        let summary = hub.sweep(&["--timeout=600", "--cull-users"]).await.unwrap();
        assert_eq!(hub.deleted(), ["alice/server"], "{answer:?}");
        assert_eq!(summary.users_culled, 0, "{answer:?}");
    }
}

#[tokio::test]
async fn case_110_a_user_who_comes_back_stays() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 900, &[]))
        .user(user("bob", 900, &[]))
        .awaken_before_delete("alice");
    let summary = hub.sweep(&["--timeout=600", "--cull-users"]).await.unwrap();
    assert_eq!((summary.users_culled, summary.became_active), (1, 1));
}

#[tokio::test]
async fn one_more_look_before_a_deletion() {
    for (servers, deleted) in [
        (r#"{"": {"ready": false, "pending": "spawn"}}"#, false),
        (r#"{"gpu": {"ready": true}}"#, false),
        ("null", false),
        ("{}", true),
    ] {
        let (created, seen) = (ago(9_000), ago(800));
        let now = format!(
            r#"{{"name": "alice", "created": "{created}", "last_activity": "{seen}", "servers": {servers}}}"#
        );
        let hub = FakeHub::start()
            .await
            .user(user("alice", 900, &[]))
            .answer("GET /users/alice", Answer::Status(200, now.leak()));
        let summary = hub.sweep(&["--timeout=600", "--cull-users"]).await.unwrap();
        assert_eq!(summary.users_culled, usize::from(deleted), "{servers}");
        assert_eq!(summary.became_active, usize::from(!deleted), "{servers}");
    }
    let fresh = format!(
        r#"{{"name": "bob", "created": "{}", "last_activity": "{}", "servers": {{}}}}"#,
        ago(9_000),
        ago(1)
    );
    let hub = FakeHub::start()
        .await
        .user(user("bob", 900, &[]))
        .answer("GET /users/bob", Answer::Status(200, fresh.leak()));
    let summary = hub.sweep(&["--timeout=600", "--cull-users"]).await.unwrap();
    assert_eq!((summary.users_culled, summary.became_active), (0, 1));
}

#[tokio::test]
async fn users_whose_servers_are_not_told_stay() {
    let blind = json!({"name": "alice", "admin": false, "created": ago(9_000), "last_activity": ago(9_000)});
    let hub = FakeHub::start().await.user(blind);
    let summary = hub.sweep(&["--timeout=600", "--cull-users"]).await.unwrap();
    assert_eq!(hub.deleted(), [""; 0]);
    assert_eq!(summary.suspicious, 1);
}

#[tokio::test]
async fn case_104_exactly_that_user_is_deleted() {
    let hub = FakeHub::start()
        .await
        .user(user("victim", 5, &[]))
        .user(user("victim?x", 900, &[]))
        .user(user("victim#x", 900, &[]))
        .user(user("a/b", 900, &[]))
        .user(user("%2e%2e", 900, &[]))
        .user(user("..", 900, &[]));
    let summary = hub.sweep(&["--timeout=600", "--cull-users"]).await.unwrap();
    assert_eq!(
        hub.deleted(),
        ["%252e%252e", "a%2Fb", "victim%23x", "victim%3Fx"]
    );
    assert_eq!(summary.users_culled, 4);
    let left = hub.users();
    let left: Vec<_> = left.iter().map(|user| &user["name"]).collect();
    assert_eq!(left, ["victim", ".."]);
}

/// Stopping a server counts as activity of its user, so whether they came back has to be seen before.
#[tokio::test]
async fn case_110_a_user_who_comes_back_before_their_turn_stays() {
    let hub = FakeHub::start()
        .await
        .without_conditions()
        .user(user("alice", 900, &[("", idle(900))]))
        .awaken_before_delete("alice");
    let summary = hub.sweep(&["--timeout=600", "--cull-users"]).await.unwrap();
    assert_eq!((summary.servers_culled, summary.users_culled), (1, 0));
    assert_eq!(hub.deleted(), ["alice/server"]);
}
