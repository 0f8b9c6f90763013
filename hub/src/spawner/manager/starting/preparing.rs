//! What comes before a server runs, and after it has: the authenticator, hooks, and whose settings count. The order is
//! JupyterHub's: authenticator, `auth_state_hook`, groups, what the owner chose, `pre_spawn_hook`.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Ended, Starting};
use crate::auth::auth_state::AuthStates;
use crate::config::PerServer;
use crate::db::{self, DbError};
use crate::domain::server::Server;
use crate::spawner::hooks::{Answer, Hook, HookFailed, LIMIT};
use crate::spawner::manager::Manager;
use crate::spawner::options::settle::Settling;

/// What a start is made with.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Settings of this server.
    pub(super) settings: PerServer,
    /// Its owner's groups, sorted.
    pub(super) groups: Vec<String>,
}

impl From<HookFailed> for Ended {
    fn from(failed: HookFailed) -> Self {
        Self::Refused(failed.status, failed.message)
    }
}

impl Starting {
    /// What is kept of the owner's login, if that is kept.
    async fn auth_state(&self) -> Result<Option<Value>, DbError> {
        let manager = &self.manager;
        let states = AuthStates::new(manager.db.clone(), &manager.config);
        if !states.are_kept() {
            return Ok(None);
        }
        match db::users::get(manager.db.read(), self.server.user_id).await? {
            Some(owner) => states.of(&owner).await,
            None => Ok(None),
        }
    }

    /// Does all that comes before the start itself.
    pub(super) async fn prepare(&self) -> Result<Prepared, Ended> {
        let (manager, server) = (&self.manager, &self.server);
        let told = manager.authenticator.pre_spawn(&server.at).await;
        told.map_err(Ended::Failed)?;
        let groups = db::groups::names_of_user(manager.db.read(), server.user_id).await?;
        let mut settling = Settling::begin(&manager.config, &server.at);
        let spawner = &manager.config.spawner;
        let limit = spawner.start_timeout;
        if let Some(command) = &spawner.auth_state_hook {
            let hook = Hook {
                name: "auth_state_hook",
                command,
            };
            let mut input = manager.hook_input(&hook, server, &groups).await?;
            let state = self.auth_state().await?;
            input.insert("auth_state".to_owned(), state.into());
            self.ask(&hook, input, &mut settling, limit).await?;
        }
        settling.groups(&groups).map_err(Ended::Failed)?;
        settling
            .options(&server.user_options)
            .map_err(|error| Ended::Refused(400, error.to_string()))?;
        if let Some(command) = &spawner.pre_spawn_hook {
            let hook = Hook {
                name: "pre_spawn_hook",
                command,
            };
            let input = manager.hook_input(&hook, server, &groups).await?;
            self.ask(&hook, input, &mut settling, limit).await?;
        }
        Ok(Prepared {
            settings: settling.done(),
            groups,
        })
    }

    /// Runs a hook that may answer, and does what it says.
    async fn ask(
        &self,
        hook: &Hook<'_>,
        mut input: Map<String, Value>,
        settling: &mut Settling<'_>,
        limit: Duration,
    ) -> Result<(), Ended> {
        let environment = json!(settling.settings().spawner.environment);
        input.insert("environment".to_owned(), environment);
        let Answer {
            environment,
            mut spawner_override,
            ..
        } = hook.run(&input.into(), limit).await?;
        if !environment.is_empty() {
            // Both may be there; the plain form counts last.
            let mut all = Map::new();
            if let Some(Value::Object(more)) = spawner_override.remove("environment") {
                all.extend(more);
            }
            all.extend(environment);
            spawner_override.insert("environment".to_owned(), all.into());
        }
        settling
            .answer(&spawner_override)
            .map_err(|why| Ended::from(hook.broken(&format!("it answers what cannot be: {why}"))))
    }
}

impl Manager {
    /// What every hook is told.
    async fn hook_input(
        &self,
        hook: &Hook<'_>,
        server: &Server,
        groups: &[String],
    ) -> Result<Map<String, Value>, DbError> {
        let user = db::users::get(self.db.read(), server.user_id).await?;
        let input = json!({
            "hook": hook.name,
            "user": {"name": server.at.user.as_str(), "admin": user.is_some_and(|user| user.admin)},
            "groups": groups,
            "server": {"name": server.at.name.as_str(), "display_name": server.display_name},
            "user_options": server.user_options,
        });
        match input {
            Value::Object(input) => Ok(input),
            _ => Ok(Map::new()),
        }
    }

    /// Does all that comes after a server has stopped, or its start has failed. What goes wrong is logged.
    pub(in crate::spawner::manager) async fn after_stop(&self, server: &Server) {
        if let Some(command) = &self.config.spawner.post_stop_hook {
            let hook = Hook {
                name: "post_stop_hook",
                command,
            };
            let told = async {
                let groups = db::groups::names_of_user(self.db.read(), server.user_id).await?;
                let input = self.hook_input(&hook, server, &groups).await?;
                // It says itself what goes wrong.
                let _ = hook.run(&input.into(), LIMIT).await;
                Ok::<_, DbError>(())
            };
            if let Err(error) = told.await {
                tracing::error!(server = %server.at, %error, "post_stop_hook is not run for {}", server.at);
            }
        }
        self.authenticator.post_stop(&server.at).await;
    }
}
