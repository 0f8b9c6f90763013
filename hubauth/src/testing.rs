//! [`FakeHub`]: a hub for tests, in the same process, on a real socket (feature `test-util`).
//!
//! It answers what this SDK asks, with JupyterHub's statuses: who a token or cookie belongs to, the OAuth code flow with
//! PKCE, users and servers, groups, tokens, services, routes. It counts calls, and misbehaves on demand ([`Mood`]). It has no pages, no
//! scopes and no database; whoever needs those, tests against the real hub.

mod api;
mod collections;
mod oauth;
mod people;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use hub_types::env;
use hub_types::group::GroupModel;
use hub_types::identity::Identity;
use hub_types::route::RouteModel;
use hub_types::service::ServiceModel;
use hub_types::token::TokenModel;
use hub_types::user::{ActivityReport, UserModel};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{ConfigError, DefaultAccess, HubAuthConfig};

/// How the hub behaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Mood {
    /// As it should.
    #[default]
    Good,
    /// Answers everything with this status.
    Status(u16),
    /// Answers everything with status 200 and this text.
    Babble(String),
    /// Redirects everything there.
    Redirect(String),
    /// Takes requests and never answers.
    Silent,
    /// Answers 429 so many times, with this `Retry-After` in seconds, then as it should.
    Busy(u32, u64),
    /// Ends so many connections without an answer, then answers as it should.
    Broken(u32),
}

/// A hub in this process. It stops when it is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use hubauth::testing::FakeHub;
/// use hubauth::HubAuth;
///
/// let hub = FakeHub::start().await?;
/// let token = hub.add_user("alice");
/// let auth = HubAuth::new(hub.config("whoami")?)?;
/// let user = auth.user_for_token(&token).await?.expect("the hub knows alice");
/// assert_eq!(user.name, "alice");
/// assert_eq!(hub.calls("GET /user"), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FakeHub {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    /// Whether look-ups wait.
    held: watch::Sender<bool>,
}

/// Everything the hub knows.
#[derive(Debug, Default)]
struct World {
    mood: Mood,
    calls: BTreeMap<String, u64>,
    tokens: HashMap<String, Identity>,
    cookies: HashMap<(String, String), Identity>,
    clients: HashMap<String, oauth::Client>,
    codes: HashMap<String, oauth::Grant>,
    /// Who the browser is logged in as.
    visitor: Option<String>,
    users: BTreeMap<String, UserModel>,
    groups: BTreeMap<String, GroupModel>,
    /// API tokens that were made through the API, by their ids.
    made: BTreeMap<String, TokenModel>,
    services: BTreeMap<String, ServiceModel>,
    routes: BTreeMap<String, RouteModel>,
    activity: Vec<(String, ActivityReport)>,
    slow: bool,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while look-ups are held.
    async fn admit(&self) {
        // The sender lives in `self`, so this cannot fail.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
    }
}

impl FakeHub {
    /// Starts a hub on a free port of this machine.
    ///
    /// # Errors
    /// When no socket can be had.
    pub async fn start() -> std::io::Result<Self> {
        Self::on(TcpListener::bind(("127.0.0.1", 0)).await?)
    }

    /// Starts a hub on `listener`.
    ///
    /// # Errors
    /// When the socket has no address.
    pub fn on(listener: TcpListener) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            world: Mutex::default(),
            held: watch::Sender::new(false),
        });
        let router: Router = api::router(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the fake hub ended");
            }
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `http://127.0.0.1:PORT/hub/api`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/hub/api", self.origin())
    }

    /// Registers a service with its OAuth client, and gives the configuration that a service of that name would read
    /// from its environment: token, client id, prefix `/services/NAME/`, access scopes.
    ///
    /// # Errors
    /// Never for a name that is not empty.
    pub fn config(&self, service: &str) -> Result<HubAuthConfig, ConfigError> {
        let scopes = [
            "access:services".to_owned(),
            format!("access:services!service={service}"),
        ];
        let config = HubAuthConfig::new(self.add_service(service))?
            .with_api_url(self.api_url())
            .with_service_prefix(&format!("/services/{service}/"))
            .with_client_id(format!("service-{service}"))
            .with_access(DefaultAccess::Scopes(
                scopes
                    .iter()
                    .filter_map(|scope| scope.parse().ok())
                    .collect(),
            ));
        let client = oauth::Client {
            secret: config.api_token.clone(),
            redirect_uri: config.callback_url.clone(),
            scope: format!("access:services!service={service}"),
        };
        self.shared
            .world()
            .clients
            .insert(config.client_id.clone(), client);
        Ok(config)
    }

    /// The environment that the hub would give a managed service of that name: the same as [`config`](Self::config), for
    /// code that reads it.
    ///
    /// # Errors
    /// As [`config`](Self::config).
    pub fn env(&self, service: &str) -> Result<BTreeMap<String, String>, ConfigError> {
        let config = self.config(service)?;
        let scopes = format!(r#"["access:services", "access:services!service={service}"]"#);
        Ok([
            (
                env::JUPYTERHUB_API_TOKEN,
                config.api_token.expose().to_owned(),
            ),
            (env::JUPYTERHUB_API_URL, config.api_url),
            (env::JUPYTERHUB_BASE_URL, "/".to_owned()),
            (env::JUPYTERHUB_CLIENT_ID, config.client_id),
            (env::JUPYTERHUB_HOST, String::new()),
            (env::JUPYTERHUB_OAUTH_ACCESS_SCOPES, scopes),
            (env::JUPYTERHUB_OAUTH_CALLBACK_URL, config.callback_url),
            (env::JUPYTERHUB_SERVICE_NAME, service.to_owned()),
            (env::JUPYTERHUB_SERVICE_PREFIX, config.service_prefix),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into())
    }

    /// How often something was called: method, space, path below the API URL, with names as they were sent.
    #[must_use]
    pub fn calls(&self, call: &str) -> u64 {
        self.shared
            .world()
            .calls
            .get(call)
            .copied()
            .unwrap_or_default()
    }

    /// All calls with their numbers.
    #[must_use]
    pub fn all_calls(&self) -> BTreeMap<String, u64> {
        self.shared.world().calls.clone()
    }

    /// Changes how the hub behaves.
    pub fn set_mood(&self, mood: Mood) {
        self.shared.world().mood = mood;
    }

    /// Makes look-ups wait until [`release`](Self::release); calls are counted before they wait.
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Lets held look-ups go on.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.server.abort();
    }
}
