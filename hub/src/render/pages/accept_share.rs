//! The page of an invitation to somebody's server.

use serde::Serialize;

use super::{Chrome, Page, ScopeDescription};

/// Somebody or something of which the page shows the name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Called {
    /// The name; empty for a default server.
    pub name: String,
}

/// `accept-share.html`: who shares what, and whether the visitor accepts it.
///
/// Posts to its own URL (with its query, which holds `next`): `_xsrf` and `code`.
#[derive(Clone, Default, Serialize)]
pub struct AcceptSharePage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The code, for the form.
    pub code: String,
    /// Who shares.
    pub owner: Called,
    /// The server that is shared.
    pub spawner: Called,
    /// Whether it runs.
    pub spawner_ready: bool,
    /// Where it is.
    pub spawner_url: String,
    /// What the visitor may do with it then, in words.
    pub scope_descriptions: Vec<ScopeDescription>,
    /// Where the visitor is sent then.
    pub next_url: String,
    /// Why the last answer did not count.
    pub error_message: Option<String>,
}
page!(AcceptSharePage, "accept-share.html");

impl std::fmt::Debug for AcceptSharePage {
    /// Without the code.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AcceptSharePage")
            .field("owner", &self.owner)
            .field("spawner", &self.spawner)
            .finish_non_exhaustive()
    }
}
