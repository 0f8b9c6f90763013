//! Servers of users who are blocked: none runs on once the hub has read that they are. Source: JupyterHub's `check_spawner`.

use std::time::Duration;

use crate::auth::login::LoginError;
use crate::db::servers;
use crate::domain::action::StopServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::domain::server::ServerRef;
use crate::spawner::manager::StopRequest;
use crate::state::AppState;

/// Begins to stop what runs for users who are blocked; each takes its own time. What cannot be stopped is said in the log. It
/// is done again with each look at all servers: a start may have been on its way while its owner was being blocked.
pub async fn stop_servers(state: AppState) {
    let running = match running(&state).await {
        Ok(running) => running,
        Err(error) => {
            tracing::error!(
                "servers of blocked users may run on: {error}; it is tried again when all servers are looked at the next time"
            );
            return;
        }
    };
    for at in running {
        tracing::warn!("stopping {at}: its owner is in blocked_users");
        let granted = Granted::<StopServer>::by_hub(at.clone(), "blocked_users");
        let begun = state
            .manager
            .stop(granted, StopRequest::default(), Duration::ZERO);
        if let Err(error) = begun.await {
            tracing::error!("{at} runs on although its owner is blocked: {error}");
        }
    }
}

/// The servers of blocked users that are neither stopped nor being stopped.
async fn running(state: &AppState) -> Result<Vec<ServerRef>, LoginError> {
    let mut found = Vec::new();
    if state.login.rules().now().policy.blocked.is_empty() {
        return Ok(found);
    }
    for server in servers::active(state.db.read()).await? {
        let stops = server.state == ServerState::Stopping;
        if !stops && state.login.is_blocked(&server.at.user).await? {
            found.push(server.at);
        }
    }
    Ok(found)
}
