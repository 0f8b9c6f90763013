//! What part of the list of users is looked at: the arguments of its URL.

use axum::http::Uri;
use chrono::{DateTime, TimeDelta, Utc};
use hub_types::scope::{FilterKind, Reach, ScopeName};

use super::super::pager::pager;
use super::query;
use crate::db::{Seen, UserFilter, UserOrder, UserState, UsersOnly};
use crate::domain::principal::Principal;
use crate::http::extract::argument;
use crate::render::pages::admin::{Choice, Pager, SortLink, UserFilters};

/// Pages that can be chosen, in users.
const SIZES: [u64; 2] = [25, MOST_ROWS];

/// The most rows to a page: with all that is loaded for it, it weighs less than 100 KB when names have 40 characters.
pub(super) const MOST_ROWS: u64 = 50;

const STATES: [(&str, &str, UserState); 3] = [
    ("active", "with a server", UserState::Active),
    ("ready", "with a ready server", UserState::Ready),
    ("inactive", "without a server", UserState::Inactive),
];

/// When somebody was last seen, in days before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    Within(i64),
    NotFor(i64),
    Never,
}

const ACTIVITIES: [(&str, &str, Activity); 8] = [
    ("1d", "seen today or yesterday", Activity::Within(1)),
    ("7d", "seen within 7 days", Activity::Within(7)),
    ("30d", "seen within 30 days", Activity::Within(30)),
    ("not-7d", "not seen for 7 days", Activity::NotFor(7)),
    ("not-30d", "not seen for 30 days", Activity::NotFor(30)),
    ("not-180d", "not seen for 180 days", Activity::NotFor(180)),
    ("not-365d", "not seen for a year", Activity::NotFor(365)),
    ("never", "never seen", Activity::Never),
];

const SORTS: [(&str, UserOrder); 3] = [
    ("id", UserOrder::Id),
    ("name", UserOrder::Name),
    ("last_activity", UserOrder::LastActivity),
];

/// How many users a page has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) default: u64,
    pub(super) max: u64,
}

/// What part of the list is looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listing {
    name: Option<String>,
    pub(super) state: Option<UserState>,
    group: Option<String>,
    admin: Option<bool>,
    activity: Option<Activity>,
    order: UserOrder,
    descending: bool,
    pub(super) offset: u64,
    pub(super) limit: u64,
    default_limit: u64,
}

/// Which fields of the users on the list the visitor may see: they may also be filtered by these, and by no others, which
/// would tell what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sees {
    admin: bool,
    activity: bool,
    groups: bool,
    servers: bool,
}

impl Sees {
    pub(super) fn of(caller: &Principal) -> Self {
        use ScopeName::{
            ReadRolesUsers, ReadServers, ReadUsers, ReadUsersActivity, ReadUsersGroups,
            ReadUsersName,
        };
        let any = |scopes: &[ScopeName]| scopes.iter().any(|scope| covers_list(caller, scope));
        Self {
            admin: any(&[ReadUsers, ReadUsersName, ReadRolesUsers]),
            activity: any(&[ReadUsers, ReadUsersActivity]),
            groups: any(&[ReadUsers, ReadUsersGroups]),
            servers: any(&[ReadServers]),
        }
    }
}

/// Whether a scope is held for everybody on the caller's list of users.
fn covers_list(caller: &Principal, scope: &ScopeName) -> bool {
    let Ok(list) = caller.reach(&[ScopeName::ListUsers]) else {
        return false;
    };
    match (caller.scopes().reach(scope), list) {
        (None, _) | (Some(Reach::Only(_)), Reach::All) => false,
        (Some(Reach::All), _) => true,
        (Some(held), list) => [FilterKind::User, FilterKind::Group]
            .into_iter()
            .all(|kind| {
                let mut listed = list.values(kind);
                listed.all(|value| held.values(kind).any(|held| held == value))
            }),
    }
}

/// One of the values that an argument may have; none when it is not given.
fn choice<T: Copy>(
    uri: &Uri,
    name: &str,
    known: impl IntoIterator<Item = (&'static str, T)>,
) -> Result<Option<T>, String> {
    match argument(uri, name).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => {
            let found = known.into_iter().find(|(value, _)| *value == text);
            let (_, value) = found.ok_or_else(|| format!("{name} cannot be {text:?}."))?;
            Ok(Some(value))
        }
    }
}

