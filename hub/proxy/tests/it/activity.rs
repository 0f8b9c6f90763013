//! When a route counts as used: exactly configurable-http-proxy's rule.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Target, TestProxy, empty, eventually, fetch, full, get, nobody, send, soon};
use crate::streaming::fed;
use crate::websocket::{ask, echo, open};

/// Answers with the status that the path ends with.
async fn statuses() -> Target {
    Target::start(|request: Request<_>| async move {
        let status = request
            .uri()
            .path()
            .rsplit('/')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let _ = BodyExt::collect(request.into_body()).await;
        let body = if matches!(status, 204 | 304) {
            empty()
        } else {
            full("body")
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    })
    .await
}

#[tokio::test]
async fn plain_requests() {
    let target = statuses().await;
    let proxy = TestProxy::with_route("/r", &target).await;
    for (method, status, body, used) in [
        ("GET", 200, "", true),
        ("GET", 204, "", true),
        ("HEAD", 200, "", true),
        ("POST", 201, "", true),
        ("GET", 302, "", false),
        ("GET", 304, "", false),
        ("GET", 404, "", false),
        ("GET", 500, "", false),
        ("POST", 404, "", false),
        ("POST", 404, "x", true),
        ("POST", 302, "x", true),
        ("PUT", 500, "x", true),
        ("DELETE", 200, "x", true),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(format!("/r/{status}"))
            .header("host", "h");
        let request = request
            .body(if body.is_empty() { empty() } else { full(body) })
            .unwrap();
        let (reply, was_used) = proxy.uses("/r", fetch(proxy.public, request)).await;
        assert_eq!(
            (reply.status.as_u16(), was_used),
            (status, used),
            "{method} {status} {body:?}"
        );
    }
}

#[tokio::test]
async fn posting_the_route_counts_and_asking_for_it_does_not() {
    let target = statuses().await;
    let proxy = TestProxy::with_route("/r", &target).await;
    assert!(proxy.uses("/r", proxy.route("/r", &target.url())).await.1);
    assert!(
        !proxy
            .uses("/r", proxy.call("GET", "/api/routes/r", ""))
            .await
            .1
    );
    assert!(
        !proxy
            .uses("/r", proxy.route("/r/below", &target.url()))
            .await
            .1
    );
}

#[tokio::test]
async fn only_the_matched_route_counts() {
    let target = statuses().await;
    let proxy = TestProxy::with_route("/", &target).await;
    proxy.route("/r", &target.url()).await;
    assert!(!proxy.uses("/", proxy.get("/r/200")).await.1);
    assert!(!proxy.uses("/r", proxy.get("/x/200")).await.1);
    assert!(proxy.uses("/", proxy.get("/x/200")).await.1);
}

#[tokio::test]
async fn failures_do_not_count() {
    let proxy = TestProxy::start(&[]).await;
    proxy.route("/r", &nobody().await).await;
    assert!(!proxy.uses("/r", proxy.get("/r")).await.1);
}

#[tokio::test]
async fn a_download_counts_at_its_end_only() {
    let bodies = Arc::new(std::sync::Mutex::new(Vec::new()));
    let queue = bodies.clone();
    let target = Target::start(move |_| {
        let body = queue.lock().unwrap().pop().unwrap();
        async { Response::new(body) }
    })
    .await;
    let proxy = TestProxy::with_route("/r", &target).await;
    let (feed, body) = fed();
    bodies.lock().unwrap().push(body);
    let mut answer = send(proxy.public, get("/r")).await.into_body();
    let next = async {
        feed.send(Bytes::from_static(b"1")).await.unwrap();
        answer.frame().await.unwrap().unwrap()
    };
    assert!(!proxy.uses("/r", next).await.1);
    drop(feed);
    assert!(proxy.uses("/r", answer.collect()).await.1);

    let (feed, body) = fed();
    bodies.lock().unwrap().push(body);
    let mut answer = send(proxy.public, get("/r")).await.into_body();
    let abort = async {
        feed.send(Bytes::from_static(b"1")).await.unwrap();
        answer.frame().await.unwrap().unwrap();
        drop(answer);
        // The target has lost its reader once feeding fails.
        eventually("the download ends", || async {
            feed.send(Bytes::from_static(b"2")).await.is_err()
        })
        .await;
    };
    assert!(!proxy.uses("/r", abort).await.1);
}

#[tokio::test]
async fn an_upload_counts_chunk_by_chunk() {
    let target = statuses().await;
    let proxy = TestProxy::with_route("/r", &target).await;
    let (feed, body) = fed();
    let request = Request::post("/r/404")
        .header("host", "h")
        .body(body)
        .unwrap();
    let sending = tokio::spawn(fetch(proxy.public, request));
    for _ in 0..2 {
        proxy.clock.advance(chrono::TimeDelta::seconds(1));
        feed.send(Bytes::from_static(b"x")).await.unwrap();
        let now = hub_types::clock::Clock::now(&proxy.clock);
        eventually("the chunk counts", || async {
            proxy.last_activity("/r").await == now
        })
        .await;
    }
    let (_, used) = proxy
        .uses("/r", async {
            drop(feed);
            assert_eq!(sending.await.unwrap().status, 404);
        })
        .await;
    assert!(!used);
}

#[tokio::test]
async fn websockets_count_by_what_the_client_sends() {
    let target = echo().await;
    let proxy = TestProxy::with_route("/r", &target).await;
    let (mut socket, used) = proxy.uses("/r", open(&proxy, "/r")).await;
    assert!(!used, "opening");
    assert!(proxy.uses("/r", ask(&mut socket, "text")).await.1);
    let ping = async {
        socket.send(Message::Ping("p".into())).await.unwrap();
        socket.next().await.unwrap().unwrap()
    };
    assert!(proxy.uses("/r", ping).await.1);
    assert_eq!(
        proxy.uses("/r", ask(&mut socket, "burst")).await,
        ("0".to_owned(), true)
    );
    let burst = async {
        for n in ["1", "2"] {
            assert_eq!(
                socket.next().await.unwrap().unwrap().into_text().unwrap(),
                n
            );
        }
    };
    assert!(!proxy.uses("/r", burst).await.1, "frames of the server");
    // Posted again, the route still belongs to the open socket.
    proxy.route("/r", &target.url()).await;
    assert!(proxy.uses("/r", ask(&mut socket, "text")).await.1);
    let close = async {
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = soon(socket.next()).await {}
    };
    assert!(proxy.uses("/r", close).await.1, "the close frame");
}

#[tokio::test]
async fn websockets_may_count_by_what_either_side_sends() {
    for (sides, counts) in [("client", false), ("both", true)] {
        let news = Arc::new(tokio::sync::Notify::new());
        let gate = news.clone();
        let target = Target::accepting(move |stream| {
            let gate = gate.clone();
            async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                gate.notified().await;
                socket.send(Message::text("news")).await.unwrap();
                while let Some(Ok(_)) = socket.next().await {}
            }
        })
        .await;
        let proxy = TestProxy::start(&["--websocket-activity", sides]).await;
        proxy.route("/r", &target.url()).await;
        let (mut socket, used) = proxy.uses("/r", open(&proxy, "/r")).await;
        assert!(!used, "opening");
        let hear = async {
            news.notify_one();
            socket.next().await.unwrap().unwrap()
        };
        assert_eq!(
            proxy.uses("/r", hear).await,
            (Message::text("news"), counts),
            "{sides}"
        );
        let say = socket.send(Message::Ping("p".into()));
        proxy.uses("/r", say).await.0.unwrap();
        let now = hub_types::clock::Clock::now(&proxy.clock);
        eventually("what the client says counts", async || {
            proxy.last_activity("/r").await == now
        })
        .await;
    }
}
