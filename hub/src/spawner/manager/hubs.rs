//! Which hub processes live: the leases of a dead one are free at once.

use std::fs;
use std::io;

use chrono::{DateTime, TimeDelta, Utc};
use services::process::{Liveness, ProcessRecord, poll};

use super::Manager;
use crate::db::{self, DbError, HubRow};

/// This hub process, as other hub processes see it.
#[derive(Debug, Clone, PartialEq)]
pub struct HubProcess {
    /// Its identity.
    pub record: ProcessRecord,
    /// The machine: only there can somebody look whether it lives.
    pub host: String,
}

impl HubProcess {
    /// The process that asks.
    ///
    /// # Errors
    /// When `/proc` does not show it.
    pub fn of_this() -> io::Result<Self> {
        let stat = fs::read_to_string("/proc/self/stat")?;
        let unexpected =
            || io::Error::new(io::ErrorKind::InvalidData, "unexpected /proc/self/stat");
        // The name in parentheses may hold anything: fields count from the last one. Field 22 is the start time
        // (proc_pid_stat(5)).
        let fields = stat.rsplit_once(')').ok_or_else(unexpected)?.1;
        let start_ticks = fields
            .split_ascii_whitespace()
            .nth(19)
            .and_then(|text| text.parse().ok());
        let pid = std::process::id();
        let record = ProcessRecord {
            pid,
            start_ticks: start_ticks.ok_or_else(unexpected)?,
            boot_id: fs::read_to_string("/proc/sys/kernel/random/boot_id")?
                .trim()
                .to_owned(),
            pgid: pid,
            mark: None,
        };
        let host = nix::unistd::gethostname()?.to_string_lossy().into_owned();
        Ok(Self { record, host })
    }
}

/// Without a word for so long, a hub of another machine is gone: its leases ran out long ago, and machines of containers
/// get another name each time. Much longer than any difference of clocks.
const SILENCE: TimeDelta = TimeDelta::hours(1);

/// Whether a hub process has ended: on this machine by looking, elsewhere by its silence.
fn is_gone(hub: &HubRow, here: &HubProcess, now: DateTime<Utc>) -> bool {
    if hub.host != here.host {
        return now - hub.heartbeat > SILENCE;
    }
    let record = serde_json::from_value::<ProcessRecord>(hub.record.clone());
    !record.is_ok_and(|record| poll(&record) == Liveness::Alive)
}

impl Manager {
    /// Says that this hub process lives, and renews the leases that it holds.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn heartbeat(&self, hub: &HubProcess) -> Result<(), DbError> {
        let now = self.clock.now();
        let record = serde_json::to_value(&hub.record).map_err(|error| DbError::Inconsistent {
            table: "hubs",
            why: error.to_string(),
        })?;
        let row = HubRow {
            id: self.hub_id.clone(),
            record,
            host: hub.host.clone(),
            heartbeat: now,
        };
        let tx = self.db.write().await?;
        db::hubs::put(&tx, &row).await?;
        db::servers::renew_leases(&tx, &self.hub_id, self.lease(now).expires).await?;
        tx.commit().await
    }

    /// Forgets hub processes that are gone, so that nobody need wait for their leases to run out. Returns how many.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn bury_dead_hubs(&self, here: &HubProcess) -> Result<usize, DbError> {
        let now = self.clock.now();
        let mut dead = Vec::new();
        for hub in db::hubs::list(self.db.read()).await? {
            if hub.id != self.hub_id && is_gone(&hub, here, now) {
                dead.push(hub.id);
            }
        }
        if !dead.is_empty() {
            let tx = self.db.write().await?;
            for id in &dead {
                db::hubs::remove(&tx, id).await?;
            }
            tx.commit().await?;
        }
        Ok(dead.len())
    }

    /// Says good-bye: this hub process holds no leases any more.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn farewell(&self) -> Result<(), DbError> {
        let tx = self.db.write().await?;
        db::hubs::remove(&tx, &self.hub_id).await?;
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_its_like_does_not() {
        let here = HubProcess::of_this().unwrap();
        assert_eq!(poll(&here.record), Liveness::Alive);
        let other = ProcessRecord {
            start_ticks: here.record.start_ticks + 1,
            ..here.record
        };
        assert!(matches!(poll(&other), Liveness::Exited(_)));
    }

    #[test]
    fn elsewhere_only_silence_tells() {
        let here = HubProcess::of_this().unwrap();
        let mut other = here.record.clone();
        other.start_ticks += 1;
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let minutes = |minutes| now - TimeDelta::minutes(minutes);
        for (record, host, heartbeat, expected) in [
            (&here.record, here.host.as_str(), minutes(600), false),
            (&other, here.host.as_str(), now, true),
            (&here.record, "elsewhere", minutes(61), true),
            (&other, "elsewhere", minutes(60), false),
            (&other, "elsewhere", now, false),
            // Its clock is ahead of ours.
            (&other, "elsewhere", minutes(-600), false),
        ] {
            let hub = HubRow {
                id: "x".to_owned(),
                record: serde_json::to_value(record).unwrap(),
                host: host.to_owned(),
                heartbeat,
            };
            assert_eq!(is_gone(&hub, &here, now), expected, "{host} {heartbeat}");
        }
    }
}
