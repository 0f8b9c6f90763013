//! The admin pages. What the visitor may not see or do is `None`, empty or false, and not drawn.

use chrono::{DateTime, Utc};
use hub_types::time::iso_opt;
use serde::Serialize;

use super::{Chrome, Notice, Page, ServerState};

mod groups;
mod user;
mod whole_hub;

pub use groups::{GroupPage, GroupRow, GroupsPage};
pub use user::{ServerDetails, UserActs, UserPage};
pub use whole_hub::{RoleRow, RolesPage, ShutdownPage};

/// Which of the admin pages the visitor may open.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct AdminTabs {
    /// `{hub}admin`.
    pub users: bool,
    /// `{hub}admin/groups`.
    pub groups: bool,
    /// `{hub}admin/roles`.
    pub roles: bool,
    /// `{hub}admin/services`.
    pub services: bool,
    /// `{hub}admin/shutdown`.
    pub shutdown: bool,
}

/// A choice of a filter.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What it says.
    pub label: String,
    /// Whether it is chosen.
    pub selected: bool,
}

/// A column by which the list can be sorted.
#[derive(Debug, Clone, Serialize)]
pub struct SortLink {
    /// What the header says.
    pub label: &'static str,
    /// Where it leads: to the other direction, if the list is sorted by it. None when the visitor may not see the column.
    pub href: Option<String>,
    /// `ascending`, `descending`, or none when the list is sorted by something else.
    pub direction: Option<&'static str>,
}

/// The other pages of a list; none where there are none.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Pager {
    /// The first item shown, counted from 1; 0 when none is.
    pub from: u64,
    /// The last item shown.
    pub to: u64,
    /// How many there are.
    pub total: u64,
    /// The first page.
    pub first: Option<String>,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
    /// The last page.
    pub last: Option<String>,
}

/// The filters above the list of users.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UserFilters {
    /// A part of the name.
    pub name: String,
    /// By servers; empty when the visitor may not see them.
    pub states: Vec<Choice>,
    /// By the flag; empty when the visitor may not see it.
    pub admins: Vec<Choice>,
    /// By last activity; empty when the visitor may not see it.
    pub activities: Vec<Choice>,
    /// Name of a group; none when the visitor may not see who is in which.
    pub group: Option<String>,
    /// How many to a page.
    pub limits: Vec<Choice>,
    /// The order, which the form keeps; empty for the usual one.
    pub sort: String,
    /// Whether anything is filtered.
    pub active: bool,
}

/// What can be done with a server.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct ServerActs {
    /// Start it.
    pub start: bool,
    /// Stop it, or cancel its start.
    pub stop: bool,
    /// Forget it: a named server that is stopped.
    pub remove: bool,
    /// See its spawn page.
    pub spawn: bool,
}

/// A user with their default server, or another server of the user in the row above.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UserRow {
    /// The user.
    pub user: String,
    /// The server; empty for the default one.
    pub server: String,
    /// What people call the server.
    pub display_name: String,
    /// Names both in forms: `user=…&server=…`.
    pub key: String,
    /// Whether this row is the user's first.
    pub first: bool,
    /// Page of the user.
    pub user_url: String,
    /// Whether they administer the hub.
    pub admin: Option<bool>,
    /// Their groups, the first ones.
    pub groups: Vec<String>,
    /// How many more.
    pub more_groups: usize,
    /// What the server does; none when the visitor may not see it.
    pub state: Option<ServerState>,
    /// Whether its last start failed or it ended by itself.
    pub failed: bool,
    /// When the user (in further rows: the server) was last seen.
    #[serde(with = "iso_opt")]
    pub last_activity: Option<DateTime<Utc>>,
    /// When the server was started.
    #[serde(with = "iso_opt")]
    pub started: Option<DateTime<Utc>>,
    /// The profile that was chosen for it.
    pub profile: Option<String>,
    /// Where it is, while it runs, for those who may enter it.
    pub url: Option<String>,
    /// Its spawn page.
    pub spawn_url: String,
    /// What can be done with it.
    pub may: ServerActs,
    /// Whether the user may be deleted.
    pub may_delete: bool,
}

