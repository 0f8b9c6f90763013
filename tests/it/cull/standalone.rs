//! Our culler as a program that no hub started: by cron, and as an external service.

use std::process::Command;
use std::time::Duration;

use e2e::{Stack, eventually, programs};
use nix::sys::signal::Signal;

use super::{WAIT, hub};

const TOKEN: &str = "culler-token-of-an-external-service";

/// An external service: a name, a token and a role, and nothing that the hub starts.
fn config() -> String {
    format!(
        r#"
        [[JupyterHub.services]]
        name = "cull-idle"
        api_token = "{TOKEN}"
        [[JupyterHub.load_roles]]
        name = "cull-idle"
        services = ["cull-idle"]
        scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
        "#
    )
}

fn culler(stack: &Stack, flags: &[&str]) -> Command {
    let mut command = stack.sandbox().command(programs::path("cull-idle"));
    command
        .args(flags)
        .env("JUPYTERHUB_API_TOKEN", TOKEN)
        .env("JUPYTERHUB_API_URL", format!("{}hub/api", stack.url()));
    command
}

async fn by_cron_and_as_a_service(stack: &Stack) {
    let api = stack.api();
    let once = async |flags: &[&str]| {
        let flags = [flags, &["--once"]].concat();
        let mut process = stack.sandbox().start("cron", culler(stack, &flags));
        let exit = process.wait(WAIT).await;
        assert!(exit.status.success(), "{}", exit.output);
        exit.output
    };
    api.start_server("mal").await;
    let output = once(&["--timeout=7200"]).await;
    assert!(output.contains("0 of 1 servers culled"), "{output}");
    let mut explain = stack.sandbox().start(
        "explain",
        culler(stack, &["--timeout=7200", "--explain=mal/"]),
    );
    let story = explain.wait(WAIT).await.output;
    assert!(story.contains("mal/ is kept: inactive for"), "{story}");
    eventually(WAIT, "cron's culler stops what is idle", async || {
        once(&["--timeout=3"]).await;
        api.server("mal").await.is_none()
    })
    .await;

    api.start_server("mal").await;
    let flags = ["--timeout=3", "--cull-every=1"];
    let mut service = stack.sandbox().start("service", culler(stack, &flags));
    eventually(WAIT, "the service stops what is idle", async || {
        api.server("mal").await.is_none()
    })
    .await;
    service.signal(Signal::SIGTERM);
    let exit = service.wait(Duration::from_secs(30)).await;
    assert!(exit.status.success(), "{}", exit.output);
}

#[tokio::test]
async fn by_cron_and_as_an_external_service_at_our_hub() {
    let stack = hub().config(&config()).start().await;
    by_cron_and_as_a_service(&stack).await;
}

#[tokio::test]
async fn by_cron_and_as_an_external_service_at_a_python_hub() {
    let stack = hub().python_hub().config(&config()).start().await;
    by_cron_and_as_a_service(&stack).await;
}
