//! Bodies go through as they come, with back-pressure, in both directions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::harness::{
    Target, TestBody, TestProxy, empty, eventually, fetch, full, get, send, soon,
};

type Chunks = mpsc::Sender<Bytes>;

/// A body that is fed through a channel, which is all the buffering that there is.
pub(crate) fn fed() -> (Chunks, TestBody) {
    let (sender, receiver) = mpsc::channel(1);
    let chunks = stream::unfold(receiver, |mut receiver| async {
        let chunk = receiver.recv().await?;
        Some((Ok(Frame::data(chunk)), receiver))
    });
    (sender, StreamBody::new(Box::pin(chunks)).boxed_unsync())
}

#[tokio::test]
async fn answers_are_passed_on_chunk_by_chunk() {
    let (feed, body) = fed();
    let body = Arc::new(tokio::sync::Mutex::new(Some(body)));
    let target = Target::start(move |_| {
        let body = body.clone();
        async move { Response::new(body.lock().await.take().unwrap()) }
    })
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    let mut answer = send(proxy.public, get("/")).await.into_body();
    for text in ["one", "two"] {
        feed.send(Bytes::from_static(text.as_bytes()))
            .await
            .unwrap();
        let frame = soon(answer.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    drop(feed);
    assert!(soon(answer.frame()).await.is_none());
}

#[tokio::test]
async fn requests_are_passed_on_chunk_by_chunk() {
    let (seen, mut chunks) = mpsc::channel(10);
    let target = Target::start(move |request| {
        let seen = seen.clone();
        async move {
            let mut body = request.into_body();
            while let Some(Ok(frame)) = body.frame().await {
                seen.send(frame.into_data().unwrap()).await.unwrap();
            }
            Response::new(empty())
        }
    })
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    let (feed, body) = fed();
    let request = Request::post("/").header("host", "h").body(body).unwrap();
    let sending = fetch(proxy.public, request);
    let feeding = async {
        for text in ["one", "two"] {
            feed.send(Bytes::from_static(text.as_bytes()))
                .await
                .unwrap();
            assert_eq!(soon(chunks.recv()).await.unwrap(), text);
        }
        drop(feed);
    };
    assert_eq!(tokio::join!(sending, feeding).0.status, 200);
}

#[tokio::test]
async fn large_bodies_arrive_whole() {
    let target = Target::start(|request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Response::new(full(body))
    })
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    let data: Bytes = (0..5_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect::<Vec<_>>()
        .into();
    let request = Request::put("/")
        .header("host", "h")
        .body(full(data.clone()))
        .unwrap();
    assert!(fetch(proxy.public, request).await.body == data);
    let (feed, body) = fed();
    let request = Request::put("/").header("host", "h").body(body).unwrap();
    let feeding = async {
        for chunk in data.chunks(70_001) {
            feed.send(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        drop(feed);
    };
    assert!(tokio::join!(fetch(proxy.public, request), feeding).0.body == data);
}

#[tokio::test]
async fn a_slow_reader_stops_the_target() {
    const ENDLESS: usize = 200_000_000;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let target = Target::accepting(move |mut stream| {
        let count = count.clone();
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
                .await;
            while count.load(Ordering::Relaxed) < ENDLESS
                && stream.write_all(&[0; 10_000]).await.is_ok()
            {
                count.fetch_add(10_000, Ordering::Relaxed);
            }
        }
    })
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    let mut client = TcpStream::connect(proxy.public).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    // The target is stopped when its count stands still while the proxy has time for others; by then only socket buffers
    // are full.
    let mut last = 0;
    eventually("the target is stopped", async || {
        for _ in 0..50 {
            proxy.call("GET", "/api/routes", "").await;
        }
        let now = sent.load(Ordering::Relaxed);
        std::mem::replace(&mut last, now) == now && now > 0
    })
    .await;
    assert!(
        sent.load(Ordering::Relaxed) < ENDLESS / 4,
        "{} bytes went nowhere",
        sent.load(Ordering::Relaxed)
    );
    drop(client);
}

#[tokio::test]
async fn a_client_that_goes_away_releases_the_target() {
    let (gone, mut is_gone) = mpsc::channel(1);
    let target = Target::accepting(move |mut stream| {
        let gone = gone.clone();
        async move {
            let mut space = [0; 4096];
            while let Ok(1..) = stream.read(&mut space).await {}
            let _ = gone.send(()).await;
        }
    })
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    // What it sends ahead does not hide that it has gone.
    for ahead in ["", "G", "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"] {
        let mut client = TcpStream::connect(proxy.public).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\n\r\n{ahead}");
        client.write_all(request.as_bytes()).await.unwrap();
        tokio::time::timeout(Duration::from_millis(100), is_gone.recv())
            .await
            .unwrap_err();
        drop(client);
        soon(is_gone.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn connections_are_used_again_on_both_sides() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let target = Target::accepting(move |mut stream| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            let mut space = [0; 4096];
            while let Ok(1..) = stream.read(&mut space).await {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    .await
                    .unwrap();
            }
        }
    })
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    let mut client = TcpStream::connect(proxy.public).await.unwrap();
    for _ in 0..5 {
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok") {
            let mut space = [0; 1000];
            let count = soon(client.read(&mut space)).await.unwrap();
            assert!(count > 0);
            answer.extend_from_slice(&space[..count]);
        }
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_cut_off_answer_is_cut_off_for_the_client_too() {
    for (answer, whole) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"[..], false),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", false),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfull\r\n0\r\nX: trailer\r\n\r\n", true),
        (b"HTTP/1.0 200 OK\r\n\r\nfull", true),
    ] {
        let target = Target::accepting(move |mut stream| async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
        })
        .await;
        let proxy = TestProxy::with_route("/", &target).await;
        let body = send(proxy.public, get("/")).await.into_body();
        assert_eq!(soon(body.collect()).await.is_ok(), whole, "{}", answer.escape_ascii());
    }
}

#[tokio::test]
async fn idle_connections_close_after_the_keep_alive_timeout() {
    let target = Target::named("t").await;
    let proxy = TestProxy::start(&[
        "--keep-alive-timeout",
        "50",
        "--default-target",
        &target.url(),
    ])
    .await;
    let mut client = TcpStream::connect(proxy.public).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    soon(client.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn silent_clients_and_targets_are_given_up() {
    let target = Target::accepting(|mut stream| async move {
        let mut space = [0; 4096];
        while let Ok(1..) = stream.read(&mut space).await {}
    })
    .await;
    let proxy =
        TestProxy::start(&["--proxy-timeout", "50", "--default-target", &target.url()]).await;
    assert_eq!(proxy.get("/").await.status, 503);

    let proxy = TestProxy::start(&["--timeout", "50", "--default-target", &target.url()]).await;
    let mut client = TcpStream::connect(proxy.public).await.unwrap();
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n1")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let _ = soon(client.read_to_end(&mut rest)).await;
}

#[tokio::test]
async fn stopping_lets_answers_finish() {
    let (feed, body) = fed();
    let body = Arc::new(tokio::sync::Mutex::new(Some(body)));
    let target = Target::start(move |_| {
        let body = body.clone();
        async move { Response::new(body.lock().await.take().unwrap()) }
    })
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    let mut answer = send(proxy.public, get("/")).await.into_body();
    feed.send(Bytes::from_static(b"one")).await.unwrap();
    soon(answer.frame()).await.unwrap().unwrap();
    let public = proxy.public;
    drop(proxy);
    eventually("nothing new is accepted", || async {
        TcpStream::connect(public).await.is_err()
    })
    .await;
    feed.send(Bytes::from_static(b"two")).await.unwrap();
    drop(feed);
    assert_eq!(soon(answer.collect()).await.unwrap().to_bytes(), "two");
}
