//! The hub's users as facts: page after page, one page in memory at a time.
//!
//! Each page is judged by the time the hub gave with it, so that neither this machine's clock nor the length of a
//! sweep can make a server look idle.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{Stream, StreamExt as _};
use hub_types::clock::Clock;
use hubauth::{StateFilter, UsersQuery};

use crate::facts::UserFacts;
use crate::hub::{Hub, HubError};
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
        let root = self.hub.root().await?;
        self.hub_time(root.date)?;
        Era::of(&root.value).ok_or_else(|| HubError::BadReply {
            url: "/".to_owned(),
            reason: "it names no version".to_owned(),
        })
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
        let source = self.clone();
        self.hub.users(self.query(filter)).map(move |page| {
            let page = page?;
            let read_at = source.hub_time(page.date)?;
            let items = page.items.into_iter().flatten();
            let users = items.map(|item| wire::user(&item, era)).collect();
            Ok(Page { read_at, users })
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
        let read_at = self.hub_time(reply.date)?;
        Ok(wire::user(&reply.value, era)
            .ok()
            .map(|user| (read_at, user)))
    }

    fn query(&self, filter: Filter) -> UsersQuery {
        let mut query = UsersQuery::default();
        query.limit = self.page_size;
        query.state = match filter {
            Filter::Ready => Some(StateFilter::Ready),
            Filter::Inactive => Some(StateFilter::Inactive),
            Filter::All => None,
        };
        query
    }

    /// The hub's time of a reply, if it can be believed.
    fn hub_time(&self, date: Option<DateTime<Utc>>) -> Result<DateTime<Utc>, HubError> {
        trusted(date, self.clock.now(), self.max_clock_offset)
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

#[cfg(test)]
mod tests;
