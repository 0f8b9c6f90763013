//! What a `jupyterhub_config.py` sets, to sections: the answer of the program that [`evaluate`] runs.
//!
//! A value that only Python can hold (a function, an object) stays in the sections as words, so that every one of them
//! can be named with its line.

mod evaluate;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::Section;
use crate::config::node::{Entry, Node, Value};
use crate::config::problem::{ConfigError, Place, Problem};
use crate::config::traits::Class;

pub(super) use evaluate::{Limits, evaluate};

/// What the program answers.
#[derive(Debug, Deserialize)]
struct Answer {
    /// The files that took part; the others are numbers of these.
    files: Vec<String>,
    #[serde(default)]
    set: Vec<Setting>,
    #[serde(default)]
    absent: Vec<((usize, usize), String)>,
    error: Option<Failure>,
}

/// One setting.
#[derive(Debug, Deserialize)]
struct Setting {
    class: String,
    name: String,
    file: usize,
    line: usize,
    #[serde(default)]
    literal: bool,
    value: Option<Coded>,
    change: Option<Change>,
}

/// What was done to a value that the file did not set: it applies to the default.
#[derive(Debug, Deserialize)]
struct Change {
    before: Vec<Coded>,
    after: Vec<Coded>,
    inserts: Vec<(i64, Coded)>,
    updates: Vec<Coded>,
}

/// A value and its line.
#[derive(Debug, Deserialize)]
struct Coded {
    #[serde(flatten)]
    form: Form,
    n: usize,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "t", content = "v", rename_all = "snake_case")]
enum Form {
    None,
    Bool(bool),
    Int(String),
    Float(String),
    Text(String),
    /// As hex.
    Bytes(String),
    List(Vec<Coded>),
    Table(Vec<(String, usize, Coded)>),
    /// Name, and line of its definition.
    Function(String, usize),
    /// Python path.
    Class(String),
    /// Name of a class that the file defines.
    OwnClass(String),
    /// Name of its class.
    Object(String),
}

/// Why the file ended early.
#[derive(Debug, Deserialize)]
struct Failure {
    file: usize,
    line: usize,
    message: String,
}

/// The sections of a Python file, and what is to be said of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Python {
    pub(super) sections: Vec<Section>,
    pub(super) warnings: Vec<Problem>,
    /// What cannot be a setting; the others are looked at all the same, so that one start shows all mistakes.
    pub(super) problems: Vec<Problem>,
    /// Names of the settings whose values stand in the file itself, rather than coming from elsewhere.
    pub(super) literal: BTreeSet<String>,
}

/// Reads the answer; `file` is the name of the configuration file in messages, `folder` the hub's working folder.
///
/// # Errors
/// Where the file went wrong.
pub(super) fn sections(file: &Path, folder: &Path, answer: &[u8]) -> Result<Python, ConfigError> {
    let whole = Place::File(file.into());
    let mut answer: Answer = serde_json::from_slice(answer).map_err(|error| {
        ConfigError::one(&whole, format!("python3 gave no usable answer: {error}"))
    })?;
    let names = Names::of(&answer.files, file, folder);
    if let Some(failure) = answer.error {
        let place = names.place(failure.file, failure.line);
        return Err(ConfigError::one(&place, failure.message));
    }
    let mut python = Python {
        warnings: answer
            .absent
            .iter()
            .map(|((file, line), name)| {
                let message =
                    format!("load_subconfig: there is no file {name}; it is taken as empty");
                Problem::new(&names.place(*file, *line), message)
            })
            .collect(),
        ..Python::default()
    };
    // Parents first: what is changed in a subclass begins with what they say.
    answer.set.sort_by_key(|setting| {
        Class::find(&setting.class).map_or(0, |class| class.lineage().count())
    });
    for setting in answer.set {
        if setting.literal {
            python.literal.insert(setting.name.clone());
        }
        match names.entry(setting, &python.sections) {
            Ok((class, entry)) => add(&mut python.sections, class, entry),
            Err(problem) => python.problems.push(problem),
        }
    }
    Ok(python)
}

fn add(sections: &mut Vec<Section>, class: String, entry: Entry) {
    match sections.iter_mut().find(|section| section.class == class) {
        Some(section) => section.entries.push(entry),
        None => sections.push(Section {
            class,
            place: entry.place.clone(),
            entries: vec![entry],
        }),
    }
}

/// The files as messages call them.
struct Names(Vec<Arc<Path>>);

impl Names {
    fn of(files: &[String], file: &Path, folder: &Path) -> Self {
        let shown = |(index, path): (usize, &String)| match index {
            0 => file.into(),
            _ => {
                let path = Path::new(path);
                path.strip_prefix(folder).unwrap_or(path).into()
            }
        };
        Self(files.iter().enumerate().map(shown).collect())
    }

    fn place(&self, file: usize, line: usize) -> Place {
        match self.0.get(file) {
            Some(path) if line > 0 => Place::Line(Arc::clone(path), line),
            Some(path) => Place::File(Arc::clone(path)),
            None => Place::Nowhere,
        }
    }

    fn entry(&self, setting: Setting, before: &[Section]) -> Result<(String, Entry), Problem> {
        let Setting {
            class,
            name,
            file,
            line,
            value,
            change,
            ..
        } = setting;
        let place = self.place(file, line);
        if class.is_empty() {
            let message =
                format!("c.{name} stands outside of a class; write e.g. c.JupyterHub.{name}");
            return Err(Problem::new(&place, message));
        }
        let reader = Reader {
            names: self,
            file,
            class: &class,
            name: &name,
        };
        let node = match (value, change) {
            (Some(coded), _) => reader.node(coded),
            (None, Some(change)) => reader.changed(change, &place, before)?,
            (None, None) => Node::new(Value::Null, place.clone()),
        };
        Ok((
            class,
            Entry {
                key: name,
                place,
                node,
            },
        ))
    }
}

