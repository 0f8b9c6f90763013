//! What a sweep will do, decided before anything is done. Pure.
//!
//! Stopping a server removes its user from the hub's list of users with ready servers, which would shift the pages
//! still to be read. So the list is read to its end first, and of all users only those are remembered for whom there
//! is something to do.

use chrono::{DateTime, Utc};

use crate::decide::{self, Policy, Verdict, WhyCull};
use crate::facts::{ServerFacts, State, UserFacts};
use crate::report::Subject;

/// What is to be done for one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whose servers.
    pub user: String,
    /// The servers to stop.
    pub servers: Vec<Stop>,
    /// The servers whose stop is to be announced.
    pub notices: Vec<Notice>,
    /// Why the user is to be deleted, once all these servers are stopped; `None` when the user stays.
    pub delete: Option<WhyCull>,
}

/// A server that is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Its name; empty for the default server.
    pub server: String,
    /// Why.
    pub why: WhyCull,
}

/// A server that is to be stopped later, which its users shall know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its name; empty for the default server.
    pub server: String,
    /// Why it will be stopped.
    pub why: WhyCull,
    /// From when on.
    pub stop_at: DateTime<Utc>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.notices.is_empty() && self.delete.is_none()
    }

    /// What a log line calls one of the servers.
    #[must_use]
    pub fn server(&self, server: &str) -> Subject {
        Subject::Server {
            user: self.user.clone(),
            server: server.to_owned(),
        }
    }

    /// What a log line calls the user.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject::User(self.user.clone())
    }
}

/// Decides about a user and their servers, and tells `told` of every verdict.
#[must_use]
pub fn plan(
    policy: &Policy,
    now: DateTime<Utc>,
    user: &UserFacts,
    mut told: impl FnMut(Subject, &Verdict),
) -> Plan {
    let mut plan = Plan {
        user: user.name.clone(),
        servers: Vec::new(),
        notices: Vec::new(),
        delete: None,
    };
    let mut verdicts = Vec::new();
    for facts in user.servers.iter().flatten() {
        let verdict = decide::server(policy, now, user, facts);
        told(plan.server(&facts.name), &verdict);
        let server = facts.name.clone();
        match verdict.clone() {
            Verdict::Cull(why) => plan.servers.push(Stop { server, why }),
            Verdict::Announce { why, stop_at } => plan.notices.push(Notice {
                server,
                why,
                stop_at,
            }),
            Verdict::Keep(_) => {}
        }
        verdicts.push(verdict);
    }
    let verdict = decide::user(policy, now, user, &verdicts);
    told(plan.subject(), &verdict);
    if let Verdict::Cull(why) = verdict {
        plan.delete = Some(why);
    }
    plan
}

/// Decides about one server again, with facts that were just read; `None` when it is not there any more.
#[must_use]
pub fn again(
    policy: &Policy,
    now: DateTime<Utc>,
    user: &UserFacts,
    server: &str,
) -> Option<Verdict> {
    let find = |facts: &&ServerFacts| facts.name == server;
    let facts = user.servers.iter().flatten().find(find)?;
    Some(decide::server(policy, now, user, facts))
}

/// Whether a user who was to be deleted may still be, with facts that were just read. `stopped` says that their servers
/// were stopped for it: that counts as activity of theirs, so then only new servers save them.
#[must_use]
pub fn may_delete(policy: &Policy, now: DateTime<Utc>, user: &UserFacts, stopped: bool) -> bool {
    let Some(servers) = &user.servers else {
        return false;
    };
    if servers.iter().any(|server| server.state != State::Stopped) {
        return false;
    }
    stopped || matches!(decide::user(policy, now, user, &[]), Verdict::Cull(_))
}
