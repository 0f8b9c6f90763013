//! Starts as the suite makes them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hub_types::env::JUPYTERHUB_API_TOKEN;
use hub_types::paths::BaseUrl;
use hub_types::secret::Token;
use serde_json::{Map, Value};
use services::contract::{HubAddress, Listen, ServerContract};
use services::supervisor::probe_client;
use tokio::time::{Instant, sleep};

use super::PAUSE;
use crate::config::PerServer;
use crate::domain::server::ServerRef;
use crate::domain::user::UserId;
use crate::spawner::{Commit, CommitError, Placed, Progress, SpawnError, Spawner, StartContext};

/// Row id of whoever owns the suite's servers.
pub(super) const OWNER: UserId = UserId(1);

/// Commits, or does not.
#[derive(Debug)]
pub(super) struct Committing {
    refuses: bool,
    token: Token,
    placed: Mutex<Vec<Placed>>,
    /// What was wrong with its progress first.
    wrong: Mutex<Option<String>>,
}

/// A server of the suite.
#[derive(Debug, Clone)]
pub(super) struct Started {
    pub(super) placed: Placed,
    pub(super) token: Token,
}

#[async_trait]
impl Commit for Committing {
    async fn commit(&self, placed: &Placed) -> Result<(), CommitError> {
        let mut all = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(placed.clone());
        match self.refuses {
            true => Err(CommitError::Cancelled),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Progress for Committing {
    async fn tell(&self, _percent: u8, message: &str) {
        self.hear(message, "");
    }

    async fn tell_html(&self, _percent: u8, message: &str, html: &str) {
        self.hear(message, html);
    }
}

impl Committing {
    fn new(refuses: bool) -> Self {
        Self {
            refuses,
            token: Token::generate(),
            placed: Mutex::default(),
            wrong: Mutex::default(),
        }
    }

    pub(super) fn willing() -> Self {
        Self::new(false)
    }

    pub(super) fn refusing() -> Self {
        Self::new(true)
    }

    pub(super) async fn start(
        &self,
        spawner: &dyn Spawner,
        at: &ServerRef,
        settings: &PerServer,
    ) -> Result<(), SpawnError> {
        let hub = HubAddress::local("http://127.0.0.1:8081/hub/api", BaseUrl::default());
        let listen = Listen {
            ip: settings.spawner.ip.clone(),
            port: settings.spawner.port,
            tls: false,
        };
        let contract = ServerContract {
            environment: settings.spawner.environment.clone(),
            ..ServerContract::new(self.token.clone(), at.user.clone(), at.name.clone(), listen)
        };
        let context = StartContext {
            server: at,
            user_id: OWNER,
            groups: &[],
            user_options: &Map::new(),
            settings,
            contract,
            hub: &hub,
            commit: self,
            progress: self,
        };
        spawner.start(context).await
    }

    fn hear(&self, message: &str, html: &str) {
        let runs = html.to_ascii_lowercase().contains("<script");
        let why = match (message.trim(), runs) {
            (_, true) => format!("its progress has a script: {html}"),
            ("", _) => format!("its progress has no words for who shows no markup: {html}"),
            _ => return,
        };
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.get_or_insert(why);
    }

    /// Whether all that was told of the start can be read as text, and harms nobody as markup.
    pub(super) fn told(&self) -> Result<(), String> {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.clone().map_or(Ok(()), Err)
    }

    /// What was committed: once.
    pub(super) fn started(&self) -> Result<Started, String> {
        let all = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        match all.as_slice() {
            [placed] => Ok(Started {
                placed: placed.clone(),
                token: self.token.clone(),
            }),
            all => Err(format!("commit was called {} times", all.len())),
        }
    }
}

impl Started {
    /// The environment that the server has.
    pub(super) async fn environment(&self) -> Result<Value, String> {
        let client = probe_client().map_err(|error| error.to_string())?;
        let url = format!("{}/env", self.placed.target);
        let reply = client
            .get(url)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let body = reply.bytes().await.map_err(|error| error.to_string())?;
        serde_json::from_slice(&body).map_err(|error| format!("/env is not JSON: {error}"))
    }

    /// Whether this very server answers where it was placed: another may have its port by now.
    pub(super) async fn is_there(&self) -> bool {
        let environment = self.environment().await.ok();
        let token = environment
            .as_ref()
            .and_then(|env| env.get(JUPYTERHUB_API_TOKEN));
        token.and_then(Value::as_str) == Some(self.token.expose())
    }

    /// Waits until it answers.
    pub(super) async fn answers(&self, patience: Duration) -> Result<(), String> {
        let begin = Instant::now();
        while !self.is_there().await {
            if begin.elapsed() > patience {
                return Err(format!("nothing answers at {}", self.placed.target));
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn progress_has_words_and_no_scripts() {
        let told = async |message: &str, html: &str| {
            let committing = Committing::willing();
            committing.tell_html(5, message, html).await;
            committing.tell(50, "Almost there").await;
            committing.told()
        };
        assert_eq!(
            told("Pulling a & b", "Pulling <b>a &amp; b</b>").await,
            Ok(())
        );
        for (message, html) in [(" ", "<b>x</b>"), ("x", "<SCRIPT>x()</SCRIPT>")] {
            let wrong = told(message, html).await;
            assert!(wrong.is_err_and(|why| why.contains(html)), "{html}");
        }
        let silent = Committing::willing();
        silent.tell(5, "").await;
        assert!(silent.told().is_err());
    }
}
