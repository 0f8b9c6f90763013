//! Case 81: routes come and go while requests are answered.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::door::{Door, Kind, TOKEN};
use super::strict;
use super::wire;

/// How much happens.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Additions and removals of routes.
    changes: usize,
    /// Requests, each of which must be answered by the target that its path names.
    requests: usize,
}

/// Servers whose names are beginnings of each other's, each a port of its own.
const SERVERS: usize = 20;
/// Connections that change routes, and that ask.
const WRITERS: usize = 4;
const READERS: usize = 16;

fn name(n: usize) -> String {
    // a, aa, aaa…: a route for one is the beginning of the next one's text.
    format!("/user/{}", "a".repeat(n + 1))
}

/// Answers every request with its own number.
async fn servers() -> Vec<String> {
    let mut urls = Vec::new();
    for n in 0..SERVERS {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        urls.push(format!(
            "http://{}",
            listener.local_addr().expect("an address")
        ));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, format!("server {n}")));
            }
        });
    }
    urls
}

async fn serve(mut stream: TcpStream, text: String) {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    let mut waiting = Vec::new();
    let mut space = vec![0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut space).await {
        waiting.extend_from_slice(&space[..count]);
        while let Ok(Some((_, used))) = strict::request(&waiting) {
            waiting.drain(..used);
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// One connection on which requests follow each other.
struct Line {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Line {
    async fn to(address: std::net::SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self {
            stream,
            rest: Vec::new(),
        }
    }

    /// The answer, or `None` when the connection was dropped.
    async fn ask(&mut self, method: &str, head: &str, body: &str) -> Option<strict::Message> {
        let request = format!(
            "{method} {head}\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.ok()?;
        wire::answer(&mut self.stream, &mut self.rest, method).await
    }
}

/// Adds and removes the routes of half of the servers, over and over; returns those that are there at the end.
async fn change(door: &Door, urls: &[String], writer: usize, changes: usize) -> BTreeSet<String> {
    let mut line = Line::to(door.api).await;
    let mut there = BTreeSet::new();
    let head = |path: &str| format!("/api/routes{path} HTTP/1.1\r\nAuthorization: token {TOKEN}");
    for n in 0..changes {
        // Every second server keeps its route; the other ones' come and go, each by one writer.
        let server = (n / 2 % (SERVERS / 2 / WRITERS + 1) * WRITERS + writer) * 2 % SERVERS;
        let own = server / 2 % WRITERS == writer;
        let path = if own {
            name(server)
        } else {
            format!("/spare/{writer}/{}", n / 2 % 50)
        };
        let (method, body, wanted) = if there.remove(&path) {
            ("DELETE", String::new(), 204)
        } else {
            there.insert(path.clone());
            let user = "user".repeat(n % 5);
            (
                "POST",
                json!({"target": urls[server], "user": user}).to_string(),
                201,
            )
        };
        let answer = line
            .ask(method, &head(&path), &body)
            .await
            .expect("the API answers");
        assert_eq!(answer.status(), wanted, "{method} {path}");
    }
    there
}

/// Asks for paths of servers until there were enough requests; counts answers of wrong servers, and lost ones.
async fn ask(door: &Door, asked: &AtomicUsize, requests: usize, seed: usize) -> (usize, usize) {
    let mut line = Line::to(door.public).await;
    let (mut wrong, mut lost) = (0, 0);
    let mut n = seed;
    while asked.fetch_add(1, Ordering::Relaxed) < requests {
        n = (n * 13 + 7) % (SERVERS * 3);
        let server = n % SERVERS;
        let head = format!("{}/tree?n={n} HTTP/1.1", name(server));
        let Some(answer) = line.ask("GET", &head, "").await else {
            lost += 1;
            line = Line::to(door.public).await;
            continue;
        };
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        // Servers with an even number may have no route at the moment, and then nobody has.
        let right = answer.status() == 200 && body == format!("server {server}");
        let none = server.is_multiple_of(2) && answer.status() == 404;
        wrong += usize::from(!right && !none);
    }
    (wrong, lost)
}

/// Runs one proxy through all of it.
async fn churn(kind: Kind, size: Size) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("routes");
    let journal = journal.to_str().expect("a path");
    let own = ["--storage-backend", "file", "--storage-file", journal];
    let mut door = Door::open(kind, if kind == Kind::Ours { &own } else { &[] }).await;
    let urls = servers().await;
    for n in (1..SERVERS).step_by(2) {
        door.route(&name(n), &urls[n]).await;
    }
    let open = door.descriptors();
    let asked = AtomicUsize::new(0);
    let begin = std::time::Instant::now();
    let writing = futures_util::future::join_all(
        (0..WRITERS).map(|writer| change(&door, &urls, writer, size.changes / WRITERS)),
    );
    let reading = futures_util::future::join_all(
        (0..READERS).map(|reader| ask(&door, &asked, size.requests, reader)),
    );
    let (there, answers) = tokio::join!(writing, reading);
    let took = begin.elapsed();
    let (wrong, lost) = answers
        .iter()
        .fold((0, 0), |(w, l), (wrong, lost)| (w + wrong, l + lost));
    let mut expected: BTreeSet<String> = there.into_iter().flatten().collect();
    expected.extend((1..SERVERS).step_by(2).map(name));
    let routes = async |door: &Door| -> BTreeSet<String> {
        let routes = door.routes().await;
        routes
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    let table = routes(&door).await;
    let line = format!(
        "{}: {} changes and {} requests in {took:.1?}: {wrong} wrong answers, {lost} lost; {} of {} routes right",
        kind.name(),
        size.changes,
        size.requests,
        table.intersection(&expected).count(),
        expected.len()
    );
    eprintln!("case 81: {line}");
    if kind == Kind::Ours {
        // What is kept open for the next requests is closed within seconds.
        e2e::eventually(
            std::time::Duration::from_secs(30),
            "no descriptor is left over",
            async || door.descriptors() <= open,
        )
        .await;
        assert_eq!((wrong, lost), (0, 0), "{line}");
        assert_eq!(table, expected);
        door.kill_and_restart().await;
        assert_eq!(routes(&door).await, expected, "after a kill");
        let mut asking = Line::to(door.public).await;
        let answer = asking
            .ask("GET", &format!("{}/x HTTP/1.1", name(1)), "")
            .await;
        assert_eq!(answer.expect("an answer").body, b"server 1");
    }
    line
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_81_routes_come_and_go_under_load() {
    let size = Size {
        changes: 4_000,
        requests: 4_000,
    };
    for kind in Kind::BOTH {
        churn(kind, size).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute or more: 100,000 changes and 50,000 requests"]
async fn case_81_routes_come_and_go_under_load_in_full() {
    let size = Size {
        changes: 100_000,
        requests: 50_000,
    };
    for kind in Kind::BOTH {
        churn(kind, size).await;
    }
}
