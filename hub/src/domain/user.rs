//! Users.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use hub_types::names::Username;
use hub_types::scope::Membership;
use serde_json::Value;

/// Row id of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub i64);

/// A registered user.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Row id.
    pub id: UserId,
    /// The name, normalised.
    pub name: Username,
    /// Whether the user holds the role `admin`.
    pub admin: bool,
    /// When the user was registered.
    pub created: DateTime<Utc>,
    /// When the user was last seen.
    pub last_activity: Option<DateTime<Utc>>,
    /// What the login provider says of the person.
    pub user_info: Option<Value>,
}

/// Who is in which group: a snapshot of the database, shared by everything that compares `!group=` filters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups(BTreeMap<String, BTreeSet<String>>);

impl Groups {
    /// A snapshot of the given groups and members.
    #[must_use]
    pub fn new(groups: BTreeMap<String, BTreeSet<String>>) -> Self {
        Self(groups)
    }

    /// Names of the groups that `user` is in, sorted.
    #[must_use]
    pub fn of_user(&self, user: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(_, members)| members.contains(user))
            .map(|(group, _)| group.clone())
            .collect()
    }

    /// All groups with their members.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.0
            .iter()
            .map(|(group, members)| (group.as_str(), members))
    }
}

impl Membership for Groups {
    fn members(&self, group: &str) -> Vec<String> {
        self.0.get(group).into_iter().flatten().cloned().collect()
    }

    fn contains(&self, group: &str, user: &str) -> bool {
        self.0
            .get(group)
            .is_some_and(|members| members.contains(user))
    }
}
