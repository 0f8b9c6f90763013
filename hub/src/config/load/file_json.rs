//! traitlets' JSON form (`{"JupyterHub": {"port": 8000}}`) to sections, with the line of everything.

use std::path::Path;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::Section;
use crate::config::node::{Entry, Node, Value};
use crate::config::problem::{ConfigError, Place};

/// The sections of a JSON file.
///
/// # Errors
/// Where it is not JSON, or not a table of tables.
pub(super) fn sections(file: &Arc<Path>, text: &str) -> Result<Vec<Section>, ConfigError> {
    let source = Source { file, text };
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        let place = Place::Line(Arc::clone(file), error.line());
        ConfigError::one(&place, format!("this is not JSON: {error}"))
    })?;
    let node = source.node(raw);
    let Value::Table(classes) = node.value else {
        let message = "must hold a table of classes, e.g. {\"JupyterHub\": {\"port\": 8000}}";
        return Err(ConfigError::one(&node.place, message));
    };
    // traitlets allows a version next to the classes.
    let classes = classes.into_iter().filter(|entry| entry.key != "version");
    classes.map(section).collect()
}

fn section(entry: Entry) -> Result<Section, ConfigError> {
    match entry.node.value {
        Value::Table(entries) => Ok(Section {
            class: entry.key,
            place: entry.place,
            entries,
        }),
        _ => {
            let message = format!(
                "{} must be a table of settings, not {}",
                entry.key,
                entry.node.describe()
            );
            Err(ConfigError::one(&entry.place, message))
        }
    }
}

struct Source<'a> {
    file: &'a Arc<Path>,
    text: &'a str,
}

impl Source<'_> {
    /// The line on which a slice of the text begins.
    fn place(&self, slice: &str) -> Place {
        let start = (slice.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let before = &self.text.as_bytes()[..start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Place::Line(Arc::clone(self.file), line)
    }

    fn node(&self, raw: &RawValue) -> Node {
        let text = raw.get();
        let value = match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str::<Pairs<'_>>(text)
                .map(|pairs| Value::Table(self.entries(pairs))),
            Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text)
                .map(|items| Value::List(items.into_iter().map(|item| self.node(item)).collect())),
            _ => serde_json::from_str(text).map(plain),
        };
        // The text was parsed as a whole before, so its parts parse too.
        Node::new(value.unwrap_or(Value::Null), self.place(text))
    }

    fn entries(&self, pairs: Pairs<'_>) -> Vec<Entry> {
        pairs
            .0
            .into_iter()
            .map(|(key, raw)| Entry {
                key,
                place: self.place(raw.get()),
                node: self.node(raw),
            })
            .collect()
    }
}

fn plain(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Bool(yes) => Value::Bool(yes),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        _ => Value::Null,
    }
}

/// An object in the order in which it was written.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