fn number(uri: &Uri, name: &str, most: u64) -> Result<Option<u64>, String> {
    let text = argument(uri, name).filter(|text| !text.is_empty());
    text.map(|text| {
        let number = text.parse().ok().filter(|number| *number <= most);
        number.ok_or_else(|| format!("{name} cannot be {text:?}."))
    })
    .transpose()
}

impl Listing {
    /// Reads the arguments of a URL. An unknown value is an error: "stop all" must not mean more than what is shown.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn read(uri: &Uri, sizes: Sizes, sees: Sees) -> Result<Self, String> {
        let text = |name| argument(uri, name).filter(|text| !text.is_empty());
        let listing = Self {
            name: text("name_filter"),
            state: choice(uri, "state", STATES.map(|(value, _, state)| (value, state)))?,
            group: text("group"),
            admin: choice(uri, "admin", [("true", true), ("false", false)])?,
            activity: choice(
                uri,
                "activity",
                ACTIVITIES.map(|(value, _, activity)| (value, activity)),
            )?,
            order: UserOrder::Name,
            descending: false,
            offset: number(uri, "offset", i64::MAX as u64)?.unwrap_or(0),
            limit: number(uri, "limit", u64::MAX)?
                .unwrap_or(sizes.default)
                .clamp(1, sizes.max.max(1)),
            default_limit: sizes.default,
        };
        let unseen = listing.state.is_some() && !sees.servers
            || listing.admin.is_some() && !sees.admin
            || listing.activity.is_some() && !sees.activity
            || listing.group.is_some() && !sees.groups;
        if unseen {
            return Err("You cannot filter by what you may not see.".to_owned());
        }
        listing.sorted_by(&text("sort").unwrap_or_else(|| "name".to_owned()), sees)
    }

    fn sorted_by(mut self, sort: &str, sees: Sees) -> Result<Self, String> {
        let plain = sort.strip_prefix('-').unwrap_or(sort);
        let known = SORTS.iter().find(|(name, _)| *name == plain);
        let (_, order) = known.ok_or_else(|| format!("sort cannot be {sort:?}."))?;
        if *order == UserOrder::LastActivity && !sees.activity {
            return Err("You cannot sort by what you may not see.".to_owned());
        }
        self.order = *order;
        self.descending = sort.starts_with('-');
        Ok(self)
    }

    /// Whether the last activity decides who is shown where.
    pub(super) fn is_by_activity(&self) -> bool {
        self.order == UserOrder::LastActivity || self.activity.is_some()
    }

    /// Whether anything is filtered.
    pub(super) fn is_filtered(&self) -> bool {
        self.name.is_some()
            || self.state.is_some()
            || self.group.is_some()
            || self.admin.is_some()
            || self.activity.is_some()
    }

    /// The same for the database.
    pub(super) fn filter(&self, only: Option<UsersOnly>, now: DateTime<Utc>) -> UserFilter {
        let before = |days| now - TimeDelta::days(days);
        UserFilter {
            state: self.state,
            name_contains: self.name.clone(),
            group: self.group.clone(),
            admin: self.admin,
            seen: self.activity.map(|activity| match activity {
                Activity::Within(days) => Seen::Since(before(days)),
                Activity::NotFor(days) => Seen::NotSince(before(days)),
                Activity::Never => Seen::Never,
            }),
            only,
            order: self.order,
            descending: self.descending,
        }
    }

    fn sort(&self) -> String {
        let name = SORTS.iter().find(|(_, order)| *order == self.order);
        let name = name.map_or("name", |(name, _)| name);
        format!("{}{name}", if self.descending { "-" } else { "" })
    }

    /// The arguments again, in one order, without those that say nothing.
    pub(super) fn query(&self) -> String {
        let word = |known: Option<&'static str>| known.unwrap_or_default().to_owned();
        let state = STATES.iter().find(|row| Some(row.2) == self.state);
        let activity = ACTIVITIES.iter().find(|row| Some(row.2) == self.activity);
        let sort = self.sort();
        let differs = |number: u64, usual: u64| match number == usual {
            true => String::new(),
            false => number.to_string(),
        };
        let all = [
            ("name_filter", self.name.clone().unwrap_or_default()),
            ("state", word(state.map(|row| row.0))),
            ("group", self.group.clone().unwrap_or_default()),
            (
                "admin",
                self.admin
                    .map(|admin| admin.to_string())
                    .unwrap_or_default(),
            ),
            ("activity", word(activity.map(|row| row.0))),
            ("sort", if sort == "name" { String::new() } else { sort }),
            ("limit", differs(self.limit, self.default_limit)),
            ("offset", differs(self.offset, 0)),
        ];
        let said: Vec<(&str, &str)> = all
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        query(&said)
    }

    /// The list at `path` with these arguments.
    pub(super) fn url(&self, path: &str) -> String {
        match self.query() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }

    fn at(&self, path: &str, offset: u64) -> String {
        let other = Self {
            offset,
            ..self.clone()
        };
        other.url(path)
    }

    /// Headers that sort; those by what the visitor may not see lead nowhere.
    pub(super) fn sorts(&self, path: &str, sees: Sees) -> Vec<SortLink> {
        let link = |label, order| {
            let possible = order != UserOrder::LastActivity || sees.activity;
            let current = self.order == order;
            let other = Self {
                order,
                descending: current && !self.descending,
                offset: 0,
                ..self.clone()
            };
            SortLink {
                label,
                href: possible.then(|| other.url(path)),
                direction: current.then_some(match self.descending {
                    true => "descending",
                    false => "ascending",
                }),
            }
        };
        vec![
            link("User", UserOrder::Name),
            link("Last activity", UserOrder::LastActivity),
        ]
    }

    /// The other pages of a list of `total`, of which `shown` are on this one.
    pub(super) fn pager(&self, path: &str, shown: usize, total: u64) -> Pager {
        pager((self.offset, self.limit), (shown, total), |offset| {
            self.at(path, offset)
        })
    }

    /// The fields of the form.
    pub(super) fn fields(&self, sizes: Sizes, sees: Sees) -> UserFilters {
        let choices = |all: &[(&str, &str, bool)]| {
            let choices = all.iter().map(|(value, label, selected)| Choice {
                value: (*value).to_owned(),
                label: (*label).to_owned(),
                selected: *selected,
            });
            choices.collect::<Vec<_>>()
        };
        let mut states = vec![("", "all users", self.state.is_none())];
        states.extend(STATES.map(|row| (row.0, row.1, Some(row.2) == self.state)));
        let mut activities = vec![("", "any activity", self.activity.is_none())];
        activities.extend(ACTIVITIES.map(|row| (row.0, row.1, Some(row.2) == self.activity)));
        let admins = [
            ("", "all roles", self.admin.is_none()),
            ("true", "administrators", self.admin == Some(true)),
            ("false", "not administrators", self.admin == Some(false)),
        ];
        let mut limits: Vec<u64> = SIZES
            .into_iter()
            .filter(|size| *size <= sizes.max)
            .collect();
        limits.extend([self.limit, sizes.default]);
        limits.sort_unstable();
        limits.dedup();
        let limits = limits.into_iter().map(|size| Choice {
            // The usual one need not be said.
            value: match size == sizes.default {
                true => String::new(),
                false => size.to_string(),
            },
            label: format!("{size} to a page"),
            selected: size == self.limit,
        });
        let sort = self.sort();
        UserFilters {
            name: self.name.clone().unwrap_or_default(),
            states: match sees.servers {
                true => choices(&states),
                false => Vec::new(),
            },
            admins: if sees.admin {
                choices(&admins)
            } else {
                Vec::new()
            },
            activities: match sees.activity {
                true => choices(&activities),
                false => Vec::new(),
            },
            group: sees.groups.then(|| self.group.clone().unwrap_or_default()),
            limits: limits.collect(),
            sort: if sort == "name" { String::new() } else { sort },
            active: self.is_filtered(),
        }
    }
}

#[cfg(test)]
mod tests;
