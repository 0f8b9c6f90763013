//! Cases 78 and 79: the REST API.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::door::{Door, Kind, TOKEN};
use super::judge::{Tally, fault_of_server};
use super::strict::{self, Message};
use super::wire::{self, SILENCE};

/// Sends bytes to the API; the answer, if one comes.
async fn said(door: &Door, bytes: &[u8]) -> Option<Message> {
    let heard = wire::say(door.api, bytes).await;
    let method = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    let method = String::from_utf8_lossy(method).into_owned();
    let read = strict::response(&heard.bytes, &method, heard.closed);
    read.ok().flatten().map(|(answer, _)| answer)
}

fn status(answer: Option<&Message>) -> u16 {
    answer.map_or(0, Message::status)
}

fn expect(got: u16, allowed: &[u16]) -> Result<(), String> {
    match got {
        _ if allowed.contains(&got) => Ok(()),
        0 => Err("no answer".to_owned()),
        got => Err(format!("answered {got}")),
    }
}

#[tokio::test]
async fn case_78_the_token_is_asked_for_before_a_body_is_read() {
    let mut tally = Tally::new("case 78".to_owned());
    let good = format!("token {TOKEN}");
    let long = format!("token {}", "x".repeat(8000));
    let values = [
        ("none", None, 403),
        ("wrong", Some("token wrong"), 403),
        ("empty", Some("token "), 403),
        ("other scheme", Some("Bearer s3cret"), 403),
        ("a prefix", Some("token s3cre"), 403),
        ("and more", Some("token s3cretx"), 403),
        ("in other text", Some("Basic eA== token s3cret"), 403),
        ("a list", Some("token wrong, token s3cret"), 403),
        ("with a word before", Some("xtoken s3cret"), 403),
        ("long", Some(&*long), 403),
        ("good", Some(&*good), 201),
    ];
    let body = json!({"target": "http://127.0.0.1:9"}).to_string();
    for door in Door::both(&[]).await {
        for (name, value, wanted) in &values {
            let line = value.map_or(String::new(), |value| format!("Authorization: {value}\r\n"));
            let length = body.len();
            let request = format!(
                "POST /api/routes/{} HTTP/1.1\r\nHost: a\r\n{line}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}",
                name.replace(' ', "-")
            );
            let answer = said(&door, request.as_bytes()).await;
            tally.add(
                door.kind,
                name,
                expect(status(answer.as_ref()), &[*wanted]),
                "",
            );
        }
        let routes = door.routes().await;
        let routes: Vec<_> = routes.as_object().expect("an object").keys().collect();
        let verdict = if routes == ["/good"] {
            Ok(())
        } else {
            Err("routes of strangers".to_owned())
        };
        tally.add(
            door.kind,
            "nothing was changed",
            verdict,
            &format!("{routes:?}"),
        );
        let (verdict, shown) = announced(&door).await;
        tally.add(door.kind, "1 GB announced without a token", verdict, &shown);
        if door.kind == Kind::Ours {
            // A secret in a log is one too many.
            assert!(!door.log().contains(TOKEN), "{}", door.log());
        }
    }
    tally.close("proxy-case-78");
}

/// Says that a gigabyte will come, with no token, and sends as much as is taken before an answer.
async fn announced(door: &Door) -> (Result<(), String>, String) {
    let before = door.memory();
    let mut stream = TcpStream::connect(door.api).await.expect("a connection");
    let head =
        "POST /api/routes/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n{\"a\":\"";
    stream
        .write_all(head.as_bytes())
        .await
        .expect("it is taken");
    let begin = Instant::now();
    let mut rest = Vec::new();
    let answer = tokio::time::timeout(SILENCE, wire::answer(&mut stream, &mut rest, "POST")).await;
    let answer = answer.ok().flatten();
    let took = begin.elapsed();
    let chunk = vec![b'x'; 1 << 20];
    let mut sent = 0;
    for _ in 0..64 {
        let write = tokio::time::timeout(SILENCE, stream.write_all(&chunk)).await;
        if !matches!(write, Ok(Ok(()))) {
            break;
        }
        sent += 1;
    }
    let grown = door.memory().saturating_sub(before) >> 10;
    let verdict = expect(status(answer.as_ref()), &[403]).and_then(|()| match grown {
        0..4096 => Ok(()),
        grown => Err(format!("{grown} KiB more memory")),
    });
    (
        verdict,
        format!("{took:?}, took {sent} MiB, {grown} KiB more memory"),
    )
}

