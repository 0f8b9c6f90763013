//! Metrics and the access log.

use std::process::Stdio;

use http::Response;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::harness::{Target, TestProxy, eventually, fetch, full, get, nobody, soon};
use crate::websocket;

/// The value of a line of the page; 0 when there is none.
async fn value(proxy: &TestProxy, name: &str) -> f64 {
    let reply = fetch(proxy.metrics, get("/metrics")).await;
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let line = reply
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn everything_is_counted() {
    let proxy = TestProxy::start(&[]).await;
    let target = Target::start(async |request| {
        let mut response = Response::new(full("x"));
        if request.uri().path() == "/a/404" {
            *response.status_mut() = http::StatusCode::NOT_FOUND;
        }
        response
    })
    .await;
    let echo = websocket::echo().await;
    proxy.route("/a", &target.url()).await;
    proxy.route("/ws", &echo.url()).await;
    proxy.route("/dead", &nobody().await).await;
    // The health check counts nowhere, as in configurable-http-proxy.
    for path in ["/a", "/a", "/a/404", "/dead", "/nowhere", "/_chp_healthz"] {
        proxy.get(path).await;
    }
    let socket = websocket::open(&proxy, "/ws").await;
    proxy.call("GET", "/api/routes", "").await;
    proxy.call("GET", "/api/routes/a", "").await;
    proxy.call("DELETE", "/api/routes/dead", "").await;
    proxy.call("DELETE", "/api/routes/dead", "").await;
    for (name, expected) in [
        ("api_route_get", 1.0),
        ("api_route_add", 3.0),
        ("api_route_delete", 2.0),
        ("find_target_for_req_count", 6.0),
        ("requests_web", 5.0),
        ("requests_ws", 1.0),
        ("requests_proxy{status=\"200\"}", 2.0),
        ("requests_proxy{status=\"404\"}", 2.0),
        ("requests_proxy{status=\"503\"}", 1.0),
        ("requests_proxy{status=\"101\"}", 1.0),
        ("requests_api{status=\"201\"}", 3.0),
        ("requests_api{status=\"204\"}", 1.0),
        ("requests_api{status=\"404\"}", 1.0),
        ("proxy_request_duration_seconds_count{class=\"2xx\"}", 2.0),
        ("proxy_target_seconds_count", 4.0),
        ("proxy_websockets_open", 1.0),
        ("proxy_routes", 2.0),
        ("proxy_requests_in_flight", 0.0),
    ] {
        eventually(name, async || value(&proxy, name).await == expected).await;
    }
    assert!(value(&proxy, "process_resident_memory_bytes").await > 1e6);
    assert!(value(&proxy, "last_activity_updating_count").await >= 2.0);
    let open = "proxy_connections_open{listener=\"public\"}";
    eventually("only the WebSocket is open", async || {
        value(&proxy, open).await == 1.0
    })
    .await;
    drop(socket);
    eventually("all are closed", async || value(&proxy, open).await == 0.0).await;
    assert_eq!(fetch(proxy.metrics, get("/")).await.status, 404);
}

#[tokio::test]
async fn the_access_log_tells_all_but_secrets() {
    let target = Target::named("t").await;
    for form in ["text", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready.json");
        let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_hub-proxy"))
            .args([
                "--ip=127.0.0.1",
                "--port=0",
                "--metrics-ip=127.0.0.1",
                "--metrics-port=0",
            ])
            .args([
                "--log-level=error",
                "--access-log",
                form,
                "--default-target",
                &target.url(),
            ])
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        eventually("the ready file is written", async || ready.exists()).await;
        let told: Value = serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
        let address = |name: &str| -> std::net::SocketAddr {
            let url = told[name].as_str().unwrap();
            url.strip_prefix("http://").unwrap().parse().unwrap()
        };
        assert_eq!(fetch(address("metrics"), get("/metrics")).await.status, 200);
        for path in ["/a/b?token=sesame", "/hub/api/authorizations/token/sesame"] {
            let mut request = get(path);
            request
                .headers_mut()
                .insert("cookie", "a=sesame".parse().unwrap());
            fetch(address("public"), request).await;
        }
        let pid = nix::unistd::Pid::from_raw(child.id().unwrap().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let mut log = String::new();
        soon(child.stdout.take().unwrap().read_to_string(&mut log))
            .await
            .unwrap();
        assert!(!log.contains("sesame"), "{log}");
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        if form == "text" {
            assert!(
                lines[0].contains(" 127.0.0.1 \"GET /a/b HTTP/1.1\" 200 "),
                "{log}"
            );
            assert!(lines[1].contains("/hub/api/authorizations/"), "{log}");
        } else {
            let line: Value = serde_json::from_str(lines[0]).unwrap();
            assert_eq!(
                (&line["path"], &line["status"]),
                (&"/a/b".into(), &200.into())
            );
            assert_eq!(
                (&line["route"], &line["peer"]),
                (&"/".into(), &"127.0.0.1".into())
            );
            assert!(
                line["bytes"].as_u64().unwrap() > 100 && line["seconds"].as_f64().unwrap() > 0.0
            );
        }
    }
}
