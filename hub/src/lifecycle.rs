//! Signals: the first one ends the hub in order, a second one at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels `shutdown` at the first SIGINT or SIGTERM; at the second the process ends with exit code 1.
///
/// SIGHUP ends nothing, not even when a terminal is closed: what it means is for whoever takes the signals returned.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn on_signals(shutdown: CancellationToken) -> std::io::Result<Signal> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let hangup = signal(SignalKind::hangup())?;
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
    Ok(hangup)
}
