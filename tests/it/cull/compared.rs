//! Our culler beside jupyterhub-idle-culler 2.0, at the same real JupyterHub at the same time: the same servers go.
//!
//! Both see the hub through a recorder that lets reads through and only notes what they would stop.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use e2e::{Client, Stack, eventually, eventually_some, peers, programs};
use hub_types::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::{WAIT, hub, keep_busy};

const TOKEN: &str = "culler-token-of-the-comparison";

/// Idle time, in seconds: long enough for a busy machine to note activity in between.
const TIMEOUT: i64 = 30;

/// By how many seconds the old server is older than all others: more than the sweeps that are compared take.
const YOUNGER: i64 = 30;

/// A hub's API as one culler sees it.
#[derive(Clone)]
struct Recorder {
    hub: Client,
    seen: Arc<Mutex<Vec<(Method, String)>>>,
    url: String,
}

impl Recorder {
    async fn start(stack: &Stack) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        let recorder = Self {
            hub: Client::new(stack.url()).token(TOKEN),
            seen: Arc::default(),
            url: format!("http://{address}{}hub/api", stack.base()),
        };
        let app = Router::new().fallback(record).with_state(recorder.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        recorder
    }

    fn paths(&self, method: &Method) -> Vec<String> {
        let seen = self.seen.lock().expect("nobody panics with it");
        let of = seen.iter().filter(|(m, _)| m == method);
        of.map(|(_, path)| path.clone()).collect()
    }

    /// What the culler would have stopped: `mal/server`, `mal/servers/x`.
    fn stopped(&self) -> BTreeSet<String> {
        let paths = self.paths(&Method::DELETE);
        let short = |path: &String| path.split("/users/").nth(1).expect("a user").to_owned();
        paths.iter().map(short).collect()
    }

    /// How often the list of users was begun.
    fn sweeps(&self) -> usize {
        let reads = self.paths(&Method::GET);
        reads.iter().filter(|path| path.ends_with("/users")).count()
    }
}

async fn record(State(recorder): State<Recorder>, request: Request) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let note = (method.clone(), uri.path().to_owned());
    recorder
        .seen
        .lock()
        .expect("nobody panics with it")
        .push(note);
    if method == Method::DELETE {
        let mut done = Response::new(Body::empty());
        *done.status_mut() = StatusCode::NO_CONTENT;
        return done;
    }
    let mut call = recorder.hub.request(method, &uri.to_string());
    if let Some(accept) = request.headers().get("accept") {
        call = call.header("accept", accept);
    }
    let reply = recorder.hub.send(call).await;
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).expect("a status");
    for name in ["date", "content-type"] {
        let value = reply.headers[name].clone();
        response.headers_mut().insert(name, value);
    }
    response
}

/// A culler of one sweep or more in the stack's sandbox.
fn culler(stack: &Stack, program: &[String], url: &str, flags: &[String]) -> Command {
    let mut command = stack.sandbox().command(&program[0]);
    command.args(&program[1..]);
    command.args(flags).arg(format!("--url={url}"));
    command.env("JUPYTERHUB_API_TOKEN", TOKEN);
    command
}

/// What ours would stop.
async fn ours(stack: &Stack, flags: &[String]) -> BTreeSet<String> {
    let recorder = Recorder::start(stack).await;
    let program = [programs::path("cull-idle").display().to_string()];
    let mut command = culler(stack, &program, &recorder.url, flags);
    command.arg("--once");
    let exit = stack.sandbox().start("ours", command).wait(WAIT).await;
    assert!(exit.status.success(), "{}", exit.output);
    recorder.stopped()
}

/// What theirs would stop: it has swept once when it begins to read for the second time, and no stop takes effect.
async fn theirs(stack: &Stack, flags: &[String]) -> BTreeSet<String> {
    let recorder = Recorder::start(stack).await;
    let python = peers::python("python").display().to_string();
    let program = [python, "-m".to_owned(), "jupyterhub_idle_culler".to_owned()];
    let mut command = culler(stack, &program, &recorder.url, flags);
    command.arg("--cull-every=1");
    let process = stack.sandbox().start("theirs", command);
    eventually(WAIT, "the third sweep of the Python culler", async || {
        recorder.sweeps() >= 3
    })
    .await;
    drop(process);
    recorder.stopped()
}

