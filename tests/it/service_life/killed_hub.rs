//! `kill -9` of the hub, again and again, with services that start processes of their own: none is orphaned, none runs twice.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{Running, Stack, eventually};
use nix::unistd::{Pid, getsid};

const WAIT: Duration = Duration::from_secs(90);

/// One that starts others and stays; one that starts another which minds no signal, and ends; one with a page.
fn services() -> String {
    let hub = e2e::programs::path("hub").display().to_string();
    format!(
        r#"
        [[JupyterHub.services]]
        name = "forks"
        command = ["sh", "-c", "sleep 86400 & sleep 86400 & wait"]

        [[JupyterHub.services]]
        name = "crashes"
        command = ["sh", "-c", "(trap '' INT TERM; sleep 86400) & sleep 0.2; exit 1"]

        [[JupyterHub.services]]
        name = "web"
        url = "http://127.0.0.1:0"
        command = [{hub:?}, "whoami"]
        "#
    )
}

/// The processes that belong to a service, whoever their parent is.
fn processes(stack: &Stack, service: &str) -> Vec<Running> {
    let named = |process: &Running| {
        let name = process.env.get("JUPYTERHUB_SERVICE_NAME");
        name.is_some_and(|name| name == service)
    };
    let mut found = stack.sandbox().running();
    found.retain(named);
    found
}

fn pids(stack: &Stack, service: &str) -> Vec<i32> {
    let found = processes(stack, service);
    found.iter().map(|process| process.pid).collect()
}

/// The sessions of a service's processes: each start makes one.
fn sessions(stack: &Stack, service: &str) -> BTreeSet<i32> {
    let of = |pid| getsid(Some(Pid::from_raw(pid))).ok();
    let found = pids(stack, service);
    found.into_iter().filter_map(of).map(Pid::as_raw).collect()
}

/// What the hub knows of a service's process.
async fn known_pid(stack: &Stack, service: &str) -> i64 {
    let reply = stack.api().get(&format!("/services/{service}")).await;
    reply.expect(200).json()["pid"].as_i64().expect("a number")
}

/// As many processes as there should be, in one session, which is the one that the hub knows.
async fn settled(stack: &Stack, when: &str, service: &str, count: usize) {
    let what = format!("{when}: {service} runs once");
    eventually(WAIT, &what, async || {
        let found = pids(stack, service);
        let known = known_pid(stack, service).await;
        found.len() == count
            && sessions(stack, service)
                .iter()
                .all(|session| i64::from(*session) == known)
    })
    .await;
}

/// What a crashing service leaves behind is gone before it is started again: there is never more than one session for long.
async fn crashes_leave_nothing(stack: &Stack, when: &str) {
    let what = format!("{when}: at most one start of the crashing service is left");
    eventually(WAIT, &what, async || {
        let known = known_pid(stack, "crashes").await;
        let sessions = sessions(stack, "crashes");
        sessions.is_empty() || sessions.iter().all(|session| i64::from(*session) == known)
    })
    .await;
}

async fn kills(rounds: u32) {
    let mut stack = Stack::builder().config(&services()).start().await;
    settled(&stack, "at the start", "forks", 3).await;
    settled(&stack, "at the start", "web", 1).await;
    let before = [pids(&stack, "forks"), pids(&stack, "web")];
    for round in 0..rounds {
        // Not a wait for anything: the moment of the kill, somewhere in the life of the crashing service.
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 83 % 1000)).await;
        stack.kill_hub().await;
        let when = format!("round {round}");
        let alone = [pids(&stack, "forks"), pids(&stack, "web")];
        assert_eq!(alone, before, "{when}: services go on without a hub");
        stack.restart_hub().await;
        settled(&stack, &when, "forks", 3).await;
        settled(&stack, &when, "web", 1).await;
        crashes_leave_nothing(&stack, &when).await;
        let after = [pids(&stack, "forks"), pids(&stack, "web")];
        assert_eq!(after, before, "{when}: the same processes are adopted");
    }
    stack.service_is_up("web").await;
    let exit = stack.stop_hub().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    for service in ["forks", "crashes", "web"] {
        let left = processes(&stack, service);
        assert!(left.is_empty(), "{service}: {left:#?}");
    }
}

#[tokio::test]
async fn case_96_a_killed_hub_orphans_nothing_and_doubles_nothing() {
    kills(3).await;
}

#[tokio::test]
#[ignore = "takes minutes: tests/run --slow"]
async fn case_96_twenty_kills() {
    kills(20).await;
}

/// A changed service is ended with everything it started, even what minds no signal, before it is started anew.
#[tokio::test]
async fn case_96_a_changed_service_goes_with_its_whole_group() {
    let service = |note: &str| {
        format!(
            "[[JupyterHub.services]]\nname = \"stubborn\"\nenvironment = {{ NOTE = \"{note}\" }}\n\
             command = [\"sh\", \"-c\", \"(trap '' INT TERM; sleep 86400) & exec sleep 86400\"]\n"
        )
    };
    let mut stack = Stack::builder().config(&service("one")).start().await;
    settled(&stack, "at the start", "stubborn", 2).await;
    let before = pids(&stack, "stubborn");
    stack.kill_hub().await;
    let file = stack.data("hub.toml");
    let config = std::fs::read_to_string(&file).expect("a file");
    let changed = config.replace("NOTE = \"one\"", "NOTE = \"two\"");
    assert_ne!(config, changed);
    stack.sandbox().write("hub.toml", changed);
    stack.restart_hub().await;
    eventually(WAIT, "others run in their place", async || {
        let now = pids(&stack, "stubborn");
        now.len() == 2 && now.iter().all(|pid| !before.contains(pid))
    })
    .await;
    settled(&stack, "after the change", "stubborn", 2).await;
    let notes: BTreeSet<String> = processes(&stack, "stubborn")
        .into_iter()
        .filter_map(|process| process.env.get("NOTE").cloned())
        .collect();
    assert_eq!(notes, BTreeSet::from(["two".to_owned()]));
}
