//! The hub as a whole: puts the parts together, starts them in order, and stops them in order.
//!
//! Start: database → own listener → proxy → configuration into the database → HTTP → what earlier hubs left (in the
//! background) → managed services → periodic tasks. People are served as soon as HTTP is; nothing slow is waited for.
//!
//! Stop: no new requests → (if configured) servers → managed services → (if configured) the proxy → good-bye to the other hubs.

mod accounts;
mod base;
mod lingering;
mod listen;
pub(crate) mod only_hub;
mod pid_file;
mod reload;
mod running;
mod status;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use hub_types::clock::{Clock, SystemClock};
use hub_types::env::ProcessEnv;
use tokio_util::sync::CancellationToken;

use self::base::Base;
use self::running::Hub;
use crate::auth::{pam, secret_file};
use crate::config::load::Sources;
use crate::config::{AuthenticatorClass, Config, DbUrl};
use crate::db::{Alone, Db, DbError, foreign};
use crate::metrics::{Metrics, MetricsOptions};
use crate::plugins::Plugins;
use crate::telemetry::Log;
use crate::{lifecycle, upgrade_command};

/// What is known once the hub listens.
#[derive(Debug, Clone)]
pub struct Started {
    /// Where people go, e.g. `http://127.0.0.1:8000/`.
    pub url: String,
}

/// What the hub is told, and where it was told so: at SIGHUP it is read again.
#[derive(Debug)]
pub struct Told {
    /// The configuration.
    pub config: Config,
    /// Where it came from; relative paths count from the working folder.
    pub sources: Sources,
    /// The log that the hub writes.
    pub log: Log,
}

/// Runs the hub until it is told to stop. `plugins` are what it knows beside its own; `welcome` is called once people
/// can come.
///
/// # Errors
/// When it cannot start; what has been started by then is stopped again.
pub async fn run(
    told: Told,
    env: &'static ProcessEnv,
    plugins: &Plugins,
    welcome: impl FnOnce(&Started),
) -> anyhow::Result<()> {
    let begin = Instant::now();
    let shutdown = CancellationToken::new();
    let signals = lifecycle::on_signals(shutdown.clone()).context("cannot handle signals")?;
    let config = Arc::new(told.config);
    if !config.any_allow_config() {
        tracing::warn!(
            "Nobody can log in: no rule allows anybody. Set Authenticator.allow_all = true, or Authenticator.allowed_users"
        );
    }
    if config.jupyterhub.authenticator_class == AuthenticatorClass::Pam {
        pam::available().map_err(anyhow::Error::msg)?;
    }
    refuse_foreign(&config.jupyterhub.db_url).await?;
    // The lock first: a second hub must not touch the pid file of the one that runs.
    let _only = only_hub::OnlyHub::take(&config.jupyterhub.db_url)?;
    let _pid_file = config
        .jupyterhub
        .pid_file
        .as_deref()
        .map(pid_file::PidFile::write)
        .transpose()?;
    let secret = secret_file::load(
        config.jupyterhub.cookie_secret.as_ref(),
        env,
        &config.jupyterhub.cookie_secret_file,
    )?;
    let metrics = Metrics::new(&MetricsOptions::from_env(env)?)?;
    let (db, alone) = open(&config).await?;
    tokio::spawn(give_way(alone));
    let hub = &config.jupyterhub;
    let (listener, port) = listen::bind(&hub.hub_bind_url, hub.hub_socket_mode, &db).await?;
    let at = (port, plugins);
    let base = Base::lay(config, env, db, (&secret, metrics), at, shutdown).await?;
    let launcher = base.launcher.clone();
    let hub = Hub::assemble(base, plugins).await?;
    let reloader = reload::Reloader {
        sources: told.sources,
        log: told.log,
        env,
        launcher,
        state: hub.state.clone(),
        proxy: hub.proxy.clone(),
        accounts: hub.accounts.clone(),
    };
    let teller = status::Teller {
        state: hub.state.clone(),
        begin,
    };
    let reloading = tokio::spawn(reloader.run(signals.hangups));
    let telling = tokio::spawn(teller.run(signals.questions));
    let served = hub.serve(listener, begin, welcome).await;
    reloading.abort();
    telling.abort();
    served
}

/// Before anything is made: the database of a Python JupyterHub is none of ours.
async fn refuse_foreign(url: &DbUrl) -> anyhow::Result<()> {
    let checked = foreign::refuse(url).await;
    checked.with_context(|| format!("cannot use {url}"))
}

/// Ends the process, without touching anything that another hub may have adopted, when that has this one's database.
async fn give_way(alone: Alone) {
    alone.lost().await;
    tracing::error!(
        "another hub has taken the database while it was away, or its schema is changing: stopping at once; servers and \
         proxy go on"
    );
    std::process::exit(1);
}

/// The database, brought up to date if that is wanted.
async fn open(config: &Config) -> anyhow::Result<(Db, Alone)> {
    let url = &config.jupyterhub.db_url;
    let open = async {
        if config.jupyterhub.upgrade_db {
            upgrade_command::report(url, &Db::upgrade(url, true, SystemClock.now()).await?);
        }
        let db = Db::open(url).await?;
        let alone = db.alone().await?;
        Ok::<_, DbError>((db, alone))
    };
    open.await.with_context(|| format!("cannot use {url}"))
}
