//! The supervisor: starts, restarts, adopts, never runs anything twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hub_types::clock::SystemClock;
use hub_types::names::ServiceName;
use hub_types::paths::BaseUrl;
use hub_types::secret::Token;
use serde_json::{Value, json};
use services::contract::HubAddress;
use services::process::{Liveness, StopTimes, poll};
use services::spec::ServiceSpec;
use services::supervisor::{
    Backoff, BoxError, Entry, Ledger, ServiceStatus, Settings, State, Supervisor, Tokens,
};

use crate::scene::{Scene, eventually, launcher};

/// The hub's side: a table in memory that can be made to fail.
#[derive(Default)]
struct Hub {
    entries: Mutex<BTreeMap<ServiceName, Entry>>,
    issued: AtomicU32,
    broken: AtomicBool,
}

impl Hub {
    fn check(&self) -> Result<(), BoxError> {
        if self.broken.load(Ordering::SeqCst) {
            Err("the database is away".into())
        } else {
            Ok(())
        }
    }

    fn entry(&self, name: &str) -> Option<Entry> {
        self.entries.lock().unwrap().get(name).cloned()
    }
}

#[async_trait]
impl Ledger for Hub {
    async fn load(&self, service: &ServiceName) -> Result<Option<Entry>, BoxError> {
        self.check()?;
        Ok(self.entry(service.as_str()))
    }

    async fn list(&self) -> Result<Vec<(ServiceName, Entry)>, BoxError> {
        self.check()?;
        Ok(self.entries.lock().unwrap().clone().into_iter().collect())
    }

    async fn store(&self, service: &ServiceName, entry: &Entry) -> Result<(), BoxError> {
        self.check()?;
        self.entries
            .lock()
            .unwrap()
            .insert(service.clone(), entry.clone());
        Ok(())
    }

    async fn forget(&self, service: &ServiceName) -> Result<(), BoxError> {
        self.check()?;
        self.entries.lock().unwrap().remove(service);
        Ok(())
    }
}

#[async_trait]
impl Tokens for Hub {
    async fn issue(&self, _: &ServiceName) -> Result<Token, BoxError> {
        let number = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Token::from_config(format!("token-{number}")))
    }
}

fn supervisor(scene: &Scene, hub: &Arc<Hub>) -> Supervisor {
    let address = HubAddress::local("http://127.0.0.1:1/hub/api", BaseUrl::default());
    let mut settings = Settings::new(
        launcher().into(),
        scene.path("logs"),
        address,
        Arc::new(SystemClock),
    );
    settings.kept.insert("PATH".into(), "/usr/bin:/bin".into());
    settings.backoff = Backoff {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(100),
        stable: Duration::from_secs(60),
    };
    settings.stop_times = StopTimes {
        interrupt: Duration::from_millis(500),
        term: Duration::from_millis(500),
        kill: Duration::from_secs(5),
    };
    settings.check_interval = Some(Duration::from_millis(50));
    Supervisor::new(settings, Arc::<Hub>::clone(hub), Arc::<Hub>::clone(hub)).unwrap()
}

fn spec(extra: &Value) -> ServiceSpec {
    let mut value = json!({"name": "x"});
    value
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    let spec: ServiceSpec = serde_json::from_value(value).unwrap();
    spec.validate().unwrap();
    spec
}

fn sh(script: &str) -> ServiceSpec {
    spec(&json!({"command": ["sh", "-c", script]}))
}

async fn start(supervisor: &Supervisor, spec: ServiceSpec) {
    let prepared = supervisor.prepare(spec).await.unwrap();
    assert!(supervisor.start(prepared));
}

async fn reaches(
    supervisor: &Supervisor,
    what: &str,
    fact: impl Fn(&ServiceStatus) -> bool,
) -> ServiceStatus {
    eventually(what, || {
        supervisor.status("x", 100).filter(|status| fact(status))
    })
    .await
}

