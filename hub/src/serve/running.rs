//! A hub that runs: from the first request until everything is stopped in order.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Started;
use super::accounts::Accounts;
use super::base::Base;
use super::listen::Listener;
use crate::config::LocalProcessSpawner;
use crate::db::{DbError, servers};
use crate::domain::action::StopServer;
use crate::domain::principal::Granted;
use crate::plugins::Plugins;
use crate::proxy_client::ProxyRunner;
use crate::proxy_client::registry::Built;
use crate::spawner::manager::{HubProcess, StopRequest};
use crate::state::AppState;
use crate::{http, tasks};

/// How long requests that are under way may take after the hub was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How much longer than its signals the stop of a server may take.
const STOP_SLACK: Duration = Duration::from_secs(10);

/// All parts of a running hub.
pub(super) struct Hub {
    pub(super) state: AppState,
    pub(super) proxy: Option<Arc<dyn ProxyRunner>>,
    /// Whether the proxy was started by this hub; else people use it already.
    is_new: bool,
    here: HubProcess,
    pub(super) accounts: Accounts,
}

impl Hub {
    /// Starts or adopts the proxy, and puts the parts together. If that fails a proxy that was started is stopped again.
    pub(super) async fn assemble(base: Base, plugins: &Plugins) -> anyhow::Result<Self> {
        let here = HubProcess::of_this().context("cannot look at this process in /proc")?;
        let hub = &base.config.jupyterhub;
        let Built {
            clients,
            runner: proxy,
        } = base.proxy(&plugins.proxies)?;
        let authenticator = Arc::clone(&base.authenticator);
        let spawner = base.spawner(&plugins.spawners)?;
        let (public_origin, is_new) = match &proxy {
            Some(proxy) => {
                let running = proxy.start().await?;
                (running.public, !running.found)
            }
            None => (hub.local_public_origin(hub.bind_url.port), false),
        };
        match base
            .state(public_origin, clients, authenticator, spawner)
            .await
        {
            Ok(state) => Ok(Self {
                state,
                proxy,
                is_new,
                here,
                accounts: Accounts::default(),
            }),
            Err(error) => {
                if let Some(proxy) = proxy.filter(|_| is_new) {
                    proxy.stop().await?;
                }
                Err(error)
            }
        }
    }

    pub(super) async fn serve(
        self,
        listener: Listener,
        begin: Instant,
        welcome: impl FnOnce(&Started),
    ) -> anyhow::Result<()> {
        let state = self.state.clone();
        let app = http::router(state.clone());
        let draining = CancellationToken::new();
        let mut server = tokio::spawn(listener.serve(app, draining.clone()));

        if let Err(error) = self.arrive().await {
            if let Some(proxy) = self.proxy.as_ref().filter(|_| self.is_new) {
                proxy.stop().await?;
            }
            return Err(error.into());
        }
        let context = tasks::Context {
            state: state.clone(),
            hub: self.here.clone(),
            proxy: self.proxy.clone(),
        };
        // With what the proxy knows of the time before: services that cull ask for it at once.
        // But an external one may be away: it is asked again and again then, while everything else begins.
        match tokio::time::timeout(tasks::FIRST_CHECK, tasks::check_routes(&context)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the proxy's routes cannot be checked yet: {error}"),
            Err(_) => {
                tracing::warn!(
                    "the proxy does not answer yet; its routes are checked when it does"
                );
            }
        }
        let started = Started {
            url: format!("{}{}", self.public_origin(), state.addresses.base.as_str()),
        };
        tracing::info!("JupyterHub is now running at {}", started.url);
        state.metrics.hub_started(begin.elapsed());
        welcome(&started);

        state.managed.start();
        tokio::spawn(self.accounts.clone().make(state.clone()));
        let begin = Instant::now();
        if let Err(error) = state.manager.adopt_all().await {
            tracing::error!("what earlier hubs left cannot be looked at yet: {error}");
        }
        state.metrics.servers_found(begin.elapsed());
        tokio::spawn(tasks::blocked::stop_servers(state.clone()));
        let (gave_up, shutdown) = (state.manager.gave_up().clone(), state.shutdown.clone());
        let giving_up = tokio::spawn(async move {
            gave_up.cancelled().await;
            shutdown.cancel();
        });
        // Returns when the hub was told to stop and no job is half-way.
        tasks::run(context, state.shutdown.clone()).await;
        giving_up.abort();

        state.manager.close().await;
        draining.cancel();
        if tokio::time::timeout(DRAIN, &mut server).await.is_err() {
            server.abort();
            tracing::warn!(
                "some requests took longer than {} s and were cut off",
                DRAIN.as_secs()
            );
        }
        let gave_up = state.manager.gave_up().is_cancelled();
        self.stop().await?;
        anyhow::ensure!(
            !gave_up,
            "too many starts in a row have failed: [Spawner] consecutive_failure_limit"
        );
        Ok(())
    }

    /// Says that this hub is there, and forgets those that are not.
    async fn arrive(&self) -> Result<(), DbError> {
        let manager = &self.state.manager;
        manager.heartbeat(&self.here).await?;
        manager.bury_dead_hubs(&self.here).await?;
        Ok(())
    }

    fn public_origin(&self) -> &str {
        let addresses = &self.state.addresses;
        addresses
            .configured_public_origin
            .as_deref()
            .unwrap_or(&addresses.public_origin)
    }

    /// Every step is tried, whatever became of the one before.
    ///
    /// # Errors
    /// The first that went wrong.
    async fn stop(self) -> anyhow::Result<()> {
        let state = &self.state;
        let asked = *state
            .shutdown_request
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let hub = &state.config.jupyterhub;
        let mut result = Ok(());
        if asked.servers.unwrap_or(hub.cleanup_servers) {
            result = result.and(self.stop_servers().await);
        }
        state.managed.stop_all().await;
        result = result.and(state.identities.write_uses().await.map_err(Into::into));
        if let Some(proxy) = &self.proxy
            && asked.proxy.unwrap_or(hub.cleanup_proxy)
        {
            result = result.and(proxy.stop().await.map_err(Into::into));
        }
        result = result.and(state.manager.farewell().await.map_err(Into::into));
        state.db.close_file().await;
        tracing::info!("...done");
        result
    }

    /// Stops all servers at once, each in its own time.
    async fn stop_servers(&self) -> anyhow::Result<()> {
        let running = servers::active(self.state.db.read()).await?;
        if running.is_empty() {
            return Ok(());
        }
        tracing::info!("Stopping {} servers", running.len());
        self.state.manager.hurry();
        let longest = longest_stop(&self.state.config.local_spawner);
        let mut stops = JoinSet::new();
        for server in running {
            let manager = self.state.manager.clone();
            stops.spawn(async move {
                let granted = Granted::<StopServer>::by_hub(server.at.clone(), "cleanup_servers");
                if let Err(error) = manager.stop(granted, StopRequest::default(), longest).await {
                    tracing::warn!("cannot stop {}: {error}", server.at);
                }
            });
        }
        while stops.join_next().await.is_some() {}
        Ok(())
    }
}

/// How long a server is waited for at the hub's stop: INT, TERM and KILL with their times, and what goes with them
/// (the route, what outlives the server itself, the database).
fn longest_stop(times: &LocalProcessSpawner) -> Duration {
    times.interrupt_timeout + times.term_timeout + times.kill_timeout + STOP_SLACK
}
