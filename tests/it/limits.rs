//! Limits and intervals of servers' lives that only a whole hub shows.

use e2e::{Stack, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::fleet::{WAIT, demo_servers};

/// A hub that cannot start anything any more is better started anew: it stops, and says why.
#[tokio::test]
async fn a_hub_stops_after_so_many_failures_in_a_row() {
    let config = "[Spawner]\ncmd = ['false']\nargs = []\nconsecutive_failure_limit = 2";
    let mut stack = Stack::builder()
        .without_python()
        .config(config)
        .start()
        .await;
    for user in ["mal", "zoe"] {
        stack.api().ensure_user(user).await;
    }
    let start = async |user: &str| {
        let path = format!("/users/{user}/server");
        stack.api().post(&path, &json!({})).await.status
    };
    assert_eq!(start("mal").await, 500);
    // It may be gone before it has answered.
    let client = stack.client().token(stack.api().token());
    let second = client.request(
        "POST".parse().expect("a method"),
        "/hub/api/users/zoe/server",
    );
    let _ = client.try_send(second).await;
    let exit = stack.hub_ended().await;
    assert_eq!(exit.status.code(), Some(1), "{}", exit.output);
    assert!(
        exit.output.contains("consecutive_failure_limit"),
        "{}",
        exit.output
    );
}

/// Nobody asks for the server: the hub sees by itself, every `poll_interval`, that it has died.
#[tokio::test]
async fn a_server_that_dies_is_noticed_by_the_next_look() {
    let stack = Stack::builder()
        .without_python()
        .config(&demo_servers())
        .config("[Spawner]\npoll_interval = 1\npoll_jitter = 0.5")
        .start()
        .await;
    let api = stack.api();
    api.start_server("mal").await;
    for process in stack.sandbox().servers_of("mal") {
        kill(Pid::from_raw(process.pid), Signal::SIGKILL).expect("it runs");
    }
    eventually(WAIT, "the server is not listed, nor routed", async || {
        let routed = api.routes().await.get("/user/mal/").is_some();
        api.server("mal").await.is_none() && !routed
    })
    .await;
    let tokens = api.get("/users/mal/tokens").await.expect(200).json();
    assert_eq!(tokens["api_tokens"], json!([]), "its token lives on");
    api.start_server("mal").await;
}

/// The hub needs many files at once; what it starts may break with numbers above 1,023, and has what the hub was given.
#[tokio::test]
async fn the_hub_raises_its_limit_of_open_files_and_not_that_of_what_it_starts() {
    let stack = Stack::builder()
        .without_python()
        .wrapped(&[
            "sh",
            "-c",
            "ulimit -Sn 300 && ulimit -Hn 4000 && exec \"$@\"",
            "sh",
        ])
        .program(
            "note",
            "#!/bin/sh\necho \"$(ulimit -Sn) $(ulimit -Hn)\" > noted\n",
        )
        .config(&demo_servers())
        .config("[Spawner]\npre_spawn_hook = ['./note']")
        .start()
        .await;
    stack.api().start_server("mal").await;
    assert_eq!(open_files(stack.hub().id()), "4000 4000");
    let server = &stack.sandbox().servers_of("mal")[0];
    assert_eq!(open_files(server.pid.unsigned_abs()), "300 4000");
    let noted = std::fs::read_to_string(stack.data("noted")).expect("the hook has run");
    assert_eq!(noted.trim(), "300 4000");
    // It asks for more by itself.
    let proxy = std::fs::read_to_string(stack.data("jupyterhub-proxy.pid")).expect("it runs");
    let proxy = proxy.trim().parse().expect("a number");
    assert_eq!(open_files(proxy), "4000 4000");
}

/// The soft and the hard limit of a process.
fn open_files(pid: u32) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .expect("its line");
    let words: Vec<&str> = line.split_ascii_whitespace().take(2).collect();
    words.join(" ")
}
