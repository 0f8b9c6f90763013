//! Case 99: the hub dies at every step of a start and of a stop, and the next one makes of it what it should.
//!
//! The points are in the hub's source (`failpoint::reached`), in debug builds only.

use std::time::Duration;

use e2e::{Running, Stack, eventually, eventually_some};
use serde_json::{Value, json};

use crate::fleet::{WAIT, demo_servers};
use crate::spec;

/// What comes of a start or a stop that the hub did not survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The very process that was started before the hub died.
    Runs,
    /// Nothing of it is left, and nothing says that there is.
    Stopped,
}
use Outcome::{Runs, Stopped};

/// Points of a start, in their order.
const START: &[(&str, Outcome)] = &[
    // Nothing has been written.
    ("start.uncommitted", Stopped),
    // The row says that it starts.
    ("start.first_step", Stopped),
    // A launcher waits for the row to know it.
    ("start.held", Stopped),
    // The row knows it; it was not let go, so it goes away.
    ("start.placed", Stopped),
    // The program runs.
    ("start.released", Runs),
    ("start.answers", Runs),
    ("start.routed", Runs),
    // The row says so, the person who asked was not told.
    ("start.ready", Runs),
];

/// Points of a stop, in their order.
const STOP: &[&str] = &[
    "stop.first_step",
    "stop.unrouted",
    "stop.ended",
    "stop.recorded",
];

/// A deployment whose hub dies; `kim` has a named server.
struct Scene {
    stack: Stack,
    /// A token of kim's that has nothing to do with servers.
    token: String,
}

const SERVER: &str = "/users/kim/servers/lab";

impl Scene {
    async fn set(config: &str) -> Self {
        let stack = Stack::builder()
            .without_python()
            .config(&demo_servers())
            .config("[JupyterHub]\nallow_named_servers = true")
            .config(config)
            .start()
            .await;
        stack.api().ensure_user("kim").await;
        let token = stack.api().new_token("kim", &[]).await;
        Self { stack, token }
    }

    fn processes(&self) -> Vec<Running> {
        self.stack.sandbox().servers_of("kim")
    }

    fn pids(&self) -> Vec<i32> {
        self.processes().iter().map(|process| process.pid).collect()
    }

    /// The server as the hub lists it, if it has a row.
    async fn model(&self) -> Option<Value> {
        let path = "/users/kim?include_stopped_servers=1";
        let user = self.stack.api().get(path).await.expect(200).json();
        user["servers"].get("lab").cloned()
    }

    /// Restarts the hub so that it dies at `point`, lets `ask` make it go there, and waits for its end.
    async fn die_at(&mut self, point: &str, ask: impl AsyncFnOnce(&Stack)) {
        self.stack.kill_hub().await;
        self.stack.restart_hub_in(&[("HUB_FAILPOINT", point)]).await;
        ask(&self.stack).await;
        let exit = self.stack.hub_ended().await;
        let log = exit
            .output
            .rsplit("started again")
            .next()
            .unwrap_or_default();
        assert!(
            log.contains(&format!("failpoint {point}")),
            "{point}: {log}"
        );
    }

    /// Waits until the hub is done with the server; what it says meanwhile is never wrong. Returns whether it runs.
    async fn settled(&self, point: &str) -> bool {
        let what = format!("{point}: the server is ready or stopped");
        eventually_some(WAIT, &what, async || {
            let before = self.pids();
            let model = self.model().await;
            let stopped = model.as_ref().is_none_or(|model| model["stopped"] == true);
            let after = self.pids();
            let stayed: Vec<_> = before.iter().filter(|pid| after.contains(pid)).collect();
            assert!(
                !stopped || stayed.is_empty(),
                "{point}: {stayed:?} run while the hub says {model:?}"
            );
            let model = model.filter(|model| model["stopped"] != true);
            match model {
                None => Some(false),
                Some(model) if model["ready"] == true => Some(true),
                Some(_) => None,
            }
        })
        .await
    }

