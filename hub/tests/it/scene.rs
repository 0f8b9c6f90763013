//! A hub without its HTTP side: database file, manager, real processes, a real proxy in this process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use hub::addresses::Addresses;
use hub::auth::Authenticator;
use hub::auth::null::Nobody;
use hub::bus::Bus;
use hub::config::{Config, SpawnerClass};
use hub::db::testing::TestDatabase;
use hub::db::{self, Db};
use hub::domain::action::{StartServer, StopServer};
use hub::domain::principal::{Credential, Granted, Owner, Principal};
use hub::domain::server::{Server, ServerRef};
use hub::domain::user::{Groups, User, UserId};
use hub::event_log::EventLog;
use hub::metrics::{Metrics, MetricsOptions};
use hub::proxy_client::ProxyClient;
use hub::proxy_client::chp::{ChpClient, Endpoint};
use hub::spawner::Spawner;
use hub::spawner::child::ChildDeps;
use hub::spawner::manager::{Manager, ManagerDeps};
use hub::spawner::registry::SpawnerClasses;
use hub_proxy::listener::{Bind, Listener};
use hub_proxy::{Listeners, Proxy};
use hub_types::clock::{Clock, SystemClock};
use hub_types::env::{EnvSource as _, ProcessEnv};
use hub_types::names::{ServerName, Username};
use hub_types::paths::BaseUrl;
use hub_types::scope::ScopeSet;
use hub_types::secret::Token;
use services::process::{Liveness, ProcessRecord, poll};
use tokio_util::sync::CancellationToken;

/// How long a condition may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that notes its start, and then does what `SCENE` says.
const SERVER: &str = r#"
import http.server, json, os, signal, sys, time, urllib.parse
mode = os.environ.get("SCENE", "")
with open(os.environ["STARTS"], "a") as starts:
    starts.write(f"{os.getpid()}\n")
if mode == "exit":
    print("first words")
    print("last words: no kernel", file=sys.stderr)
    sys.exit(3)
if mode == "silent":
    signal.pause()
while mode == "gate" and not os.path.exists(os.environ["GATE"]):
    time.sleep(0.01)
prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path in (prefix + "api", prefix + "env")
        body = json.dumps(dict(os.environ) if self.path.endswith("env") else {"version": "1"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
address = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
http.server.HTTPServer((address.hostname, address.port), Handler).serve_forever()
"#;

/// Waits until `condition` gives something.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let look = async {
        loop {
            if let Some(found) = condition().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"))
}

/// A loopback address that no other process uses: a port of it stays free until this process takes it again.
pub(crate) fn own_address() -> Ipv4Addr {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, a, b, c)
}

/// A proxy in this process.
#[derive(Debug)]
pub(crate) struct TestProxy {
    pub(crate) public: String,
    pub(crate) endpoint: Endpoint,
    stop: CancellationToken,
}

impl TestProxy {
    pub(crate) async fn start() -> Self {
        let token = Token::generate();
        let mut config = hub_proxy::config::Config::default();
        config.token = Some(token.clone());
        let proxy = Proxy::new(config, Arc::new(SystemClock)).unwrap();
        let here = Bind::Tcp("127.0.0.1".to_owned(), 0);
        let listeners = Listeners {
            public: Listener::bind(&here).await.unwrap(),
            api: Listener::bind(&here).await.unwrap(),
            redirect: None,
            metrics: None,
        };
        let (public, url) = (listeners.public.url(), listeners.api.url());
        let stop = CancellationToken::new();
        tokio::spawn(proxy.run(listeners, stop.clone()));
        Self {
            public,
            endpoint: Endpoint { url, token },
            stop,
        }
    }

    pub(crate) fn client(&self) -> Arc<ChpClient> {
        Arc::new(ChpClient::new(self.endpoint.clone(), Duration::from_secs(5)).unwrap())
    }
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn addresses() -> Arc<Addresses> {
    Arc::new(Addresses {
        base: BaseUrl::default(),
        public_origin: "http://127.0.0.1:8000".into(),
        hub_origin: "http://127.0.0.1:8081".into(),
        api_url: "http://127.0.0.1:8081/hub/api".into(),
        ..Addresses::default()
    })
}

/// A folder with a database; hubs come and go in it.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) config: Config,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    database: TestDatabase,
}

impl Scene {
    /// A scene whose servers behave as `mode` says, beginning with an existing user `alice`.
    pub(crate) fn new(mode: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("server.py");
        std::fs::write(&script, SERVER).unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let mut config = Config::default();
        config.jupyterhub.spawner_class = SpawnerClass::Simple;
        config.jupyterhub.allow_named_servers = true;
        config.simple_spawner.home_dir_template = path("{username}");
        config.spawner.cmd = vec!["python3".into(), script.display().to_string()];
        config.spawner.environment = BTreeMap::from([
            ("SCENE".to_owned(), mode.to_owned()),
            ("STARTS".to_owned(), path("starts")),
            ("GATE".to_owned(), path("gate")),
        ]);
        let database = TestDatabase::new(&dir.path().join("hub.sqlite"));
        Self {
            dir,
            config,
            authenticator: Arc::new(Nobody),
            database,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) async fn db(&self) -> Db {
        let db = Db::open(self.database.url()).await.unwrap();
        if db::users::find(db.read(), "alice").await.unwrap().is_none() {
            let tx = db.write().await.unwrap();
            db::users::insert(&tx, &Username::stored("alice"), false, DateTime::UNIX_EPOCH)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
        db
    }

    pub(crate) fn child_deps(&self) -> ChildDeps {
        let mut env = BTreeMap::from([("HUB_SECRET_SENTINEL".to_owned(), "leaked".to_owned())]);
        env.insert("PATH".to_owned(), ProcessEnv.get("PATH").unwrap());
        ChildDeps {
            config: Arc::new(self.config.clone()),
            env: Arc::new(env),
            launcher: launcher(),
            logs: self.path("logs"),
        }
    }

    /// Another user, for servers of system users.
    pub(crate) async fn register(&self, name: &str) {
        let db = self.db().await;
        let tx = db.write().await.unwrap();
        let name = Username::stored(name);
        db::users::insert(&tx, &name, false, DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) fn spawner(&self) -> Arc<dyn Spawner> {
        SpawnerClasses::default().build(self.child_deps()).unwrap()
    }

    /// A hub process called `id`.
    pub(crate) async fn hub(
        &self,
        id: &str,
        proxy: &Arc<ChpClient>,
        clock: Arc<dyn Clock>,
    ) -> Manager {
        self.hub_with(id, proxy.clone(), clock, self.spawner())
            .await
    }

    pub(crate) async fn hub_with(
        &self,
        id: &str,
        proxy: Arc<dyn ProxyClient>,
        clock: Arc<dyn Clock>,
        spawner: Arc<dyn Spawner>,
    ) -> Manager {
        Manager::new(ManagerDeps {
            db: self.db().await,
            bus: Bus::default(),
            clock,
            addresses: addresses(),
            config: Arc::new(self.config.clone()),
            spawner,
            authenticator: Arc::clone(&self.authenticator),
            proxy,
            metrics: Metrics::new(&MetricsOptions::default()).unwrap(),
            events: EventLog::default(),
            hub_id: id.to_owned(),
        })
    }

    /// Process ids of all servers that were ever started here.
    pub(crate) fn starts(&self) -> Vec<u32> {
        let text = std::fs::read_to_string(self.path("starts")).unwrap_or_default();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// How many of them still run.
    pub(crate) fn running(&self) -> usize {
        self.starts()
            .into_iter()
            .filter(|pid| is_running(*pid))
            .count()
    }
}

impl Drop for Scene {
    /// A failed test leaves no servers behind.
    fn drop(&mut self) {
        for pid in self.starts().into_iter().filter(|pid| is_running(*pid)) {
            kill(pid);
        }
    }
}

/// The hub's own binary: it is the launcher, and the proxy.
pub(crate) fn launcher() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_hub")).to_owned()
}

pub(crate) fn kill(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
}

/// Whether a process runs; a zombie does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// The process that a server's row names.
pub(crate) fn record(server: &Server) -> ProcessRecord {
    serde_json::from_value(server.spawner_state.clone().unwrap()).unwrap()
}

pub(crate) fn alive(server: &Server) -> bool {
    poll(&record(server)) == Liveness::Alive
}

pub(crate) fn at(name: &str) -> ServerRef {
    ServerRef::new(Username::stored("alice"), ServerName::stored(name))
}

pub(crate) async fn row(manager: &Manager, name: &str) -> Option<Server> {
    db::servers::find(manager.db.read(), &at(name))
        .await
        .unwrap()
}

fn somebody() -> Principal {
    let user = User {
        id: UserId(1),
        name: Username::stored("alice"),
        admin: false,
        created: DateTime::UNIX_EPOCH,
        last_activity: None,
        user_info: None,
    };
    let scopes = ScopeSet::of_expanded(["start:servers", "delete:servers"]);
    Principal::new(
        Owner::User(user),
        Credential::Cookie {
            session_id: "s".into(),
        },
        scopes,
        Arc::new(Groups::default()),
    )
}

pub(crate) fn may_start(at: ServerRef) -> Granted<StartServer> {
    somebody().require(at).unwrap()
}

pub(crate) fn may_stop(at: ServerRef) -> Granted<StopServer> {
    somebody().require(at).unwrap()
}