/// Users for whom the same went wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// Their names, the first few.
    pub users: Vec<String>,
    /// How many more.
    pub more: usize,
    /// What the hub said.
    pub message: String,
}

/// An order for many that goes on.
#[derive(Debug, Clone, Serialize)]
pub struct UnderWay {
    /// In words.
    pub title: String,
    /// Where it is told how far it has come.
    pub url: String,
}

/// What can be done with many users.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct BulkActs {
    /// Start their default servers.
    pub start: bool,
    /// Stop their servers.
    pub stop: bool,
    /// Delete them.
    pub delete: bool,
    /// Change who is in groups.
    pub groups: bool,
    /// Register new ones.
    pub add: bool,
}

/// `admin.html`: the list of users.
///
/// Filters are a GET form. The list itself is one form that posts `_xsrf` and either `act` (a button of a row:
/// `do=start|stop|remove|delete&user=…&server=…`), or `all` (`start` or `stop`: everybody whom the filters let through), or
/// `action` (`start`, `stop`, `delete`, `add_to_group`, `remove_from_group`) with `user` for each selected one, and `group`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AdminPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The other admin pages.
    pub tabs: AdminTabs,
    /// What is shown.
    pub filters: UserFilters,
    /// Headers that sort: by name, by last activity.
    pub sorts: Vec<SortLink>,
    /// This list, with its filters: where its form posts.
    pub action: String,
    /// The users.
    pub rows: Vec<UserRow>,
    /// Groups that are offered where one is typed, the first ones.
    pub groups: Vec<String>,
    /// What the visitor ordered and is not done yet.
    pub under_way: Vec<UnderWay>,
    /// What can be done with those who are selected.
    pub may: BulkActs,
    /// Other pages.
    pub pager: Pager,
    /// Seconds after which the list is looked at again: a server starts or stops.
    pub refresh: Option<u32>,
    /// What has just happened.
    pub notice: Option<Notice>,
    /// For whom it went wrong.
    pub refusals: Vec<Refusal>,
}
page!(AdminPage, "admin.html");

/// `admin-confirm.html`: says what will happen, and asks. Posts `_xsrf`, `fields` and `confirmed` to `action`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ConfirmPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The other admin pages.
    pub tabs: AdminTabs,
    /// The question.
    pub title: String,
    /// What will happen.
    pub lines: Vec<String>,
    /// To whom.
    pub names: Vec<String>,
    /// How many more.
    pub more: usize,
    /// Where the form posts.
    pub action: String,
    /// What it says again.
    pub fields: Vec<(String, String)>,
    /// What the button says.
    pub button: String,
    /// Where Cancel leads.
    pub cancel_url: String,
}
page!(ConfirmPage, "admin-confirm.html");

/// `admin-errand.html`: how far an order for many has come.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ErrandPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The other admin pages.
    pub tabs: AdminTabs,
    /// What it is.
    pub title: String,
    /// For how many.
    pub total: usize,
    /// For how many it was done or refused.
    pub looked_at: usize,
    /// Seconds after which it is looked at again; none when it has ended.
    pub refresh: Option<u32>,
    /// What became of it.
    pub notice: Option<Notice>,
    /// For whom it went wrong.
    pub refusals: Vec<Refusal>,
    /// The list that it was ordered on.
    pub back: String,
}
page!(ErrandPage, "admin-errand.html");

/// `admin-add-users.html`: posts `_xsrf`, `names` (one per line) and `admin` to itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AddUsersPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The other admin pages.
    pub tabs: AdminTabs,
    /// Names that were not added, one per line.
    pub names: String,
    /// Whether they shall be administrators.
    pub admin: bool,
    /// Whether the visitor may make administrators.
    pub may_make_admins: bool,
    /// What has just happened.
    pub notice: Option<Notice>,
    /// What is wrong with which name.
    pub errors: Vec<(String, String)>,
}
page!(AddUsersPage, "admin-add-users.html");
