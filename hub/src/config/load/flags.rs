//! Flags that set a trait: `--Class.trait=value`, and the short ones that stand for them.

use std::sync::Arc;

use toml::de::DeValue;

use super::{Section, file_toml};
use crate::config::node::{Entry, Node, Value};
use crate::config::problem::Place;

/// A trait set on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The class, e.g. `JupyterHub`.
    pub class: String,
    /// The trait, e.g. `port`.
    pub name: String,
    /// The value: TOML, or else a text.
    pub value: String,
    /// The flag as typed, without its value, for messages.
    pub typed: String,
}

impl Flag {
    /// A flag that was typed as `typed`.
    #[must_use]
    pub fn new(class: &str, name: &str, value: impl Into<String>, typed: &str) -> Self {
        Self {
            class: class.to_owned(),
            name: name.to_owned(),
            value: value.into(),
            typed: typed.to_owned(),
        }
    }
}

/// A flag as a section with one entry.
pub(super) fn section(flag: &Flag) -> Section {
    let place = Place::Flag(Arc::from(flag.typed.as_str()));
    let entry = Entry {
        key: flag.name.clone(),
        place: place.clone(),
        node: node(&flag.value, &place),
    };
    Section {
        class: flag.class.clone(),
        place,
        entries: vec![entry],
    }
}

/// The value of a flag: TOML if it is, else a text. Python's `True` and `False` are understood.
pub(in crate::config) fn node(text: &str, place: &Place) -> Node {
    let value = match text {
        "True" => Value::Bool(true),
        "False" => Value::Bool(false),
        _ => DeValue::parse(text).map_or_else(
            |_| Value::Text(text.to_owned()),
            |parsed| value(parsed.get_ref(), place),
        ),
    };
    Node {
        value,
        place: place.clone(),
        raw: Some(text.to_owned()),
    }
}

fn value(parsed: &DeValue<'_>, place: &Place) -> Value {
    let inner = |parsed: &DeValue<'_>| Node::new(value(parsed, place), place.clone());
    match parsed {
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| inner(item.get_ref())).collect())
        }
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(key, item)| Entry {
                    key: key.get_ref().to_string(),
                    place: place.clone(),
                    node: inner(item.get_ref()),
                })
                .collect(),
        ),
        scalar => file_toml::plain(scalar),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_toml_or_else_text() {
        for (text, expected) in [
            ("8000", Value::Int(8000)),
            ("true", Value::Bool(true)),
            ("False", Value::Bool(false)),
            ("\"8000\"", Value::Text("8000".into())),
            ("127.0.0.1", Value::Text("127.0.0.1".into())),
            ("http://:8000", Value::Text("http://:8000".into())),
            ("", Value::Text(String::new())),
        ] {
            let node = node(text, &Place::Nowhere);
            assert_eq!(node.value, expected, "{text}");
            assert_eq!(node.raw.as_deref(), Some(text));
        }
        let list = node("['a', 'b']", &Place::Nowhere);
        assert_eq!(list.as_list().map(<[Node]>::len), Some(2));
        let one = node("mal", &Place::Nowhere);
        assert_eq!(one.as_list().map(<[Node]>::len), Some(1));
    }
}
