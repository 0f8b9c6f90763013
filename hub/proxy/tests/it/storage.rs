//! Routes that survive the process.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::harness::{Target, eventually, fetch, full, get, soon};

/// The program, with its routes in `folder`, and where it listens.
async fn start(folder: &Path) -> (Child, std::net::SocketAddr, std::net::SocketAddr) {
    let ready = folder.join("ready.json");
    let child = Command::new(env!("CARGO_BIN_EXE_hub-proxy"))
        .args(["--ip", "127.0.0.1", "--port", "0", "--log-level", "error"])
        .args(["--storage-backend=file", "--storage-file"])
        .arg(folder.join("routes"))
        .arg("--ready-file")
        .arg(&ready)
        .env_remove("CONFIGPROXY_AUTH_TOKEN")
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("the ready file is written", || async { ready.exists() }).await;
    let told: Value = serde_json::from_str(&std::fs::read_to_string(&ready).unwrap()).unwrap();
    std::fs::remove_file(&ready).unwrap();
    let address = |name: &str| {
        let url = told[name].as_str().unwrap().strip_prefix("http://");
        url.unwrap().parse().unwrap()
    };
    (child, address("public"), address("api"))
}

async fn call(api: std::net::SocketAddr, method: &str, path: &str, body: &Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("/api/routes{path}"))
        .header("host", "api")
        .body(full(body.to_string()))
        .unwrap();
    let reply = fetch(api, request).await;
    assert!(reply.status.is_success(), "{reply:?}");
}

/// All routes without the times of their last use.
async fn routes(api: std::net::SocketAddr) -> Value {
    let mut routes = fetch(api, get("/api/routes")).await.json();
    for route in routes.as_object_mut().unwrap().values_mut() {
        route.as_object_mut().unwrap().remove("last_activity");
    }
    routes
}

#[tokio::test]
async fn a_killed_proxy_serves_the_old_table_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::named("t").await;
    let (mut child, _, api) = start(folder.path()).await;
    for n in 0..300 {
        let data = json!({"target": target.url(), "user": format!("ü{n}"), "jupyterhub": true});
        call(api, "POST", &format!("/user/{n}"), &data).await;
        if n % 3 == 0 {
            call(api, "DELETE", &format!("/user/{n}"), &Value::Null).await;
        }
    }
    let before = routes(api).await;
    assert_eq!(before.as_object().unwrap().len(), 200);
    // The last answered change is there, and a line that the kill tore is no obstacle.
    child.kill().await.unwrap();
    let file = folder.path().join("routes");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(b"0123456789abcdef [\"add\",\"/torn\",{\"tar");
    std::fs::write(&file, bytes).unwrap();
    let begin = Instant::now();
    let (mut child, public, api) = start(folder.path()).await;
    assert_eq!(fetch(public, get("/user/1/x")).await.json()["name"], "t");
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(routes(api).await, before);
    child.kill().await.unwrap();
    let (_child, _, api) = start(folder.path()).await;
    assert_eq!(routes(api).await, before);
}

#[tokio::test]
async fn two_proxies_cannot_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (_first, ..) = start(folder.path()).await;
    let second = Command::new(env!("CARGO_BIN_EXE_hub-proxy"))
        .args([
            "--ip=127.0.0.1",
            "--port=0",
            "--storage-backend=file",
            "--storage-file",
        ])
        .arg(folder.path().join("routes"))
        .output();
    let output = soon(second).await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("locked by another proxy"), "{said}");
}
