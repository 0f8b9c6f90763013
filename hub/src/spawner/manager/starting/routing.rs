//! The end of a start: the server answers, and the proxy gets its route.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, interval_at, sleep};

use super::{Ended, Starting};
use crate::proxy_client::ProxyError;
use crate::spawner::Progress as _;
use crate::spawner::manager::request::log_name;

/// How often it is said that the proxy is waited for.
const SAY: Duration = Duration::from_secs(10);
/// Between two tries, each of which is itself many (`chp::RETRY_FOR`).
const PAUSE: Duration = Duration::from_secs(1);
/// What the progress of the start is by then, in per cent.
const NEARLY: u8 = 90;

impl Starting {
    /// Gives the proxy the route. One that is away is waited for as long as a start may take (`start_timeout`, counted
    /// anew): the server is there, and whoever wants it would only start it again. JupyterHub gives up, and stops the
    /// server, after 30 s (`Proxy.add_user`, `finish_user_spawn` of release 6.1).
    pub(super) async fn routed(&self, target: String) -> Result<(), Ended> {
        let manager = &self.manager;
        let route = manager.route(&self.server, target);
        let (begin, limit) = (Instant::now(), manager.config.spawner.start_timeout);
        let adding = async {
            loop {
                match manager.proxy.add(&route).await {
                    Err(error) if may_pass(&error, begin.elapsed(), limit) => sleep(PAUSE).await,
                    done => return done,
                }
            }
        };
        let mut adding = pin!(adding);
        let mut say = interval_at(begin + SAY, SAY);
        loop {
            tokio::select! {
                added = &mut adding => return added.map_err(|error| {
                    Ended::Failed(format!("the server answers, but cannot be routed: {error}"))
                }),
                _ = say.tick() => self.say_that_it_waits(begin.elapsed(), limit).await,
            }
        }
    }

    async fn say_that_it_waits(&self, waited: Duration, limit: Duration) {
        let name = log_name(&self.server.at);
        tracing::warn!(
            server = %name,
            "server {name} answers, and waits for the proxy to take its route: {} of {} s (Spawner.start_timeout)",
            waited.as_secs(),
            limit.as_secs()
        );
        self.tell(NEARLY, "Waiting for the proxy").await;
    }
}

/// Whether a route that could not be added is tried again.
fn may_pass(error: &ProxyError, waited: Duration, limit: Duration) -> bool {
    matches!(error, ProxyError::Unreachable { .. }) && waited + PAUSE < limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_that_is_away_is_waited_for_and_not_for_ever() {
        let url = || "http://127.0.0.1:8001".to_owned();
        let away = ProxyError::Unreachable {
            url: url(),
            why: "connection refused".into(),
        };
        let limit = Duration::from_secs(60);
        for (waited, expected) in [(0, true), (31, true), (58, true), (59, false), (90, false)] {
            let waited = Duration::from_secs(waited);
            assert_eq!(may_pass(&away, waited, limit), expected, "{waited:?}");
        }
        let refused = ProxyError::Forbidden { url: url() };
        assert!(!may_pass(&refused, Duration::ZERO, limit));
    }
}
