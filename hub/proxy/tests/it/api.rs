//! The REST API, status by status.

use chrono::TimeDelta;
use http::Request;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{TOKEN, TestProxy, fetch, full, raw, soon};

#[tokio::test]
async fn routes_come_and_go() {
    let proxy = TestProxy::start(&[]).await;
    assert_eq!(proxy.call("GET", "/api/routes", "").await.text(), "{}");
    let data = json!({"target": "http://127.0.0.1:1", "user": "alice", "server_name": "", "jupyterhub": true, "n": [1.5, null]});
    let reply = proxy
        .call("POST", "/api/routes/user/al%20ice/", &data.to_string())
        .await;
    assert_eq!((reply.status.as_u16(), reply.text()), (201, ""));
    let reply = proxy
        .call(
            "POST",
            "/api/routes/",
            r#"{"target": "http://127.0.0.1:2", "hub": true}"#,
        )
        .await;
    assert_eq!(reply.status, 201);
    let mut expected = data.clone();
    expected["last_activity"] = json!("2026-11-22T03:31:47.762Z");
    for path in ["/api/routes", "/api/routes/"] {
        let reply = proxy.call("GET", path, "").await;
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let hub = json!({"target": "http://127.0.0.1:2", "hub": true, "last_activity": "2026-11-22T03:31:47.762Z"});
        assert_eq!(reply.json(), json!({"/": hub, "/user/al ice": expected}));
    }
    for path in [
        "/api/routes/user/al%20ice",
        "/api/routes/user/al%20ice/",
        "/api/routes/user%2Fal%20ice",
    ] {
        assert_eq!(proxy.call("GET", path, "").await.json(), expected);
    }
    assert_eq!(
        proxy
            .call("DELETE", "/api/routes/user/al%20ice", "")
            .await
            .status,
        204
    );
    for (method, path) in [
        ("DELETE", "/api/routes/user/al%20ice"),
        ("GET", "/api/routes/user/al%20ice"),
    ] {
        let reply = proxy.call(method, path, "").await;
        assert_eq!((reply.status.as_u16(), reply.text()), (404, ""));
    }
    assert_eq!(proxy.call("DELETE", "/api/routes", "").await.status, 204);
    assert_eq!(proxy.call("DELETE", "/api/routes", "").await.status, 404);
}

#[tokio::test]
async fn unused_routes_can_be_asked_for() {
    let proxy = TestProxy::start(&[]).await;
    proxy.route("/old", "http://127.0.0.1:1").await;
    proxy.clock.advance(TimeDelta::seconds(10));
    proxy.route("/new", "http://127.0.0.1:1").await;
    for (query, expected) in [
        ("inactive_since=2026-11-22T03:31:57.762Z", vec!["/old"]),
        (
            "inactive_since=2026-11-22T03:31:57.763Z",
            vec!["/new", "/old"],
        ),
        ("inactiveSince=2026-11-22T03:31:47.762Z", vec![]),
        ("inactiveSince=2026&inactive_since=2030", vec![]),
    ] {
        let reply = proxy
            .call("GET", &format!("/api/routes?{query}"), "")
            .await
            .json();
        assert_eq!(
            reply.as_object().unwrap().keys().collect::<Vec<_>>(),
            expected,
            "{query}"
        );
    }
    let reply = proxy
        .call("GET", "/api/routes?inactive_since=junk", "")
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.text()),
        (400, "Invalid datestamp 'junk' must be ISO8601.")
    );
}

