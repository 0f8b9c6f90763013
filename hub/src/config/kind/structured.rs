//! Kinds with a structure: groups, roles, services. They are read through serde, with errors that keep their place.

use std::collections::BTreeMap;
use std::sync::Arc;

use hub_types::scope::{Catalogue, CustomScope};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::collection::unknown_scope;
use super::{Faults, Kind};
use crate::config::node::{Entry, Node, Value};
use crate::config::problem::nearest;
use crate::config::{GroupSpec, RoleSpec, ServiceSpec};

/// Reads one value through serde; `what` names it in messages.
pub(super) fn item<T: DeserializeOwned>(
    node: &Node,
    what: &str,
    faults: &mut Faults<'_>,
) -> Option<T> {
    match serde_path_to_error::deserialize(node.to_json()) {
        Ok(value) => Some(value),
        Err(error) => {
            let path = error.path();
            let found = node.at(path);
            let place = node.place_of(path).clone();
            let inner = match path.to_string().as_str() {
                "." => String::new(),
                path => format!("{path} "),
            };
            let why = explain(&error.inner().to_string(), found);
            faults.at(&place, format_args!("{what}: {inner}{why}"));
            None
        }
    }
}

/// Rewords serde's message: what to write instead, without repeating values that may be secret.
fn explain(message: &str, found: Option<&Node>) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if let (Some((key, known)), true) = (quoted.split_first(), message.starts_with("unknown field"))
    {
        return match nearest(key, known.iter().copied()) {
            Some(near) => format!("is not a setting; did you mean {near}?"),
            None => format!("is not a setting; there are {}", known.join(", ")),
        };
    }
    if let (Some(key), true) = (quoted.first(), message.starts_with("missing field")) {
        return format!("lacks {key}");
    }
    if let (Some((_, expected)), true) = (
        message.split_once(", expected "),
        message.starts_with("invalid type"),
    ) {
        let expected = match expected {
            "a sequence" => "a list",
            "a map" => "a table",
            text if text.starts_with("struct ") => "a table",
            "a string" => "a text in quotes",
            "a boolean" => "true or false",
            other => other,
        };
        let found = found.map_or("what is there".into(), Node::describe);
        return format!("must be {expected}, not {found}");
    }
    if let Some(scope) = message
        .strip_prefix("Scope '")
        .and_then(|rest| rest.split_once('\''))
    {
        return unknown_scope(scope.0);
    }
    message.to_owned()
}

/// Reads every item of a list; `name` finds the item's name for messages.
fn items<K: Kind, T: DeserializeOwned>(
    node: &Node,
    what: &str,
    faults: &mut Faults<'_>,
) -> Option<Vec<T>> {
    let Value::List(list) = &node.value else {
        return faults.expected::<K, _>(node);
    };
    let read: Vec<Option<T>> = list
        .iter()
        .map(|entry| item(entry, &label(entry, what), faults))
        .collect();
    read.into_iter().collect()
}

fn label(node: &Node, what: &str) -> String {
    let name = node
        .as_table()
        .and_then(|entries| entries.iter().find(|entry| entry.key == "name"))
        .and_then(|entry| entry.node.as_text());
    match name {
        Some(name) => format!("{what} '{name}'"),
        None => what.to_owned(),
    }
}

/// Roles.
#[derive(Debug)]
pub struct Roles;

impl Kind for Roles {
    type Target = Vec<RoleSpec>;
    const EXPECTS: &'static str =
        "a list of roles: write each as [[JupyterHub.load_roles]] with name and scopes";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<RoleSpec>> {
        items::<Self, _>(node, "role", faults)
    }

    fn show(value: &Vec<RoleSpec>) -> Option<Json> {
        Some(value.iter().map(show_role).collect())
    }
}

fn show_role(role: &RoleSpec) -> Json {
    let scopes = role
        .scopes
        .as_ref()
        .map(|scopes| scopes.iter().map(ToString::to_string).collect::<Vec<_>>());
    compact(json!({
        "name": role.name, "description": role.description, "scopes": scopes,
        "users": role.users, "groups": role.groups, "services": role.services,
    }))
}

/// Removes keys without a value: TOML has no null.
fn compact(value: Json) -> Json {
    match value {
        Json::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        other => other,
    }
}

/// Scopes of the operator's own, by name.
#[derive(Debug)]
pub struct CustomScopes;

impl Kind for CustomScopes {
    type Target = Arc<Catalogue>;
    const EXPECTS: &'static str = "a table of scopes, e.g. { \"custom:lab:book\" = { description = \"Book the lab.\", subscopes = [] } }";
    const EXAMPLE: &'static str = "{}";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Arc<Catalogue>> {
        let Some(entries) = node.as_table() else {
            return faults.expected::<Self, _>(node);
        };
        let read: Vec<Option<(String, CustomScope)>> = entries
            .iter()
            .map(|entry| {
                let what = format!("scope '{}'", entry.key);
                Some((entry.key.clone(), item(&entry.node, &what, faults)?))
            })
            .collect();
        let definitions: BTreeMap<_, _> = read.into_iter().collect::<Option<_>>()?;
        match Catalogue::with_custom(&definitions) {
            Ok(catalogue) => Some(Arc::new(catalogue)),
            Err(error) => {
                let at = entries.iter().find(|entry| entry.key == error.scope());
                faults.at(at.map_or(&node.place, |entry| &entry.place), error);
                None
            }
        }
    }

    fn show(value: &Arc<Catalogue>) -> Option<Json> {
        Some(
            value
                .custom()
                .map(|(name, scope)| (name.to_string(), json!(scope)))
                .collect(),
        )
    }
}

