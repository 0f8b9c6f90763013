//! `kill -9` of the hub: nothing that ran is lost, nothing runs twice.

use std::time::Duration;

use e2e::{Notebook, Running, Stack, eventually, eventually_some};

use crate::spec;

const WAIT: Duration = Duration::from_secs(90);

/// Two running servers, one with an open WebSocket that is used.
struct Scene {
    stack: Stack,
    notebook: Notebook,
    before: Vec<(String, i32)>,
    proxy: i32,
}

fn proxies(stack: &Stack) -> Vec<Running> {
    stack
        .sandbox()
        .running()
        .into_iter()
        .filter(|process| process.argv.iter().skip(1).any(|arg| arg == "proxy"))
        .collect()
}

fn servers(stack: &Stack) -> Vec<(String, i32)> {
    ["mal", "zoe"]
        .iter()
        .flat_map(|user| {
            stack
                .sandbox()
                .servers_of(user)
                .into_iter()
                .map(|found| ((*user).to_owned(), found.pid))
        })
        .collect()
}

impl Scene {
    async fn set() -> Self {
        let stack = Stack::builder().config(spec::LEAN_SERVER).start().await;
        let api = stack.api();
        api.start_server("mal").await;
        api.start_server("zoe").await;
        let token = api.new_token("mal", &[]).await;
        let mut notebook =
            Notebook::start(&stack.client(), &stack.server_path("mal"), &token).await;
        assert_eq!(notebook.run("x = 41; print(x)").await, "41\n");
        let before = servers(&stack);
        assert_eq!(before.len(), 2, "{before:?}");
        let found = proxies(&stack);
        assert_eq!(found.len(), 1, "{found:#?}");
        let proxy = found[0].pid;
        Self {
            stack,
            notebook,
            before,
            proxy,
        }
    }

    /// The old socket still leads to the same kernel, and both servers can be reached.
    async fn still_works(&mut self, when: &str) {
        assert_eq!(
            self.notebook.run("x += 1; print('alive')").await,
            "alive\n",
            "{when}"
        );
        for user in ["mal", "zoe"] {
            // Anonymous: the server answers by itself, which shows that the route is there.
            let path = format!("{}api", self.stack.server_path(user));
            let reply = self.stack.client().get(&path).await;
            assert_eq!(reply.status, 200, "{when}: {reply:#?}");
        }
    }

    /// Both servers are listed, routed, and the processes are the ones from before.
    async fn everything_is_adopted(&mut self) {
        let api = self.stack.api();
        for user in ["mal", "zoe"] {
            let server = api.ready_server(user).await;
            assert_eq!(server["url"], self.stack.server_path(user), "{server:#}");
        }
        eventually(WAIT, "both servers are routed", async || {
            let routes = api.routes().await;
            ["mal", "zoe"]
                .iter()
                .all(|user| routes.get(self.stack.server_path(user)).is_some())
        })
        .await;
        assert_eq!(
            servers(&self.stack),
            self.before,
            "other processes than before"
        );
        let found = proxies(&self.stack);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].pid, self.proxy, "the proxy was replaced");
        self.still_works("after the restart").await;
    }
}

#[tokio::test]
async fn servers_and_sockets_survive_a_killed_hub() {
    let mut scene = Scene::set().await;
    let url = scene.stack.url().to_owned();
    let mut visitor = scene.stack.visitor();
    visitor.login("mal", "x").await;

    scene.stack.kill_hub().await;
    scene.still_works("without a hub").await;
    scene.stack.restart_hub().await;
    assert_eq!(scene.stack.url(), url, "the address changed");
    scene.everything_is_adopted().await;
    visitor.get("hub/home").await.expect(200);

    // Adopted servers can be stopped like any other, with all their processes.
    scene.stack.api().stop_server("zoe").await;
    eventually(WAIT, "zoe's processes are gone", async || {
        scene.stack.sandbox().servers_of("zoe").is_empty()
    })
    .await;
    scene.still_works_for_mal().await;
}

#[tokio::test]
async fn a_spawn_interrupted_by_a_kill_ends_with_one_server() {
    let mut scene = Scene::set().await;
    scene.stack.api().request_server("ned").await;
    let starting = eventually_some(WAIT, "ned's server starts", async || {
        scene.stack.sandbox().servers_of("ned").into_iter().next()
    })
    .await;
    scene.stack.kill_hub().await;
    scene.still_works("without a hub").await;

    scene.stack.restart_hub().await;
    scene.everything_is_adopted().await;
    scene.stack.api().ready_server("ned").await;
    let found = scene.stack.sandbox().servers_of("ned");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].pid, starting.pid, "ned's server was started twice");
}

