//! TOML to sections, with the line of everything.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Section;
use crate::config::node::{Entry, Node, Value};
use crate::config::problem::{ConfigError, Place, Problem};
use crate::config::traits::CLASSES;

/// The sections of a TOML file.
///
/// # Errors
/// Where it is not TOML, and what stands outside of sections.
pub(super) fn sections(file: &Arc<Path>, text: &str) -> Result<Vec<Section>, ConfigError> {
    let source = Source { file, text };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| {
            let place = source.place(&error.span().unwrap_or(0..0));
            Problem::new(&place, format!("this is not TOML: {}", error.message()))
        })
        .collect();
    if problems.is_empty() {
        let mut sections = Vec::new();
        for (key, value) in table.get_ref() {
            match section(key, value, &source) {
                Ok(section) => sections.push(section),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            return Ok(sections);
        }
    }
    Err(ConfigError::of(problems))
}

fn section(
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<Section, Problem> {
    let place = source.place(&key.span());
    let class = key.get_ref().to_string();
    match value.get_ref() {
        DeValue::Table(table) => Ok(Section {
            class,
            place,
            entries: source.entries(table),
        }),
        _ => {
            let home = CLASSES
                .iter()
                .find(|known| known.traits.iter().any(|row| row.name == class))
                .map_or("JupyterHub", |known| known.name);
            let message = format!("{class} stands outside of a section; write it under [{home}]");
            Err(Problem::new(&place, message))
        }
    }
}

struct Source<'a> {
    file: &'a Arc<Path>,
    text: &'a str,
}

impl Source<'_> {
    fn place(&self, span: &Range<usize>) -> Place {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Place::Line(Arc::clone(self.file), line)
    }

    fn entries(&self, table: &DeTable<'_>) -> Vec<Entry> {
        table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                place: self.place(&key.span()),
                node: self.node(value),
            })
            .collect()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let place = self.place(&value.span());
        let node = match value.get_ref() {
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.node(item)).collect())
            }
            DeValue::Table(table) => Value::Table(self.entries(table)),
            scalar => plain(scalar),
        };
        Node::new(node, place)
    }
}

/// A value without parts.
pub(super) fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(
                // Beyond 64 bits: a number all the same, and out of every range.
                |_| Value::Float(f64::INFINITY),
                Value::Int,
            ),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => Value::Null,
    }
}
