//! What whoever registers a service hands out with it.

use hub_types::scope::{
    ADMIN_SCOPES, Catalogue, Filter, FilterKind, SELF_SCOPES, Scope, ScopeName, ScopeSet,
};

/// Everything that the registration of a service gives away, expanded: what its registrar must hold.
///
/// `allowed` are the scopes that it may ask its visitors for. A scope for "the visitor's own" can be anybody's, and so
/// counts as unfiltered; `self` and `inherit` are whatever a visitor has. (JupyterHub takes `inherit` for nothing, and
/// the visitor's own for the registrar's own: security case 52.)
#[must_use]
pub fn handed_out(name: &str, admin: bool, allowed: &[Scope], catalogue: &Catalogue) -> ScopeSet {
    let all = |names: &[ScopeName]| names.iter().cloned().map(Scope::all).collect::<Vec<_>>();
    let mut given = if admin { all(ADMIN_SCOPES) } else { Vec::new() };
    for scope in allowed {
        match (&scope.name, &scope.filter) {
            (ScopeName::NoScope, _) => {}
            (ScopeName::Inherit, _) => given.extend(all(ADMIN_SCOPES)),
            (ScopeName::SelfScope, _) => given.extend(all(SELF_SCOPES)),
            (_, Filter::Own(FilterKind::Service)) => {
                given.push(Scope::only(scope.name.clone(), FilterKind::Service, name));
            }
            (_, Filter::Own(_)) => given.push(Scope::all(scope.name.clone())),
            _ => given.push(scope.clone()),
        }
    }
    ScopeSet::expand(given, None, catalogue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_visitors_own_is_anybodys() {
        let given = |admin, texts: &[&str]| {
            let scopes: Vec<Scope> = texts.iter().map(|text| text.parse().unwrap()).collect();
            handed_out("s", admin, &scopes, &Catalogue::builtin()).to_strings()
        };
        assert!(given(false, &[]).is_empty());
        assert!(given(false, &["(no_scope)"]).is_empty());
        assert_eq!(given(false, &["read:hub"]), ["read:hub"]);
        assert_eq!(given(false, &["delete:users!user"]), ["delete:users"]);
        assert_eq!(given(false, &["delete:servers!server"]), ["delete:servers"]);
        assert_eq!(
            given(false, &["access:services!service"]),
            ["access:services!service=s"]
        );
        assert_eq!(
            given(false, &["delete:users!user=bob"]),
            ["delete:users!user=bob"]
        );
        assert!(given(false, &["self"]).contains(&"tokens".to_owned()));
        assert_eq!(given(false, &["inherit"]), given(true, &[]));
        assert!(given(true, &[]).contains(&"shutdown".to_owned()));
    }
}