fn alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_service_runs_with_its_contract_until_stopped() {
    let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
    let supervisor = supervisor(&scene, &hub);
    let mut service = sh("env; echo ready; exec sleep 60");
    service.environment.insert("EXTRA".into(), "yes".into());
    start(&supervisor, service.clone()).await;
    let status = reaches(&supervisor, "ready", |s| {
        s.state == State::Running && s.log_tail.iter().any(|l| l == "ready")
    })
    .await;
    assert_eq!(
        (status.state, status.restarts, status.adopted),
        (State::Running, 0, false)
    );
    let folder = launcher().parent().unwrap().display();
    for line in [
        "JUPYTERHUB_SERVICE_NAME=x",
        "JUPYTERHUB_API_TOKEN=token-1",
        "JUPYTERHUB_CLIENT_ID=service-x",
        "EXTRA=yes",
        &format!("PATH={folder}:/usr/bin:/bin"),
    ] {
        assert!(
            status.log_tail.iter().any(|l| l == line),
            "{line}: {:?}",
            status.log_tail
        );
    }
    let names = status
        .log_tail
        .iter()
        .filter_map(|line| line.split_once('=')?.0.into());
    let own = ["EXTRA", "PATH", "PWD", "OLDPWD", "SHLVL", "_"];
    let leaked: Vec<&str> = names
        .filter(|name: &&str| !own.contains(name) && !hub_types::env::ALL.contains(name))
        .collect();
    assert!(leaked.is_empty(), "{leaked:?}");
    assert_eq!(hub.entry("x").unwrap().record.pid, status.pid.unwrap());

    let again = supervisor.prepare(service).await.unwrap();
    assert!(!supervisor.start(again), "it is kept already");
    let record = hub.entry("x").unwrap().record;
    assert!(supervisor.stop("x").await);
    assert_eq!(poll(&record), Liveness::Exited(None));
    assert_eq!(supervisor.status("x", 0).unwrap().state, State::Stopped);
    assert!(hub.entry("x").is_none());
    assert!(!supervisor.stop("y").await && supervisor.status("y", 0).is_none());
}

#[tokio::test]
async fn a_failing_service_is_restarted_and_says_why() {
    let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
    let supervisor = supervisor(&scene, &hub);
    start(&supervisor, sh("echo broken; exit 7")).await;
    let status = reaches(&supervisor, "three restarts", |s| s.restarts >= 3).await;
    let failure = status.last_failure.unwrap();
    assert_eq!(failure.reason, "exited with code 7");
    assert_eq!(failure.log_tail.last().map(String::as_str), Some("broken"));
    supervisor.stop_all().await;
    let tokens = hub.issued.load(Ordering::SeqCst);
    assert!(tokens >= 4, "each start has a token of its own");
    assert!(hub.entry("x").is_none());
}

#[tokio::test]
async fn a_service_that_cannot_start_is_visible_and_stoppable() {
    for (extra, expected) in [
        (
            json!({"command": ["no-such-command"]}),
            "command not found: \"no-such-command\"",
        ),
        (
            json!({"command": ["true"], "cwd": "/no/such/folder"}),
            "cannot enter the working folder",
        ),
        (
            json!({"command": ["true"], "user": "no-such-user"}),
            "\"no-such-user\" does not exist",
        ),
    ] {
        let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
        let supervisor = supervisor(&scene, &hub);
        start(&supervisor, spec(&extra)).await;
        let status = reaches(&supervisor, "back-off", |s| s.last_failure.is_some()).await;
        let reason = status.last_failure.unwrap().reason;
        assert!(reason.contains(expected), "{reason}");
        // It is shown to everybody who may read services.
        assert!(!reason.contains("/bin"), "{reason}");
        supervisor.stop_all().await;
        assert_eq!(supervisor.status("x", 0).unwrap().state, State::Stopped);
    }
}

