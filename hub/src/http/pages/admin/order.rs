//! What a form of the admin pages orders: pure, and nothing is allowed by it.

use hub_types::names::{ServerName, Username};
use url::form_urlencoded;

use super::these;
use crate::domain::server::ServerRef;
use crate::http::pages::form::RawForm;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Start the default server, or the one that is named.
    Start,
    /// Stop all servers, or the one that is named.
    Stop,
    /// Forget a named server.
    Remove,
    /// Delete the user.
    Delete,
    /// Add to a group.
    Join(String),
    /// Take out of a group.
    Leave(String),
}

impl Deed {
    /// The word that tells the next page.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Deed::Start => "start",
            Deed::Stop => "stop",
            Deed::Remove => "remove",
            Deed::Delete => "delete",
            Deed::Join(_) => "join",
            Deed::Leave(_) => "leave",
        }
    }
}

/// To whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom {
    /// One server; its user, where the deed is done to users.
    Server(ServerRef),
    /// These users.
    Users(Vec<String>),
    /// Everybody whom the filters of the list let through: a question, never an answer.
    Everybody,
    /// Those of everybody who stood in the question: row ids of servers that are stopped, of users whose servers are started.
    These(Vec<i64>),
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) deed: Deed,
    pub(super) whom: Whom,
}

/// Most users in one order that names them.
const MAX_USERS: usize = 1_000;

impl Order {
    /// Reads a form: the button of a row (`act`), everybody (`all`, with `these` when it was asked who that is), or what is
    /// selected (`action`, `user`, `group`).
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn read(form: &RawForm) -> Result<Self, String> {
        if let Some(act) = form.field("act").filter(|act| !act.is_empty()) {
            return one(act);
        }
        if let Some(all) = form.field("all").filter(|all| !all.is_empty()) {
            let deed = match all {
                "start" => Deed::Start,
                "stop" => Deed::Stop,
                _ => return Err(unknown()),
            };
            let whom = match form.field("these") {
                None => Whom::Everybody,
                Some(rows) => Whom::These(these::read(rows).ok_or_else(unknown)?),
            };
            return Ok(Self { deed, whom });
        }
        let mut users: Vec<String> = form.all("user").map(ToOwned::to_owned).collect();
        users.sort();
        users.dedup();
        let deed = selected(form)?;
        match users.len() {
            0 => Err("Select users first: nothing was done.".to_owned()),
            1..=MAX_USERS => Ok(Self {
                deed,
                whom: Whom::Users(users),
            }),
            _ => Err(format!(
                "At most {MAX_USERS} users at once: nothing was done."
            )),
        }
    }

    /// Whether it is asked once more before it is done.
    pub(super) fn needs_confirmation(&self) -> bool {
        matches!(self.deed, Deed::Delete | Deed::Remove)
            || matches!(self.whom, Whom::Everybody | Whom::These(_))
    }

    /// Whether a form with this order, when it says that it was confirmed, may be acted on.
    pub(super) fn says_whom(&self) -> bool {
        self.whom != Whom::Everybody
    }
}

fn unknown() -> String {
    "The form asks for something that this hub does not know: nothing was done.".to_owned()
}

fn selected(form: &RawForm) -> Result<Deed, String> {
    let group = || {
        let group = form.field("group").map(str::trim).unwrap_or_default();
        match group.is_empty() {
            true => Err("Say which group: nothing was done.".to_owned()),
            false => Ok(group.to_owned()),
        }
    };
    match form.field("action").unwrap_or_default() {
        "start" => Ok(Deed::Start),
        "stop" => Ok(Deed::Stop),
        "delete" => Ok(Deed::Delete),
        "add_to_group" => group().map(Deed::Join),
        "remove_from_group" => group().map(Deed::Leave),
        "" => Err("Choose what to do with the selected users: nothing was done.".to_owned()),
        _ => Err(unknown()),
    }
}

/// The button of a row: `do=start&user=alice&server=`.
fn one(act: &str) -> Result<Order, String> {
    let value = |name: &str| {
        form_urlencoded::parse(act.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let deed = match value("do").as_deref() {
        Some("start") => Deed::Start,
        Some("stop") => Deed::Stop,
        Some("remove") => Deed::Remove,
        Some("delete") => Deed::Delete,
        _ => return Err(unknown()),
    };
    let (Some(user), Some(server)) = (value("user"), value("server")) else {
        return Err(unknown());
    };
    let at = ServerRef::new(Username::stored(user), ServerName::stored(server));
    let whom = Whom::Server(at);
    Ok(Order { deed, whom })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<Order, String> {
        Order::read(&RawForm::of(fields))
    }

    #[test]
    fn orders() {
        let at = |user: &str, server: &str| {
            Whom::Server(ServerRef::new(
                Username::stored(user),
                ServerName::stored(server),
            ))
        };
        let users = |names: &[&str]| Whom::Users(names.iter().map(|&name| name.into()).collect());
        for (fields, deed, whom, asks) in [
            (
                &[("act", "do=start&user=a%2Fb%26c&server="), ("user", "zoe")][..],
                Deed::Start,
                at("a/b&c", ""),
                false,
            ),
            (
                &[("act", "do=remove&user=a&server=gpu")],
                Deed::Remove,
                at("a", "gpu"),
                true,
            ),
            (
                &[("all", "stop"), ("user", "a")],
                Deed::Stop,
                Whom::Everybody,
                true,
            ),
            (
                &[("all", "stop"), ("these", "7.1")],
                Deed::Stop,
                Whom::These(vec![7, 8]),
                true,
            ),
            (
                &[
                    ("action", "stop"),
                    ("user", "b"),
                    ("user", "a"),
                    ("user", "b"),
                ],
                Deed::Stop,
                users(&["a", "b"]),
                false,
            ),
            (
                &[("action", "delete"), ("user", "a")],
                Deed::Delete,
                users(&["a"]),
                true,
            ),
            (
                &[
                    ("action", "add_to_group"),
                    ("group", " lab "),
                    ("user", "a"),
                ],
                Deed::Join("lab".into()),
                users(&["a"]),
                false,
            ),
        ] {
            let order = read(fields).unwrap();
            assert_eq!(order.needs_confirmation(), asks, "{fields:?}");
            assert_eq!(order, Order { deed, whom }, "{fields:?}");
        }
    }

    #[test]
    fn what_is_no_order() {
        for fields in [
            &[][..],
            &[("action", "stop")],
            &[("action", ""), ("user", "a")],
            &[("action", "burn"), ("user", "a")],
            &[("action", "add_to_group"), ("user", "a"), ("group", " ")],
            &[("all", "delete")],
            &[("all", "stop"), ("these", "everybody")],
            &[("act", "do=delete&user=a")],
            &[("act", "delete")],
        ] {
            assert!(read(fields).is_err(), "{fields:?}");
        }
    }
}
