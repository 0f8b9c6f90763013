use proptest::prelude::*;

use super::*;

fn verdict(head: &[u8]) -> Result<Framing, u16> {
    let limits = HeadLimits::default();
    let end = find_end(head, 0, &limits).map_err(|refusal| refusal.status.as_u16())?;
    assert_eq!(end, Some(head.len()), "{}", head.escape_ascii());
    judge(head, &limits).map_err(|refusal| refusal.status.as_u16())
}

fn with(lines: &str) -> Result<Framing, u16> {
    verdict(format!("POST /x HTTP/1.1\r\nHost: h\r\n{lines}\r\n").as_bytes())
}

#[test]
fn plain_requests_pass() {
    for (lines, expected) in [
        ("", Framing::Length(0)),
        ("Content-Length: 0\r\n", Framing::Length(0)),
        ("content-length:5\r\n", Framing::Length(5)),
        ("Content-Length: \t 12 \r\n", Framing::Length(12)),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
        ("transfer-encoding:CHUNKED\r\n", Framing::Chunked),
        ("X-Empty:\r\nX-Obs: \u{e9}\r\n", Framing::Length(0)),
        (
            "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n",
            Framing::Length(0),
        ),
        (
            "Expect: 100-continue\r\nContent-Length: 3\r\n",
            Framing::Length(3),
        ),
    ] {
        assert_eq!(with(lines), Ok(expected), "{lines:?}");
    }
    assert_eq!(verdict(b"GET / HTTP/1.0\r\n\r\n"), Ok(Framing::Length(0)));
}

#[test]
fn framing_that_can_be_read_two_ways_is_refused() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5e0\r\n",
        "Content-Length: 1 2\r\n",
        "Content-Length: 0005\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 9223372036854775808\r\n",
        "Content-Length: \u{ff15}\r\n",
        "Content_Length: 5\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "Transfer-Encoding: chunked\u{0}\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer_Encoding: chunked\r\n",
        "transfer.encoding: chunked\r\n",
        "X: a\r\n folded\r\n",
        "X: a\r\n\tfolded\r\n",
        "X: a\rb\r\n",
        "X: a\u{0}b\r\n",
        "X: a\u{1}b\r\n",
        "X: a\u{7f}b\r\n",
        "X Y: a\r\n",
        "X(: a\r\n",
        ": a\r\n",
        "no colon\r\n",
        "Host: other\r\n",
        "Connection: close, Content-Length\r\n",
        "Connection: transfer-encoding\r\n",
        "Connection: HOST\r\n",
    ] {
        assert_eq!(with(lines), Err(400), "{lines:?}");
    }
    assert_eq!(
        verdict(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Err(400)
    );
    assert_eq!(with("Expect: teapot\r\n"), Err(417));
}

#[test]
fn request_lines() {
    for (line, status) in [
        ("GET /", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET\t/ HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        (" GET / HTTP/1.1", 400),
        ("get / HTTP/1.1", 400),
        ("G(T / HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        ("GET /#x HTTP/1.1", 400),
        ("GET /\u{e9} HTTP/1.1", 400),
        ("GET / http/1.1", 400),
        ("GET / HTTP/1.2", 505),
        ("GET / HTTP/2.0", 505),
        ("PRI * HTTP/2.0", 505),
        ("CONNECT h:80 HTTP/1.1", 405),
        ("TRACE / HTTP/1.1", 405),
        ("", 400),
    ] {
        assert_eq!(
            verdict(format!("{line}\r\nHost: h\r\n\r\n").as_bytes()),
            Err(status),
            "{line:?}"
        );
    }
    assert_eq!(verdict(b"GET / HTTP/1.1\r\n\r\n"), Err(400), "no Host");
    for host in ["", "a, b", "a b", "u@h", "h/x", "h?x", "h\\x"] {
        assert_eq!(
            verdict(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()),
            Err(400),
            "{host:?}"
        );
    }
}

#[test]
fn line_ends_are_crlf_only() {
    let limits = HeadLimits::default();
    for head in [
        &b"GET / HTTP/1.1\nHost: h\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: h\n\n",
        b"\nGET",
    ] {
        assert_eq!(find_end(head, 0, &limits).unwrap_err().status, 400);
    }
    assert_eq!(
        find_end(b"GET / HTTP/1.1\r\nHost: h\r\n", 3, &limits),
        Ok(None)
    );
}

#[test]
fn limits_hold() {
    let limits = HeadLimits {
        bytes: 200,
        line: 100,
        headers: 2,
    };
    let long = |n| "x".repeat(n);
    assert_eq!(
        find_end(format!("GET /{}", long(100)).as_bytes(), 0, &limits)
            .unwrap_err()
            .status,
        414
    );
    let head = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}", long(200));
    assert_eq!(
        find_end(head.as_bytes(), 0, &limits).unwrap_err().status,
        431
    );
    assert_eq!(
        find_end(format!("{head}\r\n\r\n").as_bytes(), 0, &limits)
            .unwrap_err()
            .status,
        431
    );
    assert_eq!(
        judge(
            b"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n",
            &limits
        )
        .unwrap_err()
        .status,
        431
    );
}

proptest! {
    #[test]
    fn never_panics_and_never_passes_both(head in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut whole = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n".to_vec();
        whole.extend(&head);
        whole.extend(b"\r\n\r\n");
        let limits = HeadLimits::default();
        if let Ok(Some(end)) = find_end(&whole, 0, &limits) {
            prop_assert!(judge(&whole[..end], &limits).is_err());
        }
    }
}
