//! SIGHUP: the configuration is read again, and what can change at run time does. A file with a mistake changes nothing.

use std::path::Path;
use std::sync::Arc;

use hub_types::env::ProcessEnv;
use tokio::signal::unix::Signal;

use super::accounts;
use crate::bootstrap;
use crate::bus::Event;
use crate::config::change::{Change, take};
use crate::config::load::{Loaded, Sources, load};
use crate::db::DbError;
use crate::proxy_client::ProxyRunner;
use crate::state::AppState;
use crate::telemetry::Log;

/// What reads the configuration again.
pub(super) struct Reloader {
    pub(super) sources: Sources,
    pub(super) log: Log,
    pub(super) env: &'static ProcessEnv,
    pub(super) state: AppState,
    pub(super) proxy: Option<Arc<dyn ProxyRunner>>,
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
        bootstrap::sync(&config, &state.db, &state.identities, state.clock.now())
            .await
            .map_err(|error| error.to_string())?;
        rules.replace(config);
        tokio::spawn(accounts::make(state.clone()));
        if let Err(error) = self.tell().await {
            tracing::error!("SIGHUP: what is known of users may be old for some minutes: {error}");
        }
        self.log.set(
            change.config.jupyterhub.log_level,
            change.config.jupyterhub.debug_db,
        );
        Ok(change)
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
