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
async fn case_108_one_failure_does_not_stop_the_others() {
    let hub = many(1_000)
        .await
        .answer(
            "DELETE /users/u003/server",
            Answer::Status(500, r#"{"status": 500, "message": "no"}"#),
        )
        .answer("DELETE /users/u007/server", Answer::Status(202, ""))
        .answer("DELETE /users/u011/server", Answer::Status(403, "{}"))
        .answer("DELETE /users/u013/server", Answer::Lost)
        .answer("DELETE /users/u017", Answer::Status(500, "{}"));
    let flags = ["--timeout=600", "--cull-users"];
    let summary = hub.sweep(&flags).await.unwrap();
    let all = (
        summary.servers_culled,
        summary.users_culled,
        summary.failed,
        summary.still_stopping,
    );
    assert_eq!(all, (996, 995, 4, 1));
    // The next sweep tries again what failed, and only that.
    let hub = hub
        .answer("DELETE /users/u003/server", Answer::Busy(0))
        .answer("DELETE /users/u007/server", Answer::Busy(0))
        .answer("DELETE /users/u011/server", Answer::Busy(0))
        .answer("DELETE /users/u017", Answer::Busy(0));
    let before = hub.lines("DELETE").len();
    let summary = hub.sweep(&flags).await.unwrap();
    assert_eq!((summary.servers_culled, summary.failed), (3, 0));
    assert_eq!(summary.users_culled, 3, "whose servers went just now");
    assert_eq!(hub.lines("DELETE").len() - before, 6);
    let left = hub.users();
    let mut left: Vec<_> = left.iter().map(|user| user["name"].as_str()).collect();
    left.sort_unstable();
    assert_eq!(
        left,
        [Some("u013"), Some("u017")],
        "stopping counted as their activity: they are idle from then on"
    );
}

/// Many users on many pages, few of them idle; a busy hub; a culler that is ended in the middle, and another one.
#[tokio::test]
async fn case_109_ten_thousand_users() {
    let mut hub = FakeHub::start().await.page_size(200);
    for n in 0..10_000 {
        let seconds = if n % 40 == 0 { 900 } else { 5 };
        hub = hub.user(user(&format!("u{n}"), seconds, &[("", idle(seconds))]));
    }
    let hub = hub
        .answer("GET /users", Answer::Busy(2))
        .answer("DELETE /users/u80/server", Answer::Busy(1))
        .closed();
    let culler = hub.clone();
    let sweep = tokio::spawn(async move { culler.sweep(&["--timeout=600"]).await });
    hub.until("ten stops are under way", || {
        hub.lines("DELETE").len() >= 10
    })
    .await;
    assert_eq!(hub.most_at_once(), 10);
    sweep.abort();
    hub.open();
    let summary = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!(summary.failed, 0);
    assert_eq!(hub.most_at_once(), 10, "bounded all the time");
    let running = hub.users();
    let running = running
        .iter()
        .filter(|user| user["servers"][""].is_object());
    assert_eq!(
        running.count(),
        9_750,
        "each idle server was stopped, no other"
    );
    let again = hub.sweep(&["--timeout=600"]).await.unwrap();
    assert_eq!((again.servers, again.servers_culled), (9_750, 0));
}

#[tokio::test]
async fn case_109_requests_under_way_are_bounded_over_all_users() {
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
async fn case_109_a_busy_hub_is_given_time() {
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
async fn case_108_a_server_that_hangs_costs_one_time_out() {
    let hub = many(20)
        .await
        .answer("DELETE /users/u000/server", Answer::Hang);
    let culler = hub.clone();
    let sweep = tokio::spawn(async move {
        let flags = ["--timeout=600", "--concurrency=2"];
        culler.sweep(&flags).await.unwrap()
    });
    hub.until("all others have their turn", || {
        hub.lines("DELETE").len() == 20
    })
    .await;
    hub.serve_others().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    let summary = sweep.await.unwrap();
    assert_eq!((summary.servers_culled, summary.failed), (19, 1));
}

#[tokio::test]
async fn case_108_nothing_is_stopped_on_half_a_list() {
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
