//! The bundled programs as processes, with a hub that is not real.

use std::process::Stdio;

use futures_util::{SinkExt as _, StreamExt as _};
use hub_types::clock::{Clock as _, SystemClock};
use hub_types::env;
use hubauth::HubAuthConfig;
use hubauth::testing::FakeHub;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use services::contract::Env;
use services::kit::ServiceEnv;
use services::spec::ServiceSpec;
use services::supervisor::probe_client;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::scene::{eventually, launcher};
use crate::visitor::Visitor;

/// A bundled program that listens, and the hub it was told of.
struct Program {
    hub: FakeHub,
    child: Child,
    origin: String,
    env: Env,
}

/// What the hub would write for a service of this name.
fn environment(config: &HubAuthConfig, name: &str, url: &str) -> Env {
    let scopes = format!(r#"["access:services", "access:services!service={name}"]"#);
    [
        (env::JUPYTERHUB_API_TOKEN, config.api_token.expose()),
        (env::JUPYTERHUB_API_URL, &config.api_url),
        (env::JUPYTERHUB_BASE_URL, "/"),
        (env::JUPYTERHUB_CLIENT_ID, &config.client_id),
        (env::JUPYTERHUB_OAUTH_ACCESS_SCOPES, &scopes),
        (env::JUPYTERHUB_OAUTH_CALLBACK_URL, &config.callback_url),
        (env::JUPYTERHUB_SERVICE_NAME, name),
        (env::JUPYTERHUB_SERVICE_PREFIX, &config.service_prefix),
        (env::JUPYTERHUB_SERVICE_URL, url),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn command(program: &str, env: &Env) -> Command {
    let mut command = Command::new(launcher());
    command
        .arg(program)
        .env_clear()
        .envs(env)
        .kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Program {
    async fn start(program: &str, extra: &[(&str, &str)]) -> Self {
        let hub = FakeHub::start().await.unwrap();
        let config = hub.config("x").unwrap();
        let spec = ServiceSpec {
            url: Some("http://127.0.0.1:0".into()),
            ..ServiceSpec::new("x")
        };
        let origin = spec.listen_url(None).unwrap().unwrap();
        let mut env = environment(&config, "x", &origin);
        env.extend(
            extra
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned())),
        );
        let child = command(program, &env).spawn().unwrap();
        let port = ServiceEnv::from_env(&env).unwrap().port;
        eventually("listening", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .await;
        Self {
            hub,
            child,
            origin,
            env,
        }
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(&self.hub.origin(), &self.origin)
    }

    async fn with_token(&self, path: &str, token: &str) -> (u16, serde_json::Value) {
        let request = probe_client()
            .unwrap()
            .get(format!("{}{path}", self.origin));
        let reply = request
            .header("authorization", format!("token {token}"))
            .send()
            .await
            .unwrap();
        (
            reply.status().as_u16(),
            reply.json().await.unwrap_or_default(),
        )
    }

    async fn stopped_by(mut self, signal: Signal) -> Option<i32> {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
        self.child.wait().await.unwrap().code()
    }
}

#[tokio::test]
async fn whoami_greets_programs_and_people() {
    let whoami = Program::start("whoami", &[]).await;
    let token = whoami
        .hub
        .add_user_with("zoe", &["crew"], &["access:services"]);
    let (status, json) = whoami.with_token("/services/x/", token.expose()).await;
    assert_eq!(
        (status, &json["name"], &json["groups"][0]),
        (200, &"zoe".into(), &"crew".into())
    );
    let stranger = whoami.hub.add_user_with("mal", &[], &[]);
    assert_eq!(
        whoami.with_token("/services/x/", stranger.expose()).await.0,
        403
    );

    whoami.hub.log_in(Some("zoe"));
    let mut visitor = whoami.visitor();
    let page = visitor.open("/services/x/").await;
    assert_eq!(
        (page.status, &*page.path),
        (200, "/services/x/"),
        "{page:?}"
    );
    assert!(
        page.body.contains("Hello zoe") && page.body.contains("<li>crew</li>"),
        "{}",
        page.body
    );
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    assert_eq!(page.header("cache-control"), "no-store");

    let out = visitor.get("/services/x/logout").await;
    assert!(out.header("location").ends_with("/hub/logout"), "{out:?}");
    let again = visitor.get("/services/x/").await;
    assert!(
        again
            .header("location")
            .contains("/hub/api/oauth2/authorize"),
        "{again:?}"
    );
    assert_eq!(whoami.stopped_by(Signal::SIGTERM).await, Some(0));
}

#[tokio::test]
async fn the_kit_answers_health_prefix_and_files_without_a_login() {
    let whoami = Program::start("whoami", &[]).await;
    let mut visitor = whoami.visitor();
    assert_eq!(visitor.get("/services/x/health").await.status, 200);
    assert_eq!(
        visitor.get("/services/x").await.header("location"),
        "/services/x/"
    );
    assert!(
        visitor
            .get("/services/x/style.css")
            .await
            .header("content-type")
            .starts_with("text/css")
    );
    assert_eq!(visitor.get("/").await.status, 404);
    assert_eq!(
        whoami.hub.all_calls().len(),
        0,
        "{:?}",
        whoami.hub.all_calls()
    );
    assert_eq!(whoami.stopped_by(Signal::SIGINT).await, Some(0));
}

#[tokio::test]
async fn the_demo_server_keeps_the_contract_of_a_single_user_server() {
    let extra = [
        (env::JUPYTERHUB_USER, "zoe"),
        (env::JUPYTERHUB_SERVER_NAME, ""),
    ];
    let demo = Program::start("demo-server", &extra).await;
    let mut visitor = demo.visitor();
    let api = visitor.get("/services/x/api").await;
    assert_eq!(api.status, 200);
    assert!(serde_json::from_str::<serde_json::Value>(&api.body).unwrap()["version"].is_string());
    assert_eq!(
        api.header("x-jupyterhub-version"),
        hub_types::JUPYTERHUB_VERSION
    );

    demo.hub.add_user("zoe");
    demo.hub.log_in(Some("zoe"));
    let page = visitor.open("/services/x/lab/tree/x.ipynb").await;
    assert_eq!(&*page.path, "/services/x/", "{page:?}");
    for text in [
        "<span id=\"name\">zoe</span>",
        "This is your own server.",
        "pip install jupyterlab jupyterhub",
    ] {
        assert!(page.body.contains(text), "{}", page.body);
    }
    assert!(page.body.contains("src=\"/services/x/demo.js\"") && !page.body.contains("onclick"));
    assert_eq!(
        visitor
            .get("/services/x/demo.js")
            .await
            .header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(demo.stopped_by(Signal::SIGINT).await, Some(0));
}

#[tokio::test]
async fn the_demo_server_echoes_and_reports_that_it_was_used() {
    let extra = [
        (env::JUPYTERHUB_USER, "zoe"),
        (env::JUPYTERHUB_SERVER_NAME, ""),
        (
            env::JUPYTERHUB_ACTIVITY_URL,
            "http://hub/hub/api/users/zoe/activity",
        ),
        (env::JUPYTERHUB_ACTIVITY_INTERVAL, "1"),
    ];
    let demo = Program::start("demo-server", &extra).await;
    let token = demo.hub.add_user("zoe");
    let url = format!("{}/services/x/echo", demo.origin.replace("http", "ws"));
    let mut request = url.as_str().into_client_request().unwrap();
    assert!(
        tokio_tungstenite::connect_async(request.clone())
            .await
            .is_err(),
        "strangers stay outside"
    );

    let used = SystemClock.now();
    let credential = format!("token {}", token.expose()).parse().unwrap();
    request.headers_mut().insert("authorization", credential);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let hello = Message::Text(Utf8Bytes::from_static("hello"));
    socket.send(hello.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), hello);

    let (user, report) = eventually("a report", || {
        demo.hub.reported_activity().into_iter().next()
    })
    .await;
    assert_eq!(user, "zoe");
    let at = report.servers[""].last_activity;
    assert_eq!(report.last_activity, Some(at));
    assert!(used <= at && at <= SystemClock.now(), "{at}");
    // An open WebSocket does not hold up the stop.
    assert_eq!(demo.stopped_by(Signal::SIGTERM).await, Some(0));
}

#[tokio::test]
async fn what_is_wrong_with_the_environment_is_said() {
    let whoami = Program::start("whoami", &[]).await;
    let cases: [(&str, Option<&str>, i32, &str); 5] = [
        (
            env::JUPYTERHUB_SERVICE_PREFIX,
            None,
            64,
            "JUPYTERHUB_SERVICE_PREFIX is not set",
        ),
        (
            env::JUPYTERHUB_SERVICE_URL,
            Some("https://127.0.0.1:0"),
            64,
            "internal_ssl",
        ),
        (env::JUPYTERHUB_API_TOKEN, None, 64, "JUPYTERHUB_API_TOKEN"),
        (
            env::JUPYTERHUB_CLIENT_ID,
            Some("a b"),
            64,
            "JUPYTERHUB_CLIENT_ID",
        ),
        // The port of the program that runs already.
        (
            env::JUPYTERHUB_SERVICE_NAME,
            Some("y"),
            1,
            "another program uses the port",
        ),
    ];
    for (name, value, code, expected) in cases {
        let mut env = whoami.env.clone();
        match value {
            Some(value) => env.insert(name.into(), value.into()),
            None => env.remove(name),
        };
        let output = command("whoami", &env).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
        assert!(!said.contains(whoami.env[env::JUPYTERHUB_API_TOKEN].as_str()));
    }
}

#[tokio::test]
async fn a_worker_has_the_client_of_the_api_and_stops_when_asked() {
    let hub = FakeHub::start().await.unwrap();
    let mut env = environment(&hub.config("x").unwrap(), "x", "http://127.0.0.1:0/");
    // A service without a web address: it is told no prefix.
    env.remove(env::JUPYTERHUB_SERVICE_PREFIX);
    let mut child = command("worker", &env).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = said.next_line().await.unwrap().unwrap();
    assert!(line.contains("the hub is JupyterHub "), "{line}");
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(0));

    for (name, code) in [
        (env::JUPYTERHUB_API_TOKEN, 64),
        (env::JUPYTERHUB_API_URL, 1),
    ] {
        let mut env = env.clone();
        match code {
            64 => env.remove(name),
            // Nothing listens there.
            _ => env.insert(name.into(), "http://127.0.0.1:9/hub/api".into()),
        };
        let output = command("worker", &env).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
        let expected = if code == 64 { name } else { "127.0.0.1:9" };
        assert!(said.contains(expected), "{name}: {said}");
    }
}
