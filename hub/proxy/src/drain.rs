//! The end of all connections: those that answer may finish, idle ones close, tunnels are cut.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What lives on connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drain {
    /// One task per connection.
    pub(crate) connections: TaskTracker,
    /// One task per tunnel.
    pub(crate) tunnels: TaskTracker,
    /// Tells connections to finish.
    pub(crate) finish: CancellationToken,
    /// Tells tunnels to end.
    pub(crate) cut: CancellationToken,
}

impl Drain {
    /// Lets connections finish for at most `time`, then cuts what is left.
    pub(crate) async fn run(&self, time: Duration) {
        self.finish.cancel();
        self.cut.cancel();
        self.connections.close();
        self.tunnels.close();
        let all = async { tokio::join!(self.connections.wait(), self.tunnels.wait()) };
        if tokio::time::timeout(time, all).await.is_err() {
            tracing::warn!(
                "{} connections did not finish in time",
                self.connections.len()
            );
        }
    }
}
