//! Targets that speak HTTP/2 without TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Target, TestBody, TestProxy, empty, eventually, fetch, full, get, soon};
use crate::websocket::{ask, open};

/// Serves HTTP/2 on `stream`; at most `most` requests at once.
async fn serve<F, A>(stream: TcpStream, most: u32, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<TestBody>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer.clone()(request);
        async { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let _ = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(most)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Says what it was asked.
async fn mirror(request: Request<Incoming>) -> Response<TestBody> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let lines = |headers: &HeaderMap| -> Vec<String> {
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect()
    };
    let seen = json!({
        "version": format!("{:?}", parts.version),
        "method": parts.method.as_str(),
        "url": parts.uri.to_string(),
        "headers": lines(&parts.headers),
        "trailers": lines(&trailers),
        "body": String::from_utf8_lossy(&body.to_bytes()),
    });
    Response::new(full(seen.to_string()))
}

async fn proxy_to(target: &Target) -> TestProxy {
    let proxy = TestProxy::start(&[]).await;
    proxy
        .route("/", &format!("h2c://{}/base", target.address))
        .await;
    proxy
}

#[tokio::test]
async fn requests_keep_their_host_and_body() {
    let target = Target::accepting(|stream| serve(stream, 100, mirror)).await;
    let proxy = proxy_to(&target).await;
    let got = proxy.get("/x?y=1").await.json();
    assert_eq!(got["version"], "HTTP/2.0");
    // The authority is the client's Host, as HTTP/1.1 targets get it.
    assert_eq!(got["url"], "http://front:8000/base/x?y=1");
    let headers: Vec<String> = serde_json::from_value(got["headers"].clone()).unwrap();
    assert!(headers.contains(&"x-forwarded-for: 127.0.0.1".to_owned()));
    assert!(!headers.iter().any(|line| line.starts_with("host:")));
    let frames = [&b"ab"[..], b"cd"].map(|part| Ok(Frame::data(part.into())));
    for (body, what) in [
        (full("abcd"), "with a length"),
        (
            StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync(),
            "without a length",
        ),
    ] {
        let post = Request::post("/").header("host", "h").body(body).unwrap();
        let got = fetch(proxy.public, post).await.json();
        assert_eq!(got["body"], "abcd", "{what}");
        assert!(!got["headers"].to_string().contains("transfer-encoding"));
    }
}

#[tokio::test]
async fn one_connection_carries_as_many_requests_as_the_target_allows() {
    let (connections, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, held) = (connections.clone(), gate.clone());
    let waiting = Arc::new(AtomicUsize::new(0));
    let arrived = waiting.clone();
    let target = Target::accepting(move |stream| {
        count.fetch_add(1, Ordering::SeqCst);
        let (held, arrived) = (held.clone(), arrived.clone());
        serve(stream, 10, move |request| {
            let (held, arrived) = (held.clone(), arrived.clone());
            async move {
                if request.uri().path().ends_with("/wait") {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    let _ = held.acquire().await;
                }
                Response::new(full("done"))
            }
        })
    })
    .await;
    let proxy = Arc::new(proxy_to(&target).await);
    for _ in 0..20 {
        assert_eq!(proxy.get("/").await.text(), "done");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    // All of them wait at the target at once: nobody queues behind ten others.
    let all: Vec<_> = (0..25)
        .map(|_| {
            let proxy = proxy.clone();
            tokio::spawn(async move { proxy.get("/wait").await.status.as_u16() })
        })
        .collect();
    eventually("all requests are at the target", async || {
        waiting.load(Ordering::SeqCst) == 25
    })
    .await;
    assert!((3..=25).contains(&connections.load(Ordering::SeqCst)));
    gate.add_permits(25);
    for task in all {
        assert_eq!(soon(task).await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_target_that_takes_one_request_at_a_time_gets_one_per_connection() {
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let arrived = Arc::new(Semaphore::new(0));
    let there = arrived.clone();
    let target = Target::accepting(move |stream| {
        let (held, there) = (held.clone(), there.clone());
        serve(stream, 1, move |request| {
            let (held, there) = (held.clone(), there.clone());
            async move {
                if request.uri().path().ends_with("/wait") {
                    there.add_permits(1);
                    let _ = held.acquire().await;
                }
                Response::new(full("done"))
            }
        })
    })
    .await;
    let proxy = Arc::new(proxy_to(&target).await);
    // The connection is new: nobody has asked anything before.
    let other = proxy.clone();
    let long = tokio::spawn(async move { other.get("/wait").await.status.as_u16() });
    soon(arrived.acquire()).await.unwrap().forget();
    for _ in 0..3 {
        assert_eq!(soon(proxy.get("/")).await.text(), "done");
    }
    gate.add_permits(1);
    assert_eq!(soon(long).await.unwrap(), 200);
}

#[tokio::test]
async fn clients_that_do_not_read_hold_up_nobody_else() {
    let target = Target::accepting(|stream| {
        serve(stream, 100, |request| async move {
            let size = if request.uri().path().ends_with("/big") {
                8 << 20
            } else {
                1 << 20
            };
            Response::new(full(vec![b'x'; size]))
        })
    })
    .await;
    let proxy = proxy_to(&target).await;
    assert_eq!(proxy.get("/").await.body.len(), 1 << 20);
    // Each of them gets a head, and leaves the rest where it is.
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(crate::harness::send(proxy.public, get("/big")).await);
        assert_eq!(soon(proxy.get("/")).await.body.len(), 1 << 20);
    }
    drop(stalled);
}

#[tokio::test]
async fn only_what_may_be_repeated_is_sent_again() {
    for (method, before, expected, times) in [
        ("GET", false, 200, 2),
        ("PUT", false, 503, 1),
        ("POST", false, 503, 1),
        ("GET", true, 200, 1),
    ] {
        let count = Arc::new(AtomicUsize::new(0));
        let dying = Arc::new(AtomicUsize::new(0));
        let (seen, connections) = (count.clone(), dying.clone());
        // The first connection serves one request and dies of the second, before or after the head of its answer.
        let target = Target::accepting(move |stream| {
            let first = connections.fetch_add(1, Ordering::SeqCst) == 0;
            let (seen, requests) = (seen.clone(), Arc::new(AtomicUsize::new(0)));
            let dead = Arc::new(Semaphore::new(0));
            let die = dead.clone();
            async move {
                let serving = serve(stream, 100, move |request| {
                    let nth = requests.fetch_add(1, Ordering::SeqCst);
                    let counts = request.uri().path().ends_with("/counted");
                    if counts {
                        seen.fetch_add(1, Ordering::SeqCst);
                    }
                    let die = die.clone();
                    async move {
                        if first && nth == 1 && !before {
                            die.add_permits(1);
                            std::future::pending::<()>().await;
                        }
                        Response::new(full("done"))
                    }
                });
                tokio::select! {
                    () = serving => {}
                    _ = dead.acquire() => {}
                }
            }
        })
        .await;
        let proxy = proxy_to(&target).await;
        assert_eq!(proxy.get("/").await.status, 200);
        let body = if method == "GET" {
            empty()
        } else {
            full("body")
        };
        let request = Request::builder()
            .method(method)
            .uri("/counted")
            .header("host", "h");
        let reply = fetch(proxy.public, request.body(body).unwrap()).await;
        assert_eq!(reply.status, expected, "{method} {before}");
        assert_eq!(count.load(Ordering::SeqCst), times, "{method} {before}");
    }
}

#[tokio::test]
async fn odd_hosts_are_refused_and_error_pages_come_by_http_2() {
    let target = Target::accepting(|stream| serve(stream, 100, mirror)).await;
    let proxy = proxy_to(&target).await;
    for host in ["a:b:c", "h%41"] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = crate::harness::raw(proxy.public, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{host}: {answer}");
    }
    let pages = format!("h2c://{}/pages", target.address);
    let proxy = TestProxy::start(&["--error-target", &pages]).await;
    let reply = proxy.get("/nowhere").await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.json()["version"], "HTTP/2.0");
    assert!(
        reply.text().contains("/pages/404?url=%2Fnowhere"),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_target_that_restarts_is_met_again() {
    let target = Target::accepting(|stream| async move {
        // Two requests, then the connection ends.
        let served = Arc::new(Semaphore::new(0));
        let count = served.clone();
        let serving = serve(stream, 100, move |_| {
            count.add_permits(1);
            async { Response::new(full("done")) }
        });
        tokio::select! {
            () = serving => {}
            _ = async {
                let _ = served.acquire_many(3).await;
            } => {}
        }
    })
    .await;
    let proxy = proxy_to(&target).await;
    for n in 0..12 {
        let reply = proxy.get("/").await;
        assert_eq!(reply.status, 200, "request {n}: {reply:?}");
    }
}

#[tokio::test]
async fn a_target_that_does_not_speak_http_2_fails() {
    let target = Target::named("http/1.1 only").await;
    let proxy = proxy_to(&target).await;
    assert_eq!(proxy.get("/").await.status, 503);
    let proxy = TestProxy::start(&[]).await;
    proxy.route("/", "h2c://127.0.0.1:1").await;
    assert_eq!(proxy.get("/").await.status, 503);
}

#[tokio::test]
async fn websockets_reach_such_targets_by_http_1() {
    let target = Target::accepting(|stream| async move {
        let mut first = [0; 3];
        stream.peek(&mut first).await.unwrap();
        if &first == b"PRI" {
            return serve(stream, 100, mirror).await;
        }
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(Message::Text(text))) = socket.next().await {
            socket.send(Message::Text(text)).await.unwrap();
        }
    })
    .await;
    let proxy = proxy_to(&target).await;
    assert_eq!(proxy.get("/").await.json()["version"], "HTTP/2.0");
    let mut socket = open(&proxy, "/ws").await;
    assert_eq!(ask(&mut socket, "hello").await, "hello");
}

#[tokio::test]
async fn trailers_go_both_ways() {
    let target = Target::accepting(|stream| {
        serve(stream, 100, |request| async move {
            assert_eq!(request.headers()["te"], "trailers");
            let seen: Value =
                serde_json::from_slice(&mirror(request).await.collect().await.unwrap().to_bytes())
                    .unwrap();
            let trailers = HeaderMap::from_iter([
                (
                    http::HeaderName::from_static("grpc-status"),
                    "0".parse().unwrap(),
                ),
                (
                    http::HeaderName::from_static("set-cookie"),
                    "evil=1".parse().unwrap(),
                ),
            ]);
            let frames = [
                Ok(Frame::data(Bytes::from(seen["trailers"].to_string()))),
                Ok(Frame::trailers(trailers)),
            ];
            let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
            Response::builder()
                .header("trailer", "grpc-status, set-cookie")
                .body(body)
                .unwrap()
        })
    })
    .await;
    let proxy = proxy_to(&target).await;
    let sent = HeaderMap::from_iter([
        (
            http::HeaderName::from_static("digest"),
            "d".parse().unwrap(),
        ),
        (
            http::HeaderName::from_static("authorization"),
            "evil".parse().unwrap(),
        ),
        (
            http::HeaderName::from_static("etag"),
            "not announced".parse().unwrap(),
        ),
    ]);
    let frames = [Ok(Frame::data(Bytes::from("x"))), Ok(Frame::trailers(sent))];
    let post = Request::post("/")
        .version(Version::HTTP_11)
        .header("host", "h")
        .header("te", "trailers")
        .header("trailer", "Digest, Authorization, ETag-Of-Another")
        .body(StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync())
        .unwrap();
    let answer = crate::harness::send(proxy.public, post).await;
    assert_eq!(answer.headers()["trailer"], "grpc-status");
    let whole = soon(answer.into_body().collect()).await.unwrap();
    let trailers = whole.trailers().cloned().unwrap();
    assert_eq!(trailers.len(), 1);
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(whole.to_bytes(), r#"["digest: d"]"#);
}
