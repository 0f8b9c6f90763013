//! Requests with two readings: refused, closed, and no byte of them reaches a target.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Target, TestProxy, raw, soon};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn ambiguous_heads_reach_nobody() {
    let (target, seen) = Target::recording(OK).await;
    let proxy = TestProxy::with_route("/", &target).await;
    for (lines, body) in [
        (
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
            "0\r\n\r\n",
        ),
        ("Content-Length: 0\r\nContent-Length: 4\r\n", "abcd"),
        ("Content-Length: 4, 4\r\n", "abcd"),
        ("Content-Length: +4\r\n", "abcd"),
        ("Content-Length: 4\r\nContent-Length : 0\r\n", "abcd"),
        ("Transfer-Encoding: cow, chunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding:\u{b}chunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding\r\n : chunked\r\n", "0\r\n\r\n"),
        (
            "Transfer_Encoding: chunked\r\nContent-Length: 4\r\n",
            "abcd",
        ),
        ("X: y\r\n folded\r\n", ""),
        ("X: a\rTransfer-Encoding: chunked\r\n", ""),
        ("X: a\nTransfer-Encoding: chunked\r\n", ""),
        ("X: a\0\r\n", ""),
        ("X : a\r\n", ""),
        ("Host: other\r\n", ""),
        (
            "Connection: content-length\r\nContent-Length: 4\r\n",
            "abcd",
        ),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}{SMUGGLED}");
        let answer = raw(proxy.public, request.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{lines:?}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{lines:?}: {answer}");
        assert!(seen.lock().unwrap().is_empty(), "{lines:?}");
    }
    assert_eq!(proxy.get("/").await.text(), "ok");
}

#[tokio::test]
async fn request_lines_that_are_not_for_us() {
    let (target, seen) = Target::recording(OK).await;
    let proxy = TestProxy::with_route("/", &target).await;
    for (line, status) in [
        ("CONNECT h:443 HTTP/1.1", "405"),
        ("TRACE / HTTP/1.1", "405"),
        ("GET / HTTP/2.0", "505"),
        ("PRI * HTTP/2.0", "505"),
        ("GET /", "400"),
        ("GET  / HTTP/1.1", "400"),
        ("get / HTTP/1.1", "400"),
        ("GET /#f HTTP/1.1", "400"),
    ] {
        let answer = raw(
            proxy.public,
            format!("{line}\r\nHost: h\r\n\r\n").as_bytes(),
        )
        .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{line}: {answer}"
        );
        assert_eq!(
            answer.contains("\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"),
            status == "405",
            "{line}: {answer}"
        );
        assert!(seen.lock().unwrap().is_empty(), "{line}");
    }
}

#[tokio::test]
async fn too_large_heads_are_told_so() {
    let (target, seen) = Target::recording(OK).await;
    let proxy = TestProxy::with_route("/", &target).await;
    let long = "x".repeat(65_000);
    let many = "X: y\r\n".repeat(5_000);
    for (request, status) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"), "414"),
        (
            format!("GET / HTTP/1.1\r\nHost: h\r\nX: {long}\r\n\r\n"),
            "431",
        ),
        (format!("GET / HTTP/1.1\r\nHost: h\r\n{many}\r\n"), "431"),
        (
            format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", &many[..6 * 150]),
            "431",
        ),
    ] {
        let answer = raw(proxy.public, request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{status}: {answer}"
        );
        assert!(seen.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn odd_chunking_never_ends_a_request() {
    for body in [
        "4;x\ny\r\nabcd\r\n0\r\n\r\n",
        "4\nabcd\n0\n\n",
        "0x4\r\nabcd\r\n0\r\n\r\n",
        "4\r\nabcdX\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabcd\r\n0\r\n\r\n",
        "4\r\nabcd\r\n0\r\nX : y\r\n\r\n",
        "0\r\n folded\r\n\r\n",
    ] {
        let (target, seen) = Target::recording(OK).await;
        let proxy = TestProxy::with_route("/", &target).await;
        let request = format!(
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}{SMUGGLED}"
        );
        let answer = raw(proxy.public, request.as_bytes()).await;
        // The head may be with the target by then, and the target may have answered: but only once.
        assert!(
            answer.matches("HTTP/1.1").count() <= 1,
            "{body:?}: {answer}"
        );
        let seen = String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
        assert!(
            !seen.contains("smuggled") && !seen.contains("\r\n0\r\n\r\n"),
            "{body:?}: {seen}"
        );
    }
}

#[tokio::test]
async fn a_malformed_body_is_the_clients_fault() {
    let silent = Target::accepting(|mut stream| async move {
        let mut space = [0; 4096];
        while let Ok(1..) = stream.read(&mut space).await {}
    })
    .await;
    let proxy = TestProxy::with_route("/", &silent).await;
    let request = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nnonsense\r\n\r\n";
    let answer = raw(proxy.public, request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn extensions_and_trailers_are_not_forwarded() {
    let target = Target::named("t").await;
    let proxy = TestProxy::with_route("/", &target).await;
    let request = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\nConnection: close\r\n\r\n\
        4;ext=1\r\nabcd\r\n0\r\nX-T: 1\r\nAuthorization: token x\r\n\r\n";
    let answer = raw(proxy.public, request.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""body":"abcd""#),
        "{answer}"
    );
    assert!(
        !answer.contains("ext=1") && !answer.to_lowercase().contains("x-t"),
        "{answer}"
    );
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_whatever_their_framing() {
    let target = Target::named("t").await;
    let proxy = TestProxy::with_route("/", &target).await;
    let mut requests = String::new();
    for n in 0..20 {
        requests.push_str(&match n % 4 {
            0 => format!("GET /{n} HTTP/1.1\r\nHost: h\r\n\r\n"),
            1 => format!("POST /{n} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"),
            2 => format!("POST /{n} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            _ => format!("\r\nGET /{n} HTTP/1.1\r\nHost: h\r\n\r\n"),
        });
    }
    requests.push_str("GET /last HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n");
    for step in [1, 7, 100_000] {
        let mut client = TcpStream::connect(proxy.public).await.unwrap();
        client.set_nodelay(true).unwrap();
        let (mut read, mut write) = client.split();
        let mut answer = String::new();
        let writing = async {
            for piece in requests.as_bytes().chunks(step) {
                write.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let reading = soon(read.read_to_string(&mut answer));
        tokio::join!(writing, reading).1.unwrap();
        let urls: Vec<_> = answer
            .split(r#""url":"/"#)
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert_eq!(
            urls,
            (0..20).map(|n| n.to_string()).collect::<Vec<_>>(),
            "by {step}"
        );
        assert!(answer.ends_with("Bad Request"), "{answer}");
    }
}

#[tokio::test]
async fn expectations_are_met_by_us() {
    let target = Target::named("t").await;
    let proxy = TestProxy::with_route("/", &target).await;
    let mut client = TcpStream::connect(proxy.public).await.unwrap();
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut begin = [0; 25];
    soon(client.read_exact(&mut begin)).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"ab").await.unwrap();
    let mut answer = String::new();
    soon(client.read_to_string(&mut answer)).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && !answer.contains("expect"),
        "{answer}"
    );
}
