//! Announcing that a server will be stopped, so that whoever uses it can know.

use super::request::log_name;
use super::{Manager, StopError};
use crate::bus::Event;
use crate::db;
use crate::domain::action::StopServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::domain::server::Notice;

impl Manager {
    /// Notes that a server will be stopped, unless it was used after the activity that this rests on; the proxy is
    /// asked for that once more. It lives in the server's row, so every hub shows it.
    ///
    /// # Errors
    /// [`StopError::NoSuchServer`] when it does not run, [`StopError::Active`] when it was used since,
    /// [`StopError::Unsure`] when nobody can say.
    pub async fn announce_stop(
        &self,
        granted: &Granted<StopServer>,
        notice: &Notice,
    ) -> Result<(), StopError> {
        let at = granted.subject();
        if notice.since.is_some() {
            self.refresh_activity(at).await?;
        }
        let tx = self.db.write().await?;
        let server = db::servers::find(&*tx, at).await?;
        let Some(server) = server.filter(|server| server.state == ServerState::Ready) else {
            return Err(StopError::NoSuchServer {
                user: at.user.to_string(),
                name: at.name.to_string(),
            });
        };
        if !db::servers::announce_stop(&tx, server.id, notice).await? {
            return Err(StopError::Active(log_name(at)));
        }
        tx.commit_and_tell(&self.bus, [Event::Server(server.id)])
            .await?;
        let stop_at = hub_types::time::format(notice.stop_at);
        tracing::info!(server = %log_name(at), stop_at, reason = notice.reason, "a stop is announced");
        Ok(())
    }
}
