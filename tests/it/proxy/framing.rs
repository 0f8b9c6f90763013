//! Cases 65-71: where a request begins and ends.

use super::judge::{Fate, HERE, Vector, case};
use Fate::{Either, Forwarded, Refused};

/// A second request, which nobody sent on purpose.
const SMUGGLED: &str = "GET /HERE/smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

/// A request with these header lines, then `body`, then a smuggled request.
fn post(name: &str, fate: Fate, lines: &[u8], body: &[u8]) -> Vector {
    let mut bytes = format!("POST {HERE}/x HTTP/1.1\r\nHost: h\r\n").into_bytes();
    bytes.extend_from_slice(lines);
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    if fate == Refused {
        bytes.extend_from_slice(SMUGGLED.as_bytes());
    }
    Vector::new(name, fate, bytes)
}

fn posts(fate: Fate, body: &[u8], lines: &[&[u8]]) -> Vec<Vector> {
    lines
        .iter()
        .map(|lines| post(&lines.escape_ascii().to_string(), fate, lines, body))
        .collect()
}

#[tokio::test]
async fn case_65_length_and_coding_together() {
    const LENGTH: &str = "Content-Length: ";
    const CODING: &str = "Transfer-Encoding: chunked\r\n";
    let mut vectors = Vec::new();
    for (length, body) in [
        ("0", "0\r\n\r\n"),
        ("4", "0\r\n\r\n"),
        ("5", "0\r\n\r\n"),
        ("6", "0\r\n\r\nX"),
        ("3", "8\r\nSMUGGLED\r\n0\r\n\r\n"),
        ("100", "0\r\n\r\n"),
    ] {
        for lines in [
            format!("{LENGTH}{length}\r\n{CODING}"),
            format!("{CODING}{LENGTH}{length}\r\n"),
            format!("{LENGTH}{length}\r\nX: y\r\n{CODING}"),
        ] {
            let name = format!("{} with {body:?}", lines.escape_debug());
            vectors.push(post(&name, Refused, lines.as_bytes(), body.as_bytes()));
        }
    }
    case(65, &vectors).await;
}

#[tokio::test]
async fn case_66_forms_of_transfer_encoding() {
    let chunks = b"5\r\nhello\r\n0\r\n\r\n";
    let mut vectors = posts(
        Refused,
        chunks,
        &[
            b"Transfer-Encoding: identity\r\n",
            b"Transfer-Encoding: gzip, chunked\r\n",
            b"Transfer-Encoding: chunked, gzip\r\n",
            b"Transfer-Encoding: chunked, chunked\r\n",
            b"Transfer-Encoding: cow, chunked\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding:\r\nContent-Length: 5\r\n",
            b"Transfer-Encoding: \"chunked\"\r\n",
            b"Transfer-Encoding:\r\n chunked\r\n",
            b"Transfer-Encoding : chunked\r\n",
            b"Transfer-Encoding\t: chunked\r\n",
            b"Transfer-Encoding: \x0bchunked\r\n",
            b"Transfer-Encoding: chunked\0\r\n",
            b"Transfer-Encoding: xchunked\r\n",
            b"Transfer-Encoding: chunked;q=1\r\n",
            b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n",
            b"Transfer.Encoding: chunked\r\nContent-Length: 5\r\n",
        ],
    );
    vectors.push(Vector::new(
        "HTTP/1.0",
        Refused,
        format!("POST {HERE}/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"),
    ));
    vectors.extend(posts(
        Forwarded,
        chunks,
        &[
            b"Transfer-Encoding: chunked\r\n",
            b"TRANSFER-ENCODING:\t Chunked \t\r\n",
        ],
    ));
    case(66, &vectors).await;
}

/// The bytes that are put around the words.
const ODD: [u8; 13] = [
    0, 1, b'\t', b'\n', 0x0b, 0x0c, b'\r', b' ', b'"', b';', b',', 0x7f, 0xff,
];

