//! What a sweep reads, and which servers it stops.

use chrono::TimeDelta;
use serde_json::json;

use crate::fake_hub::{Answer, FakeHub, ago, idle, user};

#[tokio::test]
async fn idle_servers_are_stopped_and_busy_ones_left() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(700))]))
        .user(user("bob", 0, &[("", idle(5))]))
        .user(user("carol", 0, &[("", idle(5)), ("gpu", idle(900))]));
    let summary = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!(hub.deleted(), ["alice/server", "carol/servers/gpu"]);
    assert_eq!(
        (summary.servers, summary.servers_culled, summary.failed),
        (4, 2, 0)
    );
    let again = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!(again.servers_culled, 0, "nothing is left to stop");
}

#[tokio::test]
async fn the_requests_are_those_of_the_python_culler() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(700))]))
        .user(user("bob", 0, &[("", idle(700))]));
    hub.sweep(&["--timeout=600", "--api-page-size=1"])
        .await
        .unwrap();
    assert_eq!(
        hub.lines("GET"),
        [
            "GET /",
            "GET /users?state=ready&limit=1",
            "GET /users?offset=1&limit=1&state=ready"
        ]
    );
    for seen in hub.seen() {
        assert_eq!(seen.headers["authorization"], "token cull-secret");
        assert_eq!(seen.body, "");
    }
}

#[tokio::test]
async fn all_pages_are_read_although_stopping_shortens_the_list() {
    let mut hub = FakeHub::start().await.page_size(3);
    for n in 0..20 {
        hub = hub.user(user(&format!("u{n:02}"), 0, &[("", idle(700))]));
    }
    let summary = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!(summary.servers_culled, 20);
    assert_eq!(hub.lines("GET").len(), 1 + 7);
}

#[tokio::test]
async fn case_110_a_stop_carries_the_activity_that_was_read() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(700))]))
        .user(user("bob", 0, &[("", idle(700)), ("gpu", idle(700))]))
        .awaken_before_delete("bob/servers/gpu");
    let summary = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!(
        (
            summary.servers_culled,
            summary.became_active,
            summary.failed
        ),
        (2, 1, 0)
    );
    for seen in hub
        .seen()
        .iter()
        .filter(|seen| seen.line.starts_with("DELETE"))
    {
        assert!(
            seen.headers["x-jupyterhub-if-inactive-since"]
                .to_str()
                .unwrap()
                .ends_with('Z')
        );
    }
}

#[tokio::test]
async fn too_old_goes_without_a_condition() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(5))]))
        .awaken_before_delete("alice/server");
    let summary = hub
        .sweep(&["--timeout=600", "--max-age=80000"])
        .await
        .unwrap();
    assert_eq!(summary.servers_culled, 1);
    let delete = hub
        .seen()
        .into_iter()
        .find(|seen| seen.line.starts_with("DELETE"))
        .unwrap();
    assert!(
        !delete
            .headers
            .contains_key("x-jupyterhub-if-inactive-since")
    );
}

#[tokio::test]
async fn case_110_facts_that_grew_old_are_read_again() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(700))]))
        .answer(
            "GET /users/bob",
            Answer::Status(200, r#"{"name": "bob", "servers": {}}"#),
        )
        .user(user("bob", 0, &[("", idle(700))]))
        .answer("GET /users/carol", Answer::Status(404, ""))
        .user(user("carol", 0, &[("", idle(700))]));
    let sweeper = hub
        .sweeper(&["--timeout=600"])
        .stale_after(std::time::Duration::ZERO);
    let summary = sweeper.sweep(sweeper.era().await.unwrap()).await.unwrap();
    assert_eq!(hub.deleted(), ["alice/server"]);
    assert_eq!((summary.servers_culled, summary.failed), (1, 0));
}

#[tokio::test]
async fn case_105_bad_data_keeps_a_server_and_no_other() {
    let server = |key: &str, value: serde_json::Value| {
        let mut server = idle(9_000);
        server[key] = value;
        server
    };
    let hub = FakeHub::start()
        .await
        .user(user(
            "pending",
            0,
            &[("", server("pending", json!("stop")))],
        ))
        .user(user(
            "notready",
            0,
            &[("", server("ready", json!(false))), ("x", idle(1))],
        ))
        .user(user(
            "null",
            0,
            &[("", server("last_activity", json!(null)))],
        ))
        .user(user(
            "nothing",
            0,
            &[(
                "",
                json!({"ready": true, "last_activity": null, "started": null}),
            )],
        ))
        .user(user(
            "absent",
            0,
            &[("", json!({"ready": true, "started": ago(9_000)}))],
        ))
        .user(user(
            "junk",
            0,
            &[("", server("last_activity", json!("yesterday")))],
        ))
        .user(user(
            "future",
            0,
            &[("", server("last_activity", json!("2100-01-01T00:00:00Z")))],
        ))
        .user(user(
            "restarted",
            0,
            &[("", server("started", json!(ago(3))))],
        ))
        .user(user(
            "naive",
            0,
            &[(
                "",
                server("last_activity", json!(ago(9_000).replace('Z', ""))),
            )],
        ))
        .user(json!({"no": "name"}))
        .user(json!({"name": "blind"}))
        .user(user("idle", 0, &[("", idle(700))]));
    let summary = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!(
        hub.deleted(),
        ["idle/server", "naive/server", "null/server"]
    );
    assert_eq!(summary.suspicious, 6, "{summary}");
    assert!(
        summary
            .to_string()
            .contains("6 kept because of missing or odd data")
    );
}

