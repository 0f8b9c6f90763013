//! Spawners whose servers are processes of this machine. They differ only in who a server runs as: [`RunsAs`].

use async_trait::async_trait;
use serde_json::Value;

use super::child::{ChildDeps, Children, Identity, shown_state};
use super::{Poll, SpawnError, Spawner, StartContext};
use crate::config::Config;
use crate::domain::server::ServerRef;
use crate::domain::user::UserId;

/// Who servers run as, and where.
#[async_trait]
pub(super) trait RunsAs: Send + Sync + std::fmt::Debug {
    /// The spawner's name in the configuration.
    const NAME: &'static str;

    /// The identity for the server that is to start.
    ///
    /// # Errors
    /// [`SpawnError`] that says what to change.
    async fn identity(
        &self,
        config: &Config,
        context: &StartContext<'_>,
    ) -> Result<Identity, SpawnError>;
}

/// A spawner of processes.
#[derive(Debug)]
pub(super) struct Processes<R> {
    children: Children,
    runs_as: R,
}

impl<R> Processes<R> {
    pub(super) fn new(deps: ChildDeps, runs_as: R) -> Self {
        Self {
            children: Children::new(deps),
            runs_as,
        }
    }
}

#[async_trait]
impl<R: RunsAs> Spawner for Processes<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    async fn start(&self, context: StartContext<'_>) -> Result<(), SpawnError> {
        let config = self.children.config();
        let identity = self.runs_as.identity(config, &context).await?;
        self.children.start(context, identity).await
    }

    async fn poll(&self, state: &Value) -> Poll {
        self.children.poll(state)
    }

    async fn wait(&self, state: &Value) -> String {
        self.children.wait(state).await
    }

    async fn stop(&self, state: &Value, now: bool) -> Result<(), SpawnError> {
        let times = self.children.stop_times(now);
        self.children.stop(state, times).await
    }

    fn shown_state(&self, state: &Value) -> Value {
        shown_state(state)
    }

    async fn output_tail(&self, state: &Value, lines: usize) -> Vec<String> {
        self.children.output_tail(state, lines)
    }

    async fn trim_outputs(&self) {
        self.children.trim_outputs();
    }

    async fn rename(
        &self,
        old: &ServerRef,
        new: &ServerRef,
        _owner: UserId,
    ) -> Result<(), SpawnError> {
        self.children.rename_outputs(old, new)
    }

    /// Homes are the users'; only what servers have written is ours.
    async fn delete_forever(&self, server: &ServerRef, _owner: UserId) -> Result<(), SpawnError> {
        self.children.delete_outputs(server)
    }
}
