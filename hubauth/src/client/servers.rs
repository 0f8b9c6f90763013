//! Servers of users: start, stop.

use http::{Method, StatusCode};
use hub_types::names::escape;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ClientError, HubClient, Patience};

/// How to start a server. The default reuses the options of the last start.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StartOptions {
    /// What the spawner's form would have asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_options: Option<Map<String, Value>>,
    /// What people call the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

impl StartOptions {
    /// Starts with these options.
    #[must_use]
    pub fn with_user_options(mut self, options: Map<String, Value>) -> Self {
        self.user_options = Some(options);
        self
    }

    /// Gives the server a name for people.
    #[must_use]
    pub fn with_display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = Some(name.into());
        self
    }
}

/// What a start came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It runs (201).
    Ready,
    /// It is starting (202): follow [`HubClient::server_progress`].
    Pending,
}

/// What a stop came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It does not run any more, or did not run (204).
    Done,
    /// It is still stopping (202); it must not be deleted yet.
    Pending,
}

impl HubClient {
    /// Starts a server (`POST /users/USER/server` or `…/servers/NAME`, scope `start:servers`); `server` is empty for the
    /// default one.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 400 when it already runs or is stopping, 404 when there is no such user, 429 when
    /// too many servers are starting.
    pub async fn start_server(
        &self,
        user: &str,
        server: &str,
        options: &StartOptions,
    ) -> Result<Started, ClientError> {
        let mut call = self
            .request(Method::POST, &server_path(user, server))
            .patience(Patience::Slow);
        // No body at all unless something is asked: hubs before 5 read any object as the options themselves.
        if *options != StartOptions::default() {
            call = call.json(options);
        }
        Ok(match self.status(call).await? {
            StatusCode::ACCEPTED => Started::Pending,
            _ => Started::Ready,
        })
    }

    /// Stops a server (`DELETE`, scope `delete:servers`); `server` is empty for the default one.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 404 when there is no such user or server.
    pub async fn stop_server(&self, user: &str, server: &str) -> Result<Stopped, ClientError> {
        self.delete_server(user, server, false).await
    }

    /// Stops a named server and forgets it (`DELETE` with `{"remove": true}`, scope `delete:servers`).
    ///
    /// # Errors
    /// [`ClientError::Status`] with 400 for the default server, 404 when there is no such user or server.
    pub async fn remove_server(&self, user: &str, server: &str) -> Result<Stopped, ClientError> {
        self.delete_server(user, server, true).await
    }

    async fn delete_server(
        &self,
        user: &str,
        server: &str,
        remove: bool,
    ) -> Result<Stopped, ClientError> {
        let mut call = self
            .request(Method::DELETE, &server_path(user, server))
            .patience(Patience::Slow);
        if remove {
            call = call.json(&serde_json::json!({ "remove": true }));
        }
        Ok(match self.status(call).await? {
            StatusCode::ACCEPTED => Stopped::Pending,
            _ => Stopped::Done,
        })
    }
}

/// `/users/USER/server`, or `/users/USER/servers/NAME`.
pub(super) fn server_path(user: &str, server: &str) -> String {
    if server.is_empty() {
        format!("/users/{}/server", escape(user))
    } else {
        format!("/users/{}/servers/{}", escape(user), escape(server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(server_path("a b", ""), "/users/a%20b/server");
        assert_eq!(server_path("a", "gpu/.."), "/users/a/servers/gpu%2F..");
    }
}
