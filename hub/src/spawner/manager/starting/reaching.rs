//! Waiting until a server that was started answers.

use std::time::Duration;

use services::supervisor::{Probe, probe, probe_client};
use tokio::time::{Instant, sleep};

use super::{Ended, Starting};
use crate::spawner::Placed;
use crate::spawner::manager::Manager;

/// Pauses between two questions whether the server answers: short at first, as small servers are fast.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Starting {
    /// Waits until the server answers HTTP, for at most `limit`, or its process ends.
    pub(super) async fn answers(&self, placed: &Placed, limit: Duration) -> Result<(), Ended> {
        let http = self.manager.http()?;
        let at = &self.server.at;
        let prefix = self.manager.addresses.base.server(&at.user, &at.name);
        let path = format!("{prefix}api");
        let asking = async {
            let start = Instant::now();
            let mut pause = FIRST_PAUSE;
            loop {
                let rest = limit.saturating_sub(start.elapsed());
                let why =
                    match tokio::time::timeout(rest, probe(&http, &placed.target, &path)).await {
                        Ok(Probe::Answers(_)) => return Ok(()),
                        Ok(Probe::Silent(why)) => why,
                        Err(_) => format!("{}{path} does not answer", placed.target),
                    };
                if start.elapsed() + pause >= limit {
                    return Err(Ended::Failed(format!(
                        "the server did not answer within {} s (Spawner.http_timeout): {why}",
                        limit.as_secs()
                    )));
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        tokio::select! {
            answered = asking => answered,
            how = self.manager.spawner.wait(&placed.state) => {
                Err(Ended::Failed(format!("the server {how} before it answered; its last output says why")))
            }
        }
    }
}

impl Manager {
    /// The client for such questions, made when it is first needed.
    fn http(&self) -> Result<reqwest::Client, Ended> {
        if let Some(client) = self.0.http.get() {
            return Ok(client.clone());
        }
        let client = probe_client()
            .map_err(|error| Ended::Failed(format!("the hub has no HTTP client: {error}")))?;
        Ok(self.0.http.get_or_init(|| client).clone())
    }
}