#[tokio::test]
async fn bare_lists_of_old_hubs() {
    for version in ["1.2.2", "0.9.6"] {
        let hub = FakeHub::start()
            .await
            .version(version)
            .without_pages()
            .user(user("alice", 0, &[("", idle(700))]))
            .user(user("bob", 0, &[]));
        hub.sweep(&["--timeout=600"]).await.unwrap();
        assert_eq!(hub.deleted(), ["alice/server"], "{version}");
        assert_eq!(hub.lines("GET"), ["GET /", "GET /users?limit=200"]);
    }
}

#[tokio::test]
async fn the_one_server_of_jupyterhub_0_8() {
    let one = |name: &str, server: serde_json::Value, seconds: i64| json!({"name": name, "server": server, "pending": null, "last_activity": ago(seconds).replace('Z', "")});
    let hub = FakeHub::start()
        .await
        .version("0.8.1")
        .without_pages()
        .user(one("alice", json!("/user/alice/"), 700))
        .user(one("bob", json!("/user/bob/"), 5))
        .user(one("carol", json!(null), 700));
    hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!(hub.deleted(), ["alice/server"]);
}

#[tokio::test]
async fn case_104_names_are_escaped() {
    let hub = FakeHub::start()
        .await
        .user(user("victim", 0, &[("", idle(5))]))
        .user(user("victim?x", 0, &[("", idle(700))]))
        .user(user("victim#x", 0, &[("", idle(700))]))
        .user(user("a/b", 0, &[("", idle(700))]))
        .user(user("%2e%2e", 0, &[("", idle(700))]))
        .user(user("..", 0, &[("", idle(700))]))
        .user(user("a b", 0, &[("", idle(700))]));
    let summary = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!(
        hub.deleted(),
        [
            "%252e%252e/server",
            "a%20b/server",
            "a%2Fb/server",
            "victim%23x/server",
            "victim%3Fx/server"
        ]
    );
    assert_eq!(
        (summary.servers_culled, summary.suspicious, summary.failed),
        (5, 1, 0)
    );
}

#[tokio::test]
async fn named_servers_can_be_removed() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(700)), ("gpu", idle(700))]));
    hub.sweep(&["--timeout=600", "--remove-named-servers"])
        .await
        .unwrap();
    for seen in hub.seen() {
        let remove = seen.line.ends_with("/servers/gpu");
        assert_eq!(
            seen.body,
            if remove { r#"{"remove":true}"# } else { "" },
            "{}",
            seen.line
        );
    }
}

#[tokio::test]
async fn a_dry_run_sends_nothing() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 700, &[("", idle(700))]));
    let summary = hub
        .sweep(&["--timeout=600", "--cull-users", "--dry-run"])
        .await
        .unwrap();
    assert_eq!((summary.servers_culled, summary.users_culled), (1, 1));
    assert_eq!(
        summary.to_string(),
        "1 of 1 servers would be culled, 1 of 1 users would be culled"
    );
    assert_eq!(hub.lines("DELETE"), [""; 0]);
}

#[tokio::test]
async fn case_107_idle_time_is_measured_with_the_hubs_clock() {
    // The hub is ten minutes ahead: what it calls "20 minutes ago" is only ten minutes ago by our clock.
    let ahead = FakeHub::start()
        .await
        .clock_ahead(TimeDelta::minutes(10))
        .user(user("alice", 0, &[("", idle(600))]))
        .user(user("bob", 0, &[("", idle(-600))]));
    ahead.sweep(&["--timeout=1000"]).await.unwrap();
    assert_eq!(ahead.deleted(), ["alice/server"]);
    // Ten minutes behind: what looks like 20 minutes to us is ten by the hub's clock.
    let behind = FakeHub::start()
        .await
        .clock_ahead(TimeDelta::minutes(-10))
        .user(user("alice", 0, &[("", idle(1_200))]));
    behind.sweep(&["--timeout=1000"]).await.unwrap();
    assert_eq!(behind.deleted(), [""; 0]);
}

#[tokio::test]
async fn case_107_nothing_is_culled_when_a_clock_is_plainly_wrong() {
    for ahead in [
        TimeDelta::days(1),
        TimeDelta::days(-1),
        TimeDelta::days(3650),
    ] {
        let hub = FakeHub::start().await.clock_ahead(ahead).user(user(
            "alice",
            0,
            &[("", idle(100_000))],
        ));
        let error = hub.sweep(&["--timeout=600"]).await.unwrap_err().to_string();
        assert!(error.contains("clock"), "{error}");
        assert_eq!(hub.deleted(), [""; 0]);
    }
    let hub = FakeHub::start().await.without_date();
    let error = hub.sweep(&[]).await.unwrap_err().to_string();
    assert!(error.contains("no Date header"), "{error}");
}
