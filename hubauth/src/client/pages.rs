//! Lists as streams of pages.

use futures_util::stream::{self, Stream};
use http::{Method, header};
use hub_types::page::{NextPage, PAGINATION_MEDIA_TYPE, Page, Pagination};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::{ClientError, Dated, HubClient};

/// One item of a list that could not be read; the others could.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("item {index} of the page cannot be read: {reason}")]
#[non_exhaustive]
pub struct BadItem {
    /// Its place in the page, from 0.
    pub index: usize,
    /// Its `name`, as far as it has one.
    pub name: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

/// A page of a list, each item read for itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<Result<T, BadItem>>,
    /// Where this page stands in the whole list; a hub that does not paginate gives one page.
    pub pagination: Pagination,
    /// The hub's time when it answered (its `Date` header); `None` when it sent none.
    pub date: Option<chrono::DateTime<chrono::Utc>>,
}

impl<T> Listed<T> {
    /// The page, if all its items could be read.
    pub(super) fn all(self, url: &str) -> Result<Page<Vec<T>>, ClientError> {
        let items: Result<Vec<T>, BadItem> = self.items.into_iter().collect();
        Ok(Page {
            items: items.map_err(|bad| bad_reply(url, bad.to_string()))?,
            pagination: self.pagination,
        })
    }
}

/// What the next page is asked with, or that there is none.
enum Cursor {
    Query { query: String, offset: u64 },
    End,
}

impl HubClient {
    /// A list of the API (`/users`, `/groups`, …) as a stream of pages, each fetched when the stream is polled. `query` is
    /// a query string without its question mark, or empty.
    ///
    /// The next page is asked with the query of `next.url`, but always at this client's own address: the hub builds
    /// that URL from the `Host` header it saw, and the token must not go elsewhere.
    pub fn pages<T: DeserializeOwned + Send>(
        &self,
        path: &'static str,
        query: String,
    ) -> impl Stream<Item = Result<Listed<T>, ClientError>> + Send + use<T> {
        let start = Cursor::Query { query, offset: 0 };
        stream::try_unfold((self.clone(), start), move |(client, cursor)| async move {
            let Cursor::Query { query, offset } = cursor else {
                return Ok(None);
            };
            let reply = client.page(path, &query).await?;
            let url = format!("{}{path}", client.api_url());
            let (items, pagination) = split(&url, reply.value)?;
            let next = next_cursor(&url, offset, pagination.next.as_ref())?;
            let items = items.into_iter().enumerate().map(read_item).collect();
            let page = Listed {
                items,
                pagination,
                date: reply.date,
            };
            Ok(Some((page, (client, next))))
        })
    }

    async fn page(&self, path: &str, query: &str) -> Result<Dated<Value>, ClientError> {
        let path = match query {
            "" => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        let call = self
            .request(Method::GET, &path)
            .header(header::ACCEPT, PAGINATION_MEDIA_TYPE);
        let answer = self.send(call).await?;
        let date = answer.date();
        let value = answer.json().await?;
        Ok(Dated { value, date })
    }
}

fn bad_reply(url: &str, reason: impl Into<String>) -> ClientError {
    ClientError::BadReply {
        url: url.to_owned(),
        reason: reason.into(),
    }
}

fn read_item<T: DeserializeOwned>((index, item): (usize, Value)) -> Result<T, BadItem> {
    let name = item["name"].as_str().map(str::to_owned);
    serde_json::from_value(item).map_err(|error| BadItem {
        index,
        name,
        reason: error.to_string(),
    })
}

/// The items of a reply and where they stand: a page, or a bare list, as hubs before JupyterHub 2 send it.
fn split(url: &str, body: Value) -> Result<(Vec<Value>, Pagination), ClientError> {
    let mut page = match body {
        Value::Array(items) => {
            let total = items.len() as u64;
            let pagination = Pagination {
                offset: 0,
                limit: total,
                total,
                next: None,
            };
            return Ok((items, pagination));
        }
        Value::Object(page) => page,
        _ => return Err(bad_reply(url, "it is neither a list nor a page")),
    };
    let Some(Value::Array(items)) = page.remove("items") else {
        return Err(bad_reply(url, "the page has no items"));
    };
    let pagination = page
        .remove("_pagination")
        .ok_or_else(|| bad_reply(url, "the page does not say whether there are more"))?;
    let pagination = serde_json::from_value(pagination)
        .map_err(|error| bad_reply(url, format!("where the page stands: {error}")))?;
    Ok((items, pagination))
}

/// Where the next page is. An offset that does not grow is refused: it would be an endless loop.
fn next_cursor(url: &str, offset: u64, next: Option<&NextPage>) -> Result<Cursor, ClientError> {
    let Some(next) = next else {
        return Ok(Cursor::End);
    };
    if next.offset <= offset {
        return Err(bad_reply(url, "the next page starts where this one did"));
    }
    let next_url = Url::parse(&next.url)
        .map_err(|_| bad_reply(url, "the URL of the next page cannot be read"))?;
    match next_url.query() {
        None | Some("") => Err(bad_reply(url, "the URL of the next page has no query")),
        Some(query) => Ok(Cursor::Query {
            query: query.to_owned(),
            offset: next.offset,
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cursors() {
        let next = |offset, url: &str| NextPage {
            offset,
            limit: 1,
            url: url.to_owned(),
        };
        let good = next(1, "http://other/x/users?limit=1&offset=1");
        let good = next_cursor("u", 0, Some(&good));
        assert!(
            matches!(good, Ok(Cursor::Query { query, offset: 1 }) if query == "limit=1&offset=1")
        );
        assert!(matches!(next_cursor("u", 0, None), Ok(Cursor::End)));
        for bad in [
            (0, "http://h/users?offset=0"),
            (1, "http://h/users"),
            (1, "http://h/users?"),
            (1, "users?offset=1"),
        ] {
            let bad = next(bad.0, bad.1);
            assert!(next_cursor("u", 0, Some(&bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn replies_that_are_no_list() {
        for body in [
            json!("x"),
            json!({}),
            json!({"items": {}}),
            json!({"items": []}),
            json!({"items": [], "_pagination": {"offset": 0}}),
            json!({"items": [], "_pagination": {"offset": 0, "limit": 1, "total": 0, "next": {"url": 1}}}),
            json!({"items": [], "_pagination": {"offset": 0, "limit": 1, "total": 0, "next": {"offset": 1}}}),
            json!({"items": [], "_pagination": {"offset": 0, "limit": 1, "total": 0, "next": "http://h/users?offset=1"}}),
        ] {
            assert!(split("u", body.clone()).is_err(), "{body}");
        }
        let (items, pagination) = split("u", json!([1, 2])).unwrap();
        assert_eq!((items.len(), pagination.total), (2, 2));
    }
}