#[tokio::test]
async fn a_service_runs_as_its_user_with_exactly_that_user_s_groups() {
    let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
    let supervisor = supervisor(&scene, &hub);
    let mut service = sh("id -u; id -G; echo $USER $HOME; exec sleep 60");
    service.user = Some("nobody".into());
    start(&supervisor, service).await;
    if !nix::unistd::geteuid().is_root() {
        // Only root can become somebody else: then it must be refused and seen, not run as the hub.
        let status = reaches(&supervisor, "refused", |s| s.last_failure.is_some()).await;
        let reason = status.last_failure.unwrap().reason;
        assert!(reason.contains("only root can"), "{reason}");
        assert!(status.log_tail.is_empty(), "{:?}", status.log_tail);
        supervisor.stop_all().await;
        return;
    }
    let status = reaches(&supervisor, "its words", |s| s.log_tail.len() == 3).await;
    let nobody = services::process::users::lookup("nobody").unwrap();
    let numbers = |text: &str| {
        let parsed = text.split(' ').map(|number| number.parse().unwrap());
        parsed.collect::<std::collections::BTreeSet<u32>>()
    };
    assert_eq!(status.log_tail[0], nobody.uid.to_string());
    assert_eq!(
        numbers(&status.log_tail[1]),
        nobody.groups.iter().copied().collect()
    );
    let home = nobody.home.display();
    assert_eq!(status.log_tail[2], format!("nobody {home}"));
    supervisor.stop_all().await;
}

#[tokio::test]
async fn what_a_crashed_service_leaves_behind_is_ended_before_it_starts_again() {
    let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
    let supervisor = supervisor(&scene, &hub);
    start(
        &supervisor,
        sh("(trap '' INT TERM; sleep 60) & echo $!; sleep 0.1; exit 1"),
    )
    .await;
    let status = reaches(&supervisor, "a restart", |s| s.log_tail.len() >= 2).await;
    assert!(!alive(&status.log_tail[0]));
    supervisor.stop_all().await;
    let pids = supervisor.status("x", 100).unwrap().log_tail;
    assert!(pids.iter().all(|pid| !alive(pid)), "{pids:?}");
}

#[tokio::test]
async fn what_a_crash_leaves_behind_is_known_without_its_environment_too() {
    let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
    let supervisor = supervisor(&scene, &hub);
    start(&supervisor, sh("env -i sleep 60 & echo $!; exit 1")).await;
    let status = reaches(&supervisor, "a restart", |s| s.log_tail.len() >= 2).await;
    assert!(!alive(&status.log_tail[0]));
    supervisor.stop_all().await;
    let pids = supervisor.status("x", 100).unwrap().log_tail;
    assert!(pids.iter().all(|pid| !alive(pid)), "{pids:?}");
}

#[tokio::test]
async fn nothing_runs_that_is_not_recorded() {
    let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
    let supervisor = supervisor(&scene, &hub);
    let prepared = supervisor
        .prepare(sh("echo ran; exec sleep 60"))
        .await
        .unwrap();
    hub.broken.store(true, Ordering::SeqCst);
    supervisor.start(prepared);
    let status = reaches(&supervisor, "failure", |s| s.restarts >= 2).await;
    assert!(status.log_tail.is_empty());
    assert!(
        status
            .last_failure
            .unwrap()
            .reason
            .contains("the database is away")
    );
    hub.broken.store(false, Ordering::SeqCst);
    reaches(&supervisor, "ran", |s| s.log_tail == ["ran"]).await;
    supervisor.stop_all().await;
}

/// Runs `work` in a runtime of its own that ends without any goodbye, as a killed hub does.
fn killed_hub<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    std::thread::scope(|threads| {
        let run = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().build().unwrap();
            let result = runtime.block_on(work());
            runtime.shutdown_background();
            result
        };
        threads.spawn(run).join().unwrap()
    })
}

