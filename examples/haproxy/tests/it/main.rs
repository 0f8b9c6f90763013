//! A real HAProxy, from Debian, with the configuration of examples/haproxy: held to what every proxy is held to.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

use std::net::TcpListener;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use haproxy::{HaProxy, Settings};
use hub::proxy_client::{ProxyClient as _, Route, contract};

/// HAProxy with an empty map; it ends with this.
struct Running {
    folder: tempfile::TempDir,
    public: String,
}

impl Running {
    /// Returns when it serves: the program that was started goes to the background only then.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("routes.map"), "").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let public = format!("http://{}", listener.local_addr().unwrap());
        // A duplicate is inherited, the listener itself is not.
        let inherited: OwnedFd = nix::unistd::dup(&listener).unwrap();
        let running = Self { folder, public };
        let started = Command::new("/usr/sbin/haproxy")
            .args(["-D", "-q", "-f"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("haproxy.cfg"))
            .arg("-p")
            .arg(running.path("pid"))
            .env("PUBLIC", format!("fd@{}", inherited.as_raw_fd()))
            .env("ROUTES", running.path("routes.map"))
            .env("SOCKET", running.path("socket"))
            .status()
            .expect("Debian's package haproxy; tests/run installs it");
        assert!(started.success());
        running
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn client(&self) -> HaProxy {
        HaProxy::new(Settings {
            socket: self.path("socket"),
            map: self.path("routes.map").display().to_string(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(pid) = std::fs::read_to_string(self.path("pid")) {
            let _ = Command::new("kill").arg(pid.trim()).status();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let haproxy = Running::start();
    let broken = contract::check(&haproxy.client(), &haproxy.public).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let nobody = HaProxy::new(Settings {
        socket: "/nonexistent/socket".into(),
        map: "/nonexistent/map".into(),
    });
    let error = nobody.routes().await.unwrap_err().to_string();
    assert!(
        error.contains("/nonexistent/socket") && error.contains("[HAProxy]"),
        "{error}"
    );
    let haproxy = Running::start();
    let client = haproxy.client();
    let target = "http://a-name:1".to_owned();
    let error = client.add(&Route::extra("/x/".into(), target)).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("a-name"), "{error}");
    let mut long = Route::extra("/x/".into(), "http://127.0.0.1:1".into());
    long.data.insert("long".into(), "x".repeat(20_000).into());
    let error = client.add(&long).await.unwrap_err().to_string();
    assert!(error.contains("/x/"), "{error}");
}
