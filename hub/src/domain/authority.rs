//! What an owner may do, and what a token of theirs may: the one place where a token meets its owner.

use std::sync::Arc;

use hub_types::scope::{
    Catalogue, Filter, FilterKind, IDENTIFY_SERVICE_SCOPES, IDENTIFY_USER_SCOPES, Scope, ScopeName,
    ScopeSet,
};

use super::principal::Owner;
use super::role::{Bearer, expand};
use super::server::ServerRef;
use super::token::{ApiToken, TokenOwner};
use super::user::{Groups, User};

/// An owner of tokens with everything that decides what they may do. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Who it is.
    pub owner: Owner,
    /// What their roles and shares give them, expanded.
    pub held: Arc<ScopeSet>,
    /// Who is in which group.
    pub groups: Arc<Groups>,
    /// The scopes that exist.
    pub catalogue: Arc<Catalogue>,
}

impl Authority {
    /// The user, if it is one.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.owner.user()
    }

    /// The owner as tokens name them.
    #[must_use]
    pub fn id(&self) -> TokenOwner {
        match &self.owner {
            Owner::User(user) => TokenOwner::User(user.id),
            Owner::Service { id, .. } => TokenOwner::Service(*id),
        }
    }

    /// What bare filters of the owner's scopes stand for.
    #[must_use]
    pub fn bearer(&self) -> Bearer<'_> {
        bearer(&self.owner, &self.catalogue)
    }

    /// What these scopes ask for in the owner's hands, held or not. `inherit` is all that the owner holds.
    #[must_use]
    pub fn asked(&self, scopes: &[Scope]) -> ScopeSet {
        let mut asked = expand(scopes.iter().cloned(), self.bearer());
        if inherits(scopes) {
            asked.merge(&self.held);
        }
        asked
    }

    /// What a token with these scopes may do: never more than its owner. `server` is the one that the token belongs to.
    ///
    /// Every token also tells who its owner is, as far as the owner may know that (JupyterHub's identify scopes).
    #[must_use]
    pub fn token(&self, scopes: &[Scope], server: Option<&ServerRef>) -> Arc<ScopeSet> {
        if inherits(scopes) {
            return Arc::clone(&self.held);
        }
        let bearer = Bearer {
            server: server.map(|at| (at.user.as_str(), at.name.as_str())),
            ..self.bearer()
        };
        let mut set = expand(scopes.iter().cloned(), bearer);
        for scope in identify(&self.owner) {
            set.add(scope);
        }
        Arc::new(set.intersect(&self.held, &*self.groups))
    }

    /// What of `scopes` goes beyond `limit`, expanded and as texts; for a token that the owner is to get.
    #[must_use]
    pub fn beyond(&self, scopes: &[Scope], limit: &ScopeSet) -> Vec<String> {
        self.asked(scopes)
            .iter()
            .filter(|scope| !limit.grants(scope, &*self.groups))
            .map(|scope| scope.to_string())
            .collect()
    }

    /// Whether somebody who holds `limit` holds all that the owner does.
    #[must_use]
    pub fn is_within(&self, limit: &ScopeSet) -> bool {
        limit.includes(&self.held, &*self.groups)
    }
}

/// What bare filters stand for in scopes of `owner`.
#[must_use]
pub fn bearer<'a>(owner: &'a Owner, catalogue: &'a Catalogue) -> Bearer<'a> {
    match owner {
        Owner::User(user) => Bearer::user(user.name.as_str(), catalogue),
        Owner::Service { name, .. } => Bearer::service(name.as_str(), catalogue),
    }
}

/// What says who `owner` is, and no more. Source: JupyterHub 6.1.
pub fn identify(owner: &Owner) -> impl Iterator<Item = Scope> + '_ {
    let (names, kind) = match owner {
        Owner::User(_) => (IDENTIFY_USER_SCOPES, FilterKind::User),
        Owner::Service { .. } => (IDENTIFY_SERVICE_SCOPES, FilterKind::Service),
    };
    names
        .iter()
        .map(move |name| Scope::only(name.clone(), kind, owner.name()))
}

/// Whether a token with these scopes may do all that its owner may.
fn inherits(scopes: &[Scope]) -> bool {
    scopes.iter().any(|scope| scope.name == ScopeName::Inherit)
}

/// Whether the scopes of a token cannot be understood without knowing its server.
#[must_use]
pub fn wants_server(token: &ApiToken) -> bool {
    let of_server = |scope: &Scope| matches!(scope.filter, Filter::Own(FilterKind::Server));
    token.scopes.iter().any(of_server)
}

#[cfg(test)]
mod tests;
