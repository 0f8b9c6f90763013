//! The program: options, files, signals, exit codes.

use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::harness::{eventually, fetch, get, soon};

/// The program with `options`, without a token.
fn command(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub-proxy"));
    command
        .args(options)
        .env_remove("CONFIGPROXY_AUTH_TOKEN")
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// Runs to the end: exit code and stderr.
async fn fails(options: &[&str]) -> (i32, String) {
    let output = soon(command(options).output()).await.unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Waits for the ready file.
async fn ready(path: &Path) -> Value {
    eventually("the ready file is written", || async { path.exists() }).await;
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().unwrap().cast_signed()), signal).unwrap();
}

async fn code(mut child: Child) -> i32 {
    soon(child.wait()).await.unwrap().code().unwrap()
}

fn address(url: &Value) -> std::net::SocketAddr {
    url.as_str()
        .unwrap()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn bad_options_exit_with_one_and_say_why() {
    for (options, part) in [
        (&["--frobnicate"][..], "--frobnicate"),
        (&["--port", "x"], "--port"),
        (&["--ssl-key", "k"], "cannot read k"),
        (
            &["--error-target", "http://h", "--error-path", "x"],
            "Pick one",
        ),
        (
            &["--port", "0", "--api-ip", "0.0.0.0"],
            "CONFIGPROXY_AUTH_TOKEN",
        ),
        (&["--ip", "192.0.2.1", "--port", "0"], "192.0.2.1"),
        (
            &["--port", "0", "--pid-file", "/nonexistent/x"],
            "/nonexistent/x",
        ),
    ] {
        let (code, stderr) = fails(options).await;
        assert_eq!(code, 1, "{options:?}: {stderr}");
        assert!(stderr.contains(part), "{options:?}: {stderr}");
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, stderr) = fails(&["--ip", "127.0.0.1", "--port", &port, "--api-port", "0"]).await;
    assert_eq!(code, 1);
    assert!(
        stderr.contains(&port) && stderr.contains("choose another"),
        "{stderr}"
    );
}

#[tokio::test]
async fn help_and_version_exit_with_zero() {
    for option in ["--help", "--version", "-h", "-V"] {
        let output = soon(command(&[option]).output()).await.unwrap();
        assert!(output.status.success() && !output.stdout.is_empty());
    }
}

#[tokio::test]
async fn free_ports_are_told_and_signals_stop_with_two() {
    for stop in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = tempfile::tempdir().unwrap();
        let (pid_file, ready_file) = (folder.path().join("pid"), folder.path().join("ready.json"));
        let child = command(&["--ip", "", "--port", "0"])
            .args([
                Path::new("--pid-file"),
                &pid_file,
                Path::new("--ready-file"),
                &ready_file,
            ])
            .spawn()
            .unwrap();
        let told = ready(&ready_file).await;
        assert_eq!(told["pid"], child.id().unwrap());
        assert_eq!(
            std::fs::read_to_string(&pid_file).unwrap(),
            child.id().unwrap().to_string()
        );
        for file in [&pid_file, &ready_file] {
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &std::fs::metadata(file).unwrap().permissions(),
            );
            assert_eq!(mode & 0o777, 0o600);
        }
        let public = address(&told["public"]);
        assert_eq!(fetch(public, get("/_chp_healthz")).await.status, 200);
        let v6 = std::net::SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), public.port());
        if std::net::TcpListener::bind("[::1]:0").is_ok() {
            assert_eq!(fetch(v6, get("/_chp_healthz")).await.status, 200);
        }
        assert_eq!(
            fetch(address(&told["api"]), get("/api/routes"))
                .await
                .text(),
            "{}"
        );
        signal(&child, Signal::SIGHUP);
        assert_eq!(fetch(public, get("/_chp_healthz")).await.status, 200);
        signal(&child, stop);
        assert_eq!(code(child).await, 2);
        assert!(!pid_file.exists() && !ready_file.exists());
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let ready_file = folder.path().join("ready.json");
    // A target that accepts and never answers keeps a request open.
    let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", target.local_addr().unwrap());
    let child = command(&["--ip", "127.0.0.1", "--port", "0", "--default-target", &url])
        .args([Path::new("--ready-file"), &ready_file])
        .spawn()
        .unwrap();
    let public = address(&ready(&ready_file).await["public"]);
    let hanging = tokio::spawn(async move {
        let mut stream = tokio::net::TcpStream::connect(public).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .await
            .unwrap();
        let _ = stream.read(&mut [0; 100]).await;
    });
    let accepted = tokio::task::spawn_blocking(move || target.accept().unwrap());
    let _connection = soon(accepted).await.unwrap();
    signal(&child, Signal::SIGTERM);
    eventually("it stops accepting", || async {
        tokio::net::TcpStream::connect(public).await.is_err()
    })
    .await;
    let begin = std::time::Instant::now();
    signal(&child, Signal::SIGTERM);
    assert_eq!(code(child).await, 2);
    assert!(begin.elapsed() < std::time::Duration::from_secs(4));
    soon(hanging).await.unwrap();
    assert!(!ready_file.exists());
}

