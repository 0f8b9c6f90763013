//! A running proxy: accepts connections on both listeners and serves them until told to stop.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::{Request, Response};
use hub_types::clock::Clock;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::config::{Config, ErrorSource, Storage};
use crate::drain::Drain;
use crate::error_page::ErrorPages;
use crate::forward::body::ResponseBody;
use crate::forward::headers::Origin;
use crate::forward::{Forwarder, upstream};
use crate::guard::{Answered, Guard, GuardLimits, Link};
use crate::journal::Journal;
use crate::listener::{Listener, Stream};
use crate::table::Table;

/// Pause after `accept` failed, usually because no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The two listeners of a proxy.
#[derive(Debug)]
pub struct Listeners {
    /// For everybody.
    pub public: Listener,
    /// For the hub.
    pub api: Listener,
}

/// A proxy that is ready to run.
#[derive(Debug)]
pub struct Proxy {
    forwarder: Arc<Forwarder>,
    api: Arc<Api>,
    limits: GuardLimits,
    drain: Drain,
}

/// Which listener a connection came from.
#[derive(Debug, Clone)]
enum Service {
    Public(Arc<Forwarder>),
    Api(Arc<Api>),
}

impl Service {
    async fn answer(
        self,
        request: Request<Incoming>,
        link: Arc<Link>,
        peer: Option<IpAddr>,
    ) -> Response<ResponseBody> {
        let response = match self {
            Self::Public(forwarder) => {
                forwarder
                    .answer(request, &link, Origin { peer, tls: false })
                    .await
            }
            Self::Api(api) => api.answer(request).await,
        };
        response.map(|body| body.reporting(Answered::on(link)))
    }
}

impl Proxy {
    /// Builds a proxy whose table holds the stored routes, if any, and the default route of `config`, which wins over a
    /// stored one.
    ///
    /// # Errors
    /// When the default target, the error target or the file of routes cannot be used.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let table = Arc::new(Table::new(config.host_routing));
        if let Storage::File(path) = &config.storage {
            let (journal, replay) = Journal::open(path)?;
            tracing::info!("{} routes from {}", replay.routes.len(), path.display());
            table.keep_in(journal, replay.routes, clock.now());
        }
        if let Some(target) = config.default_target {
            let data = Map::from_iter([("target".to_owned(), Value::String(target))]);
            table
                .add("/", data, clock.now())
                .context("the default target cannot be used")?;
        }
        let pages = match config.error_pages {
            ErrorSource::Bundled => ErrorPages::Bundled,
            ErrorSource::Folder(folder) => ErrorPages::Folder(folder),
            ErrorSource::Target(url) => {
                ErrorPages::from_target(&url).context("the error target cannot be used")?
            }
        };
        let drain = Drain::default();
        let forwarder = Forwarder {
            table: table.clone(),
            upstream: upstream::client(),
            options: config.forward,
            pages,
            clock: clock.clone(),
            tunnels: drain.tunnels.clone(),
            closing: drain.cut.clone(),
        };
        let api = Arc::new(Api {
            table,
            token: config.token,
            clock,
        });
        Ok(Self {
            forwarder: Arc::new(forwarder),
            api,
            limits: config.limits,
            drain,
        })
    }

    /// Serves both listeners until `shutdown`, then lets what is being answered finish for a few seconds.
    ///
    /// Changing routes never touches open connections; stopping does.
    pub async fn run(self, listeners: Listeners, shutdown: CancellationToken) {
        let public = self.accept(listeners.public, Service::Public(self.forwarder.clone()));
        let api = self.accept(listeners.api, Service::Api(self.api.clone()));
        // Accepting never ends by itself. The listeners close before the draining.
        let accepting = async { tokio::join!(public, api) };
        shutdown.run_until_cancelled(accepting).await;
        self.drain.run().await;
    }

    async fn accept(&self, listener: Listener, service: Service) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let serving = serve(
                        stream,
                        peer,
                        service.clone(),
                        self.limits,
                        self.drain.finish.clone(),
                    );
                    self.drain.connections.spawn(serving);
                }
                Err(error) if is_of_client(&error) => {
                    tracing::debug!("a client was gone before it was accepted: {error}");
                }
                Err(error) => {
                    tracing::error!("cannot accept connections: {error}; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Whether accepting failed because of that one client.
fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Serves one connection to its end.
async fn serve(
    stream: Stream,
    peer: Option<IpAddr>,
    service: Service,
    limits: GuardLimits,
    finish: CancellationToken,
) {
    let link = Arc::new(Link::default());
    let io = TokioIo::new(Guard::new(stream, link.clone(), limits));
    let answer = service_fn(|request| {
        let answer = service.clone().answer(request, link.clone(), peer);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .max_buf_size(upstream::BUFFER)
        .max_headers(limits.head.headers)
        .serve_connection(io, answer)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = finish.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!("a connection ended: {error}");
    }
}
