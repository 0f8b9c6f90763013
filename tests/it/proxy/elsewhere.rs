//! Case 83: whoever answers with a redirect leads neither the proxy nor the SDK elsewhere.

use hubauth::{HubClient, Token};
use tokio::io::AsyncWriteExt as _;

use super::acting::{Target, head};
use super::door::Door;
use super::judge::Tally;
use super::recorder::Recorder;
use super::wire;

/// Answers everything with a redirect to `to`.
async fn redirecting(to: String) -> Target {
    Target::start(move |mut stream| {
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        async move {
            while head(&mut stream).await.is_some() {
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn case_83_the_proxy_is_not_led_elsewhere() {
    let elsewhere = Recorder::named("elsewhere").await;
    let leading = redirecting(format!("{}/secret", elsewhere.url())).await;
    let error_target = leading.url();
    let mut tally = Tally::new("case 83".to_owned());
    for door in Door::both(&["--error-target", &error_target]).await {
        door.route("/leading", &leading.url()).await;
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n";
        for (name, path, lines, wanted) in [
            ("a target", "/leading/x", "Connection: close\r\n", 302),
            ("a WebSocket's target", "/leading/x", upgrade, 302),
            ("the error target", "/none", "Connection: close\r\n", 404),
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
            let status = wire::ask(door.public, request.as_bytes()).await.status();
            let followed = elsewhere.take();
            let verdict = match (status, followed.is_empty()) {
                (status, true) if status == wanted => Ok(()),
                (status, true) => Err(format!("answered {status}")),
                (_, false) => Err("followed".to_owned()),
            };
            tally.add(door.kind, name, verdict, "");
        }
        // Which the client gets to see, and may follow.
        let error = b"GET /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        let answer = wire::ask(door.public, error).await;
        let verdict = match answer.header("location") {
            None => Ok(()),
            Some(to) => Err(format!("sends clients to {to}")),
        };
        tally.add(door.kind, "an error is no redirect", verdict, "");
    }
    tally.close("proxy-case-83");
}

#[tokio::test]
async fn case_83_the_sdk_is_not_led_elsewhere() {
    let elsewhere = Recorder::named("elsewhere").await;
    let leading = redirecting(format!("{}/hub/api/users/a", elsewhere.url())).await;
    let client = HubClient::new(
        format!("{}/hub/api", leading.url()),
        Token::from_config("a-secret-token"),
    );
    let client = client.expect("a client");
    let answer = client.user("a").await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(elsewhere.take(), Vec::<Vec<u8>>::new());
}
