//! SIGHUP: the configuration is read again, and what can change at run time does. A file with a mistake changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hub_types::env::ProcessEnv;
use tokio::signal::unix::Signal;
use tokio::time::timeout;

use super::accounts;
use super::base::fixed_routes;
use crate::bootstrap;
use crate::bus::Event;
use crate::config::Config;
use crate::config::change::{Change, take};
use crate::config::load::{Loaded, Sources, load};
use crate::db::DbError;
use crate::managed::check_commands;
use crate::proxy_client::ProxyRunner;
use crate::state::AppState;
use crate::tasks::{FIRST_CHECK, blocked};
use crate::telemetry::Log;

/// What reads the configuration again.
pub(super) struct Reloader {
    pub(super) sources: Sources,
    pub(super) log: Log,
    pub(super) env: &'static ProcessEnv,
    pub(super) state: AppState,
    /// The hub's own program, whose folder is on the `PATH` of services.
    pub(super) launcher: PathBuf,
    pub(super) proxy: Option<Arc<dyn ProxyRunner>>,
    pub(super) accounts: accounts::Accounts,
}

impl Reloader {
    /// Reads it at every signal. Never returns.
    pub(super) async fn run(self, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            match self.reload().await {
                Ok(change) => self.report(&change),
                Err(why) => tracing::error!("SIGHUP: everything is left as it was: {why}"),
            }
        }
    }

    /// Reads it once.
    ///
    /// # Errors
    /// Why nothing has changed.
    async fn reload(&self) -> Result<Change, String> {
        tracing::info!("SIGHUP: reading the configuration again");
        let loaded = self.read().await?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let state = &self.state;
        let rules = state.login.rules();
        let change = take(&rules.now().config, &loaded.config);
        let config = Arc::new(change.config.clone());
        check_commands(&config, self.env, &self.launcher).map_err(|error| error.to_string())?;
        // Who logs in meanwhile is judged by the new rules.
        let changing = rules.changing().await;
        let authenticator = &*state.authenticator;
        let (db, now) = (&state.db, state.clock.now());
        bootstrap::sync(&config, authenticator, db, &state.identities, now)
            .await
            .map_err(|error| error.to_string())?;
        rules.replace(Arc::clone(&config));
        drop(changing);
        tokio::spawn(self.accounts.clone().make(state.clone()));
        tokio::spawn(blocked::stop_servers(state.clone()));
        if let Err(error) = self.tell().await {
            tracing::error!("SIGHUP: what is known of users may be old for some minutes: {error}");
        }
        self.log.set(
            change.config.jupyterhub.log_level,
            change.config.jupyterhub.debug_db,
        );
        self.services(&config).await;
        Ok(change)
    }

    /// Starts, stops and starts again the services that the configuration has otherwise. A route goes before its service, and
    /// comes when its service is started.
    async fn services(&self, config: &Config) {
        let managed = &self.state.managed;
        let reload = match managed.reload(config).await {
            Ok(reload) => reload,
            Err(error) => {
                tracing::error!("SIGHUP: services are left as they were, send it again: {error}");
                return;
            }
        };
        let summary = reload.difference.summary();
        self.routes(config).await;
        if summary.is_empty() {
            return;
        }
        reload.run().await;
        self.routes(config).await;
        tracing::info!("SIGHUP: services: {summary}");
    }

    /// Gives the proxy the routes of services as they are now.
    async fn routes(&self, config: &Config) {
        let state = &self.state;
        state
            .routes
            .settle(fixed_routes(config, state.managed.routes()));
        // What fails now, or takes long, is repeated by whoever looks after routes.
        let checked = match timeout(FIRST_CHECK, state.routes.check()).await {
            Ok(Ok(checked)) => checked,
            Ok(Err(error)) => {
                tracing::warn!("SIGHUP: the proxy is told the routes of services later: {error}");
                return;
            }
            Err(_) => {
                tracing::warn!("SIGHUP: the proxy is told the routes of services when it answers");
                return;
            }
        };
        if let Err(error) = state.manager.report_activity(checked.activity).await {
            tracing::warn!("SIGHUP: when servers were used is not written down: {error}");
        }
    }

    /// Tells caches to look again: after the secrets of the configuration are known, for which the commit was too early.
    async fn tell(&self) -> Result<(), DbError> {
        let tx = self.state.db.write().await?;
        tx.commit_and_tell(&self.state.bus, [Event::Identities])
            .await
    }

    /// The file, evaluated or parsed: on a thread of its own, for a Python file may take its time.
    async fn read(&self) -> Result<Loaded, String> {
        let (sources, env) = (self.sources.clone(), self.env);
        let read = tokio::task::spawn_blocking(move || load(&sources, Path::new(""), env));
        match read.await {
            Ok(loaded) => loaded.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Reloader {
    /// Says what has changed; certificates are read again whatever the file says.
    fn report(&self, change: &Change) {
        if change.taken.is_empty() {
            tracing::info!("SIGHUP: nothing of the configuration changes");
        } else {
            tracing::info!("SIGHUP: in force now: {}", change.taken.join(", "));
        }
        let tls = change.config.jupyterhub.ssl_cert.is_some();
        if tls
            && self
                .proxy
                .as_ref()
                .is_some_and(|proxy| proxy.read_certificates())
        {
            tracing::info!("SIGHUP: the proxy reads its certificates again");
        } else if tls {
            tracing::warn!(
                "SIGHUP: the proxy is not ours to tell: it must be told itself to read its certificates again"
            );
        }
        if !change.waiting.is_empty() {
            tracing::warn!(
                "SIGHUP: needs a restart of the hub: {}",
                change.waiting.join(", ")
            );
        }
    }
}
