//! When the hub fails: nobody's failure stops another's turn, and nothing is stopped on half a list.

use std::time::Duration;

use crate::fake_hub::{Answer, FakeHub, idle, user};

async fn many(count: usize) -> FakeHub {
    let mut hub = FakeHub::start().await;
    for n in 0..count {
        hub = hub.user(user(&format!("u{n:03}"), 900, &[("", idle(900))]));
    }
    hub
}

#[tokio::test]
async fn one_failure_does_not_stop_the_others() {
    let hub = many(40)
        .await
        .answer(
            "DELETE /users/u003/server",
            Answer::Status(500, r#"{"status": 500, "message": "no"}"#),
        )
        .answer("DELETE /users/u007/server", Answer::Status(202, ""))
        .answer("DELETE /users/u011/server", Answer::Status(403, "{}"));
    let summary = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!(
        (
            summary.servers_culled,
            summary.failed,
            summary.still_stopping
        ),
        (37, 2, 1)
    );
    assert_eq!(hub.deleted().len(), 40);
}

#[tokio::test]
async fn requests_under_way_are_bounded_over_all_users() {
    for (flag, most) in [("--concurrency=1", 1), ("--concurrency=4", 4)] {
        let servers = ["", "a", "b", "c"].map(|name| (name, idle(900)));
        let hub = many(30).await.user(user("multi", 0, &servers)).closed();
        let culler = hub.clone();
        let sweep =
            tokio::spawn(async move { culler.sweep(&["--timeout=600", flag]).await.unwrap() });
        let stops = || hub.lines("DELETE").len();
        hub.until("as many stops as may be", || stops() == most)
            .await;
        hub.serve_others().await;
        assert_eq!(stops(), most, "none more while those are under way");
        hub.open();
        assert_eq!(sweep.await.unwrap().servers_culled, 34);
    }
}

#[tokio::test]
async fn a_busy_hub_is_given_time() {
    let hub = many(3)
        .await
        .answer("DELETE /users/u001/server", Answer::Busy(2))
        .answer("GET /users", Answer::Busy(1));
    let summary = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!((summary.servers_culled, summary.failed), (3, 0));
    let hub = many(2)
        .await
        .answer("DELETE /users/u001/server", Answer::Busy(99));
    let summary = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!(
        (summary.servers_culled, summary.failed),
        (1, 1),
        "patience ends"
    );
}

#[tokio::test]
async fn a_server_that_hangs_costs_one_time_out() {
    let hub = many(20)
        .await
        .answer("DELETE /users/u000/server", Answer::Hang);
    let mut settings = hub.settings(&["--timeout=600", "--concurrency=2"]);
    settings.request_timeout = Duration::from_millis(300);
    let clock = std::sync::Arc::new(hub_types::clock::SystemClock);
    let sweeper = cull_idle::sweep::Sweeper::new(&settings, clock).unwrap();
    let summary = sweeper.sweep(sweeper.era().await.unwrap()).await.unwrap();
    assert_eq!((summary.servers_culled, summary.failed), (19, 1));
}

#[tokio::test]
async fn nothing_is_stopped_on_half_a_list() {
    for answer in [
        Answer::Status(500, "{}"),
        Answer::Status(403, r#"{"status": 403, "message": null}"#),
        Answer::Status(200, "<html>a login page</html>"),
        Answer::Status(302, ""),
        Answer::Broken,
    ] {
        let hub = many(2).await.answer("GET /users", answer.clone());
        let error = hub.sweep(&["--timeout=600"]).await.unwrap_err().to_string();
        assert!(
            !error.contains("cull-secret") && !error.contains("state="),
            "{error}"
        );
        assert_eq!(hub.deleted(), [""; 0], "{answer:?}");
    }
    let hub = many(2)
        .await
        .answer("GET /users", Answer::Status(403, "{}"));
    let error = hub.sweep(&[]).await.unwrap_err().to_string();
    assert!(error.contains("list:users"), "{error}");
}

#[tokio::test]
async fn a_hub_that_is_away_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("--url=http://{}/hub/api", listener.local_addr().unwrap());
    drop(listener);
    let error = FakeHub::start().await.sweep(&[&url]).await.unwrap_err();
    assert!(error.is_outage());
    assert!(
        error
            .to_string()
            .contains("cannot reach the hub at http://127.0.0.1:"),
        "{error}"
    );
}
