//! What a sweep says: one line per thing culled (or kept because of missing or odd data), and one line to sum up.
//!
//! Names and texts that came over the network are escaped, so that no name can forge a log line.

use std::fmt;
use std::time::Duration;

use chrono::TimeDelta;
use tracing::{debug, info, warn};

use crate::act::Outcome;
use crate::decide::{Verdict, WhyKeep};

/// A duration for people: `12 s`, `61 min`, `5 h 30 min`, `3 d 4 h`.
#[derive(Debug, Clone, Copy)]
pub struct Span(pub TimeDelta);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.num_seconds();
        let (sign, seconds) = (if seconds < 0 { "-" } else { "" }, seconds.unsigned_abs());
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match seconds {
            0..120 => write!(f, "{sign}{seconds} s"),
            120..7_200 => write!(f, "{sign}{minutes} min"),
            7_200..172_800 => write!(f, "{sign}{hours} h {} min", minutes % 60),
            _ => write!(f, "{sign}{days} d {} h", hours % 24),
        }
    }
}

/// Text from the network, made safe for a log line: control characters escaped, at most 80 characters.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(80).flat_map(char::escape_debug) {
            write!(f, "{c}")?;
        }
        if self.0.chars().nth(80).is_some() {
            f.write_str("…")?;
        }
        Ok(())
    }
}

/// A server or a user, as log lines name it: `alice/`, `alice/gpu`, `user alice`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A server of a user.
    Server {
        /// Whose.
        user: String,
        /// Its name; empty for the default server.
        server: String,
    },
    /// A user.
    User(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { user, server } => write!(f, "{}/{}", Quoted(user), Quoted(server)),
            Self::User(user) => write!(f, "user {}", Quoted(user)),
        }
    }
}

/// The line for a verdict. What is kept for an ordinary reason is only told at debug level.
pub fn verdict(subject: &Subject, verdict: &Verdict, dry_run: bool) {
    match verdict {
        Verdict::Cull(why) if dry_run => info!("would cull {subject}: {why}"),
        Verdict::Cull(why) => info!("culling {subject}: {why}"),
        Verdict::Announce { why, .. } if dry_run => {
            info!("would announce the stop of {subject}: {why}");
        }
        Verdict::Announce { why, stop_at } => info!(
            "announcing that {subject} will be stopped at {}: {why}",
            hub_types::time::format(*stop_at)
        ),
        Verdict::Keep(why) if why.is_suspicious() => warn!("keeping {subject}: {why}"),
        Verdict::Keep(why @ WhyKeep::Pending(_)) => info!("keeping {subject}: {why}"),
        Verdict::Keep(why) => debug!("keeping {subject}: {why}"),
    }
}

/// The line for what became of a verdict. Success needs no second line.
pub fn outcome(subject: &Subject, outcome: &Outcome) {
    match outcome {
        Outcome::Done => debug!("culled {subject}"),
        // What would be done has been said.
        Outcome::DryRun => {}
        Outcome::Announced => debug!("announced the stop of {subject}"),
        Outcome::StillStopping => warn!("{subject} is slow to stop; still alive"),
        Outcome::BecameActive => info!("keeping {subject}: it was used since it was read"),
        Outcome::Gone => info!("{subject} is gone already"),
        Outcome::Failed(why) | Outcome::HubAway(why) => {
            warn!("could not cull {subject}: {why}; trying again at the next sweep");
        }
    }
}

/// What one sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Users that were looked at.
    pub users: usize,
    /// Servers that were looked at.
    pub servers: usize,
    /// Servers that were stopped.
    pub servers_culled: usize,
    /// Users that were deleted.
    pub users_culled: usize,
    /// Servers whose stop was announced.
    pub announced: usize,
    /// Servers and users that were used between reading and stopping.
    pub became_active: usize,
    /// Servers that were still stopping when the hub answered.
    pub still_stopping: usize,
    /// Servers and users that were kept because of missing or contradictory data, and users that could not be read.
    pub suspicious: usize,
    /// Servers and users that could not be stopped or deleted.
    pub failed: usize,
    /// Whether the hub could not be reached in the middle of it.
    pub hub_away: bool,
    /// Whether nothing was really done.
    pub dry_run: bool,
    /// How long it took.
    pub took: Duration,
}

impl Summary {
    /// Counts what became of a verdict.
    pub fn count(&mut self, subject: &Subject, outcome: &Outcome) {
        match (outcome, subject) {
            (Outcome::Done | Outcome::DryRun, Subject::Server { .. }) => self.servers_culled += 1,
            (Outcome::Done | Outcome::DryRun, Subject::User(_)) => self.users_culled += 1,
            (Outcome::Announced, _) => self.announced += 1,
            (Outcome::StillStopping, _) => self.still_stopping += 1,
            (Outcome::BecameActive, _) => self.became_active += 1,
            (Outcome::Failed(_), _) => self.failed += 1,
            (Outcome::HubAway(_), _) => {
                self.failed += 1;
                self.hub_away = true;
            }
            (Outcome::Gone, _) => {}
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would = if self.dry_run {
            "would be culled"
        } else {
            "culled"
        };
        write!(
            f,
            "{} of {} servers {would}",
            self.servers_culled, self.servers
        )?;
        if self.users_culled > 0 {
            write!(f, ", {} of {} users {would}", self.users_culled, self.users)?;
        }
        for (count, what) in [
            (self.announced, "announced to be stopped"),
            (self.became_active, "used in the meantime"),
            (self.still_stopping, "slow to stop"),
            (self.suspicious, "kept because of missing or odd data"),
            (self.failed, "failed"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_for_people() {
        for (seconds, text) in [
            (0, "0 s"),
            (12, "12 s"),
            (119, "119 s"),
            (120, "2 min"),
            (3_660, "61 min"),
            (19_800, "5 h 30 min"),
            (273_600, "3 d 4 h"),
            (-90, "-90 s"),
        ] {
            assert_eq!(Span(TimeDelta::seconds(seconds)).to_string(), text);
        }
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        let subject = Subject::Server {
            user: "eve\nculling alice/".into(),
            server: String::new(),
        };
        assert_eq!(subject.to_string(), "eve\\nculling alice//");
        assert_eq!(Quoted(&"a".repeat(100)).to_string().chars().count(), 81);
    }

    #[test]
    fn the_summary_names_only_what_happened() {
        let mut summary = Summary {
            users: 4,
            servers: 5,
            ..Summary::default()
        };
        assert_eq!(summary.to_string(), "0 of 5 servers culled");
        let alice = Subject::Server {
            user: "alice".into(),
            server: String::new(),
        };
        summary.count(&alice, &Outcome::Done);
        summary.count(&alice, &Outcome::BecameActive);
        summary.count(&alice, &Outcome::Failed("500".into()));
        summary.count(&Subject::User("bob".into()), &Outcome::Done);
        assert_eq!(
            summary.to_string(),
            "1 of 5 servers culled, 1 of 4 users culled, 1 used in the meantime, 1 failed"
        );
    }
}