/// Reads the values of one setting.
struct Reader<'a> {
    names: &'a Names,
    file: usize,
    class: &'a str,
    name: &'a str,
}

impl Reader<'_> {
    fn node(&self, coded: Coded) -> Node {
        let place = self.names.place(self.file, coded.n);
        let value = match coded.form {
            Form::None => Value::Null,
            Form::Bool(yes) => Value::Bool(yes),
            // Beyond 64 bits: a number all the same, and out of every range.
            Form::Int(text) => text.parse().map_or(Value::Float(f64::INFINITY), Value::Int),
            Form::Float(text) => Value::Float(text.parse().unwrap_or(f64::NAN)),
            Form::Text(text) => Value::Text(text),
            Form::Bytes(hex) => self.bytes(hex),
            Form::List(items) => {
                Value::List(items.into_iter().map(|item| self.node(item)).collect())
            }
            Form::Table(entries) => Value::Table(self.table(entries)),
            Form::Function(name, line) => Value::Python(function(&name, line)),
            Form::Class(path) if self.name.ends_with("_class") => Value::Text(path),
            Form::Class(path) => Value::Python(format!("the Python class {path}")),
            Form::OwnClass(name) => Value::Python(format!("the Python class {name} of this file")),
            Form::Object(class) => Value::Python(format!("a Python object ({class})")),
        };
        Node::new(value, place)
    }

    fn table(&self, entries: Vec<(String, usize, Coded)>) -> Vec<Entry> {
        let entry = |(key, line, coded)| Entry {
            key,
            place: self.names.place(self.file, line),
            node: self.node(coded),
        };
        entries.into_iter().map(entry).collect()
    }

    /// Keys are hex wherever we have them; other bytes are a text if they can be one.
    fn bytes(&self, hex: String) -> Value {
        if matches!(self.name, "cookie_secret" | "keys") {
            return Value::Text(hex);
        }
        let text = hex::decode(hex)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        text.map_or_else(
            || Value::Python("bytes that are no text".to_owned()),
            Value::Text,
        )
    }

    /// What is there without the change, changed.
    fn changed(&self, change: Change, place: &Place, before: &[Section]) -> Result<Node, Problem> {
        let lists =
            !(change.before.is_empty() && change.after.is_empty() && change.inserts.is_empty());
        match self.start(place, before).map(|node| node.value) {
            None if lists => {
                let message = format!(
                    "[{}] {} has no default here that could be changed; write the whole value",
                    self.class, self.name
                );
                Err(Problem::new(place, message))
            }
            Some(Value::List(items)) => Ok(self.listed(items, change, place)),
            start => {
                let entries = match start {
                    Some(Value::Table(entries)) => entries,
                    _ => Vec::new(),
                };
                let updates = change
                    .updates
                    .into_iter()
                    .map(|coded| self.node(coded))
                    .collect();
                Ok(Node::new(updated(entries, updates), place.clone()))
            }
        }
    }

    fn listed(&self, mut items: Vec<Node>, change: Change, place: &Place) -> Node {
        let nodes = |coded: Vec<Coded>| -> Vec<Node> {
            coded.into_iter().map(|coded| self.node(coded)).collect()
        };
        for (index, coded) in change.inserts {
            let at = usize::try_from(index).unwrap_or(0).min(items.len());
            items.insert(at, self.node(coded));
        }
        items.splice(0..0, nodes(change.before));
        items.extend(nodes(change.after));
        for update in nodes(change.updates) {
            match update.value {
                Value::List(more) => items.extend(more),
                _ => items.push(update),
            }
        }
        Node::new(Value::List(items), place.clone())
    }

    /// What a change begins with: what the file sets for a parent of the class, else the default. A name that nobody knows
    /// begins with an empty list: it is reported later.
    fn start(&self, place: &Place, before: &[Section]) -> Option<Node> {
        let empty = || Some(Node::new(Value::List(Vec::new()), place.clone()));
        let Some(class) = Class::find(self.class) else {
            return empty();
        };
        let inherited = class
            .lineage()
            .skip(1)
            .filter_map(|parent| before.iter().find(|section| section.class == parent.name))
            .find_map(|section| section.entries.iter().find(|entry| entry.key == self.name));
        if let Some(entry) = inherited {
            return Some(entry.node.clone());
        }
        let Some(access) = class
            .find_trait(self.name)
            .and_then(|(_, row)| row.access())
        else {
            return empty();
        };
        let default = (access.show)(&crate::config::Config::default());
        default.map(|default| Node::from_json(&default, place))
    }
}

/// A table with what later tables say; of sets the union.
fn updated(mut entries: Vec<Entry>, updates: Vec<Node>) -> Value {
    if updates
        .iter()
        .all(|update| matches!(update.value, Value::List(_)))
    {
        let sets = updates.iter().filter_map(Node::as_list);
        return Value::List(sets.flatten().cloned().collect());
    }
    for update in updates {
        let Value::Table(more) = update.value else {
            return update.value;
        };
        for entry in more {
            entries.retain(|known| known.key != entry.key);
            entries.push(entry);
        }
    }
    Value::Table(entries)
}

fn function(name: &str, line: usize) -> String {
    let name = name.rsplit('.').next().unwrap_or(name);
    match (name, line) {
        ("<lambda>", _) => "a Python lambda".to_owned(),
        (_, 0) => format!("the Python function {name}"),
        _ => format!("the Python function {name} (defined in line {line})"),
    }
}

#[cfg(test)]
mod tests;
