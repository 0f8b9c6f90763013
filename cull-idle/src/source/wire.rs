//! From the hub's JSON to facts, bearing everything: old hubs, absent fields, and values of the wrong kind.
//!
//! The typed models of `hub-types` refuse a whole page for one bad timestamp. Here a bad value spoils only what hangs
//! on it: the timestamp becomes [`Stamp::Unreadable`], the server is not ready, at worst one user is a [`BadUser`].

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::{Map, Value};

use crate::facts::{Profile, ServerFacts, Stamp, State, UserFacts};
use crate::report::Quoted;

/// An entry of the list of users that names no user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUser {
    /// Not an object, or without a name.
    #[error("an entry of the list of users has no name")]
    NoName,
    /// A name that means a folder in a URL: it could make a request go to another place of the API.
    #[error("the user name {0:?} cannot be put into a URL")]
    Dots(String),
}

/// How old the hub's API is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Era {
    major: u32,
    minor: u32,
}

impl Era {
    /// The era of a JupyterHub of this version.
    #[must_use]
    pub fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Reads the reply of the API's root, `{"version": "6.1.1"}`.
    #[must_use]
    pub fn of(root: &Value) -> Option<Self> {
        let mut parts = root["version"].as_str()?.split('.');
        let major = leading_number(parts.next()?)?;
        let minor = parts.next().and_then(leading_number).unwrap_or(0);
        Some(Self { major, minor })
    }

    /// Whether `state=` filters users (JupyterHub 1.3).
    #[must_use]
    pub fn knows_state_filter(self) -> bool {
        self >= Self::new(1, 3)
    }

    /// Whether users always carry `servers`, if the caller may read them (JupyterHub 0.9).
    #[must_use]
    pub fn always_lists_servers(self) -> bool {
        self >= Self::new(0, 9)
    }
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Reads one entry of the list of users.
///
/// # Errors
/// When it cannot even be told which user is meant.
pub fn user(entry: &Value, era: Era) -> Result<UserFacts, BadUser> {
    let user = entry.as_object().ok_or(BadUser::NoName)?;
    let name = match user.get("name").and_then(Value::as_str) {
        None | Some("") => return Err(BadUser::NoName),
        Some(name) if is_dots(name) => return Err(BadUser::Dots(name.to_owned())),
        Some(name) => name.to_owned(),
    };
    Ok(UserFacts {
        name,
        admin: user.get("admin").and_then(Value::as_bool),
        groups: groups(user),
        created: stamp(user, "created"),
        last_activity: stamp(user, "last_activity"),
        servers: servers(user, era),
    })
}

fn servers(user: &Map<String, Value>, era: Era) -> Option<Vec<ServerFacts>> {
    match user.get("servers") {
        Some(Value::Object(servers)) => Some(
            servers
                .iter()
                .map(|(name, model)| server(name, model))
                .collect(),
        ),
        Some(_) => None,
        None if era.always_lists_servers() => None,
        None => legacy_server(user),
    }
}

/// Before JupyterHub 0.9 a user carried its one server in its own fields: `server` (a path when it is ready),
/// `pending` and `last_activity`.
fn legacy_server(user: &Map<String, Value>) -> Option<Vec<ServerFacts>> {
    let url = user.get("server")?;
    let state = match pending(user) {
        Some(what) => State::Pending(what),
        None if truthy(url) => State::Ready,
        None => return Some(Vec::new()),
    };
    Some(vec![ServerFacts {
        name: String::new(),
        state,
        started: Stamp::Missing,
        last_activity: stamp(user, "last_activity"),
        profile: Profile::Unknown,
        notice: None,
    }])
}

fn server(name: &str, model: &Value) -> ServerFacts {
    let nothing = Map::new();
    let model = model.as_object().unwrap_or(&nothing);
    ServerFacts {
        name: name.to_owned(),
        state: if is_dots(name) {
            State::NotReady
        } else {
            state(model)
        },
        started: stamp(model, "started"),
        last_activity: stamp(model, "last_activity"),
        profile: profile(model),
        notice: notice(model),
    }
}

/// The names of a user's groups; one that is no text makes the list unreadable, for it might be the one that counts.
fn groups(user: &Map<String, Value>) -> Option<Vec<String>> {
    let groups = user.get("groups")?.as_array()?;
    let name = |group: &Value| group.as_str().map(ToOwned::to_owned);
    groups.iter().map(name).collect()
}

/// The name of the profile: what the spawner's state says (`profile_name`, shown only with `admin:server_state`), else what the user
/// chose (`profile` of the options).
fn profile(server: &Map<String, Value>) -> Profile {
    let state = server
        .get("state")
        .and_then(|state| state.get("profile_name"));
    let Some(options) = server.get("user_options") else {
        return match state.and_then(Value::as_str) {
            Some(name) => Profile::Named(name.to_owned()),
            None => Profile::Unknown,
        };
    };
    let chosen = state.or_else(|| options.get("profile"));
    match (chosen, options) {
        (Some(Value::String(name)), _) => Profile::Named(name.clone()),
        (None | Some(Value::Null), Value::Object(_) | Value::Null) => Profile::None,
        _ => Profile::Unknown,
    }
}

/// From when on the server was announced to be stopped. What cannot be read announces nothing.
fn notice(server: &Map<String, Value>) -> Option<DateTime<Utc>> {
    stamp(server.get("stop_notice")?.as_object()?, "stop_at").time()
}

fn state(server: &Map<String, Value>) -> State {
    if let Some(what) = pending(server) {
        return State::Pending(what);
    }
    // Before JupyterHub 0.9 there was no `ready`; a server was ready when it had a URL.
    let ready = match server.get("ready") {
        Some(ready) => ready == &Value::Bool(true),
        None => server.get("url").is_some_and(truthy),
    };
    match (ready, server.get("stopped")) {
        (_, Some(Value::Bool(true))) => State::Stopped,
        (true, _) => State::Ready,
        (false, _) => State::NotReady,
    }
}

fn pending(model: &Map<String, Value>) -> Option<String> {
    match model.get("pending") {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(Value::String(what)) if what.is_empty() => None,
        Some(Value::String(what)) => Some(what.clone()),
        Some(_) => Some("something".to_owned()),
    }
}

fn truthy(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// Whether a name is a folder of a URL's path rather than a name in it.
fn is_dots(name: &str) -> bool {
    matches!(name, "." | "..")
}

fn stamp(model: &Map<String, Value>, field: &str) -> Stamp {
    match model.get(field) {
        None => Stamp::Missing,
        Some(Value::Null) => Stamp::Never,
        Some(Value::String(text)) => match hub_types::time::parse(text) {
            Some(time) if time >= first_hub() => Stamp::At(time),
            _ => unreadable(text),
        },
        Some(other) => unreadable(&other.to_string()),
    }
}

/// JupyterHub was begun in 2014: an earlier time is a default that leaked out (year 1, 1970), not a time.
fn first_hub() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2014, 1, 1).map_or(DateTime::UNIX_EPOCH, |date| {
        date.and_time(NaiveTime::MIN).and_utc()
    })
}

fn unreadable(text: &str) -> Stamp {
    Stamp::Unreadable(Quoted(text).to_string())
}

#[cfg(test)]
mod tests;
