//! The hub's users as facts: page after page, one page in memory at a time.
//!
//! Each page is judged by the time the hub gave with it, so that neither this machine's clock nor the length of a
//! sweep can make a server look idle.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, Stream};
use hub_types::clock::Clock;
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::facts::UserFacts;
use crate::hub::{Hub, HubError, Reply};
use crate::source::wire::{BadUser, Era};

pub mod wire;

/// Which users to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Those with a server that is ready.
    Ready,
    /// Those with no server at all; they matter when users are culled.
    Inactive,
    /// All: for hubs that know no filter.
    All,
}

/// Users as they were at one time.
#[derive(Debug)]
pub struct Page {
    /// The hub's time when it answered.
    pub read_at: DateTime<Utc>,
    /// The users, and those that make no sense.
    pub users: Vec<Result<UserFacts, BadUser>>,
}

/// Where facts come from.
#[derive(Debug, Clone)]
pub struct Source {
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    max_clock_offset: TimeDelta,
    page_size: Option<u32>,
}

/// What is left to read.
enum Cursor {
    Query { query: String, offset: u64 },
    End,
}

impl Source {
    /// Reads from `hub`; `clock` only serves to notice that one of the two clocks is wrong.
    #[must_use]
    pub fn new(
        hub: Arc<Hub>,
        clock: Arc<dyn Clock>,
        max_clock_offset: TimeDelta,
        page_size: Option<u32>,
    ) -> Self {
        Self {
            hub,
            clock,
            max_clock_offset,
            page_size,
        }
    }

    /// Asks the hub what it is; the first call of a sweep, so it also tells whether the hub is there at all.
    ///
    /// # Errors
    /// When the hub cannot be asked, says no version, or its clock cannot be trusted.
    pub async fn era(&self) -> Result<Era, HubError> {
        let reply = self.hub.root().await?;
        self.hub_time(&reply)?;
        let body: Value = json_of("/", &reply)?;
        Era::of(&body).ok_or_else(|| bad_reply("/", "it names no version"))
    }

    /// The filters to read with, in order.
    #[must_use]
    pub fn filters(era: Era, cull_users: bool) -> &'static [Filter] {
        match (era.knows_state_filter(), cull_users) {
            (false, _) => &[Filter::All],
            (true, false) => &[Filter::Ready],
            (true, true) => &[Filter::Inactive, Filter::Ready],
        }
    }

    /// The users that pass `filter`, as a stream of pages. A hub that does not paginate gives one page.
    pub fn users(
        &self,
        era: Era,
        filter: Filter,
    ) -> impl Stream<Item = Result<Page, HubError>> + Send + use<> {
        let first = Cursor::Query {
            query: self.query(filter),
            offset: 0,
        };
        stream::try_unfold((self.clone(), first), move |(source, cursor)| async move {
            let Cursor::Query { query, offset } = cursor else {
                return Ok(None);
            };
            let reply = source.hub.users(&query).await?;
            let read_at = source.hub_time(&reply)?;
            let (items, next) = split(json_of("/users", &reply)?, offset)?;
            let users = items.iter().map(|item| wire::user(item, era)).collect();
            Ok(Some((Page { read_at, users }, (source, next))))
        })
    }

    /// One user again, and the hub's time; `None` when there is no such user any more, or it makes no sense now.
    ///
    /// # Errors
    /// When the hub cannot be asked, or its clock cannot be trusted.
    pub async fn user(
        &self,
        era: Era,
        name: &str,
    ) -> Result<Option<(DateTime<Utc>, UserFacts)>, HubError> {
        let reply = match self.hub.user(name).await {
            Err(HubError::Status { status, .. }) if status.as_u16() == 404 => return Ok(None),
            reply => reply?,
        };
        let read_at = self.hub_time(&reply)?;
        let body: Value = json_of("/users/…", &reply)?;
        Ok(wire::user(&body, era).ok().map(|user| (read_at, user)))
    }

    fn query(&self, filter: Filter) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        match filter {
            Filter::Ready => drop(query.append_pair("state", "ready")),
            Filter::Inactive => drop(query.append_pair("state", "inactive")),
            Filter::All => {}
        }
        if let Some(limit) = self.page_size {
            query.append_pair("limit", &limit.to_string());
        }
        query.finish()
    }

    /// The hub's time of a reply, if it can be believed.
    fn hub_time(&self, reply: &Reply) -> Result<DateTime<Utc>, HubError> {
        trusted(reply.date, self.clock.now(), self.max_clock_offset)
    }
}

/// The hub's time, unless it is not told or too far from ours. Pure.
fn trusted(
    date: Option<DateTime<Utc>>,
    ours: DateTime<Utc>,
    bound: TimeDelta,
) -> Result<DateTime<Utc>, HubError> {
    let theirs = date.ok_or(HubError::NoDate)?;
    let offset = theirs - ours;
    if offset.abs() > bound {
        return Err(HubError::ClockOff { offset });
    }
    Ok(theirs)
}

/// The items of a reply and where the next page is: a bare list (hubs before JupyterHub 2), or a page.
///
/// Only the query of `next.url` is used: the hub builds that URL from a `Host` header, and the token must not go
/// elsewhere. An offset that does not grow is refused, because it would be an endless loop.
fn split(body: Value, offset: u64) -> Result<(Vec<Value>, Cursor), HubError> {
    let bad = |reason| bad_reply("/users", reason);
    let mut page = match body {
        Value::Array(items) => return Ok((items, Cursor::End)),
        Value::Object(page) => page,
        _ => return Err(bad("it is neither a list nor a page")),
    };
    let Some(Value::Array(items)) = page.remove("items") else {
        return Err(bad("the page has no items"));
    };
    let next = page
        .get("_pagination")
        .map(|pagination| &pagination["next"]);
    let next = match next {
        None => return Err(bad("the page does not say whether there are more")),
        Some(Value::Null) => return Ok((items, Cursor::End)),
        Some(next) => next,
    };
    let url = next["url"].as_str().and_then(|url| Url::parse(url).ok());
    let (Some(next_offset), Some(url)) = (next["offset"].as_u64(), url) else {
        return Err(bad("the next page has no offset or no URL"));
    };
    let query = url.query().unwrap_or_default().to_owned();
    if next_offset <= offset || query.is_empty() {
        return Err(bad("the next page starts where this one did"));
    }
    let next = Cursor::Query {
        query,
        offset: next_offset,
    };
    Ok((items, next))
}

fn json_of(path: &str, reply: &Reply) -> Result<Value, HubError> {
    serde_json::from_slice(&reply.body).map_err(|error| bad_reply(path, &error.to_string()))
}

fn bad_reply(path: &str, reason: &str) -> HubError {
    HubError::BadReply {
        url: path.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
