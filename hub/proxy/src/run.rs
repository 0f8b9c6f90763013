//! The life of the process: from options to listeners, until a signal ends it.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use hub_types::clock::SystemClock;
use hub_types::env::EnvSource;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::Args;
use crate::config::{Config, ProcessConfig};
use crate::descriptors::raise_descriptors;
use crate::listener::Listener;
use crate::proxy::{Certificates, Listeners, Proxy};

/// Exit code after SIGINT and SIGTERM, as configurable-http-proxy's.
const STOPPED: u8 = 2;

/// Runs the proxy until SIGINT or SIGTERM; a second signal ends it at once.
///
/// Returns 2 after a signal and 1 when it cannot start, with the reason on stderr. The process may outlive whoever
/// started it: SIGHUP and a closed stderr are survived.
pub async fn run(args: Args, env: &dyn EnvSource) -> ExitCode {
    match start(&args, env).await {
        Ok(()) => ExitCode::from(STOPPED),
        Err(error) => {
            let _ = writeln!(io::stderr(), "hub-proxy: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(args: &Args, env: &dyn EnvSource) -> anyhow::Result<()> {
    let process = ProcessConfig::from_args(args)?;
    // First, for the rest has warnings.
    log_to_stderr(process.log_level);
    let config = Config::from_args(args, env)?;
    raise_descriptors();
    if args.ip == "*" {
        tracing::warn!(
            "reading --ip '*' as all interfaces; 0.0.0.0 means all of IPv4, '' all of both"
        );
    }
    let open = config.token.is_none();
    let proxy = Proxy::new(config, Arc::new(SystemClock))?;
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let public = Listener::bind(&process.public)
        .await
        .context("public listener")?;
    let api = Listener::bind(&process.api).await.context("REST API")?;
    let redirect = match &process.redirect {
        Some((from, to)) => {
            let listener = Listener::bind(from).await.context("--redirect-port")?;
            // The public port may have been any free one.
            let to = if *to == 0 { public.port() } else { Some(*to) };
            Some((listener, to.unwrap_or(443)))
        }
        None => None,
    };
    let metrics = match &process.metrics {
        Some(bind) => Some(Listener::bind(bind).await.context("metrics")?),
        None => None,
    };
    if open {
        if !api.is_local() {
            bail!(
                "the REST API would be open to everybody who can reach {}: set CONFIGPROXY_AUTH_TOKEN, or use --api-ip \
                 127.0.0.1",
                api.url()
            );
        }
        tracing::warn!("REST API is not authenticated; set CONFIGPROXY_AUTH_TOKEN");
    }
    let tls = &args.tls;
    let scheme = |pair: [bool; 2]| {
        if pair.contains(&true) {
            "https"
        } else {
            "http"
        }
    };
    let urls = Urls {
        public: public.url_as(scheme([
            tls.ssl_key.is_some(),
            tls.ssl_cert.is_some() || !args.acme.acme_domain.is_empty(),
        ])),
        api: api.url_as(scheme([
            tls.api_ssl_key.is_some(),
            tls.api_ssl_cert.is_some(),
        ])),
        redirect: redirect.as_ref().map(|(listener, _)| listener.url()),
        metrics: metrics.as_ref().map(Listener::url),
    };
    tracing::info!(
        "proxying {} to {}",
        urls.public,
        args.default_target.as_deref().unwrap_or("(no default)")
    );
    tracing::info!("proxy API at {}/api/routes", urls.api);
    if let Some(listener) = &metrics {
        tracing::info!("serving metrics at {}/metrics", listener.url());
    }
    if let Some((listener, to)) = &redirect {
        tracing::info!("redirecting {} to https on port {to}", listener.url());
    }
    let files = announce(&process, &urls)?;
    let certificates = proxy.certificates();
    let shutdown = CancellationToken::new();
    let running = proxy.run(
        Listeners {
            public,
            api,
            redirect,
            metrics,
        },
        shutdown.clone(),
    );
    let stopping = async {
        let name = signals.stop(&certificates).await;
        tracing::warn!("{name}: stopping");
        shutdown.cancel();
        let name = signals.stop(&certificates).await;
        tracing::warn!("{name} again: stopping at once");
    };
    tokio::select! {
        () = running => {}
        () = stopping => {}
    }
    drop(files);
    Ok(())
}

/// Logs to stderr at `level`; does nothing when the program has set up logging itself.
fn log_to_stderr(level: tracing::Level) {
    // Connections log through other crates as well; their debug output could show headers.
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("hub_proxy", level);
    // `log_internal_errors` would print to stderr, and panic, when nobody reads stderr any more.
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .log_internal_errors(false);
    let _ = tracing_subscriber::registry()
        .with(layer)
        .with(targets)
        .try_init();
}

/// Files that tell others about this process; removed on drop.
#[derive(Debug, Default)]
struct Files(Vec<PathBuf>);

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Where a process on this machine reaches the listeners.
#[derive(Debug)]
struct Urls {
    public: String,
    api: String,
    redirect: Option<String>,
    metrics: Option<String>,
}

/// Writes the pid file and the ready file.
fn announce(process: &ProcessConfig, urls: &Urls) -> anyhow::Result<Files> {
    let pid = std::process::id();
    let mut ready = json!({"pid": pid, "public": urls.public, "api": urls.api});
    for (name, url) in [("redirect", &urls.redirect), ("metrics", &urls.metrics)] {
        if let Some(url) = url {
            ready[name] = json!(url);
        }
    }
    let mut files = Files::default();
    for (path, text) in [
        (&process.pid_file, pid.to_string()),
        (&process.ready_file, ready.to_string()),
    ] {
        if let Some(path) = path {
            write_atomically(path, &text)
                .with_context(|| format!("cannot write {}", path.display()))?;
            files.0.push(path.clone());
        }
    }
    Ok(files)
}

/// Writes `text` to `path`, mode 0600; readers see the whole of it or nothing.
fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = PathBuf::from(name);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

/// The signals that a proxy knows.
#[derive(Debug)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal to stop. A terminal that goes away is none.
    async fn stop(&mut self, certificates: &Certificates) -> &'static str {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.hangup.recv() => {
                    tracing::info!("SIGHUP: going on, with certificates read again");
                    certificates.refresh(true);
                }
            }
        }
    }
}
