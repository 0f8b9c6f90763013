//! What a token of an OAuth client may do, and whether the user is asked. Source: wire contract 2.3, 2.4.

use std::collections::BTreeSet;

use hub_types::scope::{
    Catalogue, Filter, FilterKind, IDENTIFY_USER_SCOPES, Membership, Scope, ScopeName, ScopeSet,
    UnknownScope,
};

use crate::domain::role::{Bearer, expand, resolve};

/// Most scopes in one request.
const MAX_SCOPES: usize = 256;

/// What a client may ask for, for one user.
#[derive(Debug, Clone, Copy)]
pub struct ClientScopes<'a> {
    /// What is registered for it.
    pub allowed: &'a [Scope],
    /// What lets the user into it.
    pub access: &'a Scope,
    /// The user, and the client's own server or service: what bare filters stand for.
    pub bearer: Bearer<'a>,
}

impl ClientScopes<'_> {
    /// What every token gets: to know who the user is, and to let them in.
    #[must_use]
    pub fn required(&self) -> BTreeSet<Scope> {
        let identify = IDENTIFY_USER_SCOPES
            .iter()
            .map(|name| Scope::own(name.clone(), FilterKind::User));
        identify.chain([self.access.clone()]).collect()
    }

    /// Puts the client's own server or service where `!server` and `!service` stand; `!user` stays as it is.
    fn settle(&self, scope: Scope) -> Option<Scope> {
        match scope.filter {
            Filter::Own(FilterKind::User) => Some(scope),
            _ => resolve(scope, self.bearer),
        }
    }

    fn expand<'s>(&self, scopes: impl IntoIterator<Item = &'s Scope>) -> ScopeSet {
        expand(scopes.into_iter().cloned(), self.bearer)
    }
}

/// Unknown scopes, too many of them, or more than the client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client may not ask for these scopes")]
pub struct InvalidScope;

/// The names in a `scope` parameter. The old word `identify` means nothing today.
#[must_use]
pub fn words(parameter: Option<&str>) -> Vec<&str> {
    parameter
        .unwrap_or_default()
        .split_ascii_whitespace()
        .filter(|word| *word != "identify")
        .collect()
}

/// Reads names as scopes.
///
/// # Errors
/// The first that is none: they may all be names of roles then.
pub fn parse(words: &[&str], catalogue: &Catalogue) -> Result<Vec<Scope>, UnknownScope> {
    words.iter().map(|word| catalogue.parse(word)).collect()
}

/// What is asked for: `asked` if the request has a `scope` parameter with names in it, else all that the client may.
///
/// # Errors
/// [`InvalidScope`].
pub fn requested(
    asked: Option<Vec<Scope>>,
    client: &ClientScopes<'_>,
    groups: &impl Membership,
) -> Result<BTreeSet<Scope>, InvalidScope> {
    let required = client.required();
    let Some(asked) = asked else {
        let inherits = client
            .allowed
            .iter()
            .any(|scope| scope.name == ScopeName::Inherit);
        let mut all: BTreeSet<Scope> = client
            .allowed
            .iter()
            .cloned()
            .filter_map(|scope| client.settle(scope))
            .collect();
        if !inherits {
            all.extend(required);
        }
        return Ok(all);
    };
    if asked.len() > MAX_SCOPES {
        return Err(InvalidScope);
    }
    let limit = client.expand(client.allowed.iter().chain(&required));
    let covered = |scope: &Scope| {
        client.allowed.contains(scope)
            || required.contains(scope)
            || (scope.name != ScopeName::Inherit && limit.includes(&client.expand([scope]), groups))
    };
    if !asked.iter().all(covered) {
        return Err(InvalidScope);
    }
    let mut all: BTreeSet<Scope> = asked
        .into_iter()
        .filter_map(|scope| client.settle(scope))
        .collect();
    all.extend(required);
    Ok(all)
}

