//! Limits on connections and heads, readiness, and the end.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Target, TestProxy, eventually, fetch, get, raw, soon};

const HEALTH: &[u8] = b"GET /_chp_healthz HTTP/1.1\r\nHost: h\r\n\r\n";

/// Opens a connection and sees it served.
async fn served(proxy: &TestProxy) -> TcpStream {
    let mut stream = TcpStream::connect(proxy.public).await.unwrap();
    stream.write_all(HEALTH).await.unwrap();
    let mut begin = [0; 12];
    soon(stream.read_exact(&mut begin)).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn more_connections_wait_until_one_ends() {
    let proxy =
        TestProxy::start(&["--max-connections", "2", "--keep-alive-timeout", "60000"]).await;
    let (first, _second) = (served(&proxy).await, served(&proxy).await);
    let mut third = TcpStream::connect(proxy.public).await.unwrap();
    third.write_all(HEALTH).await.unwrap();
    let mut begin = [0; 12];
    let early = tokio::time::timeout(Duration::from_millis(200), third.read(&mut begin)).await;
    assert!(early.is_err());
    // The hub gets in all the same.
    assert_eq!(proxy.call("GET", "/api/routes", "").await.status, 200);
    drop(first);
    soon(third.read_exact(&mut begin)).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_tunnels_count() {
    let options = [
        "--max-connections-per-address",
        "2",
        "--keep-alive-timeout",
        "60000",
    ];
    let proxy = TestProxy::start(&options).await;
    let echo = crate::websocket::echo().await;
    proxy.route("/", &echo.url()).await;
    let socket = crate::websocket::open(&proxy, "/ws").await;
    let _other = served(&proxy).await;
    assert_eq!(raw(proxy.public, HEALTH).await, "");
    drop(socket);
    eventually("the place is free again", async || {
        let mut stream = TcpStream::connect(proxy.public).await.unwrap();
        let _ = stream.write_all(HEALTH).await;
        soon(stream.read(&mut [0; 12]))
            .await
            .is_ok_and(|count| count > 0)
    })
    .await;
}

#[tokio::test]
async fn heads_have_the_chosen_size() {
    let options = ["--max-header-bytes", "2048", "--max-headers", "150"];
    let proxy = TestProxy::start(&options).await;
    let head = |count: usize, size: usize| {
        let line = format!("X: {}\r\n", "y".repeat(size));
        format!(
            "GET /_chp_healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{}\r\n",
            line.repeat(count)
        )
    };
    for (count, size, status) in [
        (140, 1, "200"),
        (149, 1, "431"),
        (1, 1900, "200"),
        (1, 2100, "431"),
    ] {
        let answer = raw(proxy.public, head(count, size).as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{count} {size}: {answer}"
        );
    }
}

#[tokio::test]
async fn slow_heads_get_the_chosen_time() {
    let proxy = TestProxy::start(&["--header-timeout", "100"]).await;
    let mut stream = TcpStream::connect(proxy.public).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn readiness_is_told_without_a_token() {
    let target = Target::named("t").await;
    let proxy = TestProxy::with_route("/a", &target).await;
    let reply = fetch(proxy.api, get("/_proxy/health")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        serde_json::json!({"status": "OK", "routes": 1})
    );
    assert_eq!(fetch(proxy.api, get("/_proxy/health/")).await.status, 404);
    assert_eq!(proxy.get("/_proxy/health").await.status, 404);
}

#[tokio::test]
async fn the_end_waits_for_the_chosen_time() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_hub-proxy"))
        .args([
            "--ip=127.0.0.1",
            "--port=0",
            "--log-level=error",
            "--drain-timeout=300",
        ])
        .args(["--default-target", &url, "--ready-file"])
        .arg(&ready)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("the ready file is written", async || ready.exists()).await;
    let told: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
    let public = told["public"]
        .as_str()
        .unwrap()
        .strip_prefix("http://")
        .unwrap();
    let mut client = TcpStream::connect(public).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    let _asked = soon(silent.accept()).await.unwrap();
    let pid = nix::unistd::Pid::from_raw(child.id().unwrap().cast_signed());
    let begin = Instant::now();
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(soon(child.wait()).await.unwrap().code(), Some(2));
    let took = begin.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(4),
        "{took:?}"
    );
}

#[tokio::test]
async fn the_redirect_port_shares_the_limit() {
    let authority = crate::certs::Authority::new();
    let issued = authority.issue();
    let both = authority.file("both.pem", &(issued.chain.clone() + &issued.key));
    let ready = std::path::PathBuf::from(authority.file("x", "")).with_file_name("ready.json");
    let _child = tokio::process::Command::new(env!("CARGO_BIN_EXE_hub-proxy"))
        .args([
            "--ip=127.0.0.1",
            "--port=0",
            "--redirect-port=0",
            "--max-connections-per-address=1",
        ])
        .args([
            "--log-level=error",
            "--ssl-cert",
            &both,
            "--ready-file",
            ready.to_str().unwrap(),
        ])
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("the ready file is written", async || ready.exists()).await;
    let told: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
    let address = |name: &str| -> std::net::SocketAddr {
        told[name]
            .as_str()
            .unwrap()
            .split("//")
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    };
    let held = authority
        .connect(address("public"), "http/1.1", None)
        .await
        .unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert_eq!(raw(address("redirect"), request).await, "");
    drop(held);
    eventually("there is room again", async || {
        let answer = raw(address("redirect"), request).await;
        answer.starts_with("HTTP/1.1 301 ")
    })
    .await;
}
