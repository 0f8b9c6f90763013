//! Users: listed as a stream of pages, read, created, deleted, and their activity.

use chrono::{DateTime, Utc};
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use http::Method;
use hub_types::names::escape;
use hub_types::page::Page;
use hub_types::user::{ActivityReport, UserModel};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::call::Patience;
use super::servers::if_inactive_since;
use super::{ClientError, HubClient, Listed};

/// Which users to list, by their servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateFilter {
    /// With at least one server that runs or is in the middle of something.
    Active,
    /// With at least one server that is ready.
    Ready,
    /// Without any active server.
    Inactive,
}

impl StateFilter {
    fn as_str(self) -> &'static str {
        match self {
            StateFilter::Active => "active",
            StateFilter::Ready => "ready",
            StateFilter::Inactive => "inactive",
        }
    }
}

/// Which users to list, and how much of each. The default is all users, in pages as large as the hub gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsersQuery {
    /// Only users in this state.
    pub state: Option<StateFilter>,
    /// Users per page; the hub's default (50) when absent, its maximum (`api_page_max_limit`, 200) at most.
    pub limit: Option<u32>,
    /// Whether stopped servers are listed too.
    pub include_stopped_servers: bool,
    /// Only users whose name contains this, in any case.
    pub name_filter: Option<String>,
}

impl UsersQuery {
    /// Users with a server that runs or is in the middle of something.
    #[must_use]
    pub fn active() -> Self {
        Self::default().with_state(StateFilter::Active)
    }

    /// Only users in `state`.
    #[must_use]
    pub fn with_state(mut self, state: StateFilter) -> Self {
        self.state = Some(state);
        self
    }

    /// `limit` users per page.
    #[must_use]
    pub fn with_limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Lists stopped servers too.
    #[must_use]
    pub fn with_stopped_servers(mut self) -> Self {
        self.include_stopped_servers = true;
        self
    }

    /// Only users whose name contains `part`, in any case.
    #[must_use]
    pub fn with_name_filter(mut self, part: impl Into<String>) -> Self {
        self.name_filter = Some(part.into());
        self
    }

    fn to_query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(state) = self.state {
            query.append_pair("state", state.as_str());
        }
        if let Some(limit) = self.limit {
            query.append_pair("limit", &limit.to_string());
        }
        if self.include_stopped_servers {
            query.append_pair("include_stopped_servers", "1");
        }
        if let Some(part) = &self.name_filter {
            query.append_pair("name_filter", part);
        }
        query.finish()
    }
}

/// What to change of a user; the default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserChange {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the user holds the `admin` role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
}

impl UserChange {
    /// Gives the user another name.
    #[must_use]
    pub fn rename(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Makes the user an administrator, or takes that away.
    #[must_use]
    pub fn admin(mut self, admin: bool) -> Self {
        self.admin = Some(admin);
        self
    }
}

impl HubClient {
    /// Users as a stream of pages (`GET /users`, scope `list:users`), each fetched when the stream is polled. One user
    /// that cannot be read spoils the page; [`users_as`](Self::users_as) bears with them.
    pub fn users(
        &self,
        query: UsersQuery,
    ) -> impl Stream<Item = Result<Page<Vec<UserModel>>, ClientError>> + Send + use<> {
        let url = format!("{}/users", self.api_url());
        self.users_as(query)
            .map(move |page| page.and_then(|page| page.all(&url)))
    }

    /// Users as a stream of pages, each user read as a `T` of the caller's (a smaller model, or `serde_json::Value`), those
    /// that cannot be read reported one by one, and each page with the hub's time.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a query is made for one call"
    )]
    pub fn users_as<T: DeserializeOwned + Send>(
        &self,
        query: UsersQuery,
    ) -> impl Stream<Item = Result<Listed<T>, ClientError>> + Send + use<T> {
        self.pages("/users", query.to_query())
    }

    /// The same users one by one.
    pub fn each_user(
        &self,
        query: UsersQuery,
    ) -> impl Stream<Item = Result<UserModel, ClientError>> + Send + use<> {
        self.users(query)
            .map_ok(|page| stream::iter(page.items).map(Ok))
            .try_flatten()
    }

    /// One user (`GET /users/NAME`); `None` when there is no such user, or this token may not see it (404).
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn user(&self, name: &str) -> Result<Option<UserModel>, ClientError> {
        self.found(self.request(Method::GET, &user_path(name)))
            .await
    }

    /// Creates a user (`POST /users/NAME`, scope `admin:users`).
    ///
    /// # Errors
    /// [`ClientError::Status`] with 409 when the user exists, 400 when the name is not valid.
    pub async fn create_user(&self, name: &str) -> Result<UserModel, ClientError> {
        self.json(self.request(Method::POST, &user_path(name)))
            .await
    }

    /// Creates several users at once (`POST /users`, scope `admin:users`); those that exist are skipped.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 409 when all of them exist.
    pub async fn create_users(&self, names: &[&str]) -> Result<Vec<UserModel>, ClientError> {
        let call = self
            .request(Method::POST, "/users")
            .json(&json!({ "usernames": names }));
        self.json(call).await
    }

    /// Changes a user (`PATCH /users/NAME`, scope `admin:users`).
    ///
    /// # Errors
    /// [`ClientError::Status`] with 404 when there is no such user, 400 when the new name is taken or not valid.
    pub async fn update_user(
        &self,
        name: &str,
        change: &UserChange,
    ) -> Result<UserModel, ClientError> {
        self.json(self.request(Method::PATCH, &user_path(name)).json(change))
            .await
    }

    /// Deletes a user (`DELETE /users/NAME`, scope `delete:users`); the hub stops their default server first.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 404 when there is no such user, 400 when their server is just being stopped.
    pub async fn delete_user(&self, name: &str) -> Result<(), ClientError> {
        self.delete_user_if_inactive(name, None).await
    }

    /// Deletes a user, unless they were active after `since`, the last activity that the caller knows of.
    ///
    /// # Errors
    /// As [`delete_user`](Self::delete_user), and 412 when they were ([`ClientError::was_used_since`]), from hubs that
    /// know the condition.
    pub async fn delete_user_if_inactive(
        &self,
        name: &str,
        since: Option<DateTime<Utc>>,
    ) -> Result<(), ClientError> {
        let call = self.request(Method::DELETE, &user_path(name));
        let call = if_inactive_since(call, since).patience(Patience::Slow);
        self.status(call).await.map(drop)
    }

    /// Reports activity (`POST /users/NAME/activity`, scope `users:activity`); times only move forward.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 400 when a server is unknown or a time lies in the future.
    pub async fn report_activity(
        &self,
        name: &str,
        report: &ActivityReport,
    ) -> Result<(), ClientError> {
        let path = format!("/users/{}/activity", escape(name));
        self.status(self.request(Method::POST, &path).json(report))
            .await
            .map(drop)
    }
}

/// `/users/NAME`.
pub(super) fn user_path(name: &str) -> String {
    format!("/users/{}", escape(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        assert_eq!(UsersQuery::default().to_query(), "");
        assert_eq!(
            UsersQuery::active()
                .with_limit(5)
                .with_stopped_servers()
                .with_name_filter("a b")
                .to_query(),
            "state=active&limit=5&include_stopped_servers=1&name_filter=a+b"
        );
    }
}
