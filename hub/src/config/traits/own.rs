//! `hub`: what JupyterHub does not have.

use crate::config::kind::scalar::{Bool, OptText};
use crate::config::traits::{Class, class};

pub(super) static OWN: Class = class! {
    hub, "What only this hub has.";
    works {
        announcement_path: OptText => own.announcement_path,
            "Where a service says what stands above every page, below the base URL, e.g. /services/announcement/latest: JSON with a text in announcement. Asked every five seconds.";
        oauth_allow_plain_pkce: Bool => own.oauth_allow_plain_pkce,
            "Whether OAuth clients may use PKCE's method plain, which protects less. JupyterHub's own clients use S256.";
    }
};
