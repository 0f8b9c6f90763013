//! [`Access`]: who may enter, as a value; deciding is pure.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use hub_types::identity::Kind;
use hub_types::scope::Scope;

use crate::config::DefaultAccess;
use crate::user::{HubUser, Source};

/// What was decided, and why: for the log, and for the page that says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The visitor may enter.
    Allowed(String),
    /// The visitor may not enter, whoever they are.
    Denied(String),
}

impl Decision {
    /// Whether the visitor may enter.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Decision::Allowed(_))
    }
}

/// A rule of the service's own.
type Predicate = dyn Fn(&HubUser) -> bool + Send + Sync;

/// A rule about who may enter. Rules are values: combine them with [`or`](Access::or) and [`and`](Access::and).
///
/// ```
/// use hubauth::{Access, HubUser, Source};
///
/// let staff = Access::groups(["staff"]).or(Access::admin());
/// let user: hubauth::Identity = serde_json::from_str(r#"{"kind": "user", "name": "zoe", "groups": ["staff"]}"#)?;
/// assert!(staff.decide(&HubUser::new(user, Source::Header)).is_allowed());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Access(Rule);

#[derive(Clone)]
enum Rule {
    Anybody,
    Nobody(&'static str),
    People,
    Admin,
    Users(BTreeSet<String>),
    Groups(BTreeSet<String>),
    Services(BTreeSet<String>),
    Scopes(Vec<Scope>),
    Custom(&'static str, Arc<Predicate>),
    Either(Vec<Access>),
    Both(Vec<Access>),
}

impl Access {
    /// Whoever the hub knows, people and services. What the hub's own access scopes demand still holds (see
    /// [`HubAuthLayer::require`](crate::HubAuthLayer::require)).
    #[must_use]
    pub fn any_user() -> Self {
        Self(Rule::Anybody)
    }

    /// Any person, but no service.
    #[must_use]
    pub fn people() -> Self {
        Self(Rule::People)
    }

    /// Nobody at all.
    #[must_use]
    pub fn nobody() -> Self {
        Self(Rule::Nobody("nobody may enter here"))
    }

    /// Who holds the hub's `admin` role.
    #[must_use]
    pub fn admin() -> Self {
        Self(Rule::Admin)
    }

    /// The people with these names. Services that happen to have such a name do not count.
    #[must_use]
    pub fn users<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(Rule::Users(names.into_iter().map(Into::into).collect()))
    }

    /// The members of any of these groups.
    #[must_use]
    pub fn groups<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(Rule::Groups(names.into_iter().map(Into::into).collect()))
    }

    /// The services with these names.
    #[must_use]
    pub fn services<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(Rule::Services(names.into_iter().map(Into::into).collect()))
    }

    /// Who holds any one of these scopes (HubAuth's rule, wire contract 4.4). An empty list lets nobody in.
    #[must_use]
    pub fn scopes(any_of: impl IntoIterator<Item = Scope>) -> Self {
        Self(Rule::Scopes(any_of.into_iter().collect()))
    }

    /// A rule of your own. It must be quick: it runs at every request. `name` is for messages.
    #[must_use]
    pub fn when(
        name: &'static str,
        rule: impl Fn(&HubUser) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self(Rule::Custom(name, Arc::new(rule)))
    }

    /// What the environment says. Scopes are not asked of those whom the hub vouches for by its cookie for services
    /// ([`Source::ServicesCookie`]): it tells none with it.
    #[must_use]
    pub fn from_default(access: &DefaultAccess) -> Self {
        match access {
            DefaultAccess::Scopes(scopes) => Self::scopes(scopes.iter().cloned())
                .or(Self::when("let in by the hub itself", |user| {
                    user.source() == Source::ServicesCookie
                })),
            DefaultAccess::AnyUser => Self::any_user(),
            DefaultAccess::Nobody => Self(Rule::Nobody("no access scopes are configured here")),
        }
    }

    /// Either rule lets a visitor in.
    #[must_use]
    pub fn or(self, other: Access) -> Self {
        Self(match self.0 {
            Rule::Either(mut rules) => {
                rules.push(other);
                Rule::Either(rules)
            }
            _ => Rule::Either(vec![self, other]),
        })
    }

    /// Both rules must let a visitor in.
    #[must_use]
    pub fn and(self, other: Access) -> Self {
        Self(match self.0 {
            Rule::Both(mut rules) => {
                rules.push(other);
                Rule::Both(rules)
            }
            _ => Rule::Both(vec![self, other]),
        })
    }

    /// Decides about one visitor. Pure.
    #[must_use]
    pub fn decide(&self, user: &HubUser) -> Decision {
        match &self.0 {
            Rule::Anybody => Decision::Allowed("known to the hub".to_owned()),
            Rule::Nobody(why) => Decision::Denied((*why).to_owned()),
            Rule::Either(rules) => decide_either(rules, user),
            Rule::Both(rules) => decide_both(rules, user),
            Rule::Scopes(scopes) => match user.scope_set().satisfies(scopes) {
                Some(scope) => Decision::Allowed(format!("holds {scope}")),
                None => Decision::Denied(self.to_string()),
            },
            Rule::Groups(groups) => {
                match user.groups.iter().find(|group| groups.contains(*group)) {
                    Some(group) => Decision::Allowed(format!("is in group {group}")),
                    None => Decision::Denied(self.to_string()),
                }
            }
            Rule::People => self.verdict(user.kind == Kind::User),
            Rule::Admin => self.verdict(user.admin),
            Rule::Users(names) => {
                self.verdict(user.kind == Kind::User && names.contains(&user.name))
            }
            Rule::Services(names) => {
                self.verdict(user.kind == Kind::Service && names.contains(&user.name))
            }
            Rule::Custom(_, rule) => self.verdict(rule(user)),
        }
    }

    fn verdict(&self, allowed: bool) -> Decision {
        if allowed {
            Decision::Allowed(self.to_string())
        } else {
            Decision::Denied(self.to_string())
        }
    }
}

