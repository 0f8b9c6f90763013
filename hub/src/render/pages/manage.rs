//! The page of one server: what it is called, its restart and end, with whom it is shared.

use chrono::{DateTime, Utc};
use hub_types::time::{iso, iso_opt};
use serde::Serialize;

use super::{Chrome, ExpiryOption, Notice, Page, ServerCard};

/// `manage.html`: everything about one server that is not its start.
///
/// All its forms post to its own address: `_xsrf` and `do`, which is `stop`, `restart`, `options` (a restart with
/// another choice), `rename` (with `display_name`),
/// `delete`, `share` (with `kind`, `user` or `group`, `name`, and perhaps `control`), `unshare` (with `kind` and `name`),
/// `link` (with `expires_in`, in seconds, and perhaps `control`) or `unlink` (with `id`).
#[derive(Clone, Default, Serialize)]
pub struct ManagePage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The server.
    pub server: ServerCard,
    /// Whether the visitor may start it.
    pub may_start: bool,
    /// Whether the visitor may stop it.
    pub may_stop: bool,
    /// Whether it has a name of its own: it can be called something else, and be deleted.
    pub named: bool,
    /// Whether people choose with what it starts, so that it can start again with another choice.
    pub has_options: bool,
    /// With whom it is shared; none for visitors who may not share it.
    pub sharing: Option<Sharing>,
    /// What has just happened.
    pub notice: Option<Notice>,
}
page!(ManagePage, "manage.html");

/// With whom a server is shared.
#[derive(Clone, Default, Serialize)]
pub struct Sharing {
    /// Users and groups.
    pub shares: Vec<ShareRow>,
    /// How many there are beyond those.
    pub more_shares: u64,
    /// Invitations that can still be accepted.
    pub links: Vec<LinkRow>,
    /// How many there are beyond those.
    pub more_links: u64,
    /// Whether the visitor may name users.
    pub may_name_users: bool,
    /// Whether the visitor may name groups.
    pub may_name_groups: bool,
    /// Whether the visitor may let others start and stop it.
    pub may_share_control: bool,
    /// How long an invitation can last.
    pub expiry_options: Vec<ExpiryOption>,
    /// The invitation that was just made: shown this once.
    pub new_link: Option<String>,
}

/// Somebody with whom a server is shared.
#[derive(Debug, Clone, Serialize)]
pub struct ShareRow {
    /// `user` or `group`.
    pub kind: &'static str,
    /// Who.
    pub name: String,
    /// What they may do, in words.
    pub allows: Vec<String>,
    /// Since when.
    #[serde(with = "iso")]
    pub created: DateTime<Utc>,
}

/// An invitation; the link itself is not kept.
#[derive(Debug, Clone, Serialize)]
pub struct LinkRow {
    /// `sc_<integer>`, sent as `id` to take it back.
    pub id: String,
    /// What it allows, in words.
    pub allows: Vec<String>,
    /// When it was made.
    #[serde(with = "iso")]
    pub created: DateTime<Utc>,
    /// When it ends.
    #[serde(with = "iso")]
    pub expires: DateTime<Utc>,
    /// How often it was accepted.
    pub accepted: i64,
    /// When it was last accepted.
    #[serde(with = "iso_opt")]
    pub last_accepted: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for ManagePage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManagePage")
            .field("server", &self.server)
            .field("sharing", &self.sharing)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Sharing {
    /// Without the invitation.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sharing")
            .field("shares", &self.shares)
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}
