//! A hub for tests: it holds users, answers as JupyterHub 6.1 does, and remembers every request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, TimeDelta, Utc};
use cull_idle::cli::Args;
use cull_idle::hub::HubError;
use cull_idle::report::Summary;
use cull_idle::settings::Settings;
use cull_idle::sweep::Sweeper;
use hub_types::clock::{Clock as _, FakeClock, SystemClock};
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, Semaphore};

mod answers;

/// Longest wait for anything; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a slow answer takes: longer than any time-out of the tests that use it.
const SLOW: Duration = Duration::from_secs(4);

/// One request that the hub got.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and target as sent, e.g. `DELETE /hub/api/users/alice/server`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// How the hub answers one path, instead of its ordinary answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// This status, with this body.
    Status(u16, &'static str),
    /// `429` with `Retry-After: 0`, so many times, then the ordinary answer.
    Busy(u32),
    /// No answer until the hub is told to go on.
    Hang,
    /// The connection is closed in the middle of a body.
    Broken,
    /// What was asked for is done, but the answer says that it failed.
    Lost,
    /// What was asked for is done, but the answer takes longer than anybody waits.
    Slow,
}

#[derive(Default)]
struct Inner {
    users: Vec<Value>,
    version: String,
    paginates: bool,
    page_size: usize,
    /// How far the hub's clock is ahead, and whether it tells its time.
    offset: TimeDelta,
    dateless: bool,
    /// Whether it passes over conditions, as JupyterHub.
    unconditional: bool,
    /// Whether it knows no announcements, as JupyterHub.
    notices_unknown: bool,
    answers: BTreeMap<String, Answer>,
    seen: Vec<Seen>,
    /// How many `DELETE`s are under way, and how many ever were at once.
    under_way: usize,
    most: usize,
    /// What a server's `last_activity` becomes just before a `DELETE` is looked at.
    awakened: Vec<String>,
}

impl Inner {
    fn new() -> Self {
        Self {
            version: "6.1.1".into(),
            paginates: true,
            page_size: 50,
            ..Self::default()
        }
    }
}

/// A running fake hub.
#[derive(Clone)]
pub(crate) struct FakeHub {
    inner: Arc<Mutex<Inner>>,
    /// Wakes hanging answers.
    pub(crate) go_on: Arc<Notify>,
    /// What `DELETE`s pass through one by one; without permits they wait.
    gate: Arc<Semaphore>,
    /// Something has been asked or answered.
    changed: Arc<Notify>,
    pub(crate) url: String,
}

impl FakeHub {
    /// Starts a hub of version 6.1.1 on a port of its own.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hub = Self {
            inner: Arc::new(Mutex::new(Inner::new())),
            go_on: Arc::new(Notify::new()),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            changed: Arc::new(Notify::new()),
            url: format!("http://{}/hub/api", listener.local_addr().unwrap()),
        };
        let app = Router::new().fallback(handle).with_state(hub.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        hub
    }

    /// The same hub as if it had just been started, at the same address.
    pub(crate) fn emptied(self) -> Self {
        self.change(|inner| {
            let under_way = inner.under_way;
            *inner = Inner::new();
            inner.under_way = under_way;
        });
        self
    }

    /// Takes all users out.
    pub(crate) fn forget_users(self) -> Self {
        self.change(|inner| inner.users.clear());
        self
    }

    /// The users that are left, as the hub knows them.
    pub(crate) fn users(&self) -> Vec<Value> {
        self.change(|inner| inner.users.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap())
    }

    pub(crate) fn version(self, version: &str) -> Self {
        self.change(|inner| version.clone_into(&mut inner.version));
        self
    }

    /// Answers bare lists, as hubs before JupyterHub 2 do.
    pub(crate) fn without_pages(self) -> Self {
        self.change(|inner| inner.paginates = false);
        self
    }

    pub(crate) fn page_size(self, size: usize) -> Self {
        self.change(|inner| inner.page_size = size);
        self
    }

    pub(crate) fn clock_ahead(self, offset: TimeDelta) -> Self {
        self.change(|inner| inner.offset = offset);
        self
    }

    /// Passes over conditions; who comes back does so before they are asked for.
    pub(crate) fn without_conditions(self) -> Self {
        self.change(|inner| inner.unconditional = true);
        self
    }

    pub(crate) fn is_without_conditions(&self) -> bool {
        self.change(|inner| inner.unconditional)
    }

    pub(crate) fn without_notices(self) -> Self {
        self.change(|inner| inner.notices_unknown = true);
        self
    }

    pub(crate) fn without_date(self) -> Self {
        self.change(|inner| inner.dateless = true);
        self
    }

    pub(crate) fn user(self, user: Value) -> Self {
        self.change(|inner| inner.users.push(user));
        self
    }

    /// Answers `method path` (without `/hub/api`) in a special way.
    pub(crate) fn answer(self, line: &str, answer: Answer) -> Self {
        self.change(|inner| inner.answers.insert(line.to_owned(), answer));
        self
    }

    /// Lets a server (named by its path under `/users/`) be used between reading and stopping.
    pub(crate) fn awaken_before_delete(self, path: &str) -> Self {
        self.change(|inner| inner.awakened.push(path.to_owned()));
        self
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.change(|inner| inner.seen.clone())
    }

    /// The request lines, without `/hub/api`, that begin like this: with a method, or a method and a path.
    pub(crate) fn lines(&self, begin: &str) -> Vec<String> {
        let seen = self.seen().into_iter();
        seen.map(|seen| seen.line.replace("/hub/api", ""))
            .filter(|line| line.starts_with(begin))
            .collect()
    }

    /// The targets of all `DELETE`s, sorted.
    pub(crate) fn deleted(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .lines("DELETE")
            .iter()
            .map(|line| line.replace("DELETE /users/", ""))
            .collect();
        lines.sort();
        lines
    }

    /// How many `DELETE`s were under way at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.change(|inner| inner.most)
    }

    /// Lets no `DELETE` be answered until [`open`](Self::open).
    pub(crate) fn closed(self) -> Self {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
        self
    }

    /// Answers `DELETE`s again.
    pub(crate) fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    /// Waits until `condition` holds of this hub: it is asked again whenever a request has come or was answered.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            if condition() {
                return;
            }
            let waited = tokio::time::timeout(PATIENCE, changed).await;
            assert!(waited.is_ok(), "never: {what}");
        }
    }

    /// Serves some requests of somebody else, one after the other: what anybody was about to send by now has come.
    pub(crate) async fn serve_others(&self) {
        for _ in 0..20 {
            self.sweeper(&[]).era().await.unwrap();
        }
    }

    /// The settings of a culler of this hub, with these flags.
    pub(crate) fn settings(&self, flags: &[&str]) -> Settings {
        use clap::Parser as _;
        let args = Args::try_parse_from(std::iter::once(&"cull-idle").chain(flags)).unwrap();
        args.settings(&self.env()).unwrap()
    }

    pub(crate) fn env(&self) -> BTreeMap<String, String> {
        env_of(&self.url)
    }

    pub(crate) fn sweeper(&self, flags: &[&str]) -> Sweeper {
        let clock = FakeClock::at(SystemClock.now());
        Sweeper::new(&self.settings(flags), Arc::new(clock)).unwrap()
    }

    /// One sweep with these flags.
    pub(crate) async fn sweep(&self, flags: &[&str]) -> Result<Summary, HubError> {
        let sweeper = self.sweeper(flags);
        sweeper.sweep(sweeper.era().await?).await
    }
}

