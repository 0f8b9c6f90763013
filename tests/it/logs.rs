//! The log as programs read it, and what is written there for who asks.

use e2e::{Postgres, Stack, StackBuilder, eventually};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::fleet::{WAIT, demo_servers};

#[tokio::test]
async fn a_log_of_json_says_to_which_request_a_line_belongs() {
    let mut stack = Stack::builder()
        .config("[hub]\nlog_format = 'json'\n[JupyterHub]\nlog_level = 'DEBUG'")
        .start()
        .await;
    let refused = stack.visitor().try_login("m\nal", "x").await;
    let page = stack.client().get("hub/login").await.expect(200);
    let ids =
        [&refused, &page].map(|reply| reply.header("x-request-id").expect("an id").to_owned());
    assert!(stack.stop_hub().await.status.success());
    let lines: Vec<Value> = stack
        .log()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for key in ["time", "level", "module", "line", "message"] {
        assert!(
            lines.iter().all(|line| line.get(key).is_some()),
            "{key}: {lines:#?}"
        );
    }
    for (id, path) in ids.iter().zip(["POST /hub/login", "GET /hub/login"]) {
        let of_request = lines.iter().filter(|line| line["request"] == id.as_str());
        let mut said = of_request.filter_map(|line| line["message"].as_str());
        assert!(
            said.any(|message| message.contains(path)),
            "{id}: {lines:#?}"
        );
    }
}

/// What a hub with `debug_db` logs of the registration of a user.
async fn statements(builder: StackBuilder) {
    let mut stack = builder.args(&["--JupyterHub.debug_db=true"]).start().await;
    stack.api().ensure_user("hidden-name").await;
    assert!(stack.stop_hub().await.status.success());
    let log = stack.log();
    let sql: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("INSERT INTO"))
        .collect();
    assert!(
        sql.iter().any(|line| line.contains("users")),
        "no statement: {log}"
    );
    for line in sql {
        assert!(!line.contains("hidden-name"), "a value: {line}");
    }
}

#[tokio::test]
async fn debug_db_logs_statements_without_values() {
    statements(Stack::builder()).await;
}

#[tokio::test]
async fn debug_db_logs_statements_of_a_postgresql_server() {
    let database = Postgres::start().await;
    let config = format!("[JupyterHub]\ndb_url = {:?}\n", database.url());
    statements(Stack::builder().config(&config)).await;
}

#[tokio::test]
async fn sigusr1_asks_how_the_hub_is_and_ends_nothing() {
    let mut stack = Stack::builder()
        .without_python()
        .config(&demo_servers())
        .start()
        .await;
    stack.api().start_server("kim").await;
    let process = format!("process {}, up for 00:", stack.hub().id());
    for times in 1..=2 {
        stack.hub().signal(Signal::SIGUSR1);
        eventually(WAIT, "the hub says how it is", async || {
            stack.log().matches("SIGUSR1: servers: ").count() == times
        })
        .await;
        let log = stack.log();
        for line in [
            &*process,
            "SIGUSR1: at work on: servers ",
            "SIGUSR1: servers: spawning 0, ready 1, stopping 0, removing 0; users: ",
        ] {
            assert_eq!(log.matches(line).count(), times, "{line}: {log}");
        }
        stack.client().get("hub/health").await.expect(200);
    }
    assert!(stack.stop_hub().await.status.success());
}
