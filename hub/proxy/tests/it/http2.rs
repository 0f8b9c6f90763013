//! HTTP/2 in front, by TLS.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::{Method, Request, Version};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;

use crate::certs::Authority;
use crate::harness::{Target, TestBody, TestProxy, empty, raw, soon};

/// A proxy with TLS in front, and an HTTP/2 connection to it, which ends `finished`.
async fn connected(
    more: &[&str],
) -> (
    TestProxy,
    SendRequest<TestBody>,
    tokio::task::JoinHandle<bool>,
) {
    let authority = Authority::new();
    let issued = authority.issue();
    let both = authority.file("both.pem", &(issued.chain.clone() + &issued.key));
    let proxy = TestProxy::start(&[&["--ssl-cert", &both], more].concat()).await;
    let stream = authority.connect(proxy.public, "h2", None).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = soon(handshake).await.unwrap();
    let finished = tokio::spawn(async move { connection.await.is_ok() });
    (proxy, sender, finished)
}

fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("https://front{path}"))
        .version(Version::HTTP_2)
}

async fn ask(sender: &SendRequest<TestBody>, request: Request<TestBody>) -> (u16, Bytes) {
    let answer = soon(sender.clone().send_request(request)).await.unwrap();
    let status = answer.status().as_u16();
    (status, soon(answer.collect()).await.unwrap().to_bytes())
}

async fn seen(sender: &SendRequest<TestBody>, request: Request<TestBody>) -> Value {
    let (status, body) = ask(sender, request).await;
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn requests_reach_targets_as_http_1() {
    let (proxy, sender, _) = connected(&[]).await;
    let target = Target::named("t").await;
    proxy.route("/", &target.url()).await;
    let get = request(Method::GET, "/a?b")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("te", "trailers");
    let got = seen(&sender, get.body(empty()).unwrap()).await;
    assert_eq!(got["url"], "/a?b");
    let headers: Vec<String> = serde_json::from_value(got["headers"].clone()).unwrap();
    for line in [
        "host: front",
        "cookie: a=1; b=2",
        "x-forwarded-proto: https",
    ] {
        assert!(headers.contains(&line.to_owned()), "{headers:?}");
    }
    assert!(
        !headers.iter().any(|line| line.starts_with("te:")),
        "{headers:?}"
    );
    // A body without a length, whatever the method.
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let frames = [&b"ab"[..], b"cd"].map(|part| Ok(hyper::body::Frame::data(part.into())));
        let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
        let got = seen(&sender, request(method, "/").body(body).unwrap()).await;
        assert_eq!(got["body"], "abcd");
        assert!(
            got["headers"]
                .to_string()
                .contains("transfer-encoding: chunked")
        );
    }
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let (proxy, sender, _) = connected(&[]).await;
    let target = Target::start(async |request| {
        let big = request.uri().path().repeat(20_000);
        http::Response::new(crate::harness::full(big))
    })
    .await;
    proxy.route("/", &target.url()).await;
    let mut all: FuturesUnordered<_> = (0..80)
        .map(|n| {
            let sender = &sender;
            async move {
                let path = format!("/{n}");
                let get = request(Method::GET, &path).body(empty()).unwrap();
                let (status, body) = ask(sender, get).await;
                assert_eq!((status, body), (200, Bytes::from(path.repeat(20_000))));
            }
        })
        .collect();
    while all.next().await.is_some() {}
}

#[tokio::test]
async fn the_rules_of_the_guard_hold() {
    let (proxy, sender, _) = connected(&[]).await;
    let (target, log) = Target::recording(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    proxy.route("/", &target.url()).await;
    for (method, name, value, status) in [
        (Method::TRACE, "x", "y", 405),
        (Method::GET, "host", "other", 400),
        (Method::GET, "transfer_encoding", "chunked", 400),
        (Method::GET, "expect", "x", 417),
    ] {
        let odd = request(method, "/").header(name, value);
        let (got, _) = ask(&sender, odd.body(empty()).unwrap()).await;
        assert_eq!(got, status, "{name}: {value}");
    }
    assert!(log.lock().unwrap().is_empty());
    let (status, _) = ask(&sender, request(Method::GET, "/").body(empty()).unwrap()).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn idle_connections_end() {
    let (_proxy, sender, finished) = connected(&["--keep-alive-timeout", "50"]).await;
    let health = request(Method::GET, "/_chp_healthz").body(empty()).unwrap();
    assert_eq!(ask(&sender, health).await.0, 200);
    assert!(soon(finished).await.unwrap());
}

#[tokio::test]
async fn without_tls_there_is_no_http_2() {
    let proxy = TestProxy::start(&[]).await;
    let answer = raw(proxy.public, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
    let upgrade = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\
        HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let answer = raw(proxy.public, upgrade).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}