/// Wherever in a spawn the hub dies, one server comes of it, and it is known to the next hub.
#[tokio::test]
#[ignore = "takes minutes: tests/run --slow"]
async fn twenty_kills_at_any_moment_of_a_spawn_leave_one_server_each() {
    let mut scene = Scene::set().await;
    for round in 0..20_u64 {
        scene.stack.api().request_server("ned").await;
        // Not a wait for anything: the moment of the kill.
        tokio::time::sleep(Duration::from_millis(round * 150)).await;
        scene.stack.kill_hub().await;
        scene.stack.restart_hub().await;
        let api = scene.stack.api();
        let settled = eventually_some(WAIT, "ned's server is ready or gone", async || {
            match api.server("ned").await {
                None => Some(false),
                Some(server) if server["ready"] == true => Some(true),
                Some(_) => None,
            }
        })
        .await;
        let what = format!("round {round}: as many processes as servers");
        eventually(WAIT, &what, async || {
            scene.stack.sandbox().servers_of("ned").len() == usize::from(settled)
        })
        .await;
        if settled {
            api.stop_server("ned").await;
        }
        scene.still_works(&format!("round {round}")).await;
    }
    scene.everything_is_adopted().await;
}

#[tokio::test]
async fn a_server_that_died_while_the_hub_was_away_is_not_listed() {
    let mut scene = Scene::set().await;
    scene.stack.kill_hub().await;
    let zoe = scene.stack.sandbox().servers_of("zoe");
    for process in &zoe {
        let pid = nix::unistd::Pid::from_raw(process.pid);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("it runs");
    }
    scene.stack.restart_hub().await;
    let api = scene.stack.api();
    api.ready_server("mal").await;
    eventually(WAIT, "zoe's dead server is forgotten", async || {
        api.server("zoe").await.is_none()
    })
    .await;
    eventually(WAIT, "zoe's route is removed", async || {
        api.routes()
            .await
            .get(scene.stack.server_path("zoe"))
            .is_none()
    })
    .await;
    api.start_server("zoe").await;
}

fn services(stack: &Stack) -> Vec<i32> {
    let named = |process: &Running| {
        process
            .env
            .get("JUPYTERHUB_SERVICE_NAME")
            .is_some_and(|name| name == "whoami")
    };
    stack
        .sandbox()
        .running()
        .iter()
        .filter(|process| named(process))
        .map(|process| process.pid)
        .collect()
}

#[tokio::test]
async fn a_service_is_adopted_as_long_as_its_spec_is_the_same() {
    let mut stack = Stack::builder().config(&spec::whoami()).start().await;
    stack.service_is_up("whoami").await;
    let before = services(&stack);
    assert_eq!(before.len(), 1, "{before:?}");

    stack.kill_hub().await;
    stack.service_is_up("whoami").await;
    stack.restart_hub().await;
    stack.service_is_up("whoami").await;
    assert_eq!(
        services(&stack),
        before,
        "an unchanged service was replaced"
    );
    let pid = async |stack: &Stack| {
        stack.api().get("/services/whoami").await.expect(200).json()["pid"].as_i64()
    };
    assert_eq!(pid(&stack).await, before.first().map(|pid| i64::from(*pid)));

    stack.kill_hub().await;
    let config = std::fs::read_to_string(stack.data("hub.toml")).expect("a file");
    let changed = config.replace(
        "name = \"whoami\"\n",
        "name = \"whoami\"\nenvironment = { NEW = \"1\" }\n",
    );
    assert_ne!(config, changed);
    stack.sandbox().write("hub.toml", changed);
    stack.restart_hub().await;
    eventually(
        WAIT,
        "one other process runs the changed service",
        async || {
            let now = services(&stack);
            now.len() == 1 && now != before
        },
    )
    .await;
    stack.service_is_up("whoami").await;
}

#[tokio::test]
async fn ctrl_c_stops_everything_in_order() {
    let mut scene = Scene::set().await;
    let exit = scene.stack.stop_hub().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    let left: Vec<_> = scene.stack.sandbox().running();
    let kernels_only = left
        .iter()
        .all(|process| process.env.contains_key("JPY_PARENT_PID"));
    assert!(kernels_only, "{left:#?}");
    // Kernels live in sessions of their own and end by themselves when they miss their server, once a second.
    eventually(WAIT, "the kernel has ended, too", async || {
        scene.stack.sandbox().running().is_empty()
    })
    .await;
}

impl Scene {
    async fn still_works_for_mal(&mut self) {
        assert_eq!(self.notebook.run("print('alive')").await, "alive\n");
    }
}