/// A spawn of `slow` never gets ready.
fn config() -> String {
    format!(
        r#"
        [JupyterHub]
        allow_named_servers = true
        [[JupyterHub.services]]
        name = "cull-idle"
        api_token = "{TOKEN}"
        [[JupyterHub.load_roles]]
        name = "cull-idle"
        services = ["cull-idle"]
        scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
        [Spawner]
        start_timeout = 600
        cmd = ["sh", "-c", 'if [ "$JUPYTERHUB_USER" = slow ]; then exec sleep 600; fi; exec jupyterhub-singleuser "$@"', "singleuser"]
        "#
    )
}

fn time(model: &Value, field: &str) -> DateTime<Utc> {
    let text = model[field].as_str().unwrap_or_default();
    hub_types::time::parse(text).unwrap_or_else(|| panic!("no {field} in {model:#}"))
}

/// Seconds since a server was last used.
async fn idle(stack: &Stack, user: &str, server: &str) -> i64 {
    let model = &stack.api().user(user).await["servers"][server];
    (SystemClock.now() - time(model, "last_activity")).num_seconds()
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|&path| path.to_owned()).collect()
}

/// Runs both with the same flags, and lets `judge` compare.
async fn both(stack: &Stack, flags: &[String]) -> (BTreeSet<String>, BTreeSet<String>) {
    tokio::join!(ours(stack, flags), theirs(stack, flags))
}

#[tokio::test]
async fn the_same_servers_are_culled_as_by_the_python_culler() {
    let stack = hub().python_hub().config(&config()).start().await;
    let api = stack.api();
    // Old and in use; then idle ones, among them a named one and an administrator's.
    api.start_server("old").await;
    let old = keep_busy(&stack, "old", &api.new_token("old", &[]).await).await;
    let age = async |user: &str| {
        let model = api.server(user).await.unwrap();
        (SystemClock.now() - time(&model, "started")).num_seconds()
    };
    eventually(
        WAIT,
        "the others are younger, by all that follows",
        async || age("old").await >= YOUNGER,
    )
    .await;
    for user in ["mal", "admin"] {
        api.start_server(user).await;
    }
    let named = api.post("/users/mal/servers/x", &json!({})).await;
    assert!([201, 202].contains(&named.status), "{named:#?}");
    eventually_some(WAIT, "mal/x is ready", async || {
        let user = api.user("mal").await;
        (user["servers"]["x"]["ready"] == true).then_some(())
    })
    .await;
    for (user, server) in [("mal", ""), ("mal", "x"), ("admin", "")] {
        eventually(WAIT, "enough idleness", async || {
            idle(&stack, user, server).await >= TIMEOUT
        })
        .await;
    }
    // In use and young; and one that is pending.
    api.start_server("zoe").await;
    let zoe = keep_busy(&stack, "zoe", &api.new_token("zoe", &[]).await).await;
    api.request_server("slow").await;
    // The old one only grows older. Both cullers go by the hub's `Date`, which is up to a second behind.
    let limits = async || {
        let most = age("old").await - YOUNGER / 6;
        vec![format!("--timeout={TIMEOUT}"), format!("--max-age={most}")]
    };
    let flags = limits().await;

    let expected = set(&["admin/server", "mal/server", "mal/servers/x", "old/server"]);
    let (our, their) = both(&stack, &flags).await;
    assert_eq!(our, their);
    assert_eq!(our, expected);

    // The deviations of docs/compat.md: age honours filters, unless upstream's way is asked for.
    let mut flags = limits().await;
    flags.push("--cull-default-servers=false".to_owned());
    let (our, their) = both(&stack, &flags).await;
    assert_eq!(our, set(&["mal/servers/x"]));
    assert!(their.contains("old/server"), "{their:?}");
    let upstream = [flags.clone(), vec!["--max-age-ignores-filters".to_owned()]].concat();
    assert_eq!(ours(&stack, &upstream).await, their);
    flags.pop();

    for socket in [&old, &zoe] {
        assert!(!socket.is_finished(), "nobody was cut off");
    }
    old.abort();

    // And in earnest.
    let program = [programs::path("cull-idle").display().to_string()];
    let mut command = culler(&stack, &program, &format!("{}hub/api", stack.url()), &flags);
    command.arg("--once");
    stack
        .sandbox()
        .start("in-earnest", command)
        .wait(WAIT)
        .await;
    for user in ["old", "mal", "admin"] {
        eventually(WAIT, "the idle and the old ones are gone", async || {
            api.user(user).await["servers"] == json!({})
        })
        .await;
    }
    assert_eq!(api.server("zoe").await.unwrap()["ready"], true);
    assert_eq!(api.server("slow").await.unwrap()["pending"], "spawn");
}
