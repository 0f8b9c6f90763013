//! A running proxy: accepts connections on both listeners and serves them until told to stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::HeaderValue;
use hub_types::clock::Clock;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::acme::Acme;
use crate::acme::answers::Answers;
use crate::admission::{Admission, ConnectionLimits};
use crate::api::Api;
use crate::config::{Config, ErrorSource, Storage};
use crate::connection::{Door, MetricsPage, Service};
use crate::drain::Drain;
use crate::error_page::ErrorPages;
use crate::forward::{Forwarder, h2c, upstream};
use crate::guard::GuardLimits;
use crate::journal::Journal;
use crate::listener::Listener;
use crate::observe::Observer;
use crate::observe::metrics::Metrics;
use crate::redirect::Redirect;
use crate::table::Table;
use crate::tls::accept::Acceptor;
use crate::tls::{self, ServerOptions, TlsOptions, connect};

/// Pause after `accept` failed, usually because no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Protocols offered on the public listener, and where WebSockets and time limits need HTTP/1.1.
const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];
const ONE: &[&[u8]] = &[b"http/1.1"];

/// The listeners of a proxy.
#[derive(Debug)]
pub struct Listeners {
    /// For everybody.
    pub public: Listener,
    /// For the hub.
    pub api: Listener,
    /// For those who come by plain HTTP, and the port with TLS that they are sent to.
    pub redirect: Option<(Listener, u16)>,
    /// For Prometheus.
    pub metrics: Option<Listener>,
}

/// A proxy that is ready to run.
#[derive(Debug)]
pub struct Proxy {
    forwarder: Arc<Forwarder>,
    api: Arc<Api>,
    limits: GuardLimits,
    hsts: Option<HeaderValue>,
    certificates: Certificates,
    connections: ConnectionLimits,
    drain: Drain,
    drain_time: Duration,
    acme: Option<Acme>,
    /// What an ACME authority may ask on the redirect port.
    answers: Option<Answers>,
}

/// Everything that was read from files of certificates and keys.
#[derive(Debug, Clone)]
pub struct Certificates {
    public: Option<Acceptor>,
    api: Option<Acceptor>,
    targets: connect::Connector,
    /// Has the ordered certificate looked at.
    wake: Option<Arc<Notify>>,
}

impl Certificates {
    fn read(
        options: TlsOptions,
        protocols: &'static [&'static [u8]],
        wake: Option<Arc<Notify>>,
    ) -> anyhow::Result<Self> {
        let acceptor = |name, options: Option<ServerOptions>, protocols| {
            options
                .map(|options| Acceptor::new(name, options, protocols))
                .transpose()
        };
        Ok(Self {
            public: acceptor("--ssl", options.public, protocols)?,
            api: acceptor("--api-ssl", options.api, ONE)?,
            targets: connect::Connector::new(options.client)?,
            wake,
        })
    }

    /// Reads the files again if they have changed, or if `anyway`. Open connections stay as they are, and bad files
    /// leave the old certificates in use. With `anyway` a certificate that is ordered is renewed if it is time to.
    pub fn refresh(&self, anyway: bool) {
        if let Some(wake) = self.wake.as_ref().filter(|_| anyway) {
            wake.notify_one();
        }
        for acceptor in self.public.iter().chain(&self.api) {
            acceptor.refresh(anyway);
        }
        self.targets.refresh(anyway);
    }

    async fn watch(&self) {
        let mut ticks = tokio::time::interval(tls::POLL);
        loop {
            ticks.tick().await;
            self.refresh(false);
        }
    }
}

