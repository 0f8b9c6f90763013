//! Reasons in words, for log lines.

use std::fmt;

use super::{Kind, WhyCull, WhyKeep};
use crate::report::{Quoted, Span};

impl fmt::Display for WhyCull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inactive {
                inactive, limit, ..
            } => write!(
                f,
                "inactive for {} (limit {})",
                Span(*inactive),
                Span(*limit)
            ),
            Self::TooOld { age, limit } => {
                write!(f, "running for {} (limit {})", Span(*age), Span(*limit))
            }
        }
    }
}

impl fmt::Display for WhyKeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active { inactive, limit } => {
                write!(
                    f,
                    "inactive for {} only (limit {})",
                    Span(*inactive),
                    Span(*limit)
                )
            }
            Self::Pending(what) => write!(f, "{} is pending", Quoted(what)),
            Self::NotReady => f.write_str("it is not ready"),
            Self::Stopped => f.write_str("it does not run"),
            Self::Exempt(kind) => write!(f, "{kind}"),
            Self::Rule(name) => write!(f, "rule {name} keeps it"),
            Self::Announced { left } => {
                write!(
                    f,
                    "it was announced to be stopped, and has {} left",
                    Span(*left)
                )
            }
            Self::Unknown("groups") => f.write_str(
                "the hub does not say groups, which a rule asks for (grant read:users:groups)",
            ),
            Self::Unknown(field) => write!(f, "the hub does not say {field}"),
            Self::Unreadable { field, text } => {
                write!(f, "{field} is no timestamp: {}", Quoted(text))
            }
            Self::Future { field, ahead } => {
                write!(f, "{field} lies {} in the future", Span(*ahead))
            }
            Self::ServersAlive(1) => f.write_str("a server of theirs is alive"),
            Self::ServersAlive(count) => write!(f, "{count} servers of theirs are alive"),
            Self::UsersStay => f.write_str("users are kept without --cull-users"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DefaultServers => "default servers are kept (--cull-default-servers=false)",
            Self::NamedServers => "named servers are kept (--cull-named-servers=false)",
            Self::Admins => "admins are kept (--cull-admin-users=false)",
        })
    }
}