fn decide_either(rules: &[Access], user: &HubUser) -> Decision {
    let mut reasons = Vec::new();
    for rule in rules {
        match rule.decide(user) {
            Decision::Denied(reason) => reasons.push(reason),
            allowed @ Decision::Allowed(_) => return allowed,
        }
    }
    Decision::Denied(reasons.join(", or "))
}

fn decide_both(rules: &[Access], user: &HubUser) -> Decision {
    let mut reasons = Vec::new();
    for rule in rules {
        match rule.decide(user) {
            Decision::Allowed(reason) => reasons.push(reason),
            denied @ Decision::Denied(_) => return denied,
        }
    }
    Decision::Allowed(reasons.join(", and "))
}

/// What the rule asks for, e.g. `requires any of [access:services]`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(", ");
        match &self.0 {
            Rule::Anybody => f.write_str("anybody the hub knows"),
            Rule::Nobody(why) => f.write_str(why),
            Rule::People => f.write_str("a person, not a service"),
            Rule::Admin => f.write_str("an administrator"),
            Rule::Users(names) => write!(f, "one of {} named users", names.len()),
            Rule::Services(names) => write!(f, "one of {} named services", names.len()),
            Rule::Groups(groups) => {
                write!(f, "a member of [{}]", list(&mut groups.iter().cloned()))
            }
            Rule::Scopes(scopes) => {
                write!(
                    f,
                    "requires any of [{}]",
                    list(&mut scopes.iter().map(ToString::to_string))
                )
            }
            Rule::Custom(name, _) => f.write_str(name),
            Rule::Either(rules) => f.write_str(
                &rules
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", or "),
            ),
            Rule::Both(rules) => f.write_str(
                &rules
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", and "),
            ),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(json: &str) -> HubUser {
        HubUser::new(serde_json::from_str(json).unwrap(), Source::Header)
    }

    fn scope(text: &str) -> Scope {
        text.parse().unwrap()
    }

    #[test]
    fn rules() {
        let alice = user(
            r#"{"kind":"user","name":"alice","groups":["lab"],"scopes":["access:services!service=w","access:servers!user=alice"]}"#,
        );
        let root = user(
            r#"{"kind":"user","name":"root","admin":true,"groups":[],"scopes":["access:services"]}"#,
        );
        let service = user(r#"{"kind":"service","name":"alice","scopes":[]}"#);
        for (access, expected) in [
            (Access::any_user(), [true, true, true]),
            (Access::people(), [true, true, false]),
            (Access::nobody(), [false, false, false]),
            (Access::admin(), [false, true, false]),
            (Access::users(["alice"]), [true, false, false]),
            (Access::users(Vec::<String>::new()), [false, false, false]),
            (Access::groups(["lab", "x"]), [true, false, false]),
            (Access::services(["alice"]), [false, false, true]),
            (Access::services(["bob"]), [false, false, false]),
            (Access::scopes([]), [false, false, false]),
            (
                Access::scopes([scope("access:services!service=w")]),
                [true, true, false],
            ),
            (
                Access::scopes([scope("access:services!service=other")]),
                [false, true, false],
            ),
            (
                Access::scopes([scope("access:services")]),
                [false, true, false],
            ),
            (
                Access::scopes([scope("access:servers!server=alice/gpu")]),
                [true, false, false],
            ),
            (
                Access::groups(["lab"]).or(Access::admin()),
                [true, true, false],
            ),
            (
                Access::groups(["lab"]).and(Access::admin()),
                [false, false, false],
            ),
            (
                Access::when("short name", |user| user.name.len() == 4),
                [false, true, false],
            ),
            (
                Access::from_default(&DefaultAccess::Nobody),
                [false, false, false],
            ),
        ] {
            let got = [&alice, &root, &service].map(|user| access.decide(user).is_allowed());
            assert_eq!(got, expected, "{access}");
        }
    }

    /// The table of wire contract 4.4.
    #[test]
    fn a_server_s_own_scopes() {
        let needed = Access::scopes([
            scope("access:servers!server=alice/"),
            scope("access:servers!user=alice"),
        ]);
        for (held, expected) in [
            ("access:servers", true),
            ("access:servers!user=alice", true),
            ("access:servers!server=alice/", true),
            ("access:servers!server=alice/gpu", false),
            ("access:servers!group=g", false),
            ("access:servers!user=alic", false),
        ] {
            let visitor = user(&format!(
                r#"{{"kind":"user","name":"bob","scopes":["{held}"]}}"#
            ));
            assert_eq!(needed.decide(&visitor).is_allowed(), expected, "{held}");
        }
    }
}
