//! What scopes mean, in one page: the table's own reading of JupyterHub's documentation, written apart from the hub's
//! code so that the one can find the other's mistakes.

use std::collections::{BTreeMap, BTreeSet};

/// Every scope that does something, with what it contains directly.
pub(super) const SCOPES: &[(&str, &[&str])] = &[
    ("admin-ui", &[]),
    (
        "admin:users",
        &[
            "admin:auth_state",
            "users",
            "read:roles:users",
            "delete:users",
        ],
    ),
    ("admin:auth_state", &[]),
    ("users", &["read:users", "list:users", "users:activity"]),
    ("delete:users", &[]),
    ("list:users", &["read:users:name"]),
    (
        "read:users",
        &[
            "read:users:name",
            "read:users:groups",
            "read:users:activity",
        ],
    ),
    ("read:users:name", &[]),
    ("read:users:groups", &[]),
    ("read:users:activity", &[]),
    (
        "read:roles",
        &[
            "read:roles:users",
            "read:roles:services",
            "read:roles:groups",
        ],
    ),
    ("read:roles:users", &[]),
    ("read:roles:services", &[]),
    ("read:roles:groups", &[]),
    ("users:activity", &["read:users:activity"]),
    ("admin:servers", &["admin:server_state", "servers"]),
    ("admin:server_state", &[]),
    (
        "servers",
        &["read:servers", "start:servers", "delete:servers"],
    ),
    ("read:servers", &["read:users:name"]),
    ("start:servers", &[]),
    ("delete:servers", &[]),
    ("tokens", &["read:tokens"]),
    ("read:tokens", &[]),
    (
        "admin:groups",
        &["groups", "read:roles:groups", "delete:groups"],
    ),
    ("groups", &["read:groups", "list:groups"]),
    ("list:groups", &["read:groups:name"]),
    ("read:groups", &["read:groups:name"]),
    ("read:groups:name", &[]),
    ("delete:groups", &[]),
    (
        "admin:services",
        &["list:services", "read:services", "read:roles:services"],
    ),
    ("list:services", &["read:services:name"]),
    ("read:services", &["read:services:name"]),
    ("read:services:name", &[]),
    ("read:hub", &[]),
    ("access:servers", &[]),
    ("access:services", &[]),
    ("users:shares", &["read:users:shares"]),
    ("read:users:shares", &[]),
    ("groups:shares", &["read:groups:shares"]),
    ("read:groups:shares", &[]),
    ("read:shares", &[]),
    (
        "shares",
        &[
            "access:servers",
            "read:shares",
            "users:shares",
            "groups:shares",
        ],
    ),
    ("proxy", &[]),
    ("shutdown", &[]),
    ("read:metrics", &[]),
];

/// Names that stand for other scopes, or for none.
pub(super) const METASCOPES: &[&str] = &["(no_scope)", "self", "inherit"];

/// What `self` stands for, each for the user alone.
const SELF: &[&str] = &[
    "read:users",
    "users:shares",
    "read:shares",
    "users:activity",
    "servers",
    "tokens",
    "access:servers",
];

/// The role `admin`.
pub(super) const ADMIN_ROLE: &[&str] = &[
    "admin-ui",
    "admin:users",
    "admin:servers",
    "admin:services",
    "tokens",
    "admin:groups",
    "list:services",
    "read:services",
    "read:hub",
    "proxy",
    "shutdown",
    "access:services",
    "access:servers",
    "read:roles",
    "read:metrics",
    "shares",
];

/// What is asked for, as filters see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    /// The whole hub, or a list that is filtered afterwards.
    Hub,
    User(String),
    /// A user and a server's name.
    Server(String, String),
    Group(String),
    Service(String),
}

/// Scopes that somebody holds, expanded: name → the filters it is held with; no filter means everywhere.
#[derive(Debug, Clone, Default)]
pub(super) struct Held(BTreeMap<&'static str, BTreeSet<String>>);

/// No filter.
const EVERYWHERE: &str = "";

impl Held {
    /// These scopes, held by a user of that name or by a service.
    pub(super) fn of(scopes: &[&str], user: Option<&str>) -> Self {
        let mut held = Self::default();
        for scope in scopes {
            match (*scope, user) {
                ("self", Some(name)) => {
                    for part in SELF {
                        held.add(&format!("{part}!user={name}"));
                    }
                }
                ("self" | "(no_scope)", _) => {}
                _ => held.add(scope),
            }
        }
        held
    }

    fn add(&mut self, scope: &str) {
        let (name, filter) = scope.split_once('!').unwrap_or((scope, EVERYWHERE));
        let (name, children) = SCOPES
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("no scope {scope}"));
        // A filter on a server says nothing of the user.
        if !(filter.starts_with("server") && name.starts_with("read:user")) {
            self.0.entry(name).or_default().insert(filter.to_owned());
        }
        for child in *children {
            let filter = if filter.is_empty() {
                String::new()
            } else {
                format!("!{filter}")
            };
            self.add(&format!("{child}{filter}"));
        }
    }

    /// Both.
    pub(super) fn and(mut self, other: Self) -> Self {
        for (name, filters) in other.0 {
            self.0.entry(name).or_default().extend(filters);
        }
        self
    }

    /// Whether `scope` is held in any form.
    pub(super) fn has_any(&self, scope: &str) -> bool {
        self.0.contains_key(scope)
    }

    /// The filters that `scope` is held with; none when it is held everywhere or nowhere.
    pub(super) fn filters(&self, scope: &str) -> Vec<&str> {
        match self.0.get(scope) {
            Some(filters) if !filters.contains(EVERYWHERE) => {
                filters.iter().map(String::as_str).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether `scope` is held for `resource`. `group_of` tells the group of a user.
    pub(super) fn has(
        &self,
        scope: &str,
        resource: &Resource,
        group_of: impl Fn(&str) -> Option<String>,
    ) -> bool {
        let Some(filters) = self.0.get(scope) else {
            return false;
        };
        let has = |filter: String| filters.contains(&filter);
        let user = |name: &str| {
            has(format!("user={name}"))
                || group_of(name).is_some_and(|group| has(format!("group={group}")))
        };
        has(EVERYWHERE.to_owned())
            || match resource {
                Resource::Hub => false,
                Resource::User(name) => user(name),
                Resource::Server(name, server) => {
                    has(format!("server={name}/{server}")) || user(name)
                }
                Resource::Group(name) => has(format!("group={name}")),
                Resource::Service(name) => has(format!("service={name}")),
            }
    }
}
