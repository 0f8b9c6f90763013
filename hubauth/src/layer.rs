//! [`HubAuthLayer`]: protects any tower service of `http` requests. It recognises visitors, decides, and inserts a
//! [`HubUser`](crate::HubUser) extension; nothing else.

use std::sync::Arc;

use tower_layer::Layer;

use crate::access::Access;
use crate::auth::HubAuth;
use crate::gate::{Front, Gate};
#[cfg(feature = "oauth")]
use crate::oauth::HubOAuth;
use crate::service::HubAuthService;

/// A layer that lets in only visitors the hub knows and the rules allow. Made by [`HubAuth::layer`] or
/// `HubOAuth::layer`.
///
/// What the hub's configuration demands (`JUPYTERHUB_OAUTH_ACCESS_SCOPES`) always holds; [`require`](Self::require)
/// narrows it further.
///
/// | visitor | answer |
/// |---|---|
/// | known and allowed | the service's, with a [`HubUser`](crate::HubUser) in the request's extensions |
/// | known, not allowed | 403, never a redirect |
/// | unknown, `GET` or `HEAD`, with `HubOAuth` | 302 to the hub's login |
/// | unknown otherwise | 403 |
/// | back from the hub's login (`HubOAuth`) | the end of the login flow |
/// | the hub does not answer | 503 (502 when it answers nonsense); visitors in the cache do not notice |
#[derive(Debug, Clone)]
pub struct HubAuthLayer {
    gate: Arc<Gate>,
}

impl HubAuthLayer {
    pub(crate) fn new(front: Front, access: Access) -> Self {
        let gate = Gate {
            front,
            access,
            optional: false,
            by_accept: false,
        };
        Self {
            gate: Arc::new(gate),
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Gate)) -> Self {
        change(Arc::make_mut(&mut self.gate));
        self
    }

    /// Demands `access` as well as what the hub's configuration demands.
    #[must_use]
    pub fn require(self, access: Access) -> Self {
        self.change(|gate| gate.access = gate.access.clone().and(access))
    }

    /// Demands `access` only, whatever the hub's configuration says. You then decide alone who enters.
    #[must_use]
    pub fn require_only(self, access: Access) -> Self {
        self.change(|gate| gate.access = access)
    }

    /// Lets unknown visitors in too (`Option<HubUser>` is then `None`). Known ones must still be allowed.
    #[must_use]
    pub fn optional(self) -> Self {
        self.change(|gate| gate.optional = true)
    }

    /// Answers 401 instead of a redirect to unknown visitors who do not ask for a page (no `text/html` in `Accept`).
    ///
    /// JupyterHub's own handlers redirect every `GET`; this is an extension for services that are mostly an API.
    #[must_use]
    pub fn redirect_by_accept(self) -> Self {
        self.change(|gate| gate.by_accept = true)
    }
}

impl<S> Layer<S> for HubAuthLayer {
    type Service = HubAuthService<S>;

    fn layer(&self, inner: S) -> HubAuthService<S> {
        HubAuthService::new(inner, Arc::clone(&self.gate))
    }
}

impl HubAuth {
    /// A layer that recognises tokens and lets in whom the hub's configuration allows.
    #[must_use]
    pub fn layer(&self) -> HubAuthLayer {
        HubAuthLayer::new(Front::Tokens(self.clone()), self.access().clone())
    }
}

#[cfg(feature = "oauth")]
impl HubOAuth {
    /// A layer that recognises tokens and logged-in browsers, sends other browsers to the login, and lets in whom the
    /// hub's configuration allows.
    #[must_use]
    pub fn layer(&self) -> HubAuthLayer {
        HubAuthLayer::new(Front::Login(self.clone()), self.auth().access().clone())
    }
}
