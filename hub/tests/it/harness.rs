//! A hub without sockets: requests go straight into its router. Its database is a file in a folder of the test's own, its
//! clock stands still until it is moved; spawner and proxy are doubles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, request};
use chrono::TimeDelta;
use http_body_util::BodyExt as _;
use hub::addresses::Addresses;
use hub::auth::cookies::CookieKeys;
use hub::auth::identities::Identities;
use hub::auth::login::Login;
use hub::auth::{LoginForm, registry};
use hub::bus::Bus;
use hub::config::{AuthenticatorClass, Config, DbUrl, GroupSpec, RoleSpec, ServiceSpec};
use hub::db::{Db, NewTokenRow, tokens, users};
use hub::domain::token::TokenOwner;
use hub::http::{router, xsrf};
use hub::managed::{ManagedDeps, ManagedServices};
use hub::metrics::{Metrics, MetricsOptions};
use hub::proxy_client::measured::Measured;
use hub::proxy_client::sync::RouteSync;
use hub::proxy_client::{KnownRoute, ProxyClient, ProxyError, Route, Routes};
use hub::render::{RenderOptions, Renderer};
use hub::spawner::manager::{Manager, ManagerDeps};
use hub::spawner::{self, Placed, SpawnError, Spawner, StartContext};
use hub::state::{AppState, Parts};
use hub_types::clock::{Clock, FakeClock};
use hub_types::paths::BaseUrl;
use hub_types::secret::Token;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::watch::{Asked, Seen};

/// Password of everybody.
pub(crate) const PASSWORD: &str = "open-sesame";
/// Token of the service `culler`, from the configuration.
pub(crate) const CULLER_TOKEN: &str = "culler-token-0001";
/// Token of the service `whoami`, from the configuration.
pub(crate) const WHOAMI_TOKEN: &str = "whoami-token-0001";

/// A hub of one test.
pub(crate) struct Hub {
    app: Router,
    pub(crate) state: AppState,
    pub(crate) clock: FakeClock,
    pub(crate) spawner: Arc<SpawnerDouble>,
    pub(crate) proxy: Arc<ProxyDouble>,
    /// Everything that was asked and answered.
    pub(crate) seen: Seen,
    folder: TempDir,
}

/// The cookie secret of every hub that is not told another.
pub(crate) const COOKIE_SECRET: [u8; 32] = [7; 32];

/// Users `admin` (an administrator), `alice` and `bob`; group `lab` with bob; services `culler` (with its role) and
/// `whoami` (external, which alice and the administrator may enter).
fn config() -> Config {
    let mut config = Config::default();
    let hub = &mut config.jupyterhub;
    hub.authenticator_class = AuthenticatorClass::Dummy;
    hub.allow_named_servers = true;
    hub.load_groups.insert(
        "lab".into(),
        GroupSpec {
            users: vec!["bob".into()],
            properties: json!({"room": 7}).as_object().unwrap().clone(),
        },
    );
    hub.services = vec![
        ServiceSpec {
            api_token: Some(Token::from_config(CULLER_TOKEN)),
            ..ServiceSpec::new("culler")
        },
        ServiceSpec {
            url: Some("http://127.0.0.1:9".into()),
            api_token: Some(Token::from_config(WHOAMI_TOKEN)),
            oauth_client_allowed_scopes: vec!["read:users!user".parse().unwrap()],
            ..ServiceSpec::new("whoami")
        },
    ];
    let role = |name: &str, scopes: &[&str]| RoleSpec {
        name: name.into(),
        scopes: Some(scopes.iter().map(|scope| scope.parse().unwrap()).collect()),
        ..RoleSpec::default()
    };
    hub.load_roles = vec![
        RoleSpec {
            services: Some(vec!["culler".into()]),
            ..role(
                "cull-idle",
                &[
                    "list:users",
                    "read:users:activity",
                    "read:servers",
                    "delete:servers",
                ],
            )
        },
        RoleSpec {
            users: Some(vec!["alice".into()]),
            ..role("whoami-user", &["access:services!service=whoami"])
        },
    ];
    config.authenticator.admin_users.insert("admin".into());
    config.authenticator.allowed_users = ["alice".into(), "bob".into()].into();
    config.dummy.password = Some(Token::from_config(PASSWORD));
    config
}

