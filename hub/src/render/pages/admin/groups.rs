//! The admin pages of groups.

use serde::Serialize;

use super::{AdminTabs, Pager};
use crate::render::pages::Notice;
use crate::render::{Chrome, Page};

/// A group in the list.
#[derive(Debug, Clone, Serialize)]
pub struct GroupRow {
    /// Its name.
    pub name: String,
    /// Its page.
    pub url: String,
    /// How many are in it; none when the visitor may not see that.
    pub members: Option<usize>,
    /// Names of its properties.
    pub properties: Vec<String>,
    /// Its roles.
    pub roles: Vec<String>,
}

/// `admin-groups.html`: all groups. Posts `_xsrf` and `name` of a new one to itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GroupsPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The other admin pages.
    pub tabs: AdminTabs,
    /// In the order of their making.
    pub rows: Vec<GroupRow>,
    /// Other pages.
    pub pager: Pager,
    /// Whether the visitor may make groups.
    pub may_create: bool,
    /// Whether the authenticator says who is in which group, so that nothing can be changed here.
    pub managed: bool,
    /// What stands in the field for a new name.
    pub typed_name: String,
    /// What has just happened.
    pub notice: Option<Notice>,
}
page!(GroupsPage, "admin-groups.html");

/// `admin-group.html`: one group. Its forms post `_xsrf` and `do` to `action`: `add` (with `users`, one per line), `remove`
/// (with `user`), `properties` (with `properties`, a JSON object), `delete`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GroupPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The other admin pages.
    pub tabs: AdminTabs,
    /// The group.
    pub name: String,
    /// Where the forms post.
    pub action: String,
    /// The first members; none when the visitor may not see them.
    pub members: Option<Vec<String>>,
    /// How many more there are.
    pub more: usize,
    /// The list of users, with the members only.
    pub members_url: String,
    /// Its properties as JSON; none when the visitor may not see them.
    pub properties: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// What stands in the field for new members.
    pub typed_users: String,
    /// Whether the visitor may change members and properties.
    pub may_edit: bool,
    /// Whether the visitor may delete it.
    pub may_delete: bool,
    /// Whether the authenticator says who is in it.
    pub managed: bool,
    /// What has just happened.
    pub notice: Option<Notice>,
}
page!(GroupPage, "admin-group.html");
