//! A hub without sockets: requests go straight into its router. Its database is the test's own (a file in its folder, or
//! one on the server that the tests were started with), its clock stands still until it is moved; spawner and proxy are doubles.

mod call;
mod doubles;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;
use hub::addresses::Addresses;
use hub::auth::LoginForm;
use hub::auth::cookies::CookieKeys;
use hub::auth::identities::Identities;
use hub::auth::login::Login;
use hub::auth::registry::AuthenticatorClasses;
use hub::bus::Bus;
use hub::config::{AuthenticatorClass, Config, GroupSpec, RoleSpec, ServiceSpec};
use hub::db::testing::TestDatabase;
use hub::db::{Db, NewTokenRow, tokens, users};
use hub::domain::token::TokenOwner;
use hub::event_log::EventLog;
use hub::http::{router, xsrf};
use hub::managed::{ManagedDeps, ManagedServices};
use hub::metrics::{Metrics, MetricsOptions};
use hub::proxy_client::ProxyClient;
use hub::proxy_client::measured::Measured;
use hub::proxy_client::sync::RouteSync;
use hub::render::{RenderOptions, Renderer};
use hub::spawner::manager::{Manager, ManagerDeps};
use hub::state::errands::Errands;
use hub::state::{AppState, Parts};
use hub_types::clock::{Clock, FakeClock};
use hub_types::paths::BaseUrl;
use hub_types::secret::Token;
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(crate) use call::{Call, Reply};
pub(crate) use doubles::{Behaviour, ProxyDouble, SpawnerDouble, TELLING};

use crate::scene::launcher;
use crate::watch::Seen;

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
    pub(crate) database: Arc<TestDatabase>,
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
        let folder = TempDir::new().unwrap();
        let database = TestDatabase::new(&folder.path().join("hub.sqlite"));
        let new = (folder, Arc::new(database), Arc::default());
        Self::build(config, COOKIE_SECRET, clock, new).await
    }

    /// Another hub with the same database, configuration and clock, as they run behind one proxy: each hears what the other
    /// commits, where the database can tell.
    pub(crate) async fn beside(&self) -> Self {
        let config = Config::clone(&self.state.config);
        let database = Arc::clone(&self.database);
        let kept = (TempDir::new().unwrap(), database, Arc::default());
        let other = Self::build(config, COOKIE_SECRET, self.clock.clone(), kept).await;
        for hub in [self, &other] {
            let state = &hub.state;
            state.db.hear_others(&state.bus).await.unwrap();
        }
        other
    }

    /// The hub that comes after this one has ended: same database and time, perhaps another configuration and cookie
    /// secret. Its servers run on.
    pub(crate) async fn restarted(
        self,
        cookie_secret: [u8; 32],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::clone(&self.state.config);
        change(&mut config);
        let kept = (self.folder, self.database, self.spawner);
        Self::build(config, cookie_secret, self.clock, kept).await
    }

    /// The same with another configuration only.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut Config)) -> Self {
        self.restarted(COOKIE_SECRET, change).await
    }

    async fn build(
        config: Config,
        cookie_secret: [u8; 32],
        fake: FakeClock,
        (folder, database, spawner): (TempDir, Arc<TestDatabase>, Arc<SpawnerDouble>),
    ) -> Self {
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Arc::new(config);
        let db = Db::open(database.url()).await.unwrap();
        let clock: Arc<dyn Clock> = Arc::new(fake.clone());
        let bus = Bus::default();
        let identities = Identities::new(
            db.clone(),
            bus.clone(),
            Arc::clone(&clock),
            Arc::clone(&config.jupyterhub.custom_scopes),
            TimeDelta::seconds(30),
        );
        let authenticator = AuthenticatorClasses::default()
            .with(TELLING)
            .build(&config, launcher())
            .unwrap();
        hub::bootstrap::sync(&config, &*authenticator, &db, &identities, clock.now())
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
            subdomains: config.jupyterhub.subdomains(),
            hub_routespec: config.jupyterhub.hub_routespec.clone(),
        });
        let proxy = Arc::new(ProxyDouble::default());
        let client: Arc<dyn ProxyClient> = Arc::<ProxyDouble>::clone(&proxy);
        let metrics = Metrics::new(&MetricsOptions::default()).unwrap();
        let client: Arc<dyn ProxyClient> = Arc::new(Measured::new(client, metrics.clone()));
        let manager = Manager::new(ManagerDeps {
            db: db.clone(),
            bus: bus.clone(),
            clock: Arc::clone(&clock),
            addresses: Arc::clone(&addresses),
            events: EventLog::open(config.own.event_log.as_deref()).unwrap(),
            config: Arc::clone(&config),
            spawner: Arc::<SpawnerDouble>::clone(&spawner),
            authenticator: Arc::clone(&authenticator),
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
            )
            .only_at(config.own.service_hosts.clone()),
            renderer: Renderer::new(RenderOptions::of(&config.jupyterhub)).unwrap(),
            errands: Errands::new(Arc::clone(&clock)),
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
            database,
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
        let form = LoginForm::new(user, PASSWORD);
        let session = self.state.login.begin(&form, &|_| None).await.unwrap();
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
