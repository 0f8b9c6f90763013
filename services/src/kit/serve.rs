//! Listening, serving, stopping.

use std::future::IntoFuture as _;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::ServiceEnv;

/// How long requests have to finish after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// The service cannot listen where the hub says.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} (JUPYTERHUB_SERVICE_URL): {source}{}",
    remedy(source)
)]
pub struct BindError {
    address: String,
    source: io::Error,
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program uses the port: stop it, or give the service another url (port 0 for a free one)"
        }
        io::ErrorKind::AddrNotAvailable => "; the address is not one of this machine",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
        _ => "",
    }
}

impl ServiceEnv {
    /// Listens where the hub says. An empty host means all interfaces, IPv6 and IPv4.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(&self) -> Result<TcpListener, BindError> {
        let bound = if self.host.is_empty() {
            match TcpListener::bind(("::", self.port)).await {
                Ok(listener) => Ok(listener),
                // A machine without IPv6.
                Err(_) => TcpListener::bind(("0.0.0.0", self.port)).await,
            }
        } else {
            TcpListener::bind((self.host.as_str(), self.port)).await
        };
        bound.map_err(|source| BindError {
            address: format!("{}:{}", self.host, self.port),
            source,
        })
    }
}

/// Puts a router where the proxy sends the service's requests, and answers `{prefix}health` with 200 to anybody. The
/// prefix without its last slash leads to it.
///
/// The router must not have a route `/health` of its own.
pub fn mount(env: &ServiceEnv, app: Router) -> Router {
    let app = app.route("/health", get(|| async { "" }));
    let bare = env.prefix.trim_end_matches('/');
    if bare.is_empty() {
        return app;
    }
    let prefix = env.prefix.clone();
    Router::new()
        .route(bare, get(|| async move { Redirect::temporary(&prefix) }))
        .nest(&env.prefix, app)
}

/// The wish to stop, as signals bring it: the first SIGINT or SIGTERM asks, the second one insists.
#[derive(Debug, Clone)]
pub struct Shutdown {
    asked: CancellationToken,
    insisted: CancellationToken,
}

impl Shutdown {
    /// Watches for SIGINT and SIGTERM from now on; they end the program no longer by themselves.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn on_signals() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = Self::manual();
        let Self { asked, insisted } = shutdown.clone();
        tokio::spawn(async move {
            either(&mut interrupt, &mut terminate).await;
            asked.cancel();
            either(&mut interrupt, &mut terminate).await;
            insisted.cancel();
        });
        Ok(shutdown)
    }

    /// Comes only when [`Shutdown::ask`] is called.
    #[must_use]
    pub fn manual() -> Self {
        Self {
            asked: CancellationToken::new(),
            insisted: CancellationToken::new(),
        }
    }

    /// Asks to stop.
    pub fn ask(&self) {
        self.asked.cancel();
    }

    /// Comes when the program is asked to stop.
    pub async fn asked(&self) {
        self.asked.cancelled().await;
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Serves until asked to stop. Then running requests have ten seconds; open WebSockets are closed.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, app: Router, shutdown: Shutdown) -> io::Result<()> {
    let asked = shutdown.asked.clone();
    let serving = axum::serve(listener, app).with_graceful_shutdown(asked.cancelled_owned());
    tokio::select! {
        done = serving.into_future() => done,
        () = overdue(&shutdown) => {
            tracing::warn!("stopping with requests unfinished");
            Ok(())
        }
    }
}

/// Comes when there is no more time for what is unfinished: ten seconds after the wish to stop, or with the second one.
pub(super) async fn overdue(shutdown: &Shutdown) {
    shutdown.asked().await;
    tokio::select! {
        () = tokio::time::sleep(DRAIN) => {}
        () = shutdown.insisted.cancelled() => {}
    }
}
