//! Case 124: a crowd who listen to one start, and hold what else can be held. Nobody else waits for them.

use std::time::{Duration, Instant};

use e2e::{Stack, eventually};
use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fleet::WAIT;
use crate::spec;

/// How many may listen to one start.
const PLACES: usize = 100;

/// A connection that is kept, and how its answer begins.
struct Kept {
    head: String,
    _stream: TcpStream,
}

/// Asks for the progress of kim's start and keeps the connection.
async fn listen(stack: &Stack, token: &str) -> Kept {
    let url = stack.client().url("/hub/api/users/kim/server/progress");
    let host = format!("127.0.0.1:{}", url.port().expect("a port"));
    let mut stream = TcpStream::connect(&host).await.expect("the proxy listens");
    let path = url.path();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: token {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = tokio::time::timeout(WAIT, stream.read_buf(&mut head)).await;
        assert_ne!(read.expect("an answer in time").expect("an answer"), 0);
    }
    Kept {
        head: String::from_utf8_lossy(&head).to_ascii_lowercase(),
        _stream: stream,
    }
}

/// A hub with a server that is started and never answers.
async fn starting() -> Stack {
    let stack = Stack::builder()
        .without_python()
        .config(&spec::silent_server(600))
        .start()
        .await;
    stack.api().request_server("kim").await;
    stack
}

#[expect(clippy::print_stdout, reason = "what was seen is the result")]
async fn crowd_listens(crowd: usize) {
    let stack = starting().await;
    let token = stack.api().new_token("kim", &[]).await;
    let mut kept = Vec::new();
    for _ in 0..crowd / PLACES {
        kept.extend(join_all((0..PLACES).map(|_| listen(&stack, &token))).await);
    }
    let (heard, refused): (Vec<_>, Vec<_>) = kept
        .iter()
        .partition(|one| one.head.starts_with("http/1.1 200"));
    assert_eq!(heard.len(), PLACES);
    for one in refused {
        assert!(one.head.starts_with("http/1.1 429"), "{}", one.head);
        assert!(one.head.contains("\r\nretry-after: "), "{}", one.head);
    }

    let mut took = Vec::new();
    for _ in 0..50 {
        let begin = Instant::now();
        stack.client().get("/hub/health").await.expect(200);
        took.push(begin.elapsed());
    }
    took.sort();
    println!(
        "case 124: with {crowd} listeners health takes {:?} (median)",
        took[took.len() / 2]
    );
    assert!(took[took.len() / 2] < Duration::from_secs(5), "{took:?}");
    // Others may listen to theirs, and everything else goes on.
    stack.api().user("kim").await;
    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;

    drop(kept);
    eventually(WAIT, "places are given back", async || {
        listen(&stack, &token)
            .await
            .head
            .starts_with("http/1.1 200")
    })
    .await;
}

#[tokio::test]
async fn case_124_who_listens_holds_up_nobody() {
    crowd_listens(400).await;
}

#[tokio::test]
#[ignore = "takes minutes on a busy machine: tests/run --slow"]
async fn case_124_two_thousand_who_listen_hold_up_nobody() {
    crowd_listens(2_000).await;
}

/// Anonymous visitors get nothing that is held, and nothing that is counted or logged for them.
#[tokio::test]
async fn case_124_who_is_nobody_neither_listens_nor_reports() {
    let stack = starting().await;
    let client = stack.client();
    for path in ["/hub/api/users/kim/server/progress", "/hub/metrics"] {
        client.get(path).await.expect(403);
    }
    let reports = (0..200).map(|_| async {
        let report = json!({ "csp-report": { "blocked-uri": "x".repeat(1_000) } });
        client.post("/hub/security/csp-report", &report).await
    });
    for reply in join_all(reports).await {
        assert!([302, 403].contains(&reply.status), "{reply:?}");
    }
    assert!(!stack.log().contains("Content security policy violation"));
}
