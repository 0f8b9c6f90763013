//! The requests of JupyterHub's own manual, release 0.8.2, as they stand there: who follows it with our hub gets what it
//! promises. Only what a reader would put in is put in: host and port, the token, names of users and servers.

use std::process::Command;

use e2e::{Stack, eventually, programs};
use serde_json::{Value, json};

/// "Create an API token".
const CREATE_A_TOKEN: &str = "openssl rand -hex 32";

/// "Alternatively, use the `jupyterhub token` command".
const TOKEN_COMMAND: &str = "jupyterhub token <username>";

/// "Use requests": the users of a deployment.
const LIST_USERS: &str = r"
import requests

api_url = 'http://127.0.0.1:8081/hub/api'

r = requests.get(api_url + '/users',
                headers={
                    'Authorization': 'token %s' % token,
                })
r.raise_for_status()
users = r.json()
";

/// "This example provides a slightly more complicated request": users are added to a group.
const ADD_TO_GROUP: &str = r"
import requests

api_url = 'http://127.0.0.1:8081/hub/api'

data = {'name': 'mygroup', 'users': ['user1', 'user2']}

r = requests.post(api_url + '/groups/formgrade-data301/users',
                 headers={
                     'Authorization': 'token %s' % token,
                 },
                 json=data)
r.raise_for_status()
r.json()
";

/// "Implementing your own Authentication with JupyterHub": whose cookie is this?
const WHO_IS_IT: &str = r#"
r = requests.get(
    '/'.join(["http://127.0.0.1:8081/hub/api",
             "authorizations/cookie/jupyterhub-services",
             quote(encrypted_cookie, safe='')]),
    headers = {
        'Authorization': 'token %s' % api_token,
    },
)
r.raise_for_status()
user = r.json()
"#;

/// "each user could only launch a single default server via the API like this".
const START_SERVER: &str = r#"curl -X POST -H "Authorization: token <token>" "http://127.0.0.1:8081/hub/api/users/<user>/server""#;

/// "With that setting in place, a new named-server is activated like this".
const START_NAMED_SERVERS: &str = r#"curl -X POST -H "Authorization: token <token>" "http://127.0.0.1:8081/hub/api/users/<user>/servers/<serverA>"
curl -X POST -H "Authorization: token <token>" "http://127.0.0.1:8081/hub/api/users/<user>/servers/<serverB>""#;

/// Where the manual's hub listens.
const MANUAL_HUB: &str = "http://127.0.0.1:8081/";

/// Runs a line of the shell in the deployment's own environment, and returns what it prints.
fn shell(stack: &Stack, line: &str) -> String {
    let mut command = stack.sandbox().command("sh");
    command.args(["-c", line]);
    output(command, line)
}