#[tokio::test]
async fn a_killed_hub_finds_its_services_again() {
    let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
    let service = spec(&json!({
        "url": "http://127.0.0.1:0",
        "command": ["sh", "-c", "sleep 60 & echo $!; echo $JUPYTERHUB_SERVICE_URL; echo ready; wait"],
    }));
    let first = killed_hub(async || {
        let supervisor = supervisor(&scene, &hub);
        start(&supervisor, service.clone()).await;
        reaches(&supervisor, "ready", |s| {
            s.state == State::Running && s.log_tail.iter().any(|l| l == "ready")
        })
        .await
    });
    let [child, url] = [&first.log_tail[0], &first.log_tail[1]];

    // Unchanged: the same process, at the same address, with the token it has.
    let second = killed_hub(async || {
        let supervisor = supervisor(&scene, &hub);
        let prepared = supervisor.prepare(service.clone()).await.unwrap();
        assert_eq!(prepared.url.as_ref(), Some(url));
        supervisor.start(prepared);
        reaches(&supervisor, "adopted", |s| s.state == State::Running).await
    });
    assert_eq!((second.pid, second.adopted), (first.pid, true));
    assert_eq!(hub.issued.load(Ordering::SeqCst), 1);
    assert!(alive(child));

    // Changed: everything of the old one is gone before the new one runs.
    let third = supervisor(&scene, &hub);
    start(&third, sh("echo changed; exec sleep 60")).await;
    let status = reaches(&third, "changed", |s| {
        s.state == State::Running && s.log_tail.iter().any(|l| l == "changed")
    })
    .await;
    assert!(status.pid.is_some() && status.pid != first.pid && !status.adopted);
    assert!(!alive(child));
    third.stop_all().await;
}

#[tokio::test]
async fn an_adopted_service_that_ends_is_started_again() {
    let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
    let service = sh("echo up; exec sleep 60");
    let first = killed_hub(async || {
        let supervisor = supervisor(&scene, &hub);
        start(&supervisor, service.clone()).await;
        reaches(&supervisor, "up", |s| {
            s.state == State::Running && s.log_tail == ["up"]
        })
        .await
    });
    let supervisor = supervisor(&scene, &hub);
    start(&supervisor, service).await;
    reaches(&supervisor, "adopted", |s| s.adopted).await;
    services::process::signal_group(
        &hub.entry("x").unwrap().record,
        nix::sys::signal::Signal::SIGKILL,
    );
    let status = reaches(&supervisor, "again", |s| {
        s.log_tail == ["up", "up"] && s.pid.is_some()
    })
    .await;
    assert_ne!(status.pid, first.pid);
    assert_eq!((status.restarts, status.adopted), (1, false));
    supervisor.stop_all().await;
}

#[tokio::test]
async fn services_that_left_the_configuration_are_ended() {
    let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
    let entry = killed_hub(async || {
        let supervisor = supervisor(&scene, &hub);
        start(&supervisor, sh("exec sleep 60")).await;
        reaches(&supervisor, "running", |s| s.state == State::Running).await;
        hub.entry("x").unwrap()
    });
    let supervisor = supervisor(&scene, &hub);
    supervisor
        .stop_unlisted(&["x".to_owned()].into())
        .await
        .unwrap();
    assert_eq!(poll(&entry.record), Liveness::Alive);
    supervisor
        .stop_unlisted(&["y".to_owned()].into())
        .await
        .unwrap();
    assert_ne!(poll(&entry.record), Liveness::Alive);
    assert!(hub.entry("x").is_none());
}

#[tokio::test]
async fn answers_are_watched_without_holding_anything_up() {
    let (scene, hub) = (Scene::new(), Arc::new(Hub::default()));
    let supervisor = supervisor(&scene, &hub);
    // Nothing listens there: the service runs all the same.
    start(
        &supervisor,
        spec(&json!({"url": "http://127.0.0.1:0", "timeout": 1, "command": ["sleep", "60"]})),
    )
    .await;
    let status = reaches(&supervisor, "asked", |s| s.answers.is_some()).await;
    assert_eq!(
        (status.state, status.answers),
        (State::Running, Some(false))
    );
    supervisor.stop_all().await;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 1024];
            let read = stream.read(&mut head).unwrap();
            let found = head[..read].starts_with(b"GET /services/ext/ ");
            let status = if found { "302 Found" } else { "500 Broken" };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
        }
    });
    let external: ServiceSpec = serde_json::from_value(json!({"name": "ext", "url": url})).unwrap();
    assert!(supervisor.watch_external(&external));
    let status = eventually("answers", || {
        supervisor
            .status("ext", 0)
            .filter(|s| s.answers == Some(true))
    })
    .await;
    assert_eq!((status.state, status.pid), (State::External, None));
    supervisor.stop_all().await;
}
