//! The same programs, the examples, as services and scripts of our hub and of a real JupyterHub 6.1.

use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::{Browser, Stack, StackBuilder, eventually, peers, programs};
use fantoccini::key::Key;
use serde_json::json;

use crate::{browser, spec, whoami};

/// For how long the services believe an answer of the hub.
const CACHE_MAX_AGE: Duration = Duration::from_secs(2);

/// The services of the examples. Servers are our small one: quick to start, and the same at both hubs.
fn with_examples(builder: StackBuilder) -> StackBuilder {
    let hub = programs::path("hub").display().to_string();
    let service = |name: &str, program: &str| {
        let item = spec::service(name, &[programs::path(program).display()]);
        let age = CACHE_MAX_AGE.as_secs();
        format!("{item}environment = {{ HUBAUTH_CACHE_MAX_AGE = '{age}' }}\n")
    };
    builder
        .config(&service("mine", "example-whoami"))
        .config(&service("oauth", "example-whoami-oauth"))
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

/// Pages that answer a token with its owner, as JSON.
const TOKEN_PAGES: [&str; 3] = ["services/mine/me", "services/oauth/", "services/plain/"];

/// A revoked token is refused once the answer is older than the cache's age, and not much later.
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
    for path in TOKEN_PAGES {
        let reply = client.get(path).await.expect(200);
        assert_eq!(reply.json()["name"], "mal");
    }
    api.delete(&format!("/users/mal/tokens/{id}"))
        .await
        .expect(204);
    for path in TOKEN_PAGES {
        // The machine may be busy.
        let patience = CACHE_MAX_AGE + Duration::from_secs(8);
        eventually(patience, "the token is refused", async || {
            client.get(path).await.status != 200
        })
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
        (403, &*format!("{}{path}", stack.base()))
    );
}

/// Runs a script with an administrator's token; gives what it said.
fn script(stack: &Stack, program: &str, args: &[&str], input: &str) -> String {
    let mut command: Command = stack.sandbox().command(programs::path(program));
    let names = stack.sandbox().write("input", input);
    let output = command
        .args(args)
        .env("JUPYTERHUB_API_URL", format!("{}hub/api", stack.url()))
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

    let ready = format!("ready: {}user/mal/", stack.base());
    let said = script(stack, "example-start-server", &["mal"], "");
    assert!(said.contains(&ready), "{said}");
    assert_eq!(
        stack.api().server("mal").await.expect("a server")["ready"],
        true
    );
    let said = script(stack, "example-start-server", &["mal"], "");
    assert!(said.contains(&ready), "a second time: {said}");
}

/// Who has logged out at the hub is asked to log in again, by every service.
async fn logout(stack: &Stack) {
    let mut visitor = stack.visitor();
    visitor.login("zoe", "x").await;
    let pages = ["services/mine/", "services/oauth/"];
    for path in pages {
        let page = visitor.open(path).await.expect(200);
        assert!(page.body.contains("zoe"), "{}", page.body);
    }
    visitor.logout().await;
    for path in pages {
        let page = visitor.follow(path).await;
        assert!(page.url.path().ends_with("/hub/login"), "{}", page.url);
    }
}

/// The whole way in Chromium: login, consent, page, logout.
async fn in_a_browser(stack: &Stack) {
    let browser = Browser::start().await;
    let page = format!("{}services/mine/", stack.url());
    let is_login = |at: &str| at.ends_with("/hub/login");
    browser.open(&page).await;
    browser.at("the login page", is_login).await;
    browser.type_into("input[name=username]", "zoe").await;
    let password = format!("x{}", char::from(Key::Enter));
    browser.type_into("input[name=password]", &password).await;
    browser
        .at("back, or asked whether to go back", |at| !is_login(at))
        .await;
    browser::agree(&browser).await;
    browser
        .at("the service", |at| at.ends_with("/services/mine/"))
        .await;
    browser.shows("Hello, zoe!").await;
    browser.open(&format!("{}hub/logout", stack.url())).await;
    browser.open(&page).await;
    browser.at("the login page again", is_login).await;
}

async fn serve(stack: Stack) {
    for name in ["mine", "oauth", "plain", "dashboard"] {
        stack.service_is_up(name).await;
    }
    for name in ["mine", "oauth"] {
        whoami::greets(&stack, name).await;
    }
    plain_tower(&stack).await;
    revoked_tokens_end(&stack).await;
    scripts(&stack).await;
    dashboard(&stack).await;
    logout(&stack).await;
    in_a_browser(&stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_examples_serve_our_hub_and_a_real_jupyterhub() {
    // The base URLs tell in messages which hub it was.
    let ours = with_examples(Stack::builder().base_url("/ours/"));
    let theirs = with_examples(Stack::builder().python_hub().base_url("/python/"));
    let hubs = tokio::join!(ours.start(), theirs.start());
    tokio::join!(Box::pin(serve(hubs.0)), Box::pin(serve(hubs.1)));
}

#[test]
fn every_example_is_run_by_a_test() {
    let tests = [
        include_str!("examples.rs"),
        include_str!("forward_auth/caddy.rs"),
        include_str!("forward_auth/nginx.rs"),
        include_str!("service_kinds.rs"),
        include_str!("../../examples/haproxy/tests/it/main.rs"),
        include_str!("../../examples/roster/tests/it/main.rs"),
        include_str!("../../examples/unshare/tests/it/main.rs"),
    ]
    .concat();
    let folder = peers::workspace().join("examples");
    let names: Vec<_> = std::fs::read_dir(folder)
        .expect("the examples")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let run = [format!("\"example-{name}\""), format!("examples/{name}")];
        assert!(run.iter().any(|text| tests.contains(text)), "{name}");
    }
}
