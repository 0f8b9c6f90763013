//! Users, and how they come and go.

use std::time::Duration;

use super::names::{ACTIVE, LOGIN, LOGOUT, USERS};
use super::{Metrics, number, status};

/// A period of `active_users`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

impl Period {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// How long it is.
    #[must_use]
    pub fn length(self) -> chrono::TimeDelta {
        chrono::TimeDelta::days(match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
        })
    }

    fn label(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }
}

impl Metrics {
    /// Somebody tried to log in.
    pub fn login(&self, success: bool, took: Duration) {
        self.by_status(LOGIN, status(success), took);
    }

    /// Somebody logged out.
    pub fn logout(&self, took: Duration) {
        self.histogram(LOGOUT, &[]).record(took);
    }

    /// How many users there are.
    pub fn set_total_users(&self, count: u64) {
        self.gauge(USERS, &[]).set(number(count));
    }

    /// How many users were active within a period.
    pub fn set_active_users(&self, period: Period, count: u64) {
        let labels = [("period", period.label())];
        self.gauge(ACTIVE, &labels).set(number(count));
    }
}
