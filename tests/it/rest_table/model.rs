//! What each caller should get, by rule: from the scopes that the caller holds and what the operation is about.

use super::callers::Caller;
use super::operations::{About, Needs, Operation};
use super::scopes::{Held, Resource};
use super::targets::Target;

/// Nobody, or not allowed.
const FORBIDDEN: u16 = 403;

/// The status that `caller` gets for `operation` on the objects of `target`.
pub(super) fn expected(operation: &Operation, caller: &Caller, target: &Target) -> u16 {
    let scopes = match (operation.needs, caller.holds(target)) {
        (Needs::Nothing, _) | (Needs::Credentials, Some(_)) => return operation.success,
        (_, None) => return FORBIDDEN,
        (Needs::AnyOf(scopes), Some(_)) => scopes,
    };
    let held = caller.holds(target).unwrap_or_default();
    if !scopes
        .iter()
        .any(|scope| allows(&held, scope, operation.about, target))
    {
        // Who may do it to others does not learn whether this one exists.
        let named = !matches!(operation.about, About::Hub | About::List(_));
        let held_elsewhere = named && scopes.iter().any(|scope| held.has_any(scope));
        return if held_elsewhere {
            operation.elsewhere
        } else {
            FORBIDDEN
        };
    }
    let also = operation
        .also
        .iter()
        .all(|(scope, about)| allows(&held, scope, *about, target));
    if also { operation.success } else { FORBIDDEN }
}

fn allows(held: &Held, scope: &str, about: About, target: &Target) -> bool {
    let resource = match about {
        About::Hub => Resource::Hub,
        About::List(kinds) => {
            // A filter of another kind must not become none.
            return held.has_any(scope)
                && held.filters(scope).iter().all(|filter| {
                    kinds
                        .iter()
                        .any(|kind| filter.split('=').next() == Some(kind))
                });
        }
        About::User(name) => Resource::User(target.fill(name)),
        About::Server(user, server) => Resource::Server(target.fill(user), server.to_owned()),
        About::Group(name) => Resource::Group(target.fill(name)),
        About::Service(name) => Resource::Service(name.to_owned()),
    };
    held.has(scope, &resource, |user| target.group_of(user))
}
