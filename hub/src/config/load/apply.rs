//! Sections to fields, through the trait table.

use std::collections::BTreeMap;

use super::{OwnClasses, Section};
use crate::config::Config;
use crate::config::kind::Faults;
use crate::config::node::{Entry, Node, Value};
use crate::config::problem::{Place, Problem, nearest};
use crate::config::traits::{CLASSES, Class, FOREIGN, Status, Trait};

/// What is known after sections were applied.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// What was set, by class and trait of the table.
    pub(super) set: BTreeMap<(String, String), Node>,
}

impl State {
    /// Where a trait was set; nowhere if it was not.
    pub(super) fn place(&self, class: &str, name: &str) -> Place {
        self.node(class, name)
            .map_or(Place::Nowhere, |node| node.place.clone())
    }

    /// What a trait was set to.
    pub(super) fn node(&self, class: &str, name: &str) -> Option<&Node> {
        self.set.get(&(class.to_owned(), name.to_owned()))
    }

    /// Reports a problem with a trait.
    pub(super) fn problem(&mut self, class: &str, name: &str, message: impl std::fmt::Display) {
        let place = self.place(class, name);
        self.problems
            .push(Problem::new(&place, format!("[{class}] {name} {message}")));
    }

    /// Warns about a trait.
    pub(super) fn warn(&mut self, class: &str, name: &str, message: impl std::fmt::Display) {
        let place = self.place(class, name);
        self.warnings
            .push(Problem::new(&place, format!("[{class}] {name} {message}")));
    }
}

/// Applies layers, each of which wins over those before it; within a layer, subclasses win over their parents.
pub(super) fn apply(config: &mut Config, layers: &[Vec<Section>], classes: &OwnClasses) -> State {
    let mut state = State::default();
    let plan = classes_in_use(layers);
    for layer in layers {
        for section in layer {
            if classes.have(&section.class) {
                let values = section.entries.iter();
                let values = values.map(|entry| (entry.key.clone(), entry.node.to_json()));
                let plugged = config.plugged.0.entry(section.class.clone());
                plugged.or_default().extend(values);
            } else if Class::find(&section.class).is_none() {
                state.problems.push(unknown_class(section));
            }
        }
        for class in CLASSES {
            let sections = layer.iter().filter(|section| section.class == class.name);
            for section in sections {
                apply_section(config, class, section, class.in_use(&plan), &mut state);
            }
        }
    }
    state
}

/// A configuration of which only the classes of authenticator, spawner and proxy count: they decide which sections do.
fn classes_in_use(layers: &[Vec<Section>]) -> Config {
    let mut plan = Config::default();
    let Some(hub) = Class::find("JupyterHub") else {
        return plan;
    };
    let sections = layers.iter().flatten();
    for entry in sections
        .filter(|section| section.class == hub.name)
        .flat_map(|section| &section.entries)
        .filter(|entry| {
            ["authenticator_class", "spawner_class", "proxy_class"].contains(&entry.key.as_str())
        })
    {
        if let Some((_, row)) = hub.find_trait(&entry.key) {
            // Mistakes are reported when the section itself is applied.
            read(&mut plan, hub, row, &entry.node, &mut Vec::new());
        }
    }
    plan
}

fn apply_section(
    config: &mut Config,
    class: &'static Class,
    section: &Section,
    in_use: bool,
    state: &mut State,
) {
    let mut entries: Vec<(usize, &Entry)> = section
        .entries
        .iter()
        .map(|entry| (rank(class, &entry.key), entry))
        .collect();
    // In the table's order, not the file's: `port` refines `bind_url`, wherever it stands.
    entries.sort_by_key(|(rank, _)| *rank);
    for (_, entry) in entries {
        match class.find_trait(&entry.key) {
            Some((owner, row)) => {
                let place = Target {
                    class,
                    owner,
                    row,
                    in_use,
                };
                apply_trait(config, &place, entry, state);
            }
            None => {
                let message = format!(
                    "[{}] {} is not a setting{}",
                    class.name,
                    entry.key,
                    class.hint(&entry.key)
                );
                state.problems.push(Problem::new(&entry.place, message));
            }
        }
    }
}

fn rank(class: &Class, name: &str) -> usize {
    class
        .traits
        .iter()
        .position(|row| row.name == name)
        .unwrap_or(usize::MAX)
}

/// A trait as it is set: in the section of a class, declared by that class or an ancestor.
struct Target {
    class: &'static Class,
    owner: &'static Class,
    row: &'static Trait,
    in_use: bool,
}

