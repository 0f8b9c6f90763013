//! A hub with an authenticator of another crate: examples/roster.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use e2e::{Sandbox, Stack, eventually, programs};

/// The hash that `hub hash-password` prints of a password.
fn hash(sandbox: &Sandbox, password: &str) -> String {
    let mut child = sandbox
        .command(programs::path("hub"))
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it is there");
    let mut stdin = child.stdin.take().expect("piped");
    writeln!(stdin, "{password}").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

#[tokio::test]
async fn a_hub_of_those_who_stand_in_a_file() {
    let sandbox = Sandbox::default();
    let line = |name: &str, groups: &str| format!("{name}:{}:{groups}\n", hash(&sandbox, name));
    let (ada, grace) = (line("ada", "class,staff"), line("grace", "class"));
    let roster = sandbox.write("roster", format!("{ada}{grace}"));
    let program = programs::path("example-roster").display().to_string();
    // The harness would start our own binary.
    let instead = format!("shift; exec {program} \"$@\"");
    let stack = Stack::builder()
        .wrapped(&["sh", "-c", &instead, "sh"])
        .config(&format!(
            "[JupyterHub]\nauthenticator_class = 'roster'\n[Roster]\nfile = {roster:?}\n\
             [Authenticator]\nmanage_groups = true\nauth_refresh_age = 1\n"
        ))
        .start()
        .await;
    let mut browser = stack.visitor();
    for (name, password) in [("ada", "grace"), ("mal", "mal"), ("ada", "")] {
        browser.try_login(name, password).await.expect(403);
    }
    browser.login("ada", "ada").await;
    let model = stack.api().user("ada").await;
    assert_eq!(model["groups"], serde_json::json!(["class", "staff"]));
    assert_eq!(browser.get("hub/home").await.status, 200);

    // Out of the file: out of the hub.
    sandbox.write("roster", grace);
    eventually(Duration::from_secs(60), "the login has ended", async || {
        browser.get("hub/home").await.status == 302
    })
    .await;
    stack.visitor().try_login("ada", "ada").await.expect(403);
    stack.visitor().login("grace", "grace").await;
}