#[tokio::test]
async fn it_outlives_whoever_reads_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let ready_file = folder.path().join("ready.json");
    let mut child = command(&["--ip", "127.0.0.1", "--port", "0", "--log-level", "debug"])
        .args([Path::new("--ready-file"), &ready_file])
        .spawn()
        .unwrap();
    let told = ready(&ready_file).await;
    drop((child.stderr.take(), child.stdout.take()));
    for _ in 0..5 {
        assert_eq!(
            fetch(address(&told["public"]), get("/nope")).await.status,
            404
        );
        assert_eq!(fetch(address(&told["api"]), get("/nope")).await.status, 404);
    }
    signal(&child, Signal::SIGTERM);
    assert_eq!(code(child).await, 2);
}

#[tokio::test]
async fn logs_hold_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let ready_file = folder.path().join("ready.json");
    let mut child = command(&["--ip", "127.0.0.1", "--port", "0", "--log-level", "debug"])
        .args([Path::new("--ready-file"), &ready_file])
        .env("CONFIGPROXY_AUTH_TOKEN", "sesame")
        .spawn()
        .unwrap();
    let told = ready(&ready_file).await;
    for to in [&told["public"], &told["api"]] {
        for path in [
            "/x?token=sesame",
            "/api/routes?token=sesame",
            "/%zz?token=sesame",
        ] {
            let mut request = get(path);
            request
                .headers_mut()
                .insert("authorization", "token sesame".parse().unwrap());
            request
                .headers_mut()
                .insert("cookie", "a=sesame".parse().unwrap());
            fetch(address(to), request).await;
        }
    }
    signal(&child, Signal::SIGTERM);
    let mut log = String::new();
    soon(child.stderr.take().unwrap().read_to_string(&mut log))
        .await
        .unwrap();
    assert_eq!(code(child).await, 2);
    assert!(log.contains("404") && !log.contains("sesame"), "{log}");
}

#[tokio::test]
async fn unix_sockets_can_be_listened_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // A socket file that nobody listens on any more is no obstacle.
    drop(std::os::unix::net::UnixListener::bind(path("public")).unwrap());
    let child = command(&[])
        .args([
            "--socket".into(),
            path("public"),
            "--api-socket".into(),
            path("api"),
        ])
        .args(["--ready-file".into(), path("ready")])
        .spawn()
        .unwrap();
    let told = ready(&path("ready")).await;
    assert!(told["api"].as_str().unwrap().starts_with("http+unix://%2F"));
    for (socket, target, status) in [
        ("public", "/_chp_healthz", "200"),
        ("api", "/api/routes", "200"),
    ] {
        let mut stream = soon(tokio::net::UnixStream::connect(path(socket)))
            .await
            .unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    signal(&child, Signal::SIGTERM);
    assert_eq!(code(child).await, 2);
    assert!(!path("public").exists() && !path("api").exists());
}

#[tokio::test]
async fn what_has_no_effect_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ready");
    let mut child = command(&[
        "--port=0",
        "--ssl-dhparam=f",
        "--ssl-ciphers=HIGH:DHE-RSA-AES128-SHA",
    ])
    .arg("--ready-file")
    .arg(&path)
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut log = child.stderr.take().unwrap();
    ready(&path).await;
    signal(&child, Signal::SIGTERM);
    let mut told = String::new();
    soon(tokio::io::AsyncReadExt::read_to_string(&mut log, &mut told))
        .await
        .unwrap();
    for part in [
        "--ssl-dhparam has no effect",
        "left out: DHE-RSA-AES128-SHA",
    ] {
        assert!(told.contains(part), "{told}");
    }
    code(child).await;
}
