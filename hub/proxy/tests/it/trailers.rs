//! Trailers through HTTP/1.1: announced, harmless ones pass to clients that want them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Target, TestProxy, raw};

const BODY: &str = "3\r\nabc\r\n0\r\nDigest: d\r\nX-Forwarded-For: 6.6.6.6\r\nHost: evil\r\nContent-Length: 5\r\n\
    Authorization: evil\r\nETag: unannounced\r\n\r\n";

#[tokio::test]
async fn requests_pass_on_what_is_announced_and_harmless() {
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for (trailer, expected) in [
        (
            "Trailer: Digest, X-Forwarded-For, Host, Content-Length, Authorization\r\n",
            "0\r\ndigest: d\r\n\r\n",
        ),
        ("Trailer: Authorization\r\n", "0\r\n\r\n"),
        ("", "0\r\n\r\n"),
    ] {
        let (target, seen) = Target::recording(ok).await;
        let proxy = TestProxy::with_route("/", &target).await;
        let request = format!(
            "POST / HTTP/1.1\r\nHost: h\r\n{trailer}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{BODY}"
        );
        let answer = raw(proxy.public, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let seen = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
        assert!(seen.ends_with(&format!("3\r\nabc\r\n{expected}")), "{seen}");
        let announced = seen.contains("\r\ntrailer: digest\r\n");
        assert_eq!(announced, expected.contains("digest"), "{seen}");
    }
}

#[tokio::test]
async fn a_request_with_a_custom_header_cannot_set_it_by_a_trailer() {
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (target, seen) = Target::recording(ok).await;
    let proxy = TestProxy::start(&["--custom-header", "Digest: ours"]).await;
    proxy.route("/", &target.url()).await;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nTrailer: Digest\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{BODY}"
    );
    raw(proxy.public, request.as_bytes()).await;
    let seen = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
    assert!(seen.contains("digest: ours"), "{seen}");
    assert!(seen.ends_with("3\r\nabc\r\n0\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn answers_pass_them_on_to_those_who_want_them() {
    let target = Target::accepting(|mut stream| async move {
        let mut space = [0; 4096];
        while let Ok(1..) = stream.read(&mut space).await {
            let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Server-Timing, Set-Cookie\r\n\r\n\
                3\r\nabc\r\n0\r\nServer-Timing: db\r\nSet-Cookie: evil=1\r\nETag: unannounced\r\n\r\n";
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    for (te, version, expected) in [
        (
            "TE: trailers\r\n",
            "1.1",
            "3\r\nabc\r\n0\r\nserver-timing: db\r\n\r\n",
        ),
        ("TE: gzip, trailers;q=1\r\n", "1.1", "3\r\nabc\r\n0\r\n\r\n"),
        (
            "TE: gzip, trailers\r\n",
            "1.1",
            "3\r\nabc\r\n0\r\nserver-timing: db\r\n\r\n",
        ),
        ("", "1.1", "3\r\nabc\r\n0\r\n\r\n"),
        ("TE: trailers\r\n", "1.0", "\r\n\r\nabc"),
    ] {
        // Twice: the connection to the target is at the right place afterwards.
        for _ in 0..2 {
            let request =
                format!("GET / HTTP/{version}\r\nHost: h\r\n{te}Connection: close\r\n\r\n");
            let answer = raw(proxy.public, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1."), "{answer}");
            assert!(answer.ends_with(expected), "{te}{version}: {answer}");
            let told = answer.contains("trailer: server-timing\r\n");
            assert_eq!(
                told,
                expected.contains("server-timing"),
                "{te}{version}: {answer}"
            );
            assert!(!answer.to_lowercase().contains("set-cookie"), "{answer}");
        }
    }
}
