//! Ten external services that do not answer: the hub does not wait for any of them.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use e2e::Stack;

/// Five that take connections and say nothing, and five at addresses that lead nowhere (RFC 5737).
fn dead_services() -> (Vec<TcpListener>, String) {
    let silent: Vec<TcpListener> = (0..5)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
        .collect();
    let heard = silent
        .iter()
        .map(|listener| listener.local_addr().expect("bound").to_string());
    let nowhere = (1..=5).map(|host| format!("192.0.2.{host}:9"));
    let config = heard
        .chain(nowhere)
        .enumerate()
        .map(|(number, address)| {
            format!(
                "[[JupyterHub.services]]\nname = \"dead-{number}\"\nurl = \"http://{address}\"\napi_token = \"token-of-dead-{number}\"\n"
            )
        })
        .collect();
    (silent, config)
}

/// From the hub's start until it serves its login page.
async fn login_page() -> (Stack, Duration, Vec<TcpListener>) {
    let (silent, config) = dead_services();
    let begin = Instant::now();
    let stack = Stack::builder().config(&config).start().await;
    stack.client().get("hub/login").await.expect(200);
    (stack, begin.elapsed(), silent)
}

#[tokio::test]
async fn case_102_nobody_waits_for_services_that_are_away() {
    let (stack, took, _silent) = login_page().await;
    // Each is given 30 s, and until those are over nothing is said of it: the login page was there before.
    assert!(
        !stack.log().contains("does not answer after"),
        "{}",
        stack.log()
    );
    assert!(took < Duration::from_secs(25), "{took:?}");
    for number in 0..10 {
        let reply = stack.api().get(&format!("/services/dead-{number}")).await;
        let model = reply.expect(200).json();
        assert_eq!(model["status"], "external", "{model:#}");
        assert_ne!(model["answers"], true, "{model:#}");
    }
}

/// As people feel it; on a machine that has nothing else to do.
#[tokio::test]
#[ignore = "measures time: tests/run --slow"]
async fn case_102_the_login_page_is_there_within_two_seconds() {
    let (_stack, took, _silent) = login_page().await;
    println!("login page after {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
