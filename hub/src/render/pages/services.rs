//! The page of those who administer services: how each is.

use chrono::{DateTime, Utc};
use hub_types::time::{iso, iso_opt};
use serde::Serialize;

use super::admin::AdminTabs;
use super::{Chrome, Page};

/// Why a service last ended by itself, or could not be started.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceFailure {
    /// When.
    #[serde(with = "iso")]
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// One service.
#[derive(Clone, Default, Serialize)]
pub struct ServiceRow {
    /// Its name.
    pub name: String,
    /// `{base}services/NAME/`; none without a web address.
    pub href: Option<String>,
    /// Whether the hub runs it.
    pub managed: bool,
    /// What it is doing, in a word of `services::supervisor::State`; `external` for those that the hub does not run.
    pub state: String,
    /// Its process.
    pub pid: Option<u32>,
    /// Since when that runs.
    #[serde(with = "iso_opt")]
    pub since: Option<DateTime<Utc>>,
    /// Whether it answers at its URL; none when it was not asked yet, or has none.
    pub answers: Option<bool>,
    /// How often it was started again.
    pub restarts: u64,
    /// When it is started again.
    #[serde(with = "iso_opt")]
    pub next_start: Option<DateTime<Utc>>,
    /// Why it last failed.
    pub failure: Option<ServiceFailure>,
    /// The last lines of its output, which may hold secrets.
    pub log: String,
}

impl std::fmt::Debug for ServiceRow {
    /// Without what it wrote.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceRow")
            .field("name", &self.name)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// `services.html`: all services that the visitor administers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ServicesPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The admin pages, for those who may open them.
    pub tabs: Option<AdminTabs>,
    /// By name.
    pub rows: Vec<ServiceRow>,
}
page!(ServicesPage, "services.html");
