//! Error pages and the health check.

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;

use crate::harness::{Target, TestProxy, fetch, full, get, nobody, raw};

#[tokio::test]
async fn bundled_pages() {
    let proxy = TestProxy::start(&[]).await;
    proxy.route("/dead", &nobody().await).await;
    for (path, status, text) in [
        ("/nope", 404, "There is nothing here"),
        ("/dead/x", 503, "not answering"),
    ] {
        let reply = proxy.get(path).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (status, Some("text/html; charset=utf-8"))
        );
        assert!(reply.text().contains(text), "{reply:?}");
    }
}

#[tokio::test]
async fn pages_of_the_error_target() {
    let pages = Target::start(|request: Request<_>| async move {
        let headers: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
        let text = format!(
            "{} {} [{}]",
            request.method(),
            request.uri(),
            headers.join(",")
        );
        let _ = BodyExt::collect(request.into_body()).await;
        let response = Response::builder()
            .status(StatusCode::IM_A_TEAPOT)
            .header("content-type", "text/x");
        response
            .header("content-encoding", "identity")
            .header("x-private", "1")
            .body(full(text))
            .unwrap()
    })
    .await;
    for url in ["/hub/error", "/hub/error/"] {
        let proxy = TestProxy::start(&["--error-target", &format!("{}{url}", pages.url())]).await;
        proxy.route("/dead", &nobody().await).await;
        for (path, status, asked) in [
            (
                "/user/foo%20x?a=b&c",
                404,
                "/hub/error/404?url=%2Fuser%2Ffoo%2520x%3Fa%3Db%26c",
            ),
            ("/dead", 503, "/hub/error/503?url=%2Fdead"),
        ] {
            let mut request = get(path);
            request
                .headers_mut()
                .insert("cookie", "secret=1".parse().unwrap());
            let reply = fetch(proxy.public, request).await;
            assert_eq!(
                (reply.status.as_u16(), reply.text()),
                (status, format!("GET {asked} [host]").as_str())
            );
            assert_eq!(
                (
                    reply.header("content-type"),
                    reply.header("content-encoding")
                ),
                (Some("text/x"), Some("identity"))
            );
            assert_eq!(reply.header("x-private"), None);
        }
    }
}

#[tokio::test]
async fn a_dead_error_target_leaves_plain_text() {
    let proxy = TestProxy::start(&["--error-target", &nobody().await]).await;
    let reply = proxy.get("/nope").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (404, "Not Found"));
}

#[tokio::test]
async fn pages_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("404.html"), "own 404").unwrap();
    let proxy = TestProxy::start(&["--error-path", folder.path().to_str().unwrap()]).await;
    proxy.route("/dead", &nobody().await).await;
    assert_eq!(proxy.get("/nope").await.text(), "own 404");
    assert_eq!(proxy.get("/dead").await.text(), "Service Unavailable");
    std::fs::write(folder.path().join("error.html"), "own error").unwrap();
    let reply = proxy.get("/dead").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (503, "own error"));
}

#[tokio::test]
async fn answers_that_are_no_http_are_failures() {
    for answer in [
        &b"SSH-2.0-OpenSSH\r\n"[..],
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
    ] {
        let (target, _) = Target::recording(answer).await;
        let proxy = TestProxy::with_route("/", &target).await;
        assert_eq!(
            proxy.get("/").await.status,
            503,
            "{}",
            answer.escape_ascii()
        );
    }
}

#[tokio::test]
async fn the_health_check_comes_before_routing() {
    let target = Target::named("t").await;
    let proxy = TestProxy::with_route("/", &target).await;
    let reply = proxy.get("/_chp_healthz").await;
    assert_eq!(
        (reply.status.as_u16(), reply.text()),
        (200, r#"{"status":"OK"}"#)
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(proxy.get("/_chp_healthz?x").await.json()["name"], "t");
    assert_eq!(proxy.get("/_chp_healthz/").await.json()["name"], "t");
}

#[tokio::test]
async fn a_404_leaves_the_connection_usable() {
    let proxy = TestProxy::start(&[]).await;
    let requests = "GET /a HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /_chp_healthz \
        HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answer = raw(proxy.public, requests.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 404 ").count(), 2, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 1, "{answer}");
}
