//! Hub, proxy and the proxy's API on unix sockets: the real single-user server, services and the culler go through them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::{Notebook, Stack, eventually};
use hub_types::socket_url;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinHandle;

use crate::spec;

const WAIT: Duration = Duration::from_secs(180);

/// What stands in front of a proxy that listens on a socket, as nginx would: it passes on bytes.
struct Front {
    port: u16,
    task: JoinHandle<()>,
}

impl Front {
    async fn of(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let task = tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let socket = socket.clone();
                tokio::spawn(async move {
                    if let Ok(mut to) = UnixStream::connect(socket).await {
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
        });
        Self { port, task }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn config(folder: &Path, front: &Front, proxy: &str) -> String {
    let url = |name: &str| socket_url::origin(&folder.join(name));
    format!(
        "[JupyterHub]\nbind_url = '{public}/pfx/'\npublic_url = 'http://127.0.0.1:{port}/pfx/'\nhub_bind_url = '{hub}'\n\
         last_activity_interval = 1\n\
         [ConfigurableHTTPProxy]\napi_url = '{api}'\n{proxy}{lean}{users}{whoami}{culler}",
        public = url("public.sock"),
        hub = url("hub.sock"),
        api = url("api.sock"),
        port = front.port,
        lean = spec::LEAN_SERVER,
        users = spec::USERS_MAY_OPEN_SERVICES,
        whoami = spec::whoami(),
        culler = spec::culler(&["hub", "cull-idle", "--timeout=45", "--cull-every=2"]),
    )
}

/// No address of the network is used but the servers' own.
async fn everything_goes_through_sockets(proxy: &str) {
    // Python's clients look for it in lower case.
    let name = format!("e2e-sockets-{:x}", fastrand::u64(..));
    let folder = tempfile::Builder::new()
        .prefix(&name)
        .rand_bytes(0)
        .tempdir()
        .expect("a folder");
    let front = Front::of(folder.path().join("public.sock")).await;
    let mut stack = Stack::builder()
        .base_url("/pfx/")
        .config(&config(folder.path(), &front, proxy))
        .start()
        .await;
    let api = stack.api();
    stack.service_is_up("whoami").await;
    api.start_server("mal").await;

    // The single-user server and the service ask the hub who this is.
    let mut mal = stack.visitor();
    mal.login("mal", "x").await;
    // By way of its pages, which send people to the hub.
    mal.open("user/mal/files/none").await;
    let status = mal.open("user/mal/api/status").await.expect(200).json();
    assert!(status["kernels"].is_number(), "{status}");
    let whoami = mal.open("services/whoami/").await.expect(200);
    assert!(whoami.body.contains("mal"), "{}", whoami.body);
    let token = api.new_token("mal", &[]).await;
    let mut notebook = Notebook::start(&stack.client(), &stack.server_path("mal"), &token).await;
    assert_eq!(notebook.run("print(6 * 7)").await, "42\n");

    // Another hub finds the same proxy and the same server.
    let before = stack.sandbox().servers_of("mal")[0].pid;
    stack.kill_hub().await;
    stack.restart_hub().await;
    assert_eq!(notebook.run("print(6 * 8)").await, "48\n");
    assert_eq!(stack.sandbox().servers_of("mal")[0].pid, before);
    mal.open("hub/home").await.expect(200);

    // The culler does its work.
    drop(notebook);
    eventually(WAIT, "the server is culled", async || {
        stack.sandbox().servers_of("mal").is_empty()
    })
    .await;
    assert_eq!(stack.stop_hub().await.status.code(), Some(0));
    let hub = folder.path().join("hub.sock");
    assert!(!hub.exists(), "the hub has left its socket");
}

#[tokio::test]
async fn everything_goes_through_sockets_with_our_proxy() {
    everything_goes_through_sockets("").await;
}

#[tokio::test]
async fn everything_goes_through_sockets_with_the_real_one() {
    everything_goes_through_sockets("command = ['configurable-http-proxy']\n").await;
}
