//! Idle servers are culled, busy ones are not, and who is busy is what the proxy saw.

use std::time::Duration;

use e2e::{Stack, StackBuilder, Ws, eventually, eventually_some, programs};
use tokio::task::JoinHandle;

use crate::spec;

mod compared;
mod standalone;

const WAIT: Duration = Duration::from_secs(90);

/// `last_activity` comes from the proxy's routes alone: servers report theirs once an hour.
const ACTIVITY_FROM_ROUTES: &str = r#"
    [JupyterHub]
    last_activity_interval = 1
    [Spawner.environment]
    JUPYTERHUB_ACTIVITY_INTERVAL = "3600"
"#;

/// A hub with servers that start quickly, whose activity comes from the proxy's routes.
fn hub() -> StackBuilder {
    Stack::builder()
        .config(ACTIVITY_FROM_ROUTES)
        .config(spec::LEAN_SERVER)
}

/// Keeps a WebSocket of a server busy with one frame every half second, until it is aborted.
async fn keep_busy(stack: &Stack, user: &str, token: &str) -> JoinHandle<()> {
    let path = format!("{}api/events/subscribe", stack.server_path(user));
    let headers = [("authorization", format!("token {token}"))];
    let mut socket = Ws::open(&stack.client().url(&path), &headers)
        .await
        .unwrap_or_else(|status| panic!("no WebSocket at {path}: {status}"));
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    tokio::spawn(async move {
        loop {
            tick.tick().await;
            socket
                .ping()
                .await
                .expect("the busy server's socket lives on");
        }
    })
}

/// The whole promise, for any hub and any culler with `--timeout=5 --cull-every=1`.
pub(crate) async fn culls_the_idle_and_spares_the_busy(stack: &Stack) {
    let api = stack.api();
    api.start_server("zoe").await;
    let token = api.new_token("zoe", &[]).await;
    let busy = keep_busy(stack, "zoe", &token).await;
    let before = api.ready_server("zoe").await["last_activity"].clone();

    api.start_server("mal").await;
    eventually(WAIT, "mal's idle server is culled", async || {
        api.server("mal").await.is_none()
    })
    .await;
    assert!(
        stack.sandbox().servers_of("mal").is_empty(),
        "a culled server still runs"
    );
    assert!(
        api.routes().await.get(stack.server_path("mal")).is_none(),
        "a culled server is still routed"
    );
    assert!(!busy.is_finished(), "the busy server's socket was cut");

    // A second idle server starts, idles and is culled: meanwhile the busy one outlived many sweeps.
    api.start_server("mal").await;
    eventually(WAIT, "mal's server is culled again", async || {
        api.server("mal").await.is_none()
    })
    .await;
    let zoe = api.server("zoe").await.expect("the busy server was culled");
    assert_eq!(zoe["ready"], true, "{zoe:#}");
    let after = eventually_some(WAIT, "zoe's last_activity", async || {
        Some(api.server("zoe").await?["last_activity"].clone()).filter(serde_json::Value::is_string)
    })
    .await;
    assert!(
        after.as_str() > before.as_str(),
        "activity stood still: {before} … {after}"
    );

    busy.abort();
    eventually(WAIT, "zoe's server is culled once it is idle", async || {
        api.server("zoe").await.is_none()
    })
    .await;
}

#[tokio::test]
async fn our_culler_stops_what_is_idle_and_says_why() {
    let stack = hub()
        .config(&spec::culler(&[
            "hub",
            "cull-idle",
            "--timeout=5",
            "--cull-every=1",
        ]))
        .start()
        .await;
    culls_the_idle_and_spares_the_busy(&stack).await;
    let log = stack.sandbox().logs();
    let reason = log
        .lines()
        .any(|line| line.contains("mal") && line.contains("idle"));
    assert!(reason, "no line gives the reason:\n{log}");
}

#[tokio::test]
async fn the_python_culler_does_the_same() {
    let command = ["jupyterhub-idle-culler", "--timeout=5", "--cull-every=1"];
    let stack = hub().config(&spec::culler(&command)).start().await;
    culls_the_idle_and_spares_the_busy(&stack).await;
}

/// Our culler and our proxy are programs of their own, too: the same with both at a real Python hub.
#[tokio::test]
async fn our_culler_and_proxy_do_the_same_at_a_python_hub() {
    let culler = programs::path("cull-idle").display().to_string();
    let proxy = programs::path("hub-proxy").display().to_string();
    let stack = hub()
        .python_hub()
        .config(&format!("[ConfigurableHTTPProxy]\ncommand = [{proxy:?}]"))
        .config(&spec::culler(&[
            culler.as_str(),
            "--timeout=5",
            "--cull-every=1",
        ]))
        .start()
        .await;
    culls_the_idle_and_spares_the_busy(&stack).await;
}
