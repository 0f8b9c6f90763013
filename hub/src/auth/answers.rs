//! What the hub last answered to "who is this?", as it was sent: the question that every server and service asks again
//! and again with the same tokens.
//!
//! An answer is given again only while nothing at all has been committed or revoked since it was begun, and for half a
//! minute at most (another process may have written). So it is never older than what a look would find. While the database is
//! away an older one is given, for want of a better one, as long as nobody's rights have changed.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use hub_types::clock::Clock;

use crate::auth::memory::Memory;
use crate::bus::Bus;
use crate::db::Db;
use crate::domain::principal::Credential;
use crate::domain::token::TokenId;

/// How many answers are kept.
const CAPACITY: u64 = 10_000;

/// How long an answer is kept when this process writes nothing.
const TTL: TimeDelta = TimeDelta::seconds(30);

/// How long it is kept for a database that is away, at most ([`Db::outage`]).
const OUTAGE: TimeDelta = TimeDelta::minutes(10);

/// How far the database and the revocations were when an answer was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    commits: u64,
    identities: u64,
    at: DateTime<Utc>,
}

#[derive(Debug)]
struct Kept {
    moment: Moment,
    body: Bytes,
}

/// Answers, by token and by what was asked for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Answers {
    db: Db,
    bus: Bus,
    clock: Arc<dyn Clock>,
    kept: Memory<(TokenId, bool), Kept>,
}

impl Answers {
    /// None yet.
    #[must_use]
    pub fn new(db: Db, bus: Bus, clock: Arc<dyn Clock>) -> Self {
        let kept = Memory::new(CAPACITY, OUTAGE);
        Self {
            db,
            bus,
            clock,
            kept,
        }
    }

    /// Now. To be asked for before anything is looked up, the credential included: what changes while the answer is made
    /// must count as newer.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment {
            commits: self.db.commits(),
            identities: self.bus.identities_version(),
            at: self.clock.now(),
        }
    }

    /// What was answered to this token, if that still holds. `stopped` says whether stopped servers are part of it.
    pub async fn get(&self, credential: &Credential, stopped: bool, now: Moment) -> Option<Bytes> {
        let kept = self.kept(credential, stopped, now, TTL).await?;
        (kept.moment.commits == now.commits).then(|| kept.body.clone())
    }

    /// What was last answered, for want of a better one, while the database does not answer: whatever was committed since,
    /// unless it concerns what anybody may do.
    pub async fn last(&self, credential: &Credential, stopped: bool, now: Moment) -> Option<Bytes> {
        let age = self.db.outage();
        let kept = self.kept(credential, stopped, now, age).await?;
        Some(kept.body.clone())
    }

    async fn kept(
        &self,
        credential: &Credential,
        stopped: bool,
        now: Moment,
        age: TimeDelta,
    ) -> Option<Arc<Kept>> {
        let kept = self.kept.get(&(token(credential)?, stopped)).await?;
        let then = kept.moment;
        (then.identities == now.identities && now.at - then.at < age).then_some(kept)
    }

    /// Keeps an answer that was begun at `moment`.
    pub async fn keep(&self, credential: &Credential, stopped: bool, moment: Moment, body: Bytes) {
        if let Some(token) = token(credential) {
            let kept = Arc::new(Kept { moment, body });
            let version = moment.identities;
            self.kept.keep((token, stopped), version, kept).await;
        }
    }
}

/// Only what comes with a token is asked for often enough.
fn token(credential: &Credential) -> Option<TokenId> {
    match credential {
        Credential::Token { id, .. } => Some(*id),
        Credential::Cookie { .. } => None,
    }
}
