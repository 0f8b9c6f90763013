//! API tokens at the real single-user server, through the proxy.

use e2e::{Notebook, Running, Stack, programs};
use reqwest::Method;

use crate::spec;

async fn status(stack: &Stack, token: Option<&str>) -> u16 {
    let path = format!("{}api/status", stack.server_path("mal"));
    let client = stack.client();
    let client = match token {
        Some(token) => client.token(token),
        None => client,
    };
    client.get(&path).await.status
}

#[tokio::test]
async fn a_token_opens_its_owners_server_and_no_other() {
    let stack = Stack::builder().config(spec::LEAN_SERVER).start().await;
    let api = stack.api();
    for user in ["zoe", "admin"] {
        api.ensure_user(user).await;
    }
    api.start_server("mal").await;

    let mal = api.new_token("mal", &[]).await;
    let zoe = api.new_token("zoe", &[]).await;
    let admin = api.new_token("admin", &[]).await;
    let narrow = api.new_token("mal", &["read:users:name!user=mal"]).await;
    for (token, expected, who) in [
        (None, 403, "nobody"),
        (
            Some("0123456789abcdef0123456789abcdef"),
            403,
            "an unknown token",
        ),
        (Some(mal.as_str()), 200, "the owner"),
        (Some(zoe.as_str()), 403, "another user"),
        (
            Some(narrow.as_str()),
            403,
            "the owner's token without access",
        ),
        (Some(admin.as_str()), 200, "an administrator"),
        (Some(api.token()), 200, "a service with access:servers"),
    ] {
        assert_eq!(status(&stack, token).await, expected, "{who}");
    }
    for header in [
        format!("Bearer {mal}"),
        format!("bEaReR  {mal}"),
        format!("TOKEN {mal}"),
    ] {
        let path = format!("{}api/status", stack.server_path("mal"));
        let client = stack.client();
        let request = client
            .request(Method::GET, &path)
            .header("authorization", &header);
        assert_eq!(client.send(request).await.status, 200, "{header}");
    }
}

#[tokio::test]
async fn a_revoked_token_opens_nothing() {
    let stack = Stack::builder().config(spec::LEAN_SERVER).start().await;
    let api = stack.api();
    api.start_server("mal").await;
    let reply = api
        .post("/users/mal/tokens", &serde_json::json!({}))
        .await
        .expect(201)
        .json();
    let (id, token) = (
        reply["id"].as_str().expect("an id"),
        reply["token"].as_str().expect("a token"),
    );
    // Not shown to the server before it is revoked: what a server knows, it may remember for its cache's life.
    api.delete(&format!("/users/mal/tokens/{id}"))
        .await
        .expect(204);
    assert_eq!(status(&stack, Some(token)).await, 403);
}

