//! SIGHUP: the configuration is read again, and what can change at run time does. A file with a mistake changes nothing.

use std::sync::Arc;

use hub_types::env::ProcessEnv;
use tokio::signal::unix::Signal;

use super::Told;
use crate::bootstrap;
use crate::bus::Event;
use crate::config::change::{Change, take};
use crate::config::load::{Loaded, load};
use crate::proxy_client::ProxyRunner;
use crate::state::AppState;
use crate::telemetry::Log;

/// What reads the configuration again.
pub(super) struct Reloader {
    pub(super) told: Told,
    pub(super) env: &'static ProcessEnv,
    pub(super) state: AppState,
    pub(super) proxy: Option<Arc<dyn ProxyRunner>>,
    pub(super) log: Log,
}

impl Reloader {
    /// Reads it at every signal. Never returns.
    pub(super) async fn run(self, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            match self.reload().await {
                Ok(change) => report(&change),
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
        let mut change = take(&rules.now().config, &loaded.config);
        let config = Arc::new(change.config);
        change.config = (*config).clone();
        bootstrap::sync(&config, &state.db, &state.identities, state.clock.now())
            .await
            .map_err(|error| error.to_string())?;
        rules.replace(config);
        state.bus.tell(Event::Identities);
        self.log.set(change.config.jupyterhub.log_level, change.config.jupyterhub.debug_db);
        if let Some(proxy) = &self.proxy {
            proxy.read_certificates();
        }
        Ok(change)
    }

    /// The file, evaluated or parsed: on a thread of its own, for a Python file may take its time.
    async fn read(&self) -> Result<Loaded, String> {
        let (sources, folder, env) = (self.told.sources.clone(), self.told.folder.clone(), self.env);
        let read = tokio::task::spawn_blocking(move || load(&sources, &folder, env));
        match read.await {
            Ok(loaded) => loaded.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn report(change: &Change) {
    if change.taken.is_empty() {
        tracing::info!("SIGHUP: nothing changes but certificates, which the proxy reads again");
    } else {
        tracing::info!("SIGHUP: in force now: {}", change.taken.join(", "));
    }
    if !change.waiting.is_empty() {
        tracing::warn!("SIGHUP: needs a restart of the hub: {}", change.waiting.join(", "));
    }
}