fn apply_trait(config: &mut Config, target: &Target, entry: &Entry, state: &mut State) {
    let (class, row) = (target.class.name, target.row);
    let subject = format!("[{class}] {}", row.name);
    let python = entry.node.python();
    if !python.is_empty() && !matches!(row.status, Status::Ignored) {
        let problems = python.into_iter().map(|(keys, node)| {
            let message = format!("{subject}{keys} is {}: {}", node.describe(), instead(row));
            Problem::new(&node.place, message)
        });
        state.problems.extend(problems);
        return;
    }
    if entry.node.value == Value::Null {
        return;
    }
    let elsewhere = matches!(row.status, Status::Later | Status::Refused);
    if elsewhere && asks_for_nothing(row, &entry.node.value) {
        let message = format!("{subject} is passed over: it asks for nothing");
        state.warnings.push(Problem::new(&entry.place, message));
        return;
    }
    match &row.status {
        Status::Works(_) | Status::Renamed(_) => {
            if !target.in_use && target.owner.name != class {
                // Checked, and kept away from the classes that are in use.
                read(
                    &mut config.clone(),
                    target.class,
                    row,
                    &entry.node,
                    &mut state.problems,
                );
            } else if read(config, target.class, row, &entry.node, &mut state.problems) {
                state
                    .set
                    .insert((target.owner.name.into(), row.name.into()), at_key(entry));
            }
            if !target.in_use {
                let message = format!("{subject} has no effect: {class} is not in use");
                state.warnings.push(Problem::new(&entry.place, message));
            }
            if matches!(row.status, Status::Renamed(_)) {
                let message = format!("{subject} is an old name: {}", row.doc);
                state.warnings.push(Problem::new(&entry.place, message));
            }
        }
        Status::Later => {
            let message = format!(
                "{subject} is known but not supported yet; remove it for now ({})",
                row.doc
            );
            state.problems.push(Problem::new(&entry.place, message));
        }
        Status::Refused => {
            let message = format!("{subject} cannot be set here: {}", row.doc);
            state.problems.push(Problem::new(&entry.place, message));
        }
        Status::Ignored => {
            let message = format!("{subject} is ignored: {}", row.doc);
            state.warnings.push(Problem::new(&entry.place, message));
        }
    }
}

/// Settings that are on unless they are set to no.
const ON_BY_DEFAULT: &[&str] = &["check_account", "ssl_alt_names_include_local"];

/// Whether a setting that is not here is switched off anyway, as in files that were generated.
fn asks_for_nothing(row: &Trait, value: &Value) -> bool {
    let off = match value {
        Value::Bool(yes) => !yes,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Table(entries) => entries.is_empty(),
        _ => false,
    };
    off && !ON_BY_DEFAULT.contains(&row.name)
}

/// What to do about a value that only Python can hold: this hub runs none.
fn instead(row: &Trait) -> String {
    match &row.status {
        Status::Works(access) | Status::Renamed(access) => {
            format!("this hub runs no Python; write {}", access.expects)
        }
        Status::Refused => row.doc.to_owned(),
        Status::Later | Status::Ignored => {
            "this hub runs no Python, and the setting is not supported yet; remove it for now"
                .to_owned()
        }
    }
}

/// The value with the place of its key, which is where a person looks for it.
fn at_key(entry: &Entry) -> Node {
    Node {
        place: entry.place.clone(),
        ..entry.node.clone()
    }
}

fn read(
    config: &mut Config,
    class: &Class,
    row: &Trait,
    node: &Node,
    problems: &mut Vec<Problem>,
) -> bool {
    let mut faults = Faults::new(format!("[{}] {}", class.name, row.name), problems);
    row.access()
        .is_some_and(|access| (access.read)(config, node, &mut faults))
}

fn unknown_class(section: &Section) -> Problem {
    let name = &section.class;
    let message = if FOREIGN.contains(&name.as_str()) {
        let also = other_lines(section);
        format!("[{name}] is known but not supported yet; remove the section for now{also}")
    } else {
        match nearest(name, CLASSES.iter().map(|class| class.name)) {
            Some(near) => format!("[{name}] is not a section; did you mean [{near}]?"),
            None => {
                let known = [
                    "JupyterHub",
                    "Authenticator",
                    "Spawner",
                    "ConfigurableHTTPProxy",
                ];
                format!(
                    "[{name}] is not a section; the main ones are [{}]",
                    known.join("], [")
                )
            }
        }
    };
    Problem::new(&section.place, message)
}

/// The lines of a section's other settings, where it has no head of its own: in a Python file.
fn other_lines(section: &Section) -> String {
    let Some((_, others)) = section
        .entries
        .split_first()
        .filter(|(first, _)| first.place == section.place)
    else {
        return String::new();
    };
    let lines: Vec<String> = others
        .iter()
        .filter_map(|entry| match &entry.place {
            Place::Line(_, line) => Some(line.to_string()),
            _ => None,
        })
        .collect();
    match lines.as_slice() {
        [] => String::new(),
        [line] => format!(" (line {line} too)"),
        lines => format!(" (lines {} too)", lines.join(", ")),
    }
}