impl Proxy {
    /// Builds a proxy whose table holds the stored routes, if any, and the default route of `config`, which wins over a
    /// stored one.
    ///
    /// # Errors
    /// When the default target, the error target, a certificate or the file of routes cannot be used.
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
        // A time limit on silence is kept by the guard, which HTTP/2 does not pass through.
        let protocols = match config.limits.silence {
            Some(_) => ONE,
            None => BOTH,
        };
        let answers = config.acme.as_ref().map(|acme| acme.answers.clone());
        let acme = config.acme.map(|acme| Acme::new(acme, clock.clone()));
        let acme = acme.transpose()?;
        let wake = acme.as_ref().map(|acme| acme.wake.clone());
        let certificates = Certificates::read(config.tls, protocols, wake)?;
        let hsts = config.hsts.map(|seconds| format!("max-age={seconds}"));
        let drain = Drain::default();
        let metrics = Arc::new(Metrics::default());
        let forwarder = Forwarder {
            table: table.clone(),
            upstream: upstream::client(certificates.targets.clone()),
            h2c: h2c::Pool::default(),
            options: config.forward,
            pages,
            observer: Arc::new(Observer {
                metrics: metrics.clone(),
                log: config.access_log,
                clock: clock.clone(),
            }),
            tunnels: drain.tunnels.clone(),
            closing: drain.cut.clone(),
        };
        let api = Arc::new(Api {
            table,
            token: config.token,
            clock,
            metrics,
        });
        Ok(Self {
            forwarder: Arc::new(forwarder),
            api,
            limits: config.limits,
            hsts: hsts.map(HeaderValue::try_from).transpose()?,
            certificates,
            connections: config.connections,
            drain,
            drain_time: config.drain_time,
            acme,
            answers,
        })
    }

    /// The certificates, to have them read again.
    #[must_use]
    pub fn certificates(&self) -> Certificates {
        self.certificates.clone()
    }

    /// Serves the listeners until `shutdown`, then lets what is being answered finish for a few seconds.
    ///
    /// Changing routes never touches open connections; stopping does.
    pub async fn run(self, listeners: Listeners, shutdown: CancellationToken) {
        let metrics = || self.api.metrics.clone();
        // Clients share their limits, wherever they come in.
        let clients = Admission::new(self.connections, metrics(), |all| &all.open_public);
        // The hub gets in, however many clients there are.
        let hub = Admission::new(ConnectionLimits::default(), metrics(), |all| &all.open_api);
        let public = self.accept(
            &clients,
            listeners.public,
            self.door(
                Service::Public(self.forwarder.clone()),
                &self.certificates.public,
            ),
        );
        let api = self.accept(
            &hub,
            listeners.api,
            self.door(Service::Api(self.api.clone()), &self.certificates.api),
        );
        let redirect = async {
            if let Some((listener, port)) = listeners.redirect {
                let answers = self.answers.clone();
                let redirect = Service::Redirect(Arc::new(Redirect { port, answers }));
                let door = self.door(redirect, &None);
                self.accept(&clients, listener, door).await;
            }
        };
        let metrics = async {
            if let Some(listener) = listeners.metrics {
                let door = self.door(self.metrics(), &None);
                self.accept(&hub, listener, door).await;
            }
        };
        // Accepting never ends by itself. The listeners close before the draining.
        let watch = self.certificates.watch();
        let ordering = async {
            if let Some(acme) = &self.acme {
                // Those who are connected stay; the file changed, so nothing else has to be said.
                acme.run(|| self.certificates.refresh(false)).await;
            }
        };
        let accepting = async { tokio::join!(public, api, redirect, metrics, watch, ordering) };
        shutdown.run_until_cancelled(accepting).await;
        self.drain.run(self.drain_time).await;
    }

    fn metrics(&self) -> Service {
        Service::Metrics(Arc::new(MetricsPage {
            metrics: self.api.metrics.clone(),
            table: self.api.table.clone(),
            tunnels: self.drain.tunnels.clone(),
        }))
    }

    fn door(&self, service: Service, tls: &Option<Acceptor>) -> Arc<Door> {
        let public = matches!(service, Service::Public(_));
        Arc::new(Door {
            service,
            tls: tls.clone(),
            limits: self.limits,
            hsts: self.hsts.clone().filter(|_| public),
            finish: self.drain.finish.clone(),
        })
    }

    async fn accept(&self, admission: &Arc<Admission>, listener: Listener, door: Arc<Door>) {
        loop {
            let slot = admission.slot().await;
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if let Some(admitted) = admission.admit(slot, peer) {
                        let serving = door.clone().serve(stream, peer, admitted);
                        self.drain.connections.spawn(serving);
                    }
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
