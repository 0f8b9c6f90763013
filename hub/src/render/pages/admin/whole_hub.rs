//! The admin pages of what concerns the whole hub: its roles, its end.

use serde::Serialize;

use super::AdminTabs;
use crate::render::pages::Notice;
use crate::render::{Chrome, Page};

/// A role.
#[derive(Debug, Clone, Serialize)]
pub struct RoleRow {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// Who made it: `builtin`, `config`, `api`, `authenticator`.
    pub origin: String,
    /// What it gives.
    pub scopes: Vec<String>,
    /// Who holds it without a grant: `every user`, `administrators`.
    pub by_rule: Option<&'static str>,
    /// Users that it was granted to, the first ones.
    pub users: Vec<String>,
    /// Groups that it was granted to.
    pub groups: Vec<String>,
    /// Services that it was granted to.
    pub services: Vec<String>,
    /// How many more.
    pub more: usize,
}

/// `admin-roles.html`: all roles, with what they give and to whom.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RolesPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The other admin pages.
    pub tabs: AdminTabs,
    /// By name.
    pub rows: Vec<RoleRow>,
}
page!(RolesPage, "admin-roles.html");

/// `admin-shutdown.html`: asks before the hub ends. Posts `_xsrf`, `servers` and `proxy` (`keep` or `stop`) to itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ShutdownPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The other admin pages.
    pub tabs: AdminTabs,
    /// How many servers are not stopped.
    pub running: u64,
    /// How many services the hub runs: they stop with it.
    pub managed_services: usize,
    /// Whether the configuration stops servers with the hub.
    pub stops_servers: bool,
    /// Whether the configuration stops the proxy with the hub.
    pub stops_proxy: bool,
    /// Whether the hub runs its proxy, and so can stop it.
    pub runs_proxy: bool,
    /// Set when it has begun: what is happening, in sentences.
    pub begun: Option<Vec<String>>,
    /// Why the last answer did not count.
    pub notice: Option<Notice>,
}
page!(ShutdownPage, "admin-shutdown.html");