#[tokio::test]
async fn the_command_line_makes_tokens_beside_a_running_hub() {
    let stack = Stack::builder().start().await;
    stack.api().ensure_user("mal").await;
    let hub_token = async |user: &str| {
        let mut command = stack.sandbox().command(programs::path("hub"));
        command.args(["token", user]);
        let output = command.output().expect("the program is there");
        let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (
            output.status.code(),
            printed,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, token, errors) = hub_token("mal").await;
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(
        token.len(),
        64,
        "nothing but the token is on stdout: {token:?}"
    );
    let model = stack
        .api()
        .with(&token)
        .get("/user")
        .await
        .expect(200)
        .json();
    assert_eq!(model["name"], "mal");

    let (code, token, errors) = hub_token("nobody").await;
    assert_ne!(code, Some(0));
    assert!(
        token.is_empty() && errors.contains("nobody"),
        "{token} {errors}"
    );
}

#[tokio::test]
async fn code_in_a_notebook_calls_a_service_as_its_owner() {
    let stack = Stack::builder()
        .config(spec::LEAN_SERVER)
        .config(&spec::whoami())
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .config(
            r#"
            [[JupyterHub.load_roles]]
            name = "server"
            scopes = ["users:activity!user", "access:servers!server", "access:services"]
            "#,
        )
        .start()
        .await;
    stack.service_is_up("whoami").await;
    let api = stack.api();
    api.start_server("mal").await;
    let token = api.new_token("mal", &[]).await;
    let mut notebook = Notebook::start(&stack.client(), &stack.server_path("mal"), &token).await;
    let code = format!(
        "import json, os, urllib.request\n\
         request = urllib.request.Request({:?}, headers={{\n    \
             'Authorization': 'token ' + os.environ['JUPYTERHUB_API_TOKEN'], 'Accept': 'application/json'}})\n\
         print(json.load(urllib.request.urlopen(request))['name'])",
        format!("{}services/whoami/", stack.url())
    );
    assert_eq!(notebook.run(&code).await, "mal\n");
}

#[tokio::test]
async fn a_server_sees_the_contracts_environment_and_nothing_else() {
    let stack = Stack::builder()
        .config(spec::LEAN_SERVER)
        .env("CANARY", "must not leak")
        .env("CONFIGPROXY_AUTH_TOKEN", "0123456789abcdef0123456789abcdef")
        .start()
        .await;
    stack.api().start_server("mal").await;
    let servers = stack.sandbox().servers_of("mal");
    assert_eq!(servers.len(), 1, "{servers:#?}");
    let names = names_of(&servers[0]);
    let expected = [
        "HOME",
        "JPY_API_TOKEN",
        "JUPYTERHUB_ACTIVITY_URL",
        "JUPYTERHUB_API_TOKEN",
        "JUPYTERHUB_API_URL",
        "JUPYTERHUB_BASE_URL",
        "JUPYTERHUB_CLIENT_ID",
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED",
        "JUPYTERHUB_HOST",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES",
        "JUPYTERHUB_OAUTH_CALLBACK_URL",
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES",
        "JUPYTERHUB_OAUTH_SCOPES",
        "JUPYTERHUB_PUBLIC_HUB_URL",
        "JUPYTERHUB_PUBLIC_URL",
        "JUPYTERHUB_SERVER_NAME",
        "JUPYTERHUB_SERVICE_PREFIX",
        "JUPYTERHUB_SERVICE_URL",
        "JUPYTERHUB_SINGLEUSER_LOAD_OTHER_EXTENSIONS",
        "JUPYTERHUB_USER",
        "LANG",
        "PATH",
        "SHELL",
        "USER",
    ];
    assert_eq!(names, expected);
}

/// The names of a program's variables.
fn names_of(program: &Running) -> Vec<&str> {
    program.env.keys().map(String::as_str).collect()
}

/// What the hub alone has, and what other programs keep in the environment of whoever starts them.
const SENTINELS: [&str; 20] = [
    "CONFIGPROXY_AUTH_TOKEN",
    "JPY_COOKIE_SECRET",
    "JUPYTERHUB_CRYPT_KEY",
    "JUPYTERHUB_DB_URL",
    "DATABASE_URL",
    "PGPASSWORD",
    "OAUTH_CLIENT_SECRET",
    "GITHUB_CLIENT_SECRET",
    "GITLAB_CLIENT_SECRET",
    "GOOGLE_CLIENT_SECRET",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AZURE_CLIENT_SECRET",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GITHUB_TOKEN",
    "KUBECONFIG",
    "SSH_AUTH_SOCK",
    "MYSQL_PWD",
    "SMTP_PASSWORD",
    "CANARY",
];

/// Security case 89, for the programs that the hub runs beside servers.
#[tokio::test]
async fn case_89_a_managed_service_has_nothing_of_the_hubs_environment() {
    // As hex it is a value that each of them takes.
    let sentinel = "5e4717e1".repeat(8);
    let mut stack = Stack::builder()
        .config(&spec::whoami())
        .config("[Spawner]\nenv_keep = ['CANARY']\n");
    for name in SENTINELS {
        stack = stack.env(name, &sentinel);
    }
    let stack = stack.start().await;
    stack.service_is_up("whoami").await;
    let running = stack.sandbox().running();
    let is_service = |program: &&Running| program.env.contains_key("JUPYTERHUB_SERVICE_NAME");
    let services: Vec<_> = running.iter().filter(is_service).collect();
    assert_eq!(services.len(), 1, "{running:#?}");
    let values: Vec<_> = services[0].env.values().collect();
    assert!(
        values.iter().all(|value| !value.contains(&sentinel)),
        "{values:#?}"
    );
    let expected = [
        "JPY_API_TOKEN",
        "JUPYTERHUB_API_TOKEN",
        "JUPYTERHUB_API_URL",
        "JUPYTERHUB_BASE_URL",
        "JUPYTERHUB_CLIENT_ID",
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED",
        "JUPYTERHUB_HOST",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES",
        "JUPYTERHUB_OAUTH_CALLBACK_URL",
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES",
        "JUPYTERHUB_OAUTH_SCOPES",
        "JUPYTERHUB_PUBLIC_HUB_URL",
        "JUPYTERHUB_PUBLIC_URL",
        "JUPYTERHUB_SERVER_NAME",
        "JUPYTERHUB_SERVICE_NAME",
        "JUPYTERHUB_SERVICE_PREFIX",
        "JUPYTERHUB_SERVICE_URL",
        "JUPYTERHUB_USER",
        "LANG",
        "PATH",
    ];
    assert_eq!(names_of(services[0]), expected);
}
