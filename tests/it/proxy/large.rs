//! Case 86: bodies that are large, and readers that stop.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::acting::{Target, head, pour};
use super::door::Door;
use super::judge::Tally;

/// Large bodies both ways, with somebody slow at the far end; how much memory the proxy takes meanwhile.
async fn large(megabytes: usize, sockets: usize) {
    let mut tally = Tally::new(format!(
        "case 86, {megabytes} MB each way, {sockets} stalled WebSockets"
    ));
    for door in Door::both(&[]).await {
        // What threads and the allocator take once is no matter of streams.
        let _ = streams(&door, 32).await;
        let (verdict, shown) = streams(&door, megabytes).await;
        tally.add(door.kind, "large bodies", verdict, &shown);
        let (verdict, shown) = stalled(&door, sockets).await;
        tally.add(door.kind, "stalled WebSockets", verdict, &shown);
    }
    tally.close("proxy-case-86");
}

/// More memory than so many bytes is too much for all of the streams together, besides what threads keep for themselves.
const PER_STREAM: u64 = 256 * 1024;
const BASE: u64 = 4 << 20;

async fn streams(door: &Door, megabytes: usize) -> (Result<(), String>, String) {
    let size = megabytes << 20;
    let down = Target::start(move |mut stream| async move {
        if head(&mut stream).await.is_some() {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            pour(&mut stream).await;
        }
    })
    .await;
    let up = Target::start(move |mut stream| async move {
        let Some(begin) = head(&mut stream).await else {
            return;
        };
        let mut left = size - begin.len();
        let mut space = vec![0; 64 * 1024];
        while left > 0 {
            match stream.read(&mut space).await {
                Ok(count @ 1..) => left -= count.min(left),
                _ => return,
            }
        }
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await;
    })
    .await;
    door.route("/down", &down.url()).await;
    door.route("/up", &up.url()).await;
    let before = door.memory();
    let download = async {
        let mut stream = TcpStream::connect(door.public).await.expect("a connection");
        stream
            .write_all(b"GET /down HTTP/1.1\r\nHost: h\r\n\r\n")
            .await
            .expect("taken");
        let mut got = head(&mut stream).await.map_or(0, |begin| begin.len());
        let mut space = vec![0; 64 * 1024];
        while got < size {
            match stream.read(&mut space).await {
                Ok(count @ 1..) => got += count,
                _ => break,
            }
        }
        got == size
    };
    let upload = async {
        let mut stream = TcpStream::connect(door.public).await.expect("a connection");
        let head = format!("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("taken");
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..megabytes {
            stream.write_all(&chunk).await.expect("taken");
        }
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.is_ok() && &answer == b"HTTP/1.1 200"
    };
    // Somebody who never reads, at either end.
    let mut idle = TcpStream::connect(door.public).await.expect("a connection");
    idle.write_all(b"GET /down HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .expect("taken");
    let mut highest = before;
    let watch = async {
        loop {
            highest = highest.max(door.memory());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let whole = tokio::select! {
        whole = async { tokio::join!(download, upload) } => whole,
        () = watch => unreachable!("it watches for ever"),
    };
    let grown = highest - before;
    let verdict = match whole {
        (true, true) if grown <= 3 * PER_STREAM + BASE => Ok(()),
        (true, true) => Err("too much memory".to_owned()),
        _ => Err("not whole".to_owned()),
    };
    (verdict, format!("{} KiB more memory", grown >> 10))
}

async fn stalled(door: &Door, sockets: usize) -> (Result<(), String>, String) {
    let flood = Target::start(|mut stream| async move {
        if head(&mut stream).await.is_some() {
            let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            let _ = stream.write_all(switch).await;
            pour(&mut stream).await;
        }
    })
    .await;
    door.route("/flood", &flood.url()).await;
    let before = door.memory();
    let open = async |_: usize| {
        let mut stream = TcpStream::connect(door.public).await.expect("a connection");
        let ask = "GET /flood HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(ask.as_bytes()).await.expect("taken");
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).await.expect("an answer");
        assert_eq!(&begin, b"HTTP/1.1 101");
        stream
    };
    let kept: Vec<_> = stream::iter(0..sockets)
        .map(open)
        .buffer_unordered(50)
        .collect()
        .await;
    // Until nothing moves any more.
    let mut last = door.memory();
    e2e::eventually(Duration::from_secs(60), "memory stands still", async || {
        let now = door.memory();
        std::mem::replace(&mut last, now).abs_diff(now) < 64 * 1024
    })
    .await;
    let grown = last.saturating_sub(before);
    let verdict = if grown <= kept.len() as u64 * PER_STREAM + BASE {
        Ok(())
    } else {
        Err("too much memory".to_owned())
    };
    (
        verdict,
        format!("{} KiB each", (grown >> 10) / kept.len() as u64),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_86_large_bodies_and_stalled_readers() {
    large(64, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: 10 GB each way, 500 WebSockets"]
async fn case_86_large_bodies_and_stalled_readers_in_full() {
    large(10_000, 500).await;
}
