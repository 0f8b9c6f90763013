//! Whether a service answers at its URL. Asked straight, without credentials, in the background.

use std::time::Duration;

use hub_types::names::ServiceName;
use tokio::time::{Instant, sleep};

use super::status::Shared;

/// Longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It answers with this status, below 500.
    Answers(u16),
    /// It answers that it is broken, or does not answer; why.
    Silent(String),
}

/// The HTTP client for [`probe`]: short times, no redirects, no proxies.
///
/// # Errors
/// When TLS cannot be set up.
pub fn probe_client() -> Result<reqwest::Client, reqwest::Error> {
    // Does nothing where a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(3))
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}

/// Asks `{url}{prefix}` once. Any status below 500 counts as an answer (JupyterHub's rule).
pub async fn probe(http: &reqwest::Client, url: &str, prefix: &str) -> Probe {
    let target = format!("{}{prefix}", url.trim_end_matches('/'));
    match http.get(&target).send().await {
        Ok(reply) if reply.status().as_u16() < 500 => Probe::Answers(reply.status().as_u16()),
        Ok(reply) => Probe::Silent(format!("{target} answers {}", reply.status())),
        Err(error) if error.is_timeout() => {
            Probe::Silent(format!("{target} does not answer in time"))
        }
        Err(error) if error.is_connect() => Probe::Silent(format!("nothing listens at {target}")),
        Err(error) => Probe::Silent(format!("{target}: {}", error.without_url())),
    }
}

/// One service that is to be asked again and again.
pub(super) struct Watch {
    pub(super) http: reqwest::Client,
    pub(super) service: ServiceName,
    pub(super) url: String,
    pub(super) prefix: String,
    /// Within which the first answer is expected.
    pub(super) timeout: Duration,
    /// Between later questions; `None`: there are none.
    pub(super) interval: Option<Duration>,
    pub(super) status: Shared,
}

impl Watch {
    /// Never returns: to be dropped with the process that is watched. Logs changes only.
    pub(super) async fn run(self) -> std::convert::Infallible {
        let mut before = self.first_answer().await;
        let Some(interval) = self.interval else {
            return std::future::pending().await;
        };
        loop {
            sleep(interval).await;
            let now = self.ask().await;
            match &now {
                Probe::Silent(why) if before => {
                    tracing::warn!(service = %self.service, "service {} stopped answering: {why}", self.service);
                }
                Probe::Answers(_) if !before => {
                    tracing::info!(service = %self.service, "service {} answers again", self.service);
                }
                _ => {}
            }
            before = matches!(now, Probe::Answers(_));
        }
    }

    async fn first_answer(&self) -> bool {
        let start = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let why = match self.ask().await {
                Probe::Answers(status) => {
                    tracing::info!(service = %self.service, status, "service {} answers at {}", self.service, self.url);
                    return true;
                }
                Probe::Silent(why) => why,
            };
            if start.elapsed() >= self.timeout {
                tracing::warn!(
                    service = %self.service,
                    "service {} does not answer after {} s: {why}; does it listen where JUPYTERHUB_SERVICE_URL says?",
                    self.service,
                    self.timeout.as_secs(),
                );
                return false;
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    async fn ask(&self) -> Probe {
        let found = probe(&self.http, &self.url, &self.prefix).await;
        let answers = matches!(found, Probe::Answers(_));
        self.status.update(|status| status.answers = Some(answers));
        found
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// How often a service that never answers is asked in ten minutes.
    async fn asked(interval: Option<Duration>) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let watch = Watch {
            http: probe_client().unwrap(),
            service: ServiceName::new("x").unwrap(),
            url: format!("http://{}", listener.local_addr().unwrap()),
            prefix: "/services/x/".to_owned(),
            timeout: Duration::ZERO,
            interval,
            status: Shared::default(),
        };
        let never = tokio::time::timeout(Duration::from_mins(10), watch.run()).await;
        assert!(never.is_err());
        listener.set_nonblocking(true).unwrap();
        listener.incoming().take_while(Result::is_ok).count()
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_to_be_asked_again_is_not() {
        assert_eq!(asked(None).await, 1);
        assert!(asked(Some(Duration::from_mins(1))).await > 5);
    }
}