/// Services.
#[derive(Debug)]
pub struct Services;

impl Kind for Services {
    type Target = Vec<ServiceSpec>;
    const EXPECTS: &'static str =
        "a list of services: write each as [[JupyterHub.services]] with name and url or command";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<ServiceSpec>> {
        items::<Self, _>(node, "service", faults)
    }

    fn show(value: &Vec<ServiceSpec>) -> Option<Json> {
        Some(
            value
                .iter()
                .map(|spec| Json::Object(spec.shown()))
                .collect(),
        )
    }
}

/// Groups by name: a list of users, or a table with `users` and `properties`.
#[derive(Debug)]
pub struct Groups;

impl Kind for Groups {
    type Target = BTreeMap<String, GroupSpec>;
    const EXPECTS: &'static str = "a table of groups, e.g. { staff = { users = [\"mal\"] } }";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BTreeMap<String, GroupSpec>> {
        let Some(entries) = node.as_table() else {
            return faults.expected::<Self, _>(node);
        };
        let read: Vec<Option<(String, GroupSpec)>> =
            entries.iter().map(|entry| group(entry, faults)).collect();
        read.into_iter().collect()
    }

    fn show(value: &BTreeMap<String, GroupSpec>) -> Option<Json> {
        let show =
            |group: &GroupSpec| json!({ "users": group.users, "properties": group.properties });
        Some(
            value
                .iter()
                .map(|(name, group)| (name.clone(), show(group)))
                .collect(),
        )
    }
}

fn group(entry: &Entry, faults: &mut Faults<'_>) -> Option<(String, GroupSpec)> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Full {
        #[serde(default)]
        users: Vec<String>,
        #[serde(default)]
        properties: Map<String, Json>,
    }
    let what = format!("group '{}'", entry.key);
    if let Err(error) = hub_types::names::GroupName::new(&entry.key) {
        faults.at(&entry.place, format_args!("{what}: {error}"));
        return None;
    }
    let spec = if matches!(entry.node.value, Value::List(_)) {
        GroupSpec {
            users: item(&entry.node, &what, faults)?,
            properties: Map::new(),
        }
    } else {
        let Full { users, properties } = item(&entry.node, &what, faults)?;
        GroupSpec { users, properties }
    };
    Some((entry.key.clone(), spec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::testing::read;

    #[test]
    fn roles() {
        let roles =
            read::<Roles>(json!([{"name": "r", "scopes": ["self"], "users": ["mal"]}])).unwrap();
        assert_eq!(
            roles[0].users.as_deref(),
            Some(["mal".to_owned()].as_slice())
        );
        assert_eq!(
            Roles::show(&roles),
            Some(json!([{"name": "r", "scopes": ["self"], "users": ["mal"]}]))
        );
        for (value, expected) in [
            (json!([{"scopes": []}]), "x role: lacks name"),
            (
                json!([{"name": "r", "scope": []}]),
                "x role 'r': scope is not a setting; did you mean scopes?",
            ),
            (
                json!([{"name": "r", "users": "mal"}]),
                "x role 'r': users must be a list, not a text",
            ),
            (
                json!([{"name": "r", "scopes": ["read:user"]}]),
                "x role 'r': scopes[0] holds 'read:user', which is not a scope; did you mean read:users?",
            ),
            (
                json!([3, {"name": 4}]),
                "x role: must be a table, not a whole number; x role: name must be a text in quotes, not a whole number",
            ),
        ] {
            let error = read::<Roles>(value.clone()).unwrap_err();
            assert_eq!(error, expected, "{value}");
        }
    }

    #[test]
    fn custom_scopes() {
        let own = json!({"custom:lab:book": {"description": "Book the lab.", "subscopes": ["custom:lab:see"]},
            "custom:lab:see": {"description": "See the plan."}});
        let catalogue = read::<CustomScopes>(own.clone()).unwrap();
        assert_eq!(CustomScopes::show(&catalogue), Some(own));
        for (value, expected) in [
            (json!([]), "x must be a table of scopes"),
            (
                json!({"custom:empty": {}}),
                "x scope 'custom:empty': lacks description",
            ),
            (
                json!({"custom:extra": {"description": "d", "subscope": []}}),
                "x scope 'custom:extra': subscope is not a setting; did you mean subscopes?",
            ),
            (
                json!({"custom:bad": {"description": "d", "subscopes": "custom:notalist"}}),
                "x scope 'custom:bad': subscopes must be a list, not a text",
            ),
            (
                json!({"read:users": {"description": "d"}}),
                "x 'read:users' is a scope of JupyterHub and cannot be defined again",
            ),
        ] {
            let error = read::<CustomScopes>(value.clone()).unwrap_err();
            assert!(error.starts_with(expected), "{value}: {error}");
        }
    }

    #[test]
    fn groups_in_both_forms() {
        let groups =
            read::<Groups>(json!({"a": ["mal"], "b": {"users": ["zoe"], "properties": {"k": 1}}}))
                .unwrap();
        assert_eq!(groups["a"].users, ["mal"]);
        assert_eq!(groups["b"].properties["k"], 1);
        assert_eq!(
            read::<Groups>(json!({"a": {"user": []}})).unwrap_err(),
            "x group 'a': user is not a setting; did you mean users?"
        );
        assert!(read::<Groups>(json!({"a/b": []})).is_err());
        assert!(read::<Groups>(json!(["a"])).is_err());
    }
}