/// What is left when nothing is given that the user does not hold. What is covered whole stays as written; of the rest
/// the part that is held is given. `held` covers the client's access scope: that was checked before.
#[must_use]
pub fn narrowed(
    requested: BTreeSet<Scope>,
    client: &ClientScopes<'_>,
    held: &ScopeSet,
    groups: &impl Membership,
) -> BTreeSet<Scope> {
    let required = client.required();
    let mut given = BTreeSet::new();
    for scope in requested {
        let set = client.expand([&scope]);
        if required.contains(&scope)
            || scope.name == ScopeName::Inherit
            || held.includes(&set, groups)
        {
            given.insert(scope);
        } else {
            given.extend(set.intersect(held, groups).iter());
        }
    }
    given
}

/// What a consent form says, its values joined by spaces.
///
/// # Errors
/// [`InvalidScope`] for what the client may not ask for: such a form is not ours.
pub fn ticked(
    told: &str,
    client: &ClientScopes<'_>,
    groups: &impl Membership,
) -> Result<BTreeSet<Scope>, InvalidScope> {
    let scopes = parse(&words(Some(told)), client.bearer.catalogue).map_err(|_| InvalidScope)?;
    requested(Some(scopes), client, groups)
}

/// What the user has confirmed: never more than `allowed`; who the user is and the way in are always part of it.
#[must_use]
pub fn confirmed(
    allowed: &BTreeSet<Scope>,
    client: &ClientScopes<'_>,
    ticked: &BTreeSet<Scope>,
) -> BTreeSet<Scope> {
    let required = client.required();
    allowed
        .iter()
        .filter(|scope| ticked.contains(scope))
        .chain(&required)
        .cloned()
        .collect()
}

/// What decides whether the user is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The client is one of the user's own servers.
    pub own_server: bool,
    /// The administrator has said that nobody is asked.
    pub no_confirm: bool,
    /// Everything that the user's valid tokens of this client carry.
    pub given_before: &'a BTreeSet<Scope>,
}

/// Whether the user is asked before the client gets `scopes`.
#[must_use]
pub fn needs_confirmation(asking: Asking<'_>, scopes: &BTreeSet<Scope>) -> bool {
    let covered = !asking.given_before.is_empty() && scopes.is_subset(asking.given_before);
    !(asking.own_server || asking.no_confirm || covered)
}

#[cfg(test)]
mod tests {
    use hub_types::scope::NoMembership;

    use super::*;

    fn scopes(texts: &[&str]) -> Vec<Scope> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn texts(scopes: &BTreeSet<Scope>) -> Vec<String> {
        let mut texts: Vec<String> = scopes.iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    }

    static BUILTIN: Catalogue = Catalogue::builtin();

    const MINIMAL: [&str; 3] = [
        "access:services!service=x",
        "read:users:groups!user",
        "read:users:name!user",
    ];

    struct Case {
        allowed: Vec<Scope>,
        access: Scope,
    }

    impl Case {
        fn new(allowed: &[&str]) -> Self {
            Self {
                allowed: scopes(allowed),
                access: scopes(&["access:services!service=x"]).remove(0),
            }
        }

        fn client(&self) -> ClientScopes<'_> {
            let bearer = Bearer {
                service: Some("x"),
                ..Bearer::user("alice", &BUILTIN)
            };
            ClientScopes {
                allowed: &self.allowed,
                access: &self.access,
                bearer,
            }
        }

