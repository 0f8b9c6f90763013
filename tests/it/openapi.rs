//! The OpenAPI document against the hub that it describes: schemathesis (PyPI) sends what the document allows and what it
//! forbids, and every answer must be one that the document promises. Nothing may be a 5xx.

use std::path::PathBuf;
use std::time::Duration;

use e2e::{Api, Stack, peers};
use regex::Regex;
use serde_json::{Value, json};

use crate::spec;

/// How schemathesis asks.
const CONFIG: &str = include_str!("schemathesis.toml");

/// Longest time for one run; on a quiet machine the short ones take less than one minute each.
const LIMIT: Duration = Duration::from_secs(400);

/// The same for the long one.
const LONG: Duration = Duration::from_secs(1_800);

/// A hub with a bit of everything: users, groups, servers that run and that do not, tokens, shares, share codes, roles,
/// services.
async fn seeded() -> Stack {
    let stack = Stack::builder()
        .without_python()
        .config(
            r#"
            [JupyterHub]
            allow_named_servers = true
            # Whatever is started is a process: enough of them, and 429 is seen too.
            active_server_limit = 12

            [JupyterHub.load_groups.lab]
            users = ["bob"]
            properties = { room = 7 }

            [[JupyterHub.load_roles]]
            name = "teacher"
            groups = ["lab"]
            scopes = ["list:users", "read:servers"]

            [Spawner]
            cmd = ["hub", "demo-server"]
            args = []
            "#,
        )
        .config(&spec::whoami())
        .start()
        .await;
    let api = stack.api();
    for (path, body) in [
        ("/users", json!({"usernames": ["alice", "bob", "carol"]})),
        ("/groups/staff", json!({"users": ["alice", "carol"]})),
        ("/users/alice/servers/gpu", json!({"display_name": "GPU"})),
        ("/users/alice/servers/small", json!({})),
        ("/users/bob/server", json!({})),
        (
            "/users/alice/tokens",
            json!({"note": "report", "scopes": ["read:users!user=alice"]}),
        ),
        ("/users/bob/tokens", json!({"expires_in": 3600})),
        ("/shares/alice/gpu", json!({"user": "bob"})),
        ("/shares/alice/gpu", json!({"group": "staff"})),
        ("/share-codes/alice/gpu", json!({})),
        (
            "/roles/grader",
            json!({"description": "Graders", "scopes": ["list:users"]}),
        ),
        (
            "/services/ext",
            json!({"url": "http://127.0.0.1:9", "info": {"a": 1}}),
        ),
    ] {
        let reply = api.post(path, &body).await;
        assert!(reply.status < 300, "{path}: {reply:#?}");
    }
    for user in ["alice", "carol"] {
        let reply = api
            .put(&format!("/users/{user}/servers/spare"), &json!({}))
            .await;
        assert_eq!(reply.status, 201, "{reply:#?}");
    }
    let reply = api.put("/roles/grader/users/alice", &json!({})).await;
    assert_eq!(reply.status, 204, "{reply:#?}");
    stack
}

/// Writes down what the hub says of itself.
async fn document(stack: &Stack) -> (PathBuf, Value) {
    let text = stack
        .client()
        .get("hub/api/openapi.json")
        .await
        .expect(200)
        .body;
    let file = stack.sandbox().write("openapi.json", &text);
    (file, serde_json::from_str(&text).expect("JSON"))
}

/// Runs schemathesis as `api`, `name` tells runs apart. What it says in the end.
async fn run(
    stack: &Stack,
    (name, limit): (&str, Duration),
    api: &Api,
    options: &[&str],
) -> String {
    let (document, _) = document(stack).await;
    let config = stack.sandbox().write("schemathesis.toml", CONFIG);
    let mut command = stack.sandbox().command(peers::openapi("schemathesis"));
    command
        .arg("--config-file")
        .arg(config)
        .arg("run")
        .arg(document)
        .args(["--url", &format!("{}hub/api", stack.url())])
        .args(["--header", &format!("Authorization: token {}", api.token())])
        // One at a time: what hypothesis keeps is not made for threads.
        .args(["--no-color", "--workers=1"])
        .args(options);
    let exit = stack.sandbox().start(name, command).wait(limit).await;
    assert!(
        exit.status.success(),
        "{name}: {}\n{}",
        exit.status,
        exit.output
    );
    exit.output
}

/// The number in front of `what` in schemathesis' summary.
fn count(output: &str, what: &str) -> u64 {
    let number = Regex::new(&format!(r"{what}\D*(\d+)")).expect("a pattern");
    let found = number.captures(output);
    let found = found.unwrap_or_else(|| panic!("no {what} in\n{output}"));
    found[1].parse().expect("a number")
}

#[tokio::test]
async fn the_document_is_openapi_3_1() {
    let stack = seeded().await;
    let (file, document) = document(&stack).await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut command = stack
        .sandbox()
        .command(peers::openapi("openapi-spec-validator"));
    command.args(["--schema", "3.1"]).arg(file);
    let exit = stack
        .sandbox()
        .start("validator", command)
        .wait(LIMIT)
        .await;
    assert!(exit.status.success(), "{}", exit.output);
}

#[tokio::test]
async fn an_administrators_requests_are_answered_as_described() {
    let stack = seeded().await;
    let options = ["--phases=examples,coverage,fuzzing", "--max-examples=5"];
    let output = run(&stack, ("admin", LIMIT), &stack.api(), &options).await;
    assert!(count(&output, "Tested:") > 90, "{output}");
    assert!(count(&output, r"Test cases:\n") > 2_000, "{output}");
}

#[tokio::test]
async fn a_users_requests_are_answered_as_described() {
    let stack = seeded().await;
    let token = stack.api().new_token("alice", &[]).await;
    let options = ["--phases=examples,fuzzing", "--max-examples=4"];
    let output = run(&stack, ("user", LIMIT), &stack.api().with(&token), &options).await;
    assert!(count(&output, "Tested:") > 90, "{output}");
}

#[tokio::test]
#[ignore = "takes some minutes: many more examples, and sequences of requests"]
async fn many_requests_are_answered_as_described() {
    let stack = seeded().await;
    let output = run(&stack, ("long", LONG), &stack.api(), &["--max-examples=60"]).await;
    assert!(count(&output, r"Test cases:\n") > 8_000, "{output}");
}
