//! Users: listed as a stream of pages, read, created, deleted, and their activity.

use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use http::{Method, StatusCode, header};
use hub_types::names::escape;
use hub_types::page::{PAGINATION_MEDIA_TYPE, Page, Pagination};
use hub_types::user::{ActivityReport, UserModel};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{ClientError, HubClient, Patience};

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

/// A list, as hubs before JupyterHub 2 send it, or a page.
#[derive(Deserialize)]
#[serde(untagged)]
enum UsersReply {
    Page(Page<Vec<UserModel>>),
    List(Vec<UserModel>),
}

/// What the next page is asked with, or that there is none.
enum Cursor {
    Query { query: String, offset: u64 },
    End,
}

impl HubClient {
    /// Users as a stream of pages (`GET /users`, scope `list:users`), each fetched when the stream is polled.
    ///
    /// The next page is asked with the query of `next.url`, but always at this client's own address: the hub builds
    /// that URL from the `Host` header it saw, and the token must not go elsewhere. A hub that does not paginate gives
    /// one page.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a query is made for one call"
    )]
    pub fn users(
        &self,
        query: UsersQuery,
    ) -> impl Stream<Item = Result<Page<Vec<UserModel>>, ClientError>> + Send + use<> {
        let start = Cursor::Query {
            query: query.to_query(),
            offset: 0,
        };
        stream::try_unfold((self.clone(), start), |(client, cursor)| async move {
            let Cursor::Query { query, offset } = cursor else {
                return Ok(None);
            };
            let page = client.users_page(&query).await?;
            let next = next_cursor(client.api_url(), offset, &page.pagination)?;
            Ok(Some((page, (client, next))))
        })
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

    async fn users_page(&self, query: &str) -> Result<Page<Vec<UserModel>>, ClientError> {
        let path = if query.is_empty() {
            "/users".to_owned()
        } else {
            format!("/users?{query}")
        };
        let mut call = self.request(Method::GET, &path);
        call.url = format!("{}/users", self.api_url());
        call.request = call.request.header(header::ACCEPT, PAGINATION_MEDIA_TYPE);
        Ok(match self.json(call).await? {
            UsersReply::Page(page) => page,
            UsersReply::List(items) => {
                let total = items.len() as u64;
                let pagination = Pagination {
                    offset: 0,
                    limit: total,
                    total,
                    next: None,
                };
                Page { items, pagination }
            }
        })
    }

    /// One user (`GET /users/NAME`); `None` when there is no such user, or this token may not see it (404).
    ///
    /// # Errors
    /// [`ClientError`], as every call.
    pub async fn user(&self, name: &str) -> Result<Option<UserModel>, ClientError> {
        let call = self.request(Method::GET, &format!("/users/{}", escape(name)));
        match self.json(call).await {
            Err(ClientError::Status {
                status: StatusCode::NOT_FOUND,
                ..
            }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Creates a user (`POST /users/NAME`, scope `admin:users`).
    ///
    /// # Errors
    /// [`ClientError::Status`] with 409 when the user exists, 400 when the name is not valid.
    pub async fn create_user(&self, name: &str) -> Result<UserModel, ClientError> {
        self.json(self.request(Method::POST, &format!("/users/{}", escape(name))))
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

    /// Deletes a user (`DELETE /users/NAME`, scope `delete:users`); the hub stops their default server first.
    ///
    /// # Errors
    /// [`ClientError::Status`] with 404 when there is no such user, 400 when their server is just being stopped.
    pub async fn delete_user(&self, name: &str) -> Result<(), ClientError> {
        let call = self.request(Method::DELETE, &format!("/users/{}", escape(name)));
        self.status(call.patience(Patience::Slow)).await.map(drop)
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

/// Where the next page is. An offset that does not grow is refused: it would be an endless loop.
fn next_cursor(api_url: &str, offset: u64, page: &Pagination) -> Result<Cursor, ClientError> {
    let Some(next) = &page.next else {
        return Ok(Cursor::End);
    };
    let bad = |reason: &str| ClientError::BadReply {
        url: format!("{api_url}/users"),
        reason: reason.to_owned(),
    };
    if next.offset <= offset {
        return Err(bad("the next page starts where this one did"));
    }
    let url = Url::parse(&next.url).map_err(|_| bad("the URL of the next page cannot be read"))?;
    let query = url
        .query()
        .ok_or_else(|| bad("the URL of the next page has no query"))?;
    Ok(Cursor::Query {
        query: query.to_owned(),
        offset: next.offset,
    })
}

#[cfg(test)]
mod tests {
    use hub_types::page::NextPage;

    use super::*;

    fn page(next: Option<(u64, &str)>) -> Pagination {
        let next = next.map(|(offset, url)| NextPage {
            offset,
            limit: 1,
            url: url.to_owned(),
        });
        Pagination {
            offset: 0,
            limit: 1,
            total: 3,
            next,
        }
    }

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

    #[test]
    fn cursors() {
        let good = next_cursor(
            "u",
            0,
            &page(Some((1, "http://other/x/users?limit=1&offset=1"))),
        );
        assert!(
            matches!(good, Ok(Cursor::Query { query, offset: 1 }) if query == "limit=1&offset=1")
        );
        assert!(matches!(next_cursor("u", 0, &page(None)), Ok(Cursor::End)));
        for bad in [
            (0, "http://h/users?offset=0"),
            (1, "http://h/users"),
            (1, "users?offset=1"),
        ] {
            assert!(next_cursor("u", 0, &page(Some(bad))).is_err(), "{bad:?}");
        }
    }
}
