//! A kept connection to a target that had died by the time it was used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Target, TestProxy, fetch, full};

/// A server that answers the first request of its first connection, then does `then` with the second, and answers
/// everything on later connections. Counts requests.
async fn dying(then: &'static [u8]) -> (Target, Arc<AtomicUsize>) {
    let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = requests.clone();
    let target = Target::accepting(move |mut stream| {
        let first = connections.fetch_add(1, Ordering::SeqCst) == 0;
        let count = count.clone();
        async move {
            let mut space = [0; 4096];
            let mut answered = 0;
            while let Ok(1..) = stream.read(&mut space).await {
                count.fetch_add(1, Ordering::SeqCst);
                if first && answered == 1 {
                    let _ = stream.write_all(then).await;
                    return;
                }
                answered += 1;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (target, requests)
}

async fn ask(proxy: &TestProxy, method: &str, body: &'static str) -> u16 {
    let request = Request::builder()
        .method(method)
        .uri("/")
        .header("host", "h")
        .body(full(body))
        .unwrap();
    fetch(proxy.public, request).await.status.as_u16()
}

#[tokio::test]
async fn only_what_may_be_repeated_is() {
    for (method, body, then, status, requests) in [
        ("GET", "", &b""[..], 200, 3),
        ("DELETE", "", b"", 200, 3),
        ("POST", "", b"", 503, 2),
        ("PUT", "data", b"", 503, 2),
        // A byte of the answer: the target has seen the request.
        ("GET", "", b"H", 503, 2),
    ] {
        let (target, count) = dying(then).await;
        let proxy = TestProxy::with_route("/", &target).await;
        assert_eq!(ask(&proxy, "GET", "").await, 200);
        assert_eq!(ask(&proxy, method, body).await, status, "{method} {then:?}");
        assert_eq!(count.load(Ordering::SeqCst), requests, "{method} {then:?}");
    }
}

#[tokio::test]
async fn a_new_connection_that_dies_is_an_error() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let target = Target::accepting(move |mut stream| {
        let seen = seen.clone();
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            seen.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    assert_eq!(ask(&proxy, "GET", "").await, 503);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
