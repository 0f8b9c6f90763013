//! [`HubUser`]: who a request comes from, as handlers see it.

use std::ops::Deref;
use std::sync::Arc;

use hub_types::identity::Identity;
use hub_types::scope::ScopeSet;

/// With what a visitor was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// `?token=` (only where allowed).
    Url,
    /// `Authorization: token …` or `Bearer …`.
    Header,
    /// The cookie of a login at this service: requests that change something need `_xsrf` too.
    Cookie,
    /// The cookie that the hub set for services (JupyterHub 0.7 and 0.8, and our hub for services that ask for it). The
    /// hub tells no scopes with it; our hub answers only for those who may access the service.
    ServicesCookie,
}

impl Source {
    /// Whether a token came with the request itself, so that no other site can have caused it (no XSRF check).
    #[must_use]
    pub fn is_token(self) -> bool {
        matches!(self, Source::Url | Source::Header)
    }
}

/// Who a request comes from: the hub's [`Identity`] (by [`Deref`]), with its scopes already parsed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HubUser {
    known: Arc<Known>,
    source: Source,
}

#[derive(Debug)]
struct Known {
    identity: Identity,
    scopes: ScopeSet,
}

impl HubUser {
    /// Wraps what the hub said.
    #[must_use]
    pub fn new(identity: Identity, source: Source) -> Self {
        let scopes = ScopeSet::of_expanded(&identity.scopes);
        Self {
            known: Arc::new(Known { identity, scopes }),
            source,
        }
    }

    /// The same person, recognised otherwise.
    #[must_use]
    pub fn recognised_by(&self, source: Source) -> Self {
        Self {
            known: Arc::clone(&self.known),
            source,
        }
    }

    /// What the hub said.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.known.identity
    }

    /// What the credential may do, parsed.
    #[must_use]
    pub fn scope_set(&self) -> &ScopeSet {
        &self.known.scopes
    }

    /// With what the visitor was recognised.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }
}

impl Deref for HubUser {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.known.identity
    }
}