#[tokio::test]
async fn case_67_mutations_around_transfer_encoding() {
    let plain = b"X: y\r\nTransfer-Encoding: chunked\r\n";
    // Before and in the header line before, in the name, around the colon, in the value, around the end of the line.
    let positions = [3, 6, 7, 14, 23, 24, 25, 28, 32, 34];
    let mut vectors = Vec::new();
    for position in positions {
        for byte in ODD {
            let mut lines = plain.to_vec();
            lines.insert(position, byte);
            let name = format!("byte {byte} at {position}");
            let mut vector = post(&name, Either, &lines, b"0\r\n\r\n");
            vector.bytes.extend_from_slice(SMUGGLED.as_bytes());
            vectors.push(vector);
        }
    }
    assert_eq!(vectors.len(), 130);
    case(67, &vectors).await;
}

#[tokio::test]
async fn case_68_forms_of_content_length() {
    let mut vectors = posts(
        Refused,
        b"hello",
        &[
            b"Content-Length: 5\r\nContent-Length: 5\r\n",
            b"Content-Length: 5\r\nContent-Length: 0\r\n",
            b"Content-Length: 0\r\nContent-Length: 5\r\n",
            b"Content-Length: 5, 5\r\n",
            b"Content-Length: 5, 0\r\n",
            b"Content-Length: +5\r\n",
            b"Content-Length: -5\r\n",
            b"Content-Length: 0x5\r\n",
            b"Content-Length: 5e0\r\n",
            b"Content-Length: 5.0\r\n",
            b"Content-Length: 1 5\r\n",
            b"Content-Length: 0005\r\n",
            b"Content-Length: 18446744073709551621\r\n",
            b"Content-Length: 9223372036854775808\r\n",
            b"Content-Length:\r\n",
            b"Content-Length: \"5\"\r\n",
            b"Content-Length: \xef\xbc\x95\r\n",
            b"Content-Length : 5\r\n",
            b"Content_Length: 5\r\n",
        ],
    );
    let good: [&[u8]; 2] = [b"Content-Length: 5\r\n", b"content-length:\t5 \r\n"];
    vectors.extend(posts(Forwarded, b"hello", &good));
    case(68, &vectors).await;
}

#[tokio::test]
async fn case_69_chunks() {
    let chunks =
        |name: &str, fate, body: &[u8]| post(name, fate, b"Transfer-Encoding: chunked\r\n", body);
    let long = format!("3;x={}\r\nabc\r\n0\r\n\r\n", "y".repeat(20_000));
    let mut vectors = vec![
        chunks("very long extension", Either, long.as_bytes()),
        chunks("no end", Either, b"3\r\nabc\r\n"),
        chunks("cut in a chunk", Either, b"5\r\nab"),
    ];
    for body in [
        &b"3\r\nabc\r\n0\r\n\r\n"[..],
        b"003\r\nabc\r\n0\r\n\r\n",
        b"A\r\n0123456789\r\n0\r\n\r\n",
        b"3;name=value\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n",
    ] {
        vectors.push(chunks(&body.escape_ascii().to_string(), Forwarded, body));
    }
    for body in [
        &b"3;a\nb\r\nabc\r\n0\r\n\r\n"[..],
        b"3;a\rb\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc\r\n0\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"10000000000000003\r\nabc\r\n0\r\n\r\n",
        b"2\r\nabc\r\n0\r\n\r\n",
        b"4\r\nabc\r\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
        b"g\r\nabc\r\n0\r\n\r\n",
    ] {
        // The head may be on its way before the chunk comes: what counts is that nothing odd follows it.
        let mut vector = chunks(&body.escape_ascii().to_string(), Either, body);
        vector.bytes.extend_from_slice(SMUGGLED.as_bytes());
        vectors.push(vector);
    }
    for name in [
        "Content-Length: 9",
        "Authorization: x",
        "Host: x",
        "X-Forwarded-For: 6.6.6.6",
    ] {
        let body = format!("3\r\nabc\r\n0\r\n{name}\r\n\r\n");
        vectors.push(chunks(&format!("trailer {name}"), Either, body.as_bytes()));
    }
    let judge = |vector: &Vector, outcome: &super::judge::Outcome| {
        outcome.fits(vector.fate)?;
        let all: Vec<u8> = outcome.received.concat();
        let has = |what: &str| find_ignoring_case(&all, what.as_bytes());
        for bad in [
            ";",
            "content-length: 9",
            "authorization",
            "host: x",
            "6.6.6.6",
        ] {
            if has(bad) {
                return Err(format!("`{bad}` was passed on"));
            }
        }
        Ok(())
    };
    super::judge::sent_and_judged(69, &vectors, &super::judge::OPTIONS, judge).await;
}