/// The environment of a culler of the hub at this URL.
pub(crate) fn env_of(url: &str) -> BTreeMap<String, String> {
    [
        ("JUPYTERHUB_API_TOKEN", "cull-secret"),
        ("JUPYTERHUB_API_URL", url),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// A time so many seconds ago, as the hub writes it.
pub(crate) fn ago(seconds: i64) -> String {
    hub_types::time::format(SystemClock.now() - TimeDelta::seconds(seconds))
}

/// A ready server that was started a day ago and last used `seconds` ago.
pub(crate) fn idle(seconds: i64) -> Value {
    json!({"ready": true, "pending": null, "url": "/user/x/", "started": ago(86_400), "last_activity": ago(seconds)})
}

/// A user with these servers, last seen `seconds` ago and registered a month ago.
pub(crate) fn user(name: &str, seconds: i64, servers: &[(&str, Value)]) -> Value {
    let servers: Map<String, Value> = servers
        .iter()
        .map(|(name, server)| ((*name).to_owned(), server.clone()))
        .collect();
    json!({"kind": "user", "name": name, "admin": false, "created": ago(2_600_000), "last_activity": ago(seconds),
           "servers": servers})
}

/// A `DELETE` that is under way, until it is answered or given up.
struct UnderWay(FakeHub);

impl UnderWay {
    fn begin(hub: &FakeHub) -> Self {
        hub.change(|inner| {
            inner.under_way += 1;
            inner.most = inner.most.max(inner.under_way);
        });
        Self(hub.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.change(|inner| inner.under_way -= 1);
    }
}

async fn handle(State(hub): State<FakeHub>, request: Request) -> Response {
    let _counted = (request.method() == Method::DELETE).then(|| UnderWay::begin(&hub));
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let target = parts.uri.path_and_query().unwrap().as_str().to_owned();
    let line = format!("{} {target}", parts.method);
    let short = format!("{} {}", parts.method, parts.uri.path()).replace("/hub/api", "");
    let answer = hub.change(|inner| {
        inner.seen.push(Seen {
            line,
            headers: parts.headers.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        match inner.answers.get_mut(&short) {
            Some(Answer::Busy(0)) | None => None,
            Some(Answer::Busy(left)) => {
                *left -= 1;
                Some(Answer::Busy(1))
            }
            Some(other) => Some(other.clone()),
        }
    });
    hub.changed.notify_waiters();
    if matches!(answer, Some(Answer::Hang)) {
        hub.go_on.notified().await;
    } else if parts.method == Method::DELETE {
        let _permit = hub.gate.acquire().await.unwrap();
    }
    let mut reply = match answer {
        Some(Answer::Status(status, body)) => {
            (StatusCode::from_u16(status).unwrap(), body).into_response()
        }
        Some(Answer::Busy(_)) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")]).into_response()
        }
        Some(Answer::Broken) => broken(),
        Some(answer @ (Answer::Lost | Answer::Slow)) => {
            let done = hub.change(|inner| answers::ordinary(inner, &parts, &body, &target));
            if matches!(answer, Answer::Slow) {
                tokio::time::sleep(SLOW).await;
                done
            } else {
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
        Some(Answer::Hang) | None => {
            hub.change(|inner| answers::ordinary(inner, &parts, &body, &target))
        }
    };
    hub.change(|inner| {
        let now: DateTime<Utc> = SystemClock.now() + inner.offset;
        let date = if inner.dateless {
            "-".to_owned()
        } else {
            now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
        };
        reply
            .headers_mut()
            .insert(header::DATE, date.parse().unwrap());
    });
    hub.changed.notify_waiters();
    reply
}

fn broken() -> Response {
    let chunks = [
        Ok(Bytes::from_static(b"{\"items\": [")),
        Err(std::io::Error::other("cut")),
    ];
    Body::from_stream(futures_util::stream::iter(chunks)).into_response()
}
