//! How many servers there may be: of one user, and at once. Texts are JupyterHub's.

use super::lifecycle::ServerState;
use super::server::Server;

/// Whether users may have named servers, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedServers {
    /// Whether there are any at all (`allow_named_servers`).
    pub allowed: bool,
    /// Most of one user; 0 for no limit (`named_server_limit_per_user`).
    pub most: u64,
}

/// Why a user may not have a named server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamedServerRefused {
    /// Nobody may.
    #[error("Named servers are not enabled.")]
    NotEnabled,
    /// The user has too many.
    #[error(
        "User {user} already has the maximum of {most} named servers.  One must be deleted before a new server can be created"
    )]
    TooMany {
        /// The user.
        user: String,
        /// The limit.
        most: u64,
    },
}

impl NamedServers {
    /// Whether named servers may be used at all.
    ///
    /// # Errors
    /// [`NamedServerRefused::NotEnabled`].
    pub fn check_enabled(self) -> Result<(), NamedServerRefused> {
        if self.allowed {
            Ok(())
        } else {
            Err(NamedServerRefused::NotEnabled)
        }
    }

    /// Whether `user`, who has the servers `existing`, may have one more with a name.
    ///
    /// # Errors
    /// [`NamedServerRefused`].
    pub fn check_one_more(self, user: &str, existing: &[Server]) -> Result<(), NamedServerRefused> {
        self.check_enabled()?;
        let named = existing
            .iter()
            .filter(|server| !server.at.name.is_default())
            .count();
        if self.most > 0 && named as u64 >= self.most {
            return Err(NamedServerRefused::TooMany {
                user: user.to_owned(),
                most: self.most,
            });
        }
        Ok(())
    }
}

/// How many servers may be starting and running at once; 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartLimits {
    /// Most that start at once (`concurrent_spawn_limit`).
    pub starting: u64,
    /// Most that are not stopped (`active_server_limit`).
    pub active: u64,
}

/// Why no server is started right now, whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// Too many are starting: soon there is room again.
    Starting,
    /// Too many run.
    Running,
}

impl StartLimits {
    /// Which states have to be counted, so that nothing is counted for limits that are not set.
    #[must_use]
    pub fn counted(self) -> &'static [ServerState] {
        const STARTING: &[ServerState] = &[ServerState::Spawning];
        match (self.starting, self.active) {
            (_, 1..) => ServerState::ACTIVE,
            (1.., 0) => STARTING,
            (0, 0) => &[],
        }
    }

    /// Whether one more may start while `starting` start and `active` (those among them) are not stopped.
    ///
    /// # Errors
    /// [`Crowded`].
    pub fn check(self, starting: u64, active: u64) -> Result<(), Crowded> {
        if self.starting > 0 && starting >= self.starting {
            return Err(Crowded::Starting);
        }
        if self.active > 0 && active >= self.active {
            return Err(Crowded::Running);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_starts() {
        for (limits, counts, expected) in [
            ((0, 0), (1_000, 1_000), Ok(())),
            ((2, 0), (1, 1_000), Ok(())),
            ((2, 0), (2, 2), Err(Crowded::Starting)),
            ((0, 3), (2, 2), Ok(())),
            ((0, 3), (0, 3), Err(Crowded::Running)),
            ((1, 1), (1, 1), Err(Crowded::Starting)),
        ] {
            let limits = StartLimits {
                starting: limits.0,
                active: limits.1,
            };
            assert_eq!(limits.check(counts.0, counts.1), expected, "{limits:?}");
        }
        let none = StartLimits {
            starting: 0,
            active: 0,
        };
        assert!(none.counted().is_empty());
    }

    #[test]
    fn named_servers_are_off_unless_allowed() {
        let off = NamedServers {
            allowed: false,
            most: 0,
        };
        assert_eq!(
            off.check_one_more("alice", &[]),
            Err(NamedServerRefused::NotEnabled)
        );
        let on = NamedServers {
            allowed: true,
            most: 0,
        };
        assert_eq!(on.check_one_more("alice", &[]), Ok(()));
    }
}