impl Hub {
    /// A hub with the configuration that all tests share.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, changed.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config();
        change(&mut config);
        let clock = FakeClock::at("2026-11-22T03:30:07.624Z".parse().unwrap());
        Self::build(config, COOKIE_SECRET, clock, TempDir::new().unwrap()).await
    }

    /// The hub that comes after this one has ended: same database and time, perhaps another configuration and cookie
    /// secret. Running servers are not taken along.
    pub(crate) async fn restarted(
        self,
        cookie_secret: [u8; 32],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::clone(&self.state.config);
        change(&mut config);
        Self::build(config, cookie_secret, self.clock, self.folder).await
    }

    /// The same with another configuration only.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut Config)) -> Self {
        self.restarted(COOKIE_SECRET, change).await
    }

    async fn build(
        config: Config,
        cookie_secret: [u8; 32],
        fake: FakeClock,
        folder: TempDir,
    ) -> Self {
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Arc::new(config);
        let db = Db::open(&DbUrl::Sqlite(folder.path().join("hub.sqlite")))
            .await
            .unwrap();
        let clock: Arc<dyn Clock> = Arc::new(fake.clone());
        let bus = Bus::default();
        let identities = Identities::new(
            db.clone(),
            bus.clone(),
            Arc::clone(&clock),
            Arc::clone(&config.jupyterhub.custom_scopes),
            TimeDelta::seconds(30),
        );
        hub::bootstrap::sync(&config, &db, &identities, clock.now())
            .await
            .unwrap();
        let addresses = Arc::new(Addresses {
            base: BaseUrl::default(),
            public_origin: "http://127.0.0.1:8000".into(),
            configured_public_origin: config
                .jupyterhub
                .public_url
                .as_ref()
                .map(|url| url.origin().ascii_serialization()),
            hub_origin: "http://127.0.0.1:8081".into(),
            api_url: "http://127.0.0.1:8081/hub/api".into(),
        });
        let spawner = Arc::new(SpawnerDouble::default());
        let proxy = Arc::new(ProxyDouble::default());
        let client: Arc<dyn ProxyClient> = Arc::<ProxyDouble>::clone(&proxy);
        let metrics = Metrics::new(&MetricsOptions::default()).unwrap();
        let client: Arc<dyn ProxyClient> = Arc::new(Measured::new(client, metrics.clone()));
        let manager = Manager::new(ManagerDeps {
            db: db.clone(),
            bus: bus.clone(),
            clock: Arc::clone(&clock),
            addresses: Arc::clone(&addresses),
            config: Arc::clone(&config),
            spawner: Arc::<SpawnerDouble>::clone(&spawner),
            proxy: Arc::clone(&client),
            metrics: metrics.clone(),
            hub_id: "this-hub".into(),
        });
        let deps = ManagedDeps {
            db: db.clone(),
            bus: bus.clone(),
            clock: Arc::clone(&clock),
            addresses: Arc::clone(&addresses),
            config: Arc::clone(&config),
            launcher: folder.path().join("no-launcher"),
            data: folder.path().to_owned(),
        };
        let managed = ManagedServices::prepare(deps, &BTreeMap::new())
            .await
            .unwrap();
        let authenticator = registry::build(&config);
        let login = Login::new(
            db.clone(),
            bus.clone(),
            Arc::clone(&clock),
            Arc::clone(&config),
            Arc::clone(&authenticator),
        );
        let state = AppState::new(Parts {
            routes: RouteSync::new(
                db.clone(),
                vec![Arc::clone(&client)],
                Arc::clone(&addresses),
                managed.routes(),
            ),
            renderer: Renderer::new(RenderOptions::default()).unwrap(),
            config,
            db,
            clock,
            bus,
            addresses,
            authenticator,
            identities,
            login,
            cookies: CookieKeys::new(&cookie_secret),
            manager,
            proxy: client,
            managed,
            metrics,
            shutdown: CancellationToken::new(),
            shutdown_request: Mutex::default(),
        });
        Self {
            app: router(state.clone()),
            state,
            clock: fake,
            spawner,
            proxy,
            seen: Seen::default(),
            folder,
        }
    }

    /// A request without credentials.
    pub(crate) fn request(&self, method: &str, path: &str) -> Call<'_> {
        Call {
            hub: self,
            request: Request::builder().method(method).uri(path),
            body: Body::empty(),
        }
    }

    /// A request with a token.
    pub(crate) fn call(&self, token: &str, method: &str, path: &str) -> Call<'_> {
        self.request(method, path)
            .header("authorization", &format!("token {token}"))
    }

    /// A token of a user with these scopes (`inherit` for all).
    pub(crate) async fn token(&self, user: &str, scopes: &[&str]) -> String {
        let user = users::find(self.state.db.read(), user)
            .await
            .unwrap()
            .unwrap();
        let secret = Token::generate();
        let row = NewTokenRow {
            hash: Some(secret.hash()),
            owner: TokenOwner::User(user.id),
            server_id: None,
            client_id: None,
            code_hash: None,
            session_id: None,
            scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
            note: "test".into(),
            expires: None,
        };
        let tx = self.state.db.write().await.unwrap();
        tokens::insert(&tx, &row, self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        secret.expose().to_owned()
    }

    /// Logs a user in, as the login page does.
    pub(crate) async fn log_in(&self, user: &str) -> Browser {
        let form = LoginForm {
            username: user.into(),
            password: Token::from_config(PASSWORD),
        };
        let session = self.state.login.begin(&form).await.unwrap();
        let now = self.clock.now();
        let login = self.state.cookies.login_value(&session.secret, now);
        let xsrf = xsrf::issue(&self.state.cookies, Some(&session.id), now);
        let cookies = format!(
            "jupyterhub-hub-login={login}; jupyterhub-session-id={}; _xsrf={xsrf}",
            session.id
        );
        Browser {
            cookies,
            login,
            xsrf,
            session_id: session.id,
        }
    }
}

