//! What people have: a `jupyterhub_config.py`.

use std::time::Duration;

use e2e::{Sandbox, Stack, programs};

const WAIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_jupyterhub_config_py_is_enough() {
    let stack = Stack::builder().python_config().start().await;
    assert!(stack.log().contains("Configuration: jupyterhub_config.py"));
    stack.visitor().login("mal", "x").await;
    stack.api().start_server("mal").await;
}

/// Runs the hub's program in a sandbox until it ends.
async fn run(sandbox: &Sandbox, args: &[&str]) -> e2e::Exit {
    let mut command = sandbox.command(programs::path("hub"));
    command.args(args);
    let name = format!("run-{}", args.join("-").replace('/', "_"));
    sandbox.start(&name, command).wait(WAIT).await
}

#[tokio::test]
async fn check_config_says_whether_the_hub_would_start() {
    let sandbox = Sandbox::new(true);
    sandbox.write(
        "jupyterhub_config.py",
        "c.JupyterHub.authenticator_class = 'dummy'\nc.JupyterHub.spawner_class = 'simple'\n",
    );
    let exit = run(&sandbox, &["check-config"]).await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    for said in [
        "warning: jupyterhub_config.py:1: [JupyterHub] authenticator_class = \"dummy\" lets anybody in",
        "warning: [JupyterHub] bind_url is plain http for the network",
        "Configuration: jupyterhub_config.py: in order, 2 warnings",
    ] {
        assert!(exit.output.contains(said), "{said}: {}", exit.output);
    }
    let made: Vec<_> = std::fs::read_dir(sandbox.data())
        .expect("a folder")
        .collect();
    assert_eq!(made.len(), 1, "{made:?}");

    let exit = run(&sandbox, &["check-config", "--Spawner.cmd=no-such-program"]).await;
    assert_eq!(exit.status.code(), Some(64), "{}", exit.output);
    assert!(
        exit.output
            .contains("error: [Spawner] cmd: no server can start"),
        "{}",
        exit.output
    );

    let hook = "def hook(spawner):\n    pass\nc.Spawner.pre_spawn_hook = hook\n";
    sandbox.write("hook.py", hook);
    let exit = run(&sandbox, &["check-config", "-f", "hook.py"]).await;
    assert_eq!(exit.status.code(), Some(64), "{}", exit.output);
    assert!(
        exit.output
            .contains("hook.py:3: [Spawner] pre_spawn_hook is the Python function hook"),
        "{}",
        exit.output
    );
}