#[tokio::test]
async fn case_79_input_of_the_api_is_judged() {
    let mut tally = Tally::new("case 79".to_owned());
    let target = |target: &str| json!({ "target": target }).to_string();
    let ok = target("http://127.0.0.1:9");
    let mut calls: Vec<(String, String, String, &[u16])> = Vec::new();
    let mut add = |method: &str, path: &str, body: &str, allowed| {
        calls.push((method.to_owned(), path.to_owned(), body.to_owned(), allowed));
    };
    for bad in [
        "file:///etc/passwd",
        "ftp://h",
        "gopher://h",
        "javascript:alert(1)",
        "http://",
        "http://user:pw@h",
        "http://h:0",
        "http://h:99999",
        "http://[::1",
        "nonsense",
        "//h",
        "",
    ] {
        add("POST", "/api/routes/t", &target(bad), &[400]);
    }
    for body in [
        "",
        "null",
        "[]",
        "5",
        "\"x\"",
        "{",
        "{}",
        r#"{"target":5}"#,
        r#"{"target":null}"#,
        r#"{"target":["http://h"]}"#,
    ] {
        add("POST", "/api/routes/b", body, &[400]);
    }
    add("POST", "/api/routes/%zz", &ok, &[400]);
    add("POST", "/api/routes/%ff", &ok, &[400]);
    add("GET", "/api/routes/%zz", "", &[400]);
    add("DELETE", "/api/routes/%", "", &[400]);
    add("POST", "/api/routes/__proto__", &ok, &[201]);
    add("GET", "/api/routes/__proto__", "", &[200]);
    add("GET", "/api/routes/constructor", "", &[404]);
    add("POST", "/api/routes/constructor/prototype", &ok, &[201]);
    add("DELETE", "/api/routes", "", &[204, 404]);
    add("DELETE", "/api/routes/", "", &[204, 404]);
    add("GET", "/api/routes?inactive_since=junk", "", &[400]);
    add("PUT", "/api/routes/x", &ok, &[405]);
    add("GET", "/elsewhere", "", &[404]);
    let huge = format!("/api/routes/{}", "x/".repeat(5000));
    add("POST", &huge, &ok, &[201, 400, 414]);
    let deep = format!(
        r#"{{"target":"http://127.0.0.1:9","a":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    add("POST", "/api/routes/deep", &deep, &[201, 400]);
    let big = format!(
        r#"{{"target":"http://127.0.0.1:9","a":"{}"}}"#,
        "x".repeat(5_000_000)
    );
    add("POST", "/api/routes/big", &big, &[201, 400, 413]);
    for door in Door::both(&[]).await {
        for (method, path, body, allowed) in &calls {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: token {TOKEN}\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
            let short: String = format!("{method} {path} {body}")
                .chars()
                .take(100)
                .collect();
            let answer = said(&door, request.as_bytes()).await;
            let got = status(answer.as_ref());
            assert!(
                door.kind == Kind::Theirs || !fault_of_server(got),
                "{short}: {got}"
            );
            tally.add(door.kind, &short, expect(got, allowed), "");
        }
        let ask = format!(
            "GET /api/routes HTTP/1.1\r\nHost: a\r\nAuthorization: token {TOKEN}\r\nConnection: close\r\n\r\n"
        );
        let left = said(&door, ask.as_bytes()).await;
        let left = left.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
        let public = wire::say(door.public, b"GET /none HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let verdict = if left.is_some_and(|left| left.is_object())
            && public.bytes.starts_with(b"HTTP/1.1 404")
        {
            Ok(())
        } else {
            Err("it does not".to_owned())
        };
        tally.add(door.kind, "it goes on", verdict, "");
    }
    tally.close("proxy-case-79");
}