/// What a browser holds after a login.
pub(crate) struct Browser {
    pub(crate) cookies: String,
    pub(crate) login: String,
    pub(crate) xsrf: String,
    pub(crate) session_id: String,
}

/// A request under way.
pub(crate) struct Call<'a> {
    hub: &'a Hub,
    request: request::Builder,
    body: Body,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn browser(self, browser: &Browser) -> Self {
        self.header("cookie", &browser.cookies)
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Body::from(body.to_string());
        self.header("content-type", "application/json")
    }

    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = Body::from(body.to_vec());
        self
    }

    pub(crate) fn text(mut self, body: &str) -> Self {
        self.body = Body::from(body.to_owned());
        self
    }

    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.body = Body::from(body);
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sends, and goes away when something has happened for the `turns`th time for which the handler waits: it never
    /// hears of that. The status, if the answer came before.
    pub(crate) async fn gone_after(self, turns: usize) -> Option<StatusCode> {
        let request = self.request.body(self.body).unwrap();
        let mut answer = Box::pin(self.hub.app.clone().oneshot(request));
        let mut left = turns;
        let answer = std::future::poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            answer.as_mut().poll(context).map(Some)
        });
        answer.await.map(|response| response.unwrap().status())
    }

    pub(crate) async fn send(self) -> Reply {
        let request = self.request.body(self.body).unwrap();
        let asked = Asked::of(&request);
        let response = self.hub.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let reply = Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        self.hub.seen.note(asked, &reply);
        reply
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    /// The cookies that it sets, by name, with all that follows their names.
    pub(crate) fn set_cookies(&self) -> Vec<(String, String)> {
        let lines = self.headers.get_all("set-cookie").iter();
        lines
            .map(|line| line.to_str().unwrap().split_once('=').unwrap())
            .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
            .collect()
    }

    /// The value of a cookie that it sets.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.set_cookies();
        let (_, rest) = cookies.into_iter().find(|(key, _)| key == name)?;
        Some(rest.split(';').next().unwrap_or_default().to_owned())
    }

    /// An argument of the query in `Location`.
    pub(crate) fn location_argument(&self, name: &str) -> Option<String> {
        let (_, query) = self.header("location").split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Status and message of an error.
    pub(crate) fn error(&self) -> (u16, Option<String>) {
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16(), "{self:?}");
        (
            self.status.as_u16(),
            body["message"].as_str().map(ToOwned::to_owned),
        )
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }
}

