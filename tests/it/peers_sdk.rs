//! Our parts at a hub that is not ours: the bundled whoami and the proxy with the real Python JupyterHub.

use std::time::Duration;

use e2e::{Notebook, Stack, eventually, programs};

use crate::{spec, whoami};

#[tokio::test]
async fn our_services_serve_the_users_of_a_python_hub() {
    let stack = Stack::builder()
        .python_hub()
        .base_url("/hub-a/")
        .config(&spec::whoami())
        .config(&spec::example())
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    whoami::greets(&stack, "whoami").await;
    whoami::greets(&stack, "mine").await;
}

#[tokio::test]
async fn our_proxy_serves_a_python_hub() {
    let proxy = programs::path("hub-proxy").display().to_string();
    let stack = Stack::builder()
        .python_hub()
        .base_url("/hub-a/")
        .config(spec::LEAN_SERVER)
        .config(&format!("[ConfigurableHTTPProxy]\ncommand = [{proxy:?}]"))
        .start()
        .await;
    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;
    let missing = stack.client().get("/outside").await;
    assert_eq!(missing.status, 404, "{missing:#?}");

    let api = stack.api();
    api.start_server("mal").await;
    let page = visitor.follow("user/mal/api/status").await;
    assert!([200, 403].contains(&page.status), "{page:#?}");
    let token = api.new_token("mal", &[]).await;
    let mut notebook = Notebook::start(&stack.client(), &stack.server_path("mal"), &token).await;
    assert_eq!(notebook.run("print(6 * 7)").await, "42\n");

    api.stop_server("mal").await;
    let path = format!("{}api/status", stack.server_path("mal"));
    eventually(
        Duration::from_secs(30),
        "the route of the stopped server is gone",
        async || {
            // Without a route the request reaches the hub, which sends it below its own prefix.
            stack.client().get(&path).await.status == 302
        },
    )
    .await;
}
