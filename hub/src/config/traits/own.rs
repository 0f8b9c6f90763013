//! `hub`: what JupyterHub does not have.

use crate::config::kind::scalar::Bool;
use crate::config::traits::{Class, class};

pub(super) static OWN: Class = class! {
    hub, "What only this hub has.";
    works {
        oauth_allow_plain_pkce: Bool => own.oauth_allow_plain_pkce,
            "Whether OAuth clients may use PKCE's method plain, which protects less. JupyterHub's own clients use S256.";
    }
};
