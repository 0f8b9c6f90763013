//! Users.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
pub struct Groups {
    members: BTreeMap<String, BTreeSet<String>>,
    /// The same from the other side: the groups of each user, sorted.
    of: HashMap<String, Vec<String>>,
}

impl Groups {
    /// A snapshot of the given groups and members.
    #[must_use]
    pub fn new(members: BTreeMap<String, BTreeSet<String>>) -> Self {
        let mut of: HashMap<String, Vec<String>> = HashMap::new();
        for (group, users) in &members {
            for user in users {
                of.entry(user.clone()).or_default().push(group.clone());
            }
        }
        Self { members, of }
    }

    /// Names of the groups that `user` is in, sorted.
    #[must_use]
    pub fn of_user(&self, user: &str) -> Vec<String> {
        self.of.get(user).cloned().unwrap_or_default()
    }

    /// All groups with their members.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.members
            .iter()
            .map(|(group, members)| (group.as_str(), members))
    }
}

impl Membership for Groups {
    fn members(&self, group: &str) -> Vec<String> {
        let members = self.members.get(group);
        members.into_iter().flatten().cloned().collect()
    }

    fn contains(&self, group: &str, user: &str) -> bool {
        self.members
            .get(group)
            .is_some_and(|members| members.contains(user))
    }
}