        fn requested(&self, asked: Option<&[&str]>) -> Result<Vec<String>, InvalidScope> {
            requested(asked.map(scopes), &self.client(), &NoMembership).map(|set| texts(&set))
        }
    }

    fn with_minimal(more: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = MINIMAL
            .iter()
            .chain(more)
            .map(ToString::to_string)
            .collect();
        all.sort();
        all
    }

    #[test]
    fn nothing_asked_is_everything_allowed() {
        assert_eq!(Case::new(&[]).requested(None), Ok(with_minimal(&[])));
        assert_eq!(
            Case::new(&["read:users!user"]).requested(None),
            Ok(with_minimal(&["read:users!user"]))
        );
        assert_eq!(
            Case::new(&["inherit"]).requested(None),
            Ok(vec!["inherit".to_owned()])
        );
        assert_eq!(
            Case::new(&["read:services!service"]).requested(None),
            Ok(with_minimal(&["read:services!service=x"]))
        );
    }

    #[test]
    fn never_beyond_the_client() {
        let case = Case::new(&["read:users!user", "read:services!service"]);
        assert_eq!(
            case.requested(Some(&["read:users:activity!user"])),
            Ok(with_minimal(&["read:users:activity!user"]))
        );
        assert_eq!(
            case.requested(Some(&["read:users!user=alice"])),
            Ok(with_minimal(&["read:users!user=alice"]))
        );
        assert_eq!(case.requested(Some(&[])), Ok(with_minimal(&[])));
        for bad in [
            "read:users",
            "read:users!user=bob",
            "users!user",
            "self",
            "inherit",
            "access:services",
            "tokens!user",
        ] {
            assert_eq!(case.requested(Some(&[bad])), Err(InvalidScope), "{bad}");
        }
        let many = vec!["read:users!user"; 10_000];
        assert_eq!(case.requested(Some(&many)), Err(InvalidScope));
    }

    #[test]
    fn never_beyond_the_user() {
        let case = Case::new(&["read:users", "list:users", "proxy", "inherit"]);
        let held = ScopeSet::of_expanded([
            "read:users!user=alice",
            "read:users:name!user=alice",
            "read:users:groups!user=alice",
            "read:users:activity!user=alice",
            "list:users",
            "access:services!service=x",
            "read:users:name",
        ]);
        let all = requested(None, &case.client(), &NoMembership).unwrap();
        let given = narrowed(all, &case.client(), &held, &NoMembership);
        assert_eq!(
            texts(&given),
            [
                "inherit",
                "list:users",
                "read:users!user=alice",
                "read:users:activity!user=alice",
                "read:users:groups!user=alice",
                "read:users:name"
            ]
        );
    }

    #[test]
    fn words_of_the_parameter() {
        assert_eq!(words(Some(" identify  a b ")), ["a", "b"]);
        assert!(words(None).is_empty());
        assert!(parse(&["read:users", "nope"], &BUILTIN).is_err());
        assert!(parse(&["custom:unheard"], &BUILTIN).is_err());
    }

    #[test]
    fn confirmation_only_narrows() {
        let case = Case::new(&["read:users!user", "tokens!user"]);
        let allowed = requested(None, &case.client(), &NoMembership).unwrap();
        let ticked = |texts: &[&str]| scopes(texts).into_iter().collect();
        for (form, more) in [
            (ticked(&[]), &[][..]),
            (ticked(&["tokens!user"]), &["tokens!user"]),
            (
                ticked(&["tokens!user", "admin:users", "inherit"]),
                &["tokens!user"],
            ),
        ] {
            assert_eq!(
                texts(&confirmed(&allowed, &case.client(), &form)),
                with_minimal(more)
            );
        }
    }

    #[test]
    fn who_is_asked() {
        let set = |texts: &[&str]| scopes(texts).into_iter().collect::<BTreeSet<_>>();
        let (none, one, two) = (
            set(&[]),
            set(&["read:users!user"]),
            set(&["read:users!user", "tokens!user"]),
        );
        let asking = |own_server, no_confirm, given_before| Asking {
            own_server,
            no_confirm,
            given_before,
        };
        assert!(needs_confirmation(asking(false, false, &none), &one));
        assert!(needs_confirmation(asking(false, false, &one), &two));
        assert!(!needs_confirmation(asking(false, false, &two), &one));
        assert!(!needs_confirmation(asking(true, false, &none), &one));
        assert!(!needs_confirmation(asking(false, true, &none), &one));
        assert!(
            needs_confirmation(asking(false, false, &none), &none),
            "nothing given before covers nothing"
        );
    }
}
