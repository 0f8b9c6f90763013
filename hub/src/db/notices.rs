//! What other hubs with the same PostgreSQL database commit, told with NOTIFY.
//!
//! Every commit carries a [`Notice`] (in the transaction, so that it is told if and only if the rest is there). It says
//! "look again", as the events of the [`Bus`] do. Who was away from the server for a moment looks at everything again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgListener, PgPool};
use tokio::time::timeout;

use super::connect::Pools;
use super::{Db, DbError, row};
use crate::bus::{Bus, Event};
use crate::domain::server::ServerId;

/// Under which name hubs tell each other.
const CHANNEL: &str = "jupyterhub";

/// PostgreSQL bounds a notice to 8,000 bytes; a number has 20 digits at most.
const MOST_SERVERS: usize = 300;

/// Every hub writes at least every ten seconds, and hears itself. Who hears nothing for so long has a connection that leads
/// nowhere.
const SILENCE: Duration = Duration::from_secs(35);

/// Before the server is asked again that did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// What a commit has changed.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notice {
    /// Of which [`Db`]: who commits need not be told.
    from: String,
    /// Users came or went.
    users: bool,
    /// [`Event::Identities`].
    identities: bool,
    /// [`Event::Server`] of each.
    servers: Vec<i64>,
    /// [`Event::Everything`]: there was too much to be named.
    everything: bool,
}

impl Notice {
    fn new(from: &str, users: bool, events: &[Event]) -> Self {
        let mut notice = Self {
            from: from.to_owned(),
            users,
            ..Self::default()
        };
        for event in events {
            match event {
                Event::Identities => notice.identities = true,
                Event::Everything => notice.everything = true,
                Event::Server(id) => notice.servers.push(id.0),
            }
        }
        if notice.servers.len() > MOST_SERVERS {
            notice.servers.clear();
            notice.everything = true;
        }
        notice
    }

    fn events(self) -> Vec<Event> {
        if self.everything {
            return vec![Event::Everything];
        }
        let identities = self.identities.then_some(Event::Identities);
        let servers = self
            .servers
            .into_iter()
            .map(|id| Event::Server(ServerId(id)));
        identities.into_iter().chain(servers).collect()
    }
}

/// Adds to a transaction that the others are told of it.
pub(super) async fn tell(
    tx: &impl ConnectionTrait,
    from: &str,
    users: bool,
    events: &[Event],
) -> Result<(), DbError> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let notice = row::json(&Notice::new(from, users, events))?;
    let values = [CHANNEL.into(), notice.into()];
    let sql = "SELECT pg_notify($1, $2)";
    tx.query_one_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        sql,
        values,
    ))
    .await?;
    Ok(())
}

impl Db {
    /// Listens, as long as this process runs, to what other hubs commit, and tells it on `bus`. Nothing to
    /// do where there can be no other hub.
    ///
    /// # Errors
    /// When the server cannot be listened to at first; later it is tried again and again.
    pub async fn hear_others(&self, bus: &Bus) -> Result<(), DbError> {
        let Pools::Postgres { readers: pool, .. } = &self.pools else {
            return Ok(());
        };
        let pool = pool.clone();
        let listener = listen(&pool).await?;
        let (db, bus) = (self.clone(), bus.clone());
        tokio::spawn(async move { db.follow(pool, listener, bus).await });
        Ok(())
    }

    async fn follow(&self, pool: PgPool, mut listener: PgListener, bus: Bus) {
        loop {
            let why = match timeout(SILENCE, listener.try_recv()).await {
                Ok(Ok(Some(told))) => {
                    self.heard(told.payload(), &bus);
                    continue;
                }
                // The connection was lost, and is there again: nobody knows what was missed.
                Ok(Ok(None)) => {
                    self.missed(&bus);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "not even this one was heard".to_owned(),
            };
            tracing::warn!("cannot hear other hubs, trying again: {why}");
            listener = again(&pool).await;
            self.missed(&bus);
        }
    }

    fn heard(&self, payload: &str, bus: &Bus) {
        let Ok(notice) = serde_json::from_str::<Notice>(payload) else {
            // Of a newer hub, perhaps.
            return self.missed(bus);
        };
        if notice.from == *self.id {
            return;
        }
        self.heard.store(true, Ordering::SeqCst);
        self.changed_elsewhere(notice.users);
        for event in notice.events() {
            bus.tell(event);
        }
    }

    fn missed(&self, bus: &Bus) {
        tracing::info!(
            "hearing other hubs again: what they may have changed meanwhile is read anew"
        );
        self.changed_elsewhere(true);
        bus.tell(Event::Everything);
    }
}

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

async fn again(pool: &PgPool) -> PgListener {
    loop {
        tokio::time::sleep(PAUSE).await;
        if let Ok(listener) = listen(pool).await {
            return listener;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_says_what_was_committed_and_stays_short() {
        let server = |id| Event::Server(ServerId(id));
        for events in [
            vec![],
            vec![Event::Identities],
            vec![server(3), server(i64::MAX)],
            vec![Event::Identities, server(7)],
        ] {
            let notice = Notice::new("me", true, &events);
            let text = serde_json::to_string(&notice).unwrap();
            let read: Notice = serde_json::from_str(&text).unwrap();
            assert_eq!(read, notice);
            assert_eq!(read.events(), events);
        }
        for (count, everything) in [(300, false), (301, true), (100_000, true)] {
            let events: Vec<_> = (0..count).map(|id| server(i64::MAX - id)).collect();
            let notice = Notice::new(&"x".repeat(40), true, &events);
            let length = serde_json::to_string(&notice).unwrap().len();
            assert!(length < 8_000, "{length}");
            assert_eq!(notice.events() == [Event::Everything], everything);
        }
    }
}