    /// Processes, route, tokens and the hub's word agree.
    async fn agrees(&self, point: &str, outcome: Outcome) {
        assert_eq!(self.settled(point).await, outcome == Runs, "{point}");
        let processes = self.processes();
        assert_eq!(
            processes.len(),
            usize::from(outcome == Runs),
            "{point}: {processes:#?}"
        );
        let what = format!("{point}: the route is there as long as the server");
        eventually(WAIT, &what, async || {
            let routes = self.stack.api().routes().await;
            routes.get("/user/kim/lab/").is_some() == (outcome == Runs)
        })
        .await;
        let api = self.stack.api();
        let listed = api.get("/users/kim/tokens").await.expect(200).json();
        let of_server = |token: &&Value| token["note"] == "Server at /user/kim/lab/";
        let listed = listed["api_tokens"].as_array().expect("a list");
        let count = listed.iter().filter(of_server).count();
        assert_eq!(count, processes.len(), "{point}: {listed:#?}");
        for process in &processes {
            let token = &process.env["JUPYTERHUB_API_TOKEN"];
            let whose = api.with(token).get("/user").await;
            assert_eq!(whose.expect(200).json()["name"], "kim", "{point}");
        }
        let whose = api.with(&self.token).get("/user").await;
        assert_eq!(whose.expect(200).json()["name"], "kim", "{point}");
    }

    async fn start(&self) {
        let reply = self.stack.api().post(SERVER, &json!({})).await;
        assert!([201, 202].contains(&reply.status), "{reply:#?}");
        assert!(self.settled("an ordinary start").await);
    }

    async fn stop(&self) {
        let reply = self.stack.api().delete(SERVER).await;
        assert!([202, 204].contains(&reply.status), "{reply:#?}");
        assert!(!self.settled("an ordinary stop").await);
    }
}

/// Asks for something of a hub that may be dead before it answers.
async fn ask(stack: &Stack, method: &str, body: Value) {
    let method = method.parse().expect("a method");
    let path = format!("{}hub/api{SERVER}", stack.base());
    let client = stack.client().token(stack.api().token());
    let asked = client.request(method, &path).json(&body);
    // The proxy says that the hub is gone, or nobody says anything.
    let _ = client.try_send(asked).await;
}

#[tokio::test]
async fn case_99_a_hub_that_dies_during_a_start() {
    let mut scene = Scene::set("").await;
    for (point, outcome) in START {
        scene
            .die_at(point, async |stack| ask(stack, "POST", json!({})).await)
            .await;
        let left = scene.pids();
        scene.stack.restart_hub().await;
        scene.agrees(point, *outcome).await;
        match outcome {
            Runs => {
                assert_eq!(scene.pids(), left, "{point}: another process");
                scene.stop().await;
            }
            // It can be started as if nothing had been.
            Stopped => {
                scene.start().await;
                scene.stop().await;
            }
        }
        scene.agrees("afterwards", Stopped).await;
    }
}

#[tokio::test]
async fn case_99_a_hub_that_dies_during_a_stop() {
    let mut scene = Scene::set("").await;
    for point in STOP {
        for remove in [false, true] {
            scene.start().await;
            scene
                .die_at(point, async |stack| {
                    ask(stack, "DELETE", json!({ "remove": remove })).await;
                })
                .await;
            scene.stack.restart_hub().await;
            scene.agrees(point, Stopped).await;
            // What was to be removed is not forgotten to be.
            assert_eq!(scene.model().await.is_none(), remove, "{point}");
        }
    }
}

/// The hub dies while it cleans up after a server that never answered.
#[tokio::test]
async fn case_99_a_hub_that_dies_during_a_failed_start() {
    let mut scene = Scene::set(&spec::silent_server(1)).await;
    scene
        .die_at("fail.ended", async |stack| {
            ask(stack, "POST", json!({})).await;
        })
        .await;
    assert_eq!(scene.pids(), Vec::<i32>::new());
    scene.stack.restart_hub().await;
    scene.agrees("fail.ended", Stopped).await;
}

/// A hub that is started and stopped without dying: the points are off unless they are asked for.
#[tokio::test]
async fn case_99_a_point_that_is_not_named_does_nothing() {
    let mut scene = Scene::set("").await;
    scene.stack.kill_hub().await;
    scene
        .stack
        .restart_hub_in(&[("HUB_FAILPOINT", "start.no-such-point")])
        .await;
    scene.start().await;
    scene.stop().await;
    let exit = tokio::time::timeout(Duration::from_secs(60), scene.stack.stop_hub()).await;
    assert_eq!(exit.expect("it stops").status.code(), Some(0));
}
