//! Cases 84, 86 and 87: clients and targets that are slow, large, or gone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::door::{Door, Kind};
use super::judge::Tally;
use super::recorder::Recorder;
use super::wire;

/// A target that does what it likes with each connection.
pub(super) struct Target {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Target {
    pub(super) async fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self { address, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Reads a request head; what follows it, if all of it came.
pub(super) async fn head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut space = vec![0; 16 * 1024];
    loop {
        if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            return Some(bytes.split_off(at + 4));
        }
        match stream.read(&mut space).await {
            Ok(count @ 1..) => bytes.extend_from_slice(&space[..count]),
            _ => return None,
        }
    }
}

/// Sends without end, until the other side has had enough.
async fn pour(stream: &mut TcpStream) {
    let chunk = vec![b'x'; 64 * 1024];
    while stream.write_all(&chunk).await.is_ok() {}
}

/// How long a good request may take, on a busy machine.
const GOOD: Duration = Duration::from_secs(10);

/// The time that a good request takes.
async fn good(door: &Door) -> Result<Duration, String> {
    let begin = Instant::now();
    let request = b"GET /good/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let stream = TcpStream::connect(door.public).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let heard = wire::converse(stream, request, GOOD).await;
    if heard.bytes.starts_with(b"HTTP/1.1 200") {
        return Ok(begin.elapsed());
    }
    Err(format!("{}", heard.bytes.escape_ascii()))
}

/// Three kinds of slow clients: a head, a body, an answer that they take byte by byte.
async fn crawl(public: SocketAddr, n: usize, pause: Duration) {
    let Ok(mut stream) = TcpStream::connect(public).await else {
        return;
    };
    let (begin, rest) = match n % 3 {
        0 => ("GET /good/x HTTP/1.1\r\n", "X-A: b\r\n"),
        1 => (
            "POST /good/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n",
            "x",
        ),
        _ => ("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n", ""),
    };
    if stream.write_all(begin.as_bytes()).await.is_err() {
        return;
    }
    let mut byte = [0];
    loop {
        tokio::time::sleep(pause).await;
        let gone = match rest {
            "" => !matches!(stream.read(&mut byte).await, Ok(1)),
            rest => stream.write_all(rest.as_bytes()).await.is_err(),
        };
        if gone {
            return;
        }
    }
}

/// `count` slow clients for `time`, and one good request after the other meanwhile.
async fn slow_clients(count: usize, time: Duration, strict_times: bool) {
    let mut tally = Tally::new(format!("case 84, {count} slow clients"));
    for door in Door::both(&[]).await {
        let target = Recorder::named("good").await;
        let endless = Target::start(|mut stream| async move {
            if head(&mut stream).await.is_some() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                pour(&mut stream).await;
            }
        })
        .await;
        door.route("/good", &target.url()).await;
        door.route("/endless", &endless.url()).await;
        let mut quiet = times(&door, 100, Duration::ZERO).await;
        let crawling =
            (0..count).map(|n| tokio::spawn(crawl(door.public, n, Duration::from_millis(200))));
        let crawling: Vec<_> = crawling.collect();
        let mut busy = times(&door, 100, time).await;
        for task in crawling {
            task.abort();
        }
        let failed = busy.iter().filter(|time| time.is_err()).count();
        let p99 = |times: &mut Vec<Result<Duration, String>>| {
            let mut good: Vec<_> = times.drain(..).flatten().collect();
            good.sort();
            good.get(good.len() * 99 / 100).copied().unwrap_or_default()
        };
        let (quiet, busy) = (p99(&mut quiet), p99(&mut busy));
        let verdict = if failed > 0 {
            Err(format!("{failed} good requests failed"))
        } else if strict_times && busy > quiet * 2 + Duration::from_millis(5) {
            Err("good requests became slow".to_owned())
        } else {
            Ok(())
        };
        tally.add(
            door.kind,
            "others are served",
            verdict,
            &format!("p99 {quiet:?} alone, {busy:?} beside them"),
        );
    }
    tally.close("proxy-case-84");
}

/// Good requests, at least `count` and for at least `time`.
async fn times(door: &Door, count: usize, time: Duration) -> Vec<Result<Duration, String>> {
    let begin = Instant::now();
    let mut times = Vec::new();
    // Nor for ever, if none of them is answered.
    let enough = time + Duration::from_secs(5);
    while (times.len() < count && begin.elapsed() < enough) || begin.elapsed() < time {
        times.push(good(door).await);
    }
    times
}

#[tokio::test]
async fn case_84_slow_clients_do_not_stop_others() {
    slow_clients(300, Duration::from_secs(2), false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "ten minutes: 4,000 slow clients at each proxy for five minutes"]
async fn case_84_slow_clients_do_not_stop_others_in_full() {
    slow_clients(4000, Duration::from_secs(300), true).await;
}

#[tokio::test]
async fn case_84_heads_have_a_time_limit() {
    let door = Door::open(Kind::Ours, &["--header-timeout", "300"]).await;
    let begin = Instant::now();
    // Each ends when it is closed.
    join_all((0..100).map(|_| crawl(door.public, 0, Duration::from_millis(20)))).await;
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
}

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
#[ignore = "minutes: 100,000 requests at each proxy"]
async fn case_87_nothing_is_kept_of_requests_that_are_given_up_in_full() {
    aborted(100_000).await;
}
