//! Case 84: clients that are slow.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::acting::{Target, head, pour};
use super::door::{Door, Kind};
use super::judge::Tally;
use super::recorder::Recorder;
use super::wire;

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

/// How slow clients come and go on.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    count: usize,
    /// New ones in a second.
    rate: u32,
    /// Between two bytes, or lines, of each.
    pause: Duration,
    /// How long they stay.
    time: Duration,
    /// Whether good requests must stay as quick as they were; else answered is enough.
    strict_times: bool,
}

/// A crowd of slow clients, and one good request after the other meanwhile.
async fn slow_clients(crowd: Crowd) {
    let Crowd {
        count, pause, time, ..
    } = crowd;
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
        let public = door.public;
        let crawling = (0..count).map(|n| async move {
            tokio::time::sleep(Duration::from_secs_f64(n as f64 / f64::from(crowd.rate))).await;
            crawl(public, n, pause).await;
        });
        let crawling: Vec<_> = crawling.map(tokio::spawn).collect();
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
        } else if crowd.strict_times && busy > quiet * 2 + Duration::from_millis(5) {
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
    slow_clients(Crowd {
        count: 300,
        rate: u32::MAX,
        pause: Duration::from_millis(200),
        time: Duration::from_secs(2),
        strict_times: false,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "ten minutes: 4,000 slow clients at each proxy for five minutes"]
async fn case_84_slow_clients_do_not_stop_others_in_full() {
    // As many as `slowhttptest -c 4000 -r 400` has, ten times as busy: it sends something every ten seconds.
    slow_clients(Crowd {
        count: 4000,
        rate: 400,
        pause: Duration::from_secs(1),
        time: Duration::from_secs(300),
        strict_times: true,
    })
    .await;
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
