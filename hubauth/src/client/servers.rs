//! Servers of users: start, stop.

use chrono::{DateTime, Utc};
use futures_util::stream::{self, Stream, TryStreamExt as _};
use http::{HeaderName, Method, StatusCode};
use hub_types::IF_INACTIVE_SINCE_HEADER;
use hub_types::names::escape;
use hub_types::server::ServerModel;
use serde::Serialize;
use serde_json::{Map, Value};

use super::call::{Call, Patience};
use super::{ClientError, HubClient, UsersQuery};

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

/// How to stop a server. The default stops it whatever it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopOptions {
    /// Whether the hub forgets the (named) server too.
    pub remove: bool,
    /// The last activity that the caller knows of: a hub of this repository refuses with 412 when there was activity
    /// since ([`ClientError::was_used_since`]). Others ignore it.
    pub if_inactive_since: Option<DateTime<Utc>>,
}

impl StopOptions {
    /// Forgets the (named) server too.
    #[must_use]
    pub fn and_remove(mut self, remove: bool) -> Self {
        self.remove = remove;
        self
    }

    /// Only if it was not used since `time`.
    #[must_use]
    pub fn if_inactive_since(mut self, time: Option<DateTime<Utc>>) -> Self {
        self.if_inactive_since = time;
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
        self.stop_server_with(user, server, StopOptions::default())
            .await
    }

    /// Stops a named server and forgets it (`DELETE` with `{"remove": true}`, scope `delete:servers`).
    ///
    /// # Errors
    /// [`ClientError::Status`] with 400 for the default server, 404 when there is no such user or server.
    pub async fn remove_server(&self, user: &str, server: &str) -> Result<Stopped, ClientError> {
        self.stop_server_with(user, server, StopOptions::default().and_remove(true))
            .await
    }

    /// Stops a server as `options` say (`DELETE`, scope `delete:servers`); `server` is empty for the default one.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 400 for the default server that is to be removed, 404 when there is no such user or
    /// server, 412 when it was used since ([`ClientError::was_used_since`]).
    pub async fn stop_server_with(
        &self,
        user: &str,
        server: &str,
        options: StopOptions,
    ) -> Result<Stopped, ClientError> {
        let call = self
            .request(Method::DELETE, &server_path(user, server))
            .patience(Patience::Slow);
        let mut call = if_inactive_since(call, options.if_inactive_since);
        if options.remove {
            call = call.json(&serde_json::json!({ "remove": true }));
        }
        Ok(match self.status(call).await? {
            StatusCode::ACCEPTED => Stopped::Pending,
            _ => Stopped::Done,
        })
    }

    /// Announces that a server will be stopped from `stop_at` on (`PUT …/stop-notice`, scope `delete:servers`): whoever reads the
    /// server's model finds it there, and its owner sees it. An extension of this repository's hub.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 404 when there is no such user or server, or when the hub knows no notices; 412 when the
    /// server was used after `if_inactive_since` ([`ClientError::was_used_since`]).
    pub async fn announce_stop(
        &self,
        user: &str,
        server: &str,
        stop_at: DateTime<Utc>,
        reason: &str,
        since: Option<DateTime<Utc>>,
    ) -> Result<(), ClientError> {
        let path = format!("{}/stop-notice", server_path(user, server));
        let call = if_inactive_since(self.request(Method::PUT, &path), since);
        let stop_at = hub_types::time::format(stop_at);
        let body = serde_json::json!({ "stop_at": stop_at, "reason": reason });
        self.status(call.json(&body)).await.map(drop)
    }

    /// One server (`GET /users/USER/server` or `…/servers/NAME`, scope `read:servers`, JupyterHub 6); `None` when there is
    /// none, or this token may not see it (404).
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn server(
        &self,
        user: &str,
        server: &str,
    ) -> Result<Option<ServerModel>, ClientError> {
        self.found(self.request(Method::GET, &server_path(user, server)))
            .await
    }

    /// The servers of the users that `query` finds, one by one, each with its user's name; pages are fetched as the
    /// stream is polled (scopes `list:users` and `read:servers`).
    pub fn each_server(
        &self,
        query: UsersQuery,
    ) -> impl Stream<Item = Result<(String, ServerModel), ClientError>> + Send + use<> {
        self.each_user(query)
            .map_ok(|user| {
                let name = user.name;
                let servers = user.servers.unwrap_or_default().into_values();
                stream::iter(servers.map(move |server| Ok((name.clone(), server))))
            })
            .try_flatten()
    }
}

/// Adds the condition to a `DELETE`.
pub(super) fn if_inactive_since(call: Call, since: Option<DateTime<Utc>>) -> Call {
    const NAME: HeaderName = HeaderName::from_static(IF_INACTIVE_SINCE_HEADER);
    match since {
        Some(time) => call.header(NAME, &hub_types::time::format(time)),
        None => call,
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

    #[test]
    fn what_a_start_sends() {
        let nothing = serde_json::to_value(StartOptions::default()).unwrap();
        assert_eq!(nothing, serde_json::json!({}));
        let mut options = Map::new();
        options.insert("gpu".into(), true.into());
        let start = StartOptions::default().with_user_options(options);
        let sent = serde_json::to_value(start.with_display_name("Big one")).unwrap();
        let wanted = serde_json::json!({
            "user_options": { "gpu": true }, "display_name": "Big one",
        });
        assert_eq!(sent, wanted);
    }
}
