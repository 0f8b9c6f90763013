//! Ten external services that do not answer, a provider of logins that does not, a program that is not there: the hub waits for
//! none of them.

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

/// Whoever checks logins takes connections and says nothing, and servers would be a program that is not there.
#[tokio::test]
async fn case_102_nobody_waits_for_a_provider_or_a_program_that_is_away() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let provider = silent.local_addr().expect("bound");
    let config = format!(
        "
[JupyterHub]
authenticator_class = \"oidc\"
[oidc]
issuer = \"http://{provider}\"
client_id = \"hub\"
client_secret = \"the-hubs-secret\"
login_service = \"the ship\"
[Spawner]
cmd = [\"no-such-program\"]"
    );
    let begin = Instant::now();
    let stack = Stack::builder()
        .without_python()
        .config(&config)
        .start()
        .await;
    let page = stack.client().get("hub/login").await.expect(200);
    let took = begin.elapsed();
    assert!(page.body.contains("the ship"), "{}", page.body);
    // A request to the provider would be given 15 s.
    assert!(took < Duration::from_secs(14), "{took:?}");
    let log = stack.log();
    for said in ["no server can start", "no-such-program"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    // Who waits for the provider holds up nobody.
    let waiting = stack.client();
    let waiting = tokio::spawn(async move { waiting.get("hub/oauth_login").await.status });
    let asked = tokio::task::spawn_blocking(move || silent.accept());
    let _kept = asked.await.expect("no panic").expect("the hub asks");
    for _ in 0..20 {
        let begin = Instant::now();
        stack.client().get("hub/login").await.expect(200);
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
    waiting.abort();
}

/// As people feel it; on a machine that has nothing else to do.
#[tokio::test]
#[ignore = "measures time: tests/run --slow"]
async fn case_102_the_login_page_is_there_within_two_seconds() {
    let (_stack, took, _silent) = login_page().await;
    println!("login page after {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