/// What the next start does.
#[derive(Debug, Clone, Default)]
pub(crate) enum Behaviour {
    /// Answers HTTP at once.
    #[default]
    Answers,
    /// Runs, but never answers.
    Hangs,
    /// Cannot be started.
    Fails(String),
}

/// A double of a spawner: a server is a listener of this process.
#[derive(Debug, Default)]
pub(crate) struct SpawnerDouble {
    pub(crate) behaviour: Mutex<Behaviour>,
    running: Mutex<BTreeMap<String, watch::Sender<bool>>>,
}

impl SpawnerDouble {
    pub(crate) fn next(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    fn stopped(&self, state: &Value) -> Option<watch::Receiver<bool>> {
        let running = self.running.lock().unwrap();
        running
            .get(state["server"].as_str().unwrap_or_default())
            .map(watch::Sender::subscribe)
    }
}

#[async_trait]
impl Spawner for SpawnerDouble {
    fn name(&self) -> &'static str {
        "double"
    }

    async fn start(&self, context: StartContext<'_>) -> Result<(), SpawnError> {
        let behaviour = self.behaviour.lock().unwrap().clone();
        if let Behaviour::Fails(why) = behaviour {
            return Err(SpawnError::Failed(why));
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("http://{}", listener.local_addr().unwrap());
        let key = context.server.to_string();
        context
            .commit
            .commit(&Placed {
                state: json!({ "server": key }),
                target,
            })
            .await?;
        let (stop, mut stopped) = watch::channel(false);
        self.running.lock().unwrap().insert(key, stop);
        let app = match behaviour {
            Behaviour::Hangs => Router::new().fallback(std::future::pending::<StatusCode>),
            _ => Router::new().fallback(|| async { StatusCode::OK }),
        };
        tokio::spawn(async move {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => {}
                _ = axum::serve(listener, app).into_future() => {}
            }
        });
        Ok(())
    }

    async fn poll(&self, state: &Value) -> spawner::Poll {
        match self.stopped(state) {
            Some(_) => spawner::Poll::Running,
            None => spawner::Poll::Exited("is gone".into()),
        }
    }

    async fn wait(&self, state: &Value) -> String {
        if let Some(mut stopped) = self.stopped(state) {
            // The sender is dropped when the server is stopped: that is an end, too.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }
        "is gone".into()
    }

    async fn stop(&self, state: &Value, _now: bool) -> Result<(), SpawnError> {
        let stop = self
            .running
            .lock()
            .unwrap()
            .remove(state["server"].as_str().unwrap_or_default());
        if let Some(stop) = stop {
            stop.send_replace(true);
        }
        Ok(())
    }

    async fn output_tail(&self, _state: &Value, _lines: usize) -> Vec<String> {
        Vec::new()
    }
}

/// Where a proxy was moved to: API address and token.
pub(crate) type Moved = (Option<String>, Option<Token>);

/// A double of a proxy: a table.
#[derive(Debug, Default)]
pub(crate) struct ProxyDouble(pub(crate) Mutex<Routes>, pub(crate) Mutex<Vec<Moved>>);

#[async_trait]
impl ProxyClient for ProxyDouble {
    async fn add(&self, route: &Route) -> Result<(), ProxyError> {
        let known = KnownRoute {
            route: route.clone(),
            last_activity: None,
        };
        let mut routes = self.0.lock().unwrap();
        routes.insert(route.routespec.clone(), known);
        Ok(())
    }

    async fn delete(&self, routespec: &str) -> Result<(), ProxyError> {
        self.0.lock().unwrap().remove(routespec);
        Ok(())
    }

    async fn routes(&self) -> Result<Routes, ProxyError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn move_to(&self, api_url: Option<String>, token: Option<Token>) -> bool {
        self.1.lock().unwrap().push((api_url, token));
        true
    }
}
