//! The home page: the visitor's servers.

use chrono::{DateTime, Utc};
use hub_types::server::StopNotice;
use hub_types::time::iso_opt;
use serde::Serialize;

use super::admin::Pager;
use super::{Chrome, Notice, Page};

/// State of a server as pages show it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerState {
    /// Not running.
    #[default]
    Stopped,
    /// A start is under way.
    Spawning,
    /// Running and reachable.
    Ready,
    /// A stop is under way.
    Stopping,
}

/// A server on the home page.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ServerCard {
    /// Name; empty for the default server.
    pub name: String,
    /// What people call it; empty for the default server.
    pub display_name: String,
    /// Whose it is.
    pub owner: String,
    /// What it does now; decides which buttons there are.
    pub state: ServerState,
    /// `{base}user/NAME/`: opened while it runs.
    pub url: String,
    /// `{hub}spawn/NAME`: starts it.
    pub spawn_url: String,
    /// `{hub}spawn-pending/NAME`: progress of a start.
    pub pending_url: String,
    /// `{hub}manage/NAME`: its name, with whom it is shared, its end.
    pub manage_url: String,
    /// When it was last used.
    #[serde(with = "iso_opt")]
    pub last_activity: Option<DateTime<Utc>>,
    /// Since when it runs.
    #[serde(with = "iso_opt")]
    pub started: Option<DateTime<Utc>>,
    /// Why its last start failed, if it did.
    pub failure: Option<String>,
    /// That it will be stopped, if that was announced and holds.
    pub stop_notice: Option<StopNotice>,
}

/// What stands in the fields of the form for a new server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewServerForm {
    /// Field `display_name`.
    pub display_name: String,
    /// Field `name`.
    pub name: String,
}

/// `home.html`: the visitor's servers and services.
///
/// Start is a link to the spawn page; stop and restart post `_xsrf` and `server` (the name, empty for the default server)
/// to `{hub}home/stop-server` and `{hub}home/restart-server`; a new server is made by `_xsrf`, `display_name`, `name` (made
/// from the other if empty) and perhaps `start` to `{hub}home/new-server`. While a server starts or stops a script asks
/// for the page every two seconds; without scripts "Look again" does.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HomePage {
    /// What all pages share; its services are listed as tiles.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The visitor's default server.
    pub default_server: ServerCard,
    /// Whether there can be others.
    pub allow_named_servers: bool,
    /// They, by name: the part of them that is shown.
    pub named_servers: Vec<ServerCard>,
    /// How many there are in all.
    pub named_server_count: usize,
    /// The way to the other parts.
    pub pager: Pager,
    /// The query of the part that is shown, `?` and all; empty for the first. Forms lead back to it.
    pub place: String,
    /// How many of them there may be; 0 for any number.
    pub named_server_limit_per_user: u64,
    /// Whether there are administrators who can open the visitor's servers: people are told so.
    pub admins_can_enter: bool,
    /// Content of the form for one more.
    pub new_server: NewServerForm,
    /// What has just happened.
    pub notice: Option<Notice>,
}
page!(HomePage, "home.html");
