//! The hub as the culler sees it: two reads, a notice and two deletes of its REST API, told apart by what they mean.
//!
//! `hubauth`'s client does the calling: every call carries the token, has a time-out, follows no redirect (the token would
//! go along) and obeys `429`/`503` with `Retry-After`: one such answer makes all reads wait. For deletes [`crate::act`] waits,
//! because what they are based on has to be looked at again then.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream::{Stream, TryStreamExt as _};
use http::{HeaderValue, StatusCode};
use hub_types::names::escape;
use hubauth::{
    ClientError, Dated, HubClient, Listed, Retries, StopOptions as Stop, Stopped, UsersQuery,
};
use serde_json::Value;

use crate::act::precondition;
use crate::plan::Notice;
use crate::settings::Settings;

pub mod error;

pub use error::HubError;

/// How often a call is made when the hub asks for patience, and how long it can make us wait with one answer; a sweep that
/// takes longer is worth less than a new one.
pub(crate) const TRIES: u32 = 4;
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// A client of the hub's API, for the few calls that culling needs.
#[derive(Debug)]
pub struct Hub {
    client: HubClient,
    /// For what cannot be undone: never waits and never tries again by itself, because what was known may be old by then.
    deletes: HubClient,
}

/// What became of a `DELETE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone (204).
    Done,
    /// The hub is still at it (202): whatever it was, it is still alive.
    Pending,
    /// It was active since the time that was named (412).
    BecameActive,
    /// It was not there (404).
    Absent,
}

/// How to stop a server.
#[derive(Debug, Clone, Copy, Default)]
pub struct StopOptions {
    /// Whether the hub shall forget the (named) server.
    pub remove: bool,
    /// The activity after which the hub shall refuse.
    pub if_inactive_since: Option<DateTime<Utc>>,
}

impl Hub {
    /// A client for the API of `settings`. Nothing is sent yet.
    ///
    /// # Errors
    /// When the token cannot be sent in a header, the URL cannot be used, or TLS cannot be set up.
    pub fn new(settings: &Settings) -> Result<Self, HubError> {
        let (token, timeout) = (&settings.token, settings.request_timeout);
        if HeaderValue::from_str(token.expose()).is_err() {
            let reason = "the API token contains characters that no header may hold".to_owned();
            return Err(HubError::Setup { reason });
        }
        let retries = Retries::default()
            .with_tries(TRIES)
            .with_longest_wait(LONGEST_WAIT);
        let mut builder = HubClient::builder(settings.url.as_str())
            .token(token.clone())
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .request_timeout(timeout)
            .slow_timeout(timeout)
            .retries(retries)
            .user_agent(concat!("cull-idle/", env!("CARGO_PKG_VERSION")));
        if let Some(files) = &settings.tls {
            builder = builder.tls_files(files.clone());
        }
        Ok(Self {
            client: builder.clone().build()?,
            deletes: builder.retries(Retries::never()).build()?,
        })
    }

    /// Asks the API's root, which tells the version.
    ///
    /// # Errors
    /// As every call.
    pub async fn root(&self) -> Result<Dated<Value>, HubError> {
        Ok(self.client.get("/").await?)
    }

    /// Users as a stream of pages, as raw as the hub gives them.
    pub fn users(
        &self,
        query: UsersQuery,
    ) -> impl Stream<Item = Result<Listed<Value>, HubError>> + Send + use<> {
        self.client.users_as(query).map_err(HubError::from)
    }

    /// Asks for one user.
    ///
    /// # Errors
    /// As every call; 404 when there is no such user.
    pub async fn user(&self, name: &str) -> Result<Dated<Value>, HubError> {
        let path = format!("/users/{}", escape(name));
        Ok(self.client.get(&path).await?)
    }

    /// Stops a server; `server` is empty for the default one.
    ///
    /// # Errors
    /// As every call.
    pub async fn stop_server(
        &self,
        user: &str,
        server: &str,
        options: StopOptions,
    ) -> Result<Deleted, HubError> {
        let options = Stop::default()
            .and_remove(options.remove)
            .if_inactive_since(options.if_inactive_since);
        let stopped = self.deletes.stop_server_with(user, server, options).await;
        deleted(stopped.map(|stopped| match stopped {
            Stopped::Pending => Deleted::Pending,
            Stopped::Done => Deleted::Done,
        }))
    }

    /// Announces that a server will be stopped. [`Deleted::Absent`] when there is no such server, or when the hub cannot show
    /// notices.
    ///
    /// # Errors
    /// As every call.
    pub async fn announce_stop(&self, user: &str, notice: &Notice) -> Result<Deleted, HubError> {
        let (stop_at, reason) = (notice.stop_at, notice.why.to_string());
        let since = precondition(&notice.why);
        let told = self
            .client
            .announce_stop(user, &notice.server, stop_at, &reason, since);
        deleted(told.await.map(|()| Deleted::Done))
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete_user(
        &self,
        user: &str,
        if_inactive_since: Option<DateTime<Utc>>,
    ) -> Result<Deleted, HubError> {
        let gone = self
            .deletes
            .delete_user_if_inactive(user, if_inactive_since);
        deleted(gone.await.map(|()| Deleted::Done))
    }
}

fn deleted(result: Result<Deleted, ClientError>) -> Result<Deleted, HubError> {
    match result {
        Err(error) if error.was_used_since() => Ok(Deleted::BecameActive),
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(Deleted::Absent),
        other => Ok(other?),
    }
}
