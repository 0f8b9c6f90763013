//! Case 87: clients and targets that are gone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::acting::{Target, head, pour};
use super::door::{Door, Kind};
use super::judge::Tally;
use super::wire;

/// Most requests that configurable-http-proxy gets: it goes on to read what nobody takes any more, for 10,000 of them longer
/// than ten minutes.
const MOST_FOR_CHP: usize = 1_000;

/// Requests that somebody gives up in the middle; the proxy keeps nothing of them.
async fn aborted(count: usize) {
    let mut tally = Tally::new(format!("case 87, {count} requests given up"));
    for door in Door::both(&["--proxy-timeout", "2000", "--keep-alive-timeout", "500"]).await {
        let silent = Target::start(|mut stream| async move {
            let mut space = [0; 4096];
            while let Ok(1..) = stream.read(&mut space).await {}
        })
        .await;
        let endless = Target::start(|mut stream| async move {
            if head(&mut stream).await.is_some() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                pour(&mut stream).await;
            }
        })
        .await;
        let closing = Target::start(|stream| async move { drop(stream) }).await;
        let half = Target::start(|mut stream| async move {
            let _ = head(&mut stream).await;
            let _ = stream.shutdown().await;
            let mut space = [0; 4096];
            while let Ok(1..) = stream.read(&mut space).await {}
        })
        .await;
        let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let refused = nobody.local_addr().expect("an address");
        drop(nobody);
        for (path, url) in [
            ("/silent", silent.url()),
            ("/endless", endless.url()),
            ("/closing", closing.url()),
            ("/half", half.url()),
            ("/refused", format!("http://{refused}")),
        ] {
            door.route(path, &url).await;
        }
        let (verdict, shown) = answered(&door).await;
        tally.add(door.kind, "targets that are gone", verdict, &shown);
        let open = door.descriptors();
        let count = match door.kind {
            Kind::Ours => count,
            Kind::Theirs => count.min(MOST_FOR_CHP),
        };
        stream::iter(0..count)
            .map(|n| give_up(door.public, n))
            .buffer_unordered(64)
            .collect::<Vec<_>>()
            .await;
        let mut left = door.descriptors();
        let patience = if door.kind == Kind::Ours { 15 } else { 5 };
        let end = Instant::now() + Duration::from_secs(patience);
        while left > open && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(50)).await;
            left = door.descriptors();
        }
        let leaked = left.saturating_sub(open);
        let verdict = if leaked == 0 {
            Ok(())
        } else {
            Err(format!("{leaked} descriptors leaked"))
        };
        tally.add(
            door.kind,
            "descriptors",
            verdict,
            &format!("{open} before, {left} after"),
        );
    }
    tally.close("proxy-case-87");
}

/// Each kind of target that gives no answer leads to a 503 in time.
async fn answered(door: &Door) -> (Result<(), String>, String) {
    let ask = |path: &'static str| async move {
        let begin = Instant::now();
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let answer = wire::ask(door.public, request.as_bytes()).await;
        (path, answer.status(), begin.elapsed())
    };
    let all = join_all(["/silent", "/closing", "/half", "/refused"].map(ask)).await;
    let bad = all
        .iter()
        .find(|(_, status, took)| *status != 503 || *took > Duration::from_secs(10));
    let verdict = bad.map_or(Ok(()), |bad| Err(format!("{bad:?}")));
    (verdict, format!("{all:?}"))
}

/// One of the ways to give up.
async fn give_up(public: SocketAddr, n: usize) {
    let Ok(mut stream) = TcpStream::connect(public).await else {
        return;
    };
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \
        dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let begin = match n % 8 {
        0 => "GET /silent HTTP/1.1\r\nHost:".to_owned(),
        1 => "GET /silent HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        2 | 3 => "GET /endless HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        4 => format!(
            "POST /silent HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n{}",
            "x".repeat(9000)
        ),
        5 => "POST /silent HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"
            .to_owned(),
        6 => format!("GET /silent HTTP/1.1\r\nHost: h\r\n{upgrade}\r\n"),
        _ => format!("GET /endless HTTP/1.1\r\nHost: h\r\n{upgrade}\r\n"),
    };
    let _ = stream.write_all(begin.as_bytes()).await;
    match n % 3 {
        // At once, by a reset.
        0 => {
            let _ = stream.set_zero_linger();
        }
        // Our side only; the rest when the other side has had a moment.
        1 => {
            let _ = stream.shutdown().await;
            let mut byte = [0];
            let _ = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut byte)).await;
        }
        // After the first byte of an answer, if one comes.
        _ => {
            let mut byte = [0];
            let _ = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut byte)).await;
        }
    }
}

#[tokio::test]
async fn case_87_nothing_is_kept_of_requests_that_are_given_up() {
    aborted(600).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: 100,000 requests"]
async fn case_87_nothing_is_kept_of_requests_that_are_given_up_in_full() {
    aborted(100_000).await;
}
