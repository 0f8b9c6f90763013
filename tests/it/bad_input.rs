//! What goes wrong at the start or in a spawn: one clear message, the right exit code or page, nothing half-made.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use e2e::{Exit, Sandbox, Stack, StackBuilder, eventually, eventually_some, ports};
use serde_json::json;

use crate::spec;

const WAIT: Duration = Duration::from_secs(60);

/// Exit code of a hub that cannot use its configuration (`EX_USAGE` of sysexits).
const BAD_CONFIG: i32 = 64;

/// The hub refuses to start: its message has all of these words, its exit code is this one, nothing runs on.
async fn refused(builder: StackBuilder, code: i32, words: &[&str]) {
    let (exit, sandbox) = builder.start_refused().await;
    for word in words {
        assert!(
            exit.output.contains(word),
            "no {word:?} in:\n{}",
            exit.output
        );
    }
    assert_eq!(
        exit.status.code(),
        Some(code),
        "{:?}:\n{}",
        exit.status.signal(),
        exit.output
    );
    assert!(!exit.output.contains("panicked"), "{}", exit.output);
    nothing_runs(&sandbox, &exit).await;
}

async fn nothing_runs(sandbox: &Sandbox, exit: &Exit) {
    let what = format!("nothing is left running after:\n{}", exit.output);
    eventually(Duration::from_secs(10), &what, async || {
        sandbox.running().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_taken_port_is_named_and_nothing_is_left_behind() {
    let taken = ports::held();
    let port = taken.local_addr().expect("bound").port().to_string();
    for trait_name in ["bind_url", "hub_bind_url"] {
        let config = format!("[JupyterHub]\n{trait_name} = 'http://127.0.0.1:{port}'");
        refused(Stack::builder().config(&config), 1, &[&port, "in use"]).await;
    }
}

#[tokio::test]
async fn a_configuration_that_is_not_there_is_named() {
    refused(
        Stack::builder().args(&["-f", "missing.toml"]),
        BAD_CONFIG,
        &["missing.toml", "No such file"],
    )
    .await;
    // A folder cannot be read as a file, whoever reads it.
    refused(
        Stack::builder().args(&["-f", "."]),
        BAD_CONFIG,
        &["directory"],
    )
    .await;
}

#[tokio::test]
async fn a_malformed_configuration_is_named_with_its_line() {
    let (_, sandbox) = broken("[JupyterHub]\nbind_url = \n").await;
    assert!(
        !sandbox.data().join("jupyterhub.sqlite").exists(),
        "a database was made"
    );
}

/// Starts a hub whose `hub.toml` is exactly `text`, whose mistake is in line 2.
async fn broken(text: &str) -> (Exit, Sandbox) {
    let sandbox = Sandbox::default();
    sandbox.write("hub.toml", text);
    let command = sandbox.command(e2e::programs::path("hub"));
    let exit = sandbox.start("hub", command).wait(WAIT).await;
    assert_eq!(exit.status.code(), Some(BAD_CONFIG), "{}", exit.output);
    assert!(exit.output.contains("hub.toml"), "{}", exit.output);
    assert!(
        exit.output.contains("line 2") || exit.output.contains("hub.toml:2"),
        "{}",
        exit.output
    );
    (exit, sandbox)
}

#[tokio::test]
async fn wrong_types_and_unknown_names_are_errors_with_file_line_and_key() {
    for (text, words) in [
        ("[Spawner]\nhttp_timeout = 'soon'", &["http_timeout"][..]),
        (
            "[Spawner]\nhttp_timeot = 3",
            &["http_timeot", "http_timeout"],
        ),
        (
            "[JupyterHub]\nauthenticator_class = 'dumy'",
            &["dumy", "dummy"],
        ),
        ("\n[Spawnr]\nhttp_timeout = 3", &["Spawnr", "Spawner"]),
        (
            "[JupyterHub]\nload_roles = [{ name = 'r', scopes = ['list:user'] }]",
            &["list:user", "list:users"],
        ),
        ("[JupyterHub]\nbind_url = 'nonsense://'", &["bind_url"]),
    ] {
        let (exit, sandbox) = broken(text).await;
        for word in words {
            assert!(
                exit.output.contains(word),
                "no {word:?} in:\n{}",
                exit.output
            );
        }
        nothing_runs(&sandbox, &exit).await;
    }
}

#[tokio::test]
async fn a_service_whose_command_is_missing_is_named() {
    let config = "[[JupyterHub.services]]\nname = 'broken'\ncommand = ['no-such-program']";
    refused(
        Stack::builder().config(config),
        1,
        &["broken", "no-such-program"],
    )
    .await;
}

/// JupyterHub gives up in this case; here a service never holds up the hub, but the log says what is wrong.
#[tokio::test]
async fn a_service_that_never_answers_is_named_and_holds_up_nothing() {
    let port = ports::free();
    let config = format!(
        "[[JupyterHub.services]]\nname = 'silent'\nurl = 'http://127.0.0.1:{port}'\n\
         command = ['sleep', '1000']\ntimeout = 1"
    );
    let stack = Stack::builder().config(&config).start().await;
    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;
    let page = visitor.get("services/silent/").await;
    assert_eq!(page.status, 503, "{page:#?}");
    eventually(
        WAIT,
        "the log names the service and its address",
        async || {
            stack
                .log()
                .lines()
                .any(|line| line.contains("silent") && line.contains(&port.to_string()))
        },
    )
    .await;
}

#[tokio::test]
async fn a_single_user_program_that_is_missing_gives_a_page_that_says_so() {
    let stack = Stack::builder()
        .config("[Spawner]\ncmd = ['no-such-server']")
        .start()
        .await;
    spawn_fails(&stack, &["no-such-server"]).await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_and_killed() {
    let config = spec::silent_server(2);
    let stack = Stack::builder().config(&config).start().await;
    spawn_fails(&stack, &["http_timeout"]).await;
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_reported_with_its_exit_code() {
    let stack = Stack::builder()
        .config(
            "[Spawner]\ncmd = ['sh', '-c', 'echo no disk space >&2; exit 9']\nargs = []\n\
             [[JupyterHub.load_roles]]\nname = 'launcher'\nusers = ['tim']\nscopes = ['start:servers', 'read:servers']",
        )
        .start()
        .await;
    spawn_fails(&stack, &["9", "no disk space"]).await;
    // Its owner reads in the API what it wrote, and who may read what spawners keep; nobody else who may start it or look.
    let api = stack.api();
    let failed = eventually_some(WAIT, "the next start has failed", async || {
        let reply = api.post("/users/mal/server", &json!({})).await;
        (reply.status == 500).then_some(reply)
    })
    .await;
    assert_eq!(failed.json()["output"], json!(["no disk space"]));
    let looker = api.new_token("mal", &["read:servers!user=mal"]).await;
    let owner = api.new_token("mal", &["servers!user=mal"]).await;
    let launcher = api.new_token("tim", &[]).await;
    let client = stack.client().token(&launcher);
    let failed = eventually_some(WAIT, "one more start has failed", async || {
        let path = "/hub/api/users/mal/server";
        let reply = client.post(path, &json!({})).await;
        (reply.status == 500).then_some(reply)
    })
    .await;
    assert!(failed.body.contains("exited with code 9"), "{failed:#?}");
    assert!(!failed.body.contains("no disk space"), "{failed:#?}");
    for (token, reads) in [(owner, true), (looker, false), (launcher, false)] {
        let client = stack.client().token(&token);
        let path = "/hub/api/users/mal/server/progress";
        let told = client.get(path).await.expect(200).body;
        assert!(told.contains("Spawn failed"), "{told}");
        assert_eq!(told.contains("no disk space"), reads, "{told}");
    }
}

/// A spawn as a visitor sees it fail: an error page with these words; and what the API says about it afterwards.
async fn spawn_fails(stack: &Stack, words: &[&str]) {
    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;
    let mut page = visitor.follow("hub/spawn/mal").await;
    let deadline = std::time::Instant::now() + WAIT;
    while page.status == 200 && page.url.path().contains("/spawn-pending/") {
        assert!(
            std::time::Instant::now() < deadline,
            "pending for ever: {page:#?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
        page = visitor.get("hub/spawn-pending/mal").await;
    }
    assert_eq!(page.status, 500, "{page:#?}");
    for word in words {
        assert!(page.body.contains(word), "no {word:?} in:\n{}", page.body);
    }

    let api = stack.api();
    assert_eq!(api.server("mal").await, None, "a failed server is listed");
    assert!(
        api.routes().await.get("/user/mal/").is_none(),
        "a failed server is routed"
    );
    let what = "the processes of the failed server are gone";
    eventually(WAIT, what, async || {
        stack.sandbox().servers_of("mal").is_empty()
    })
    .await;
    // The hub is none the worse for it: the next attempt fails in the same way, not with a conflict.
    let reply = api.post("/users/mal/server", &json!({})).await;
    assert!([500, 202].contains(&reply.status), "{reply:#?}");
}
