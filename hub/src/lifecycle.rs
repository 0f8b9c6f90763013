//! Signals: the first one ends the hub in order, a second one at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Signals that end nothing: what they mean is for whoever takes them.
#[derive(Debug)]
pub struct Signals {
    /// SIGHUP, not even when a terminal is closed.
    pub hangups: Signal,
    /// SIGUSR1.
    pub questions: Signal,
}

/// Cancels `shutdown` at the first SIGINT or SIGTERM; at the second the process ends with exit code 1.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn on_signals(shutdown: CancellationToken) -> std::io::Result<Signals> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let signals = Signals {
        hangups: signal(SignalKind::hangup())?,
        questions: signal(SignalKind::user_defined1())?,
    };
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            }
        };
        let name = next().await;
        tracing::warn!("Received {name}: stopping in order; once more to stop at once");
        shutdown.cancel();
        let name = next().await;
        tracing::error!(
            "Received {name} again: stopping at once; servers and proxy go on, the next start adopts them"
        );
        std::process::exit(1);
    });
    Ok(signals)
}
