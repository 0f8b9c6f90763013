//! A configuration value that remembers where it was written, whatever form it was written in.

use std::borrow::Cow;

use serde_path_to_error::Segment;

use super::problem::Place;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub place: Place,
    /// The characters of a flag's value: `--x=123` may have meant the text "123".
    pub raw: Option<String>,
}

/// The forms that TOML and JSON share, and what only Python has.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// JSON's `null`: as if the setting were not there.
    Null,
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// A list.
    List(Vec<Node>),
    /// A table, in the order of its keys.
    Table(Vec<Entry>),
    /// What only Python can hold, in words: "the Python function `hook` of line 3".
    Python(String),
}

/// A key of a table and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub place: Place,
    /// The value.
    pub node: Node,
}

impl Node {
    /// A value at a place.
    #[must_use]
    pub fn new(value: Value, place: Place) -> Self {
        Self {
            value,
            place,
            raw: None,
        }
    }

    /// What was found, for "expected …, found …". Values are not repeated: they may be secrets.
    #[must_use]
    pub fn describe(&self) -> Cow<'static, str> {
        let kind = match &self.value {
            Value::Null => "null",
            Value::Text(text) if text.is_empty() => "an empty text",
            Value::Text(_) => "a text",
            Value::Int(number) if *number < 0 => "a negative number",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number with a fraction",
            Value::Bool(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Python(what) => return Cow::Owned(what.clone()),
        };
        Cow::Borrowed(kind)
    }

    /// Everything in it that only Python can hold, with the keys that lead there: `.a.b`.
    #[must_use]
    pub fn python(&self) -> Vec<(String, &Self)> {
        match &self.value {
            Value::Python(_) => vec![(String::new(), self)],
            Value::List(items) => items.iter().flat_map(Self::python).collect(),
            Value::Table(entries) => entries
                .iter()
                .flat_map(|entry| {
                    let found = entry.node.python().into_iter();
                    found.map(|(rest, node)| (format!(".{}{rest}", entry.key), node))
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The text, also of a flag's value that happens to look like something else.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match (&self.value, &self.raw) {
            (Value::Text(text), _) => Some(text),
            (_, Some(raw)) => Some(raw),
            _ => None,
        }
    }

    /// The items of a list; a flag's single value counts as a list of one.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ if self.raw.is_some() && !matches!(self.value, Value::Table(_)) => {
                Some(std::slice::from_ref(self))
            }
            _ => None,
        }
    }

    /// The entries of a table.
    #[must_use]
    pub fn as_table(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// A value with one place for all of it.
    #[must_use]
    pub fn from_json(value: &serde_json::Value, place: &Place) -> Self {
        use serde_json::Value as Json;
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(yes) => Value::Bool(*yes),
            Json::Number(number) => number.as_i64().map_or_else(
                || Value::Float(number.as_f64().unwrap_or(f64::NAN)),
                Value::Int,
            ),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(
                items
                    .iter()
                    .map(|item| Self::from_json(item, place))
                    .collect(),
            ),
            Json::Object(map) => Value::Table(
                map.iter()
                    .map(|(key, item)| Entry {
                        key: key.clone(),
                        place: place.clone(),
                        node: Self::from_json(item, place),
                    })
                    .collect(),
            ),
        };
        Self::new(value, place.clone())
    }

    /// The same value without places, for serde.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null | Value::Python(_) => serde_json::Value::Null,
            Value::Text(text) => text.as_str().into(),
            Value::Int(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Bool(yes) => (*yes).into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Table(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.to_json()))
                .collect(),
        }
    }

    /// The value that `path` leads to.
    #[must_use]
    pub fn at(&self, path: &serde_path_to_error::Path) -> Option<&Self> {
        path.iter().try_fold(self, |node, segment| {
            node.step(segment).map(|(next, _)| next)
        })
    }

    /// The place of what `path` leads to, or of the last thing on the way that is there.
    #[must_use]
    pub fn place_of(&self, path: &serde_path_to_error::Path) -> &Place {
        let (mut node, mut place) = (self, &self.place);
        for segment in path {
            let Some(next) = node.step(segment) else {
                break;
            };
            (node, place) = next;
        }
        place
    }

    /// One step of a path: the value there, and the place of its key.
    fn step(&self, segment: &Segment) -> Option<(&Self, &Place)> {
        match (segment, &self.value) {
            (Segment::Seq { index }, Value::List(items)) => {
                items.get(*index).map(|item| (item, &item.place))
            }
            (Segment::Map { key }, Value::Table(entries)) => entries
                .iter()
                .find(|entry| entry.key == *key)
                .map(|entry| (&entry.node, &entry.place)),
            _ => None,
        }
    }
}