#[tokio::test]
async fn bad_calls_are_told_why() {
    let proxy = TestProxy::start(&[]).await;
    for (method, path, body, status, text) in [
        (
            "POST",
            "/api/routes/x",
            "",
            400,
            "Body not valid JSON: SyntaxError",
        ),
        (
            "POST",
            "/api/routes/x",
            "{",
            400,
            "Body not valid JSON: SyntaxError",
        ),
        (
            "POST",
            "/api/routes/x",
            "{}",
            400,
            "Must specify 'target' as string",
        ),
        (
            "POST",
            "/api/routes/x",
            "null",
            400,
            "Must specify 'target' as string",
        ),
        (
            "POST",
            "/api/routes/x",
            "[]",
            400,
            "Must specify 'target' as string",
        ),
        (
            "POST",
            "/api/routes/x",
            r#"{"target": 1}"#,
            400,
            "Must specify 'target' as string",
        ),
        (
            "POST",
            "/api/routes/x",
            r#"{"target": "nonsense"}"#,
            400,
            "target is not a URL",
        ),
        (
            "POST",
            "/api/routes/x",
            r#"{"target": "file:///x"}"#,
            400,
            "scheme",
        ),
        (
            "POST",
            "/api/routes/x",
            r#"{"target": "wss://h"}"#,
            400,
            "scheme \"wss\"",
        ),
        (
            "POST",
            "/api/routes/x",
            r#"{"target": "http://h:0"}"#,
            400,
            "port 0",
        ),
        (
            "POST",
            "/api/routes/%zz",
            r#"{"target": "http://h"}"#,
            400,
            "percent escape",
        ),
        ("GET", "/api/routes/%zz", "", 400, "percent escape"),
        ("PUT", "/api/routes/x", "", 405, "Method not supported"),
        ("PATCH", "/api/routes", "", 405, "Method not supported"),
        ("GET", "/api", "", 404, "Not Found"),
        ("GET", "/", "", 404, "Not Found"),
        ("GET", "/api/routesx", "", 404, "Not Found"),
        ("GET", "/_chp_healthz", "", 404, "Not Found"),
    ] {
        let reply = proxy.call(method, path, body).await;
        assert_eq!(reply.status, status, "{method} {path} {body}: {reply:?}");
        assert!(
            reply.text().contains(text),
            "{method} {path} {body}: {reply:?}"
        );
        let allowed = reply.header("allow");
        assert_eq!(allowed, (status == 405).then_some("GET, POST, DELETE"));
    }
    assert_eq!(proxy.call("GET", "/api/routes", "").await.text(), "{}");
    for key in ["__proto__", "constructor"] {
        proxy.route(&format!("/{key}"), "http://127.0.0.1:1").await;
        assert_eq!(
            proxy
                .call("GET", &format!("/api/routes/{key}"), "")
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn the_token_is_asked_for() {
    let proxy = TestProxy::start(&[]).await;
    for given in [
        None,
        Some("token wrong"),
        Some("Bearer s3cret"),
        Some("TOKEN s3cret"),
        Some("x token s3cret"),
    ] {
        for (method, body) in [
            ("GET", ""),
            ("POST", r#"{"target": "http://h"}"#),
            ("POST", "{"),
            ("DELETE", ""),
        ] {
            let mut request = Request::builder()
                .method(method)
                .uri("/api/routes/x")
                .header("host", "h");
            if let Some(given) = given {
                request = request.header("authorization", given);
            }
            let reply = fetch(proxy.api, request.body(full(body)).unwrap()).await;
            assert_eq!(
                (reply.status.as_u16(), reply.text()),
                (403, ""),
                "{given:?} {method}"
            );
        }
    }
}

#[tokio::test]
async fn any_content_type_will_do() {
    let proxy = TestProxy::start(&[]).await;
    for kind in ["text/plain; charset=utf-8", "application/json", "x"] {
        let request = Request::post("/api/routes/x")
            .header("host", "h")
            .header("authorization", format!("token {TOKEN}"))
            .header("content-type", kind);
        let reply = fetch(
            proxy.api,
            request.body(full(r#"{"target": "http://h"}"#)).unwrap(),
        )
        .await;
        assert_eq!(reply.status, 201);
    }
}

#[tokio::test]
async fn bodies_are_not_read_without_a_token_and_are_bounded() {
    let proxy = TestProxy::start(&[]).await;
    let mut client = TcpStream::connect(proxy.api).await.unwrap();
    client
        .write_all(b"POST /api/routes/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 12];
    soon(client.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403");
    let body = "x".repeat(1_100_000);
    let head = format!(
        "POST /api/routes/x HTTP/1.1\r\nHost: h\r\nAuthorization: token {TOKEN}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = raw(proxy.api, format!("{head}{body}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}
