//! What the target and the client see of each other's headers.

use http::Request;

use crate::harness::{Target, TestProxy, empty, fetch, raw};

/// Headers that the target saw.
async fn seen(proxy: &TestProxy, lines: &[(&str, &str)]) -> Vec<String> {
    let mut request = Request::get("/");
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let reply = fetch(proxy.public, request.body(empty()).unwrap()).await;
    let mut headers: Vec<String> = serde_json::from_value(reply.json()["headers"].clone()).unwrap();
    headers.sort();
    headers
}

#[tokio::test]
async fn requests_are_forwarded_with_their_headers() {
    let target = Target::named("t").await;
    let proxy = TestProxy::with_route("/", &target).await;
    let given = [
        ("host", "front:8000"),
        ("authorization", "token x"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "9.9.9.9"),
        ("connection", "x-secret"),
        ("x-secret", "1"),
        ("te", "trailers"),
        ("proxy-authorization", "x"),
        ("x_forwarded_for", "6.6.6.6"),
    ];
    let expected = [
        "authorization: token x",
        "cookie: a=b",
        "host: front:8000",
        "x-forwarded-for: 9.9.9.9,127.0.0.1",
        "x-forwarded-host: front:8000",
        "x-forwarded-port: 8000",
        "x-forwarded-proto: http",
    ];
    assert_eq!(seen(&proxy, &given).await, expected);
}

#[tokio::test]
async fn options_change_headers() {
    let target = Target::named("t").await;
    let host = format!("host: {}", target.address);
    for (options, expected) in [
        (&["--no-x-forward"][..], vec!["host: front"]),
        (&["--no-x-forward", "--change-origin"], vec![host.as_str()]),
        (
            &[
                "--no-x-forward",
                "--custom-header",
                "X-A: 1",
                "--custom-header=host:own",
            ],
            vec!["host: own", "x-a: 1"],
        ),
    ] {
        let proxy = TestProxy::start(options).await;
        proxy.route("/", &target.url()).await;
        assert_eq!(
            seen(&proxy, &[("host", "front")]).await,
            expected,
            "{options:?}"
        );
    }
}

#[tokio::test]
async fn answers_keep_status_text_and_cookies_and_lose_hop_by_hop_headers() {
    let (target, _) = Target::recording(
        b"HTTP/1.1 207 Of Its Own\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nKeep-Alive: timeout=5\r\nConnection: X-Secret\r\n\
        X-Secret: 1\r\nX-Kept: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    )
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    let answer = raw(
        proxy.public,
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 207 Of Its Own\r\n"),
        "{answer}"
    );
    for (line, count) in [
        ("set-cookie: a=1", 1),
        ("set-cookie: b=2", 1),
        ("x-kept: 1", 1),
        ("x-secret", 0),
        ("keep-alive", 0),
    ] {
        assert_eq!(answer.matches(line).count(), count, "{line} in {answer}");
    }
}

#[tokio::test]
async fn head_and_not_modified_keep_their_length() {
    let (target, _) = Target::recording(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n").await;
    let proxy = TestProxy::with_route("/", &target).await;
    let reply = fetch(
        proxy.public,
        Request::head("/")
            .header("host", "h")
            .body(empty())
            .unwrap(),
    )
    .await;
    assert_eq!(reply.header("content-length"), Some("1234"));
}

#[tokio::test]
async fn redirects_to_the_target_can_be_rewritten() {
    let target = Target::start(|request| async move {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        let to = format!("http://{host}/next");
        http::Response::builder()
            .status(302)
            .header("location", to)
            .body(empty())
            .unwrap()
    })
    .await;
    let proxy = TestProxy::start(&[
        "--auto-rewrite",
        "--protocol-rewrite=https",
        "--change-origin",
    ])
    .await;
    proxy.route("/", &target.url()).await;
    assert_eq!(
        proxy.get("/").await.header("location"),
        Some("https://front:8000/next")
    );
}

#[tokio::test]
async fn an_absolute_request_target_wins_over_host() {
    let target = Target::named("t").await;
    let proxy = TestProxy::with_route("/", &target).await;
    let ask = async |line: &str| {
        let request = format!("GET {line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        raw(proxy.public, request.as_bytes()).await
    };
    let answer = ask("http://other:81/x?y").await;
    assert!(
        answer.contains(r#""host: other:81""#) && answer.contains(r#""url":"/x?y""#),
        "{answer}"
    );
    for bad in ["ftp://h/x", "http://u:p@h/x", "*"] {
        let answer = ask(bad).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bad}: {answer}");
    }
}

#[tokio::test]
async fn old_clients_without_host_are_served() {
    let target = Target::named("t").await;
    let proxy = TestProxy::with_route("/", &target).await;
    let answer = raw(proxy.public, b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(
        answer.contains(&format!("host: {}", target.address)),
        "{answer}"
    );
}

#[tokio::test]
async fn x_forwarded_headers_count_only_from_trusted_proxies() {
    let target = Target::named("t").await;
    let given = [
        ("host", "front"),
        ("x-forwarded-for", "6.6.6.6,1.2.3.4"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "6.6.6.6"),
        ("x-scheme", "https"),
        ("forwarded", "for=6.6.6.6"),
        ("x_real_ip", "6.6.6.6"),
    ];
    for (list, expected) in [
        (
            "10.0.0.0/8",
            ["x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"],
        ),
        (
            "127.0.0.0/8,unix",
            [
                "x-forwarded-for: 1.2.3.4,127.0.0.1",
                "x-forwarded-proto: https",
            ],
        ),
    ] {
        let proxy = TestProxy::start(&["--trusted-proxies", list]).await;
        proxy.route("/", &target.url()).await;
        let headers = seen(&proxy, &given).await;
        for line in expected {
            assert!(headers.contains(&line.to_owned()), "{list}: {headers:?}");
        }
        // The hub believes some of these more than `X-Forwarded-*`, and a trusted proxy may have passed them on unseen.
        for name in ["x-real-ip", "x-scheme", "forwarded", "x_real_ip"] {
            let there = headers
                .iter()
                .any(|line| line.starts_with(&format!("{name}:")));
            assert!(!there, "{list}: {headers:?}");
        }
    }
}