fn find_ignoring_case(bytes: &[u8], what: &[u8]) -> bool {
    bytes
        .windows(what.len())
        .any(|part| part.eq_ignore_ascii_case(what))
}

#[tokio::test]
async fn case_70_syntax_of_headers() {
    let mut vectors = posts(
        Refused,
        b"",
        &[
            b"X: a\r\n folded\r\n",
            b"X: a\r\n\tfolded\r\n",
            b"X: a\rb\r\n",
            b"X: a\nY: b\r\n",
            b"X: a\0b\r\n",
            b"X: a\x01b\r\n",
            b"X: a\x7fb\r\n",
            b"X Y: a\r\n",
            b"X : a\r\n",
            b"X\t: a\r\n",
            b": a\r\n",
            b"no colon\r\n",
            b" X: first line folded\r\n",
            b"X(Y): a\r\n",
            b"X\xe9: a\r\n",
            b"\0X: a\r\n",
        ],
    );
    let good: [&[u8]; 4] = [
        b"X: \xe9\xff\r\n",
        b"X:\r\n",
        b"X:a\tb\r\n",
        b"!#$%&'*+-.^_`|~: x\r\n",
    ];
    vectors.extend(posts(Forwarded, b"", &good));
    case(70, &vectors).await;
}

#[tokio::test]
async fn case_71_request_lines() {
    let mut vectors = Vec::new();
    let host = "\r\nHost: h\r\n\r\n";
    for line in [
        "GET /HERE/x",
        "GET /HERE/x HTTP/0.9",
        "GET /HERE/x HTTP/1.2",
        "GET /HERE/x HTTP/2.0",
        "GET /HERE/x HTTP/11",
        "GET /HERE/x http/1.1",
        "GET /HERE/x HTTP/1.1 ",
        "GET /HERE/x  HTTP/1.1",
        "GET  /HERE/x HTTP/1.1",
        "GET\t/HERE/x HTTP/1.1",
        "GET /HERE/x\tHTTP/1.1",
        " GET /HERE/x HTTP/1.1",
        "get /HERE/x HTTP/1.1",
        "G ET /HERE/x HTTP/1.1",
        "GET /HERE/a b HTTP/1.1",
        "GET /HERE/x#fragment HTTP/1.1",
        "GET HERE/x HTTP/1.1",
        "GET",
        "CONNECT /HERE/x HTTP/1.1",
        "CONNECT h:443 HTTP/1.1",
        "TRACE /HERE/x HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        vectors.push(Vector::new(
            line,
            Refused,
            format!("{line}{host}{SMUGGLED}"),
        ));
    }
    for (name, bytes) in [
        (
            "raw bytes",
            &b"GET /HERE/\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n"[..],
        ),
        ("NUL", b"GET /HERE/\0 HTTP/1.1\r\nHost: h\r\n\r\n"),
        ("LF only", b"GET /HERE/x HTTP/1.1\nHost: h\n\n"),
        ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ] {
        vectors.push(Vector::new(name, Refused, bytes));
    }
    // Waited for, as its first line has not ended.
    let greeting = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03";
    vectors.push(Vector::new("a TLS greeting", Either, greeting));
    // Refused, but with a framing that leaves no doubt about what follows.
    vectors.push(Vector::new(
        "GET *",
        Either,
        format!("GET * HTTP/1.1{host}{SMUGGLED}"),
    ));
    for line in [
        "GET /HERE/x HTTP/1.1",
        "\r\nGET /HERE/x HTTP/1.1",
        "M-SEARCH /HERE/x HTTP/1.1",
    ] {
        let fate = if line.starts_with('M') {
            Either
        } else {
            Forwarded
        };
        vectors.push(Vector::new(
            line.escape_debug().to_string(),
            fate,
            format!("{line}{host}"),
        ));
    }
    case(71, &vectors).await;
}
