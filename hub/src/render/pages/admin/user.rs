//! The admin page of one user.

use chrono::{DateTime, Utc};
use hub_types::time::iso_opt;
use serde::Serialize;

use super::{AdminTabs, Pager, ServerActs};
use crate::render::pages::{Notice, ServerState};
use crate::render::{Chrome, Page};

/// A server on the page of its user.
#[derive(Clone, Default, Serialize)]
pub struct ServerDetails {
    /// Name; empty for the default server.
    pub name: String,
    /// What people call it.
    pub display_name: String,
    /// Names it in forms: `user=…&server=…`.
    pub key: String,
    /// What it does.
    pub state: ServerState,
    /// Where it is, while it runs, for those who may enter it.
    pub url: Option<String>,
    /// Its spawn page.
    pub spawn_url: String,
    /// When it was started.
    #[serde(with = "iso_opt")]
    pub started: Option<DateTime<Utc>>,
    /// When it was last used.
    #[serde(with = "iso_opt")]
    pub last_activity: Option<DateTime<Utc>>,
    /// What the user chose, as JSON; empty when nothing.
    pub options: String,
    /// What the spawner remembers of it, as JSON; empty for those who may not see it.
    pub spawner_state: String,
    /// Why its last start failed, or it ended by itself.
    pub failure: Option<String>,
    /// The last lines of its output, which may hold secrets; none for those who may not see them.
    pub log: Option<String>,
    /// What can be done with it.
    pub may: ServerActs,
}

impl std::fmt::Debug for ServerDetails {
    /// Without what it wrote and what its spawner keeps.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerDetails")
            .field("name", &self.name)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What can be done with one user.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct UserActs {
    /// Rename, and change whether they are an administrator.
    pub edit: bool,
    /// Make them one.
    pub make_admin: bool,
    /// Delete them.
    pub delete: bool,
    /// Change their groups.
    pub groups: bool,
}

/// `admin-user.html`: one user. Its forms post `_xsrf` and `do` to `action`: `save` (with `name`, `admin`), `join` and
/// `leave` (with `group`), `delete`; or `act` as on the list.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UserPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The other admin pages.
    pub tabs: AdminTabs,
    /// The user.
    pub name: String,
    /// What stands in the field for the name.
    pub typed_name: String,
    /// Where the forms post.
    pub action: String,
    /// Whether they administer the hub.
    pub admin: Option<bool>,
    /// When they were registered.
    #[serde(with = "iso_opt")]
    pub created: Option<DateTime<Utc>>,
    /// When they were last seen.
    #[serde(with = "iso_opt")]
    pub last_activity: Option<DateTime<Utc>>,
    /// Their roles; none when the visitor may not see them.
    pub roles: Option<Vec<String>>,
    /// Their groups, the first ones; none when the visitor may not see them.
    pub groups: Option<Vec<String>>,
    /// How many more.
    pub more_groups: usize,
    /// Groups that they can be added to, the first ones.
    pub other_groups: Vec<String>,
    /// Their servers, the part of them that is shown; none when the visitor may not see them.
    pub servers: Option<Vec<ServerDetails>>,
    /// The way to the other parts.
    pub pager: Pager,
    /// What the login provider says of them, as JSON; empty when nothing.
    pub info: String,
    /// What can be done with them.
    pub may: UserActs,
    /// Seconds after which the page is looked at again: a server starts or stops.
    pub refresh: Option<u32>,
    /// What has just happened.
    pub notice: Option<Notice>,
}
page!(UserPage, "admin-user.html");
