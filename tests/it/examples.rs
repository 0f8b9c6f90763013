//! The examples, unchanged, as services and scripts of our hub and of a real JupyterHub.

use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::{Stack, StackBuilder, eventually, programs};
use serde_json::json;

use crate::{spec, whoami};

/// The services of the examples; their answers are kept for two seconds. Servers are our small one: quick to start, and
/// the same at both hubs.
fn with_examples(builder: StackBuilder) -> StackBuilder {
    let hub = programs::path("hub").display().to_string();
    let service = |name: &str, program: &str| {
        let item = spec::service(name, &[programs::path(program).display()]);
        format!("{item}environment = {{ HUBAUTH_CACHE_MAX_AGE = '2' }}\n")
    };
    builder
        .base_url("/hub-a/")
        .config(&service("mine", "example-whoami"))
        .config(&service("plain", "example-plain-tower"))
        .config(&service("dashboard", "example-group-dashboard"))
        .config(&format!("[Spawner]\ncmd = [{hub:?}, 'demo-server']"))
        .config(
            "[JupyterHub.load_groups]\nstaff = { users = ['zoe'] }\n\
             [[JupyterHub.load_roles]]\nname = 'dashboard'\nservices = ['dashboard']\n\
             scopes = ['list:users', 'read:servers']\n\
             [[JupyterHub.load_roles]]\nname = 'scripts'\nservices = ['e2e']\nscopes = ['admin:groups', 'groups']\n",
        )
        .config(spec::USERS_MAY_OPEN_SERVICES)
}

/// A revoked token is refused once the answer is older than the cache's age.
async fn revoked_tokens_end(stack: &Stack) {
    let api = stack.api();
    let made = api
        .post("/users/mal/tokens", &json!({}))
        .await
        .expect(201)
        .json();
    let (token, id) = (
        made["token"].as_str().expect("text"),
        made["id"].as_str().expect("text"),
    );
    let client = stack.client().token(token);
    for path in ["services/mine/me", "services/plain/"] {
        let reply = client.get(path).await.expect(200);
        assert_eq!(reply.json()["name"], "mal");
    }
    api.delete(&format!("/users/mal/tokens/{id}"))
        .await
        .expect(204);
    for path in ["services/mine/me", "services/plain/"] {
        eventually(
            Duration::from_secs(20),
            "the token is refused",
            async || client.get(path).await.status != 200,
        )
        .await;
    }
}

/// The service that takes tokens only.
async fn plain_tower(stack: &Stack) {
    let path = "services/plain/";
    let api = stack.api();
    let token = api.new_token("mal", &[]).await;
    let reply = stack.client().token(&token).get(path).await.expect(200);
    assert_eq!(reply.json()["kind"], "user");
    stack.client().get(path).await.expect(403);
    stack.client().html().get(path).await.expect(403);
    stack.client().token("unknown").get(path).await.expect(403);
    let narrow = api.new_token("mal", &["read:users:name!user=mal"]).await;
    stack.client().token(&narrow).get(path).await.expect(403);
}

/// The dashboard: for members of the group, and only while they are logged in.
async fn dashboard(stack: &Stack) {
    let path = "services/dashboard/";
    let mut zoe = stack.visitor();
    zoe.login("zoe", "x").await;
    let page = zoe.open(path).await.expect(200);
    assert!(page.body.contains("Hello, zoe"), "{}", page.body);
    assert!(
        page.body.contains("<td>mal<td>"),
        "mal's server: {}",
        page.body
    );
    zoe.logout().await;
    let page = zoe.follow(path).await;
    assert!(page.url.path().ends_with("/hub/login"), "{}", page.url);

    let mut mal = stack.visitor();
    mal.login("mal", "x").await;
    let page = mal.open(path).await;
    assert_eq!(
        (page.status, page.url.path()),
        (403, "/hub-a/services/dashboard/")
    );
}

/// Runs a script with an administrator's token; gives what it said.
fn script(stack: &Stack, program: &str, args: &[&str], input: &str) -> String {
    let mut command: Command = stack.sandbox().command(programs::path(program));
    let names = stack.sandbox().write("input", input);
    let output = command
        .args(args)
        .env(
            "JUPYTERHUB_API_URL",
            stack.client().url("/hub-a/hub/api").as_str(),
        )
        .env("JUPYTERHUB_API_TOKEN", stack.api().token())
        .stdin(Stdio::from(
            std::fs::File::open(names).expect("it is there"),
        ))
        .output()
        .expect("it is there");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{program}: {said}");
    said
}

async fn scripts(stack: &Stack) {
    let names = "# the workshop\nkaylee\nwash  # pilot\n\n";
    let args = ["workshop"];
    let said = script(stack, "example-adding-users", &args, names);
    assert!(
        said.contains("2 users are in workshop, 2 of them new"),
        "{said}"
    );
    let said = script(stack, "example-adding-users", &args, names);
    assert!(
        said.contains("2 users are in workshop, 0 of them new"),
        "{said}"
    );
    let kaylee = stack.api().user("kaylee").await;
    assert_eq!(kaylee["groups"], json!(["workshop"]));

    let said = script(stack, "example-start-server", &["mal"], "");
    assert!(said.contains("ready: /hub-a/user/mal/"), "{said}");
    assert_eq!(
        stack.api().server("mal").await.expect("a server")["ready"],
        true
    );
    let said = script(stack, "example-start-server", &["mal"], "");
    assert!(
        said.contains("ready: /hub-a/user/mal/"),
        "a second time: {said}"
    );
}

async fn serve(stack: Stack) {
    for name in ["mine", "plain", "dashboard"] {
        stack.service_is_up(name).await;
    }
    whoami::greets(&stack, "mine").await;
    plain_tower(&stack).await;
    revoked_tokens_end(&stack).await;
    scripts(&stack).await;
    dashboard(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_serve_our_hub() {
    serve(with_examples(Stack::builder()).start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_serve_a_python_hub() {
    serve(with_examples(Stack::builder().python_hub()).start().await).await;
}