/// Runs a Python program with the real `requests`; its last line must print.
fn python(stack: &Stack, program: &str) -> Value {
    let program = program.replace(MANUAL_HUB, stack.url());
    let mut command = stack.sandbox().command(e2e::peers::python("python"));
    command.args(["-c", &program]);
    let printed = output(command, &program);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

fn output(mut command: Command, what: &str) -> String {
    let output = command.output().expect("the program is there");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{what}\n{printed}\n{errors}");
    printed
}

/// The manual's curl lines for this user and these servers. Those that are split over two lines there are one here.
fn curl(stack: &Stack, lines: &str, token: &str) {
    for line in lines.lines() {
        let line = line
            .replace(MANUAL_HUB, stack.url())
            .replace("<token>", token)
            .replace("<user>", "user1")
            .replace("<serverA>", "server-a")
            .replace("<serverB>", "server-b");
        let printed = shell(stack, &line);
        assert_eq!(printed, "", "{line}");
    }
}

/// `c.JupyterHub.api_tokens`, `c.JupyterHub.services` and `c.JupyterHub.allow_named_servers` of the manual.
fn config(secret: &str) -> String {
    let hub = programs::path("hub").display().to_string();
    format!(
        "[JupyterHub]\nallow_named_servers = true\n\
         [JupyterHub.api_tokens]\n'{secret}' = 'admin'\n\
         [JupyterHub.load_groups]\nformgrade-data301 = {{ users = ['user1'] }}\n\
         [[JupyterHub.services]]\nname = 'adding-users'\nadmin = true\napi_token = 'super-secret-token'\n\
         [Spawner]\ncmd = [{hub:?}, 'demo-server']\nargs = []\n"
    )
}

async fn stack() -> (Stack, String) {
    let openssl = e2e::Sandbox::default();
    let mut command = openssl.command("sh");
    command.args(["-c", CREATE_A_TOKEN]);
    let secret = output(command, CREATE_A_TOKEN);
    assert_eq!(secret.len(), 64, "{secret}");
    let stack = Stack::builder().config(&config(&secret)).start().await;
    stack.api().ensure_user("user2").await;
    (stack, secret)
}

#[tokio::test]
async fn users_and_groups_with_requests() {
    let (stack, secret) = stack().await;
    let command = TOKEN_COMMAND
        .replace("jupyterhub ", "hub ")
        .replace("<username>", "admin");
    // The command's own words come on stderr, the token alone on stdout.
    let printed = shell(&stack, &command);
    for token in [secret.as_str(), "super-secret-token", &printed] {
        let define = format!("import json\ntoken = {token:?}\n");
        let users = python(
            &stack,
            &format!("{define}{LIST_USERS}print(json.dumps(users))"),
        );
        let names: Vec<_> = users
            .as_array()
            .expect("a list")
            .iter()
            .map(|user| user["name"].as_str().expect("a name"))
            .collect();
        assert!(
            ["admin", "user1", "user2"]
                .iter()
                .all(|name| names.contains(name)),
            "{names:?}"
        );

        let group = python(
            &stack,
            &format!("{define}{ADD_TO_GROUP}print(json.dumps(r.json()))"),
        );
        assert_eq!(group["name"], "formgrade-data301");
        assert_eq!(group["users"], json!(["user1", "user2"]), "{group}");
    }
    let user = stack.api().user("user2").await;
    assert_eq!(user["groups"], json!(["formgrade-data301"]));
}

/// Names of a user's servers that are ready.
async fn ready(stack: &Stack) -> Vec<String> {
    let user = stack.api().user("user1").await;
    let servers = user["servers"].as_object().expect("servers").iter();
    servers
        .filter(|(_, server)| server["ready"] == true)
        .map(|(name, _)| name.clone())
        .collect()
}

#[tokio::test]
async fn servers_and_named_servers_with_curl() {
    let (stack, token) = stack().await;
    curl(&stack, START_SERVER, &token);
    curl(&stack, START_NAMED_SERVERS, &token);
    let limit = std::time::Duration::from_secs(60);
    eventually(limit, "all three servers are ready", async || {
        ready(&stack).await == ["", "server-a", "server-b"]
    })
    .await;
    // "The same servers can be stopped by substituting DELETE for POST above."
    curl(
        &stack,
        &START_NAMED_SERVERS.replace("POST", "DELETE"),
        &token,
    );
    eventually(limit, "the named ones have stopped", async || {
        ready(&stack).await == [""]
    })
    .await;
    curl(&stack, &START_SERVER.replace("POST", "DELETE"), &token);
    eventually(limit, "all have stopped", async || {
        ready(&stack).await.is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_service_of_old_asks_whose_cookie_it_is() {
    let port = e2e::ports::free();
    let stack = Stack::builder()
        .config(crate::spec::USERS_MAY_OPEN_SERVICES)
        .config(&format!(
            "[[JupyterHub.services]]\nname = 'my-service'\nurl = 'http://127.0.0.1:{port}'\n\
             api_token = 'super-secret'\ncookie_auth = true\n\
             [JupyterHub.load_groups]\ncrew = {{ users = ['inara'] }}"
        ))
        .start()
        .await;
    let mut visitor = stack.visitor();
    visitor.login("inara", "x").await;
    let cookie = visitor
        .jar
        .get("jupyterhub-services", "/services/my-service/");
    let cookie = &cookie.expect("the service's cookie").value;
    let define = format!(
        "import json, requests\nfrom urllib.parse import quote\napi_token = 'super-secret'\nencrypted_cookie = {cookie:?}\n"
    );
    let user = python(
        &stack,
        &format!("{define}{WHO_IS_IT}print(json.dumps(user))"),
    );
    assert_eq!(user["name"], "inara");
    assert_eq!(user["groups"], json!(["crew"]));
    assert_eq!(user["admin"], false);
}
