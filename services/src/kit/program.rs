//! The whole of a small service's `main`.

use std::process::ExitCode;

use anyhow::Context as _;
use axum::Router;
use hub_types::env::{EnvSource as _, ProcessEnv};
use tracing_subscriber::EnvFilter;

use super::serve::overdue;
use super::{EnvError, HubClient, ServiceEnv, Shutdown, mount, serve};

/// Exit code for an environment that cannot be used (`EX_USAGE` of sysexits).
const BAD_ENVIRONMENT: u8 = 64;

/// A setting of the service's own that cannot be used, in words for its administrator; [`run`] then gives 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub String);

/// Runs a service until it is asked to stop: reads the environment, builds the router (without prefix), serves it.
///
/// Logs go to standard error, at level `info` unless `RUST_LOG` says otherwise, or to the subscriber that is installed
/// already. Gives 64 when the environment cannot be used, 1 when anything else fails; the reason is the last thing in the
/// log.
pub fn run<F>(build: F) -> ExitCode
where
    F: AsyncFnOnce(&ServiceEnv) -> anyhow::Result<Router>,
{
    log();
    ended(start(build))
}

/// Runs a service that has no web address and only works with the hub's API: `work` is given the client with the service's
/// token, and is asked by the [`Shutdown`] to come to an end; it has ten seconds for that, or until it is asked again. Logs and exit codes as of [`run`].
///
/// ```no_run
/// use std::time::Duration;
///
/// use services::kit;
///
/// fn main() -> std::process::ExitCode {
///     kit::worker(async |hub, shutdown| {
///         loop {
///             println!("the hub is JupyterHub {}", hub.api_root().await?.version);
///             tokio::select! {
///                 () = tokio::time::sleep(Duration::from_secs(600)) => {}
///                 () = shutdown.asked() => return Ok(()),
///             }
///         }
///     })
/// }
/// ```
pub fn worker<F>(work: F) -> ExitCode
where
    F: AsyncFnOnce(HubClient, Shutdown) -> anyhow::Result<()>,
{
    log();
    ended(HubClient::from_env().map_err(Into::into).and_then(|hub| {
        runtime()?.block_on(async {
            let shutdown = Shutdown::on_signals().context("cannot watch for signals")?;
            tokio::select! {
                done = work(hub, shutdown.clone()) => done,
                () = overdue(&shutdown) => {
                    tracing::warn!("stopping with work unfinished");
                    Ok(())
                }
            }
        })
    }))
}

fn log() {
    let filter = ProcessEnv
        .get_nonempty("RUST_LOG")
        .unwrap_or_else(|| "info".to_owned());
    // Fails where the program that we are part of has a subscriber already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
}

fn ended(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    tracing::error!("{error:#}");
    let environment = error.chain().any(|cause| {
        cause.is::<EnvError>() || cause.is::<hubauth::ConfigError>() || cause.is::<SettingsError>()
    });
    if environment {
        ExitCode::from(BAD_ENVIRONMENT)
    } else {
        ExitCode::FAILURE
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn start<F>(build: F) -> anyhow::Result<()>
where
    F: AsyncFnOnce(&ServiceEnv) -> anyhow::Result<Router>,
{
    let env = ServiceEnv::from_env(&ProcessEnv)?;
    runtime()?.block_on(async {
        let shutdown = Shutdown::on_signals().context("cannot watch for signals")?;
        let app = tokio::select! {
            app = build(&env) => mount(&env, app?),
            () = shutdown.asked() => return Ok(()),
        };
        let listener = env.bind().await?;
        let address = listener.local_addr()?;
        tracing::info!(
            "{} listens on http://{address}{}",
            env.label(&ProcessEnv),
            env.prefix
        );
        serve(listener, app, shutdown)
            .await
            .context("cannot serve")?;
        tracing::info!("stopped");
        Ok(())
    })
}
