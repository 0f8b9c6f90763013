//! Filters: the part of a scope after `!`.

use std::fmt;

/// What a filter speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FilterKind {
    /// One user, with their servers.
    User,
    /// The members of a group, and the group itself.
    Group,
    /// One server: `user/name`.
    Server,
    /// One service.
    Service,
}

impl FilterKind {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FilterKind::User => "user",
            FilterKind::Group => "group",
            FilterKind::Server => "server",
            FilterKind::Service => "service",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            FilterKind::User,
            FilterKind::Group,
            FilterKind::Server,
            FilterKind::Service,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

/// To whom a scope applies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Filter {
    /// Everybody.
    All,
    /// Whoever owns the credential: `!user`, `!service`, `!server` (not `!group`).
    Own(FilterKind),
    /// One entity: `!user=alice`. Servers are `user/name`, with the slash kept for the default one.
    Is(FilterKind, String),
}

impl Filter {
    /// Reads what follows the `!`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.split_once('=') {
            None => FilterKind::parse(text)
                .filter(|kind| *kind != FilterKind::Group)
                .map(Filter::Own),
            Some((_, "")) => None,
            Some((kind, value)) => {
                FilterKind::parse(kind).map(|kind| Filter::Is(kind, value.to_owned()))
            }
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::All => Ok(()),
            Filter::Own(kind) => write!(f, "!{}", kind.as_str()),
            Filter::Is(kind, value) => write!(f, "!{}={value}", kind.as_str()),
        }
    }
}
