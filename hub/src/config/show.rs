//! The configuration as text: a new file, what is in force, and help on every trait. All from the trait table.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use super::Config;
use super::load::Loaded;
use super::problem::Place;
use super::traits::{Access, CLASSES, Class, Status, Trait};

/// Widest line of prose.
const WIDTH: usize = 100;

/// The rows of a class that take effect under their present name.
fn working(class: &Class) -> impl Iterator<Item = (&Trait, &Access)> {
    class.traits.iter().filter_map(|row| match &row.status {
        Status::Works(access) => Some((row, access)),
        _ => None,
    })
}

/// A new `hub.toml`: every trait that takes effect, with doc and default, commented out.
#[must_use]
pub fn template() -> String {
    let defaults = Config::default();
    let mut out = String::new();
    prose(
        &mut out,
        "Configuration of the hub. Lines that show a setting show its default: remove the '#' in front and change \
         the value. Names are those of JupyterHub's classes and traits. `hub --show-config` prints what is in force.",
    );
    for class in CLASSES
        .iter()
        .filter(|class| working(class).next().is_some())
    {
        out.push('\n');
        prose(&mut out, class.doc);
        let _ = writeln!(out, "[{}]", class.name);
        for (row, access) in working(class) {
            out.push('\n');
            prose(&mut out, row.doc);
            let _ = match (access.show)(&defaults) {
                Some(value) => writeln!(out, "# {} = {}", row.name, toml_text(&value)),
                None => writeln!(out, "# {} = {}  # not set", row.name, access.example),
            };
        }
    }
    out
}

/// Wraps prose into comment lines.
fn prose(out: &mut String, text: &str) {
    for line in wrap(text, WIDTH - 2) {
        let _ = writeln!(out, "# {line}");
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A value as TOML writes it on one line.
#[must_use]
pub fn toml_text(value: &Json) -> String {
    match value {
        Json::String(text) => toml::Value::String(text.clone()).to_string(),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_text).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(map) if map.is_empty() => "{}".to_owned(),
        Json::Object(map) => {
            let entries: Vec<String> = map
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| format!("{} = {}", toml_key(key), toml_text(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

fn toml_key(key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !key.is_empty() && key.bytes().all(bare) {
        key.to_owned()
    } else {
        toml::Value::String(key.to_owned()).to_string()
    }
}

/// What is in force, as a TOML file whose comments say where each value comes from. Secrets are not shown.
#[must_use]
pub fn in_force(loaded: &Loaded) -> String {
    let defaults = Config::default();
    let mut out = format!("# {}\n", loaded.origin);
    for class in CLASSES
        .iter()
        .filter(|class| working(class).next().is_some())
    {
        let _ = writeln!(out, "\n[{}]", class.name);
        for (row, access) in working(class) {
            let value = (access.show)(&loaded.config);
            let from = match set_at(loaded, class, row) {
                Some(place) => place.to_string(),
                None if value == (access.show)(&defaults) => "default".to_owned(),
                None => "from other settings".to_owned(),
            };
            let _ = match value {
                Some(value) => writeln!(out, "{} = {}  # {from}", row.name, toml_text(&value)),
                None => writeln!(out, "# {} is not set", row.name),
            };
        }
    }
    out
}

fn set_at<'a>(loaded: &'a Loaded, class: &Class, row: &Trait) -> Option<&'a Place> {
    loaded
        .set
        .iter()
        .find(|(set_class, name, _)| set_class == class.name && name == row.name)
        .map(|(_, _, place)| place)
}

/// What is in force, in traitlets' JSON form. Secrets are not shown.
#[must_use]
pub fn in_force_json(config: &Config) -> Json {
    let mut classes = Map::new();
    for class in CLASSES {
        let traits: Map<String, Json> = working(class)
            .filter_map(|(row, access)| Some((row.name.to_owned(), (access.show)(config)?)))
            .collect();
        if !traits.is_empty() {
            classes.insert(class.name.to_owned(), traits.into());
        }
    }
    classes.into()
}

/// Help on every trait as a flag, for `--help-all`.
#[must_use]
pub fn flags_help() -> String {
    let defaults = Config::default();
    let mut out = String::from(
        "Every setting can be given as a flag, --Class.name=VALUE, where VALUE is TOML or a text.\n",
    );
    for class in CLASSES
        .iter()
        .filter(|class| working(class).next().is_some())
    {
        let _ = writeln!(out, "\n{}: {}", class.name, class.doc);
        for (row, access) in working(class) {
            let default = (access.show)(&defaults)
                .map_or_else(|| "not set".to_owned(), |value| toml_text(&value));
            let _ = writeln!(
                out,
                "\n  --{}.{}=VALUE  (default: {default})",
                class.name, row.name
            );
            for line in wrap(row.doc, WIDTH - 6) {
                let _ = writeln!(out, "      {line}");
            }
        }
    }
    let later: Vec<String> = CLASSES
        .iter()
        .flat_map(|class| class.traits.iter().map(move |row| (class, row)))
        .filter(|(_, row)| matches!(row.status, Status::Later))
        .map(|(class, row)| format!("{}.{}", class.name, row.name))
        .collect();
    let _ = writeln!(out, "\nKnown to JupyterHub, not supported yet:");
    for line in wrap(&later.join(", "), WIDTH - 2) {
        let _ = writeln!(out, "  {line}");
    }
    out
}

/// The reference page: every class and trait, with what we do with it. It stands in `docs/reference/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let defaults = Config::default();
    let mut out = String::from(
        "# Configuration reference\n\nEvery class and trait of JupyterHub 6.1, and what this hub does with it. Written by the program \
         itself (`hub --reference`); how to use it is in [configuration](../configuration.md).\n",
    );
    for class in CLASSES {
        let _ = write!(out, "\n## {}\n\n{}", class.name, cell(class.doc));
        if let Some(parent) = class.parent {
            let _ = write!(out, " It has the traits of `{parent}` too.");
        }
        out.push_str("\n\n| Trait | Default | |\n|---|---|---|\n");
        for row in class.traits {
            let (default, text) = described(row, &defaults);
            let _ = writeln!(out, "| `{}` | {default} | {text} |", row.name);
        }
    }
    out
}

/// Default and text of a row.
fn described(row: &Trait, defaults: &Config) -> (String, String) {
    let doc = cell(row.doc);
    match &row.status {
        Status::Works(access) => {
            let default = match (access.show)(defaults) {
                Some(value) => format!("`{}`", cell(&toml_text(&value))),
                None => String::new(),
            };
            (default, doc)
        }
        Status::Renamed(_) => (String::new(), format!("Old name, works: {doc}.")),
        Status::Later => (String::new(), format!("**Not there yet.** {doc}")),
        Status::Refused => (String::new(), format!("**Cannot be set:** {doc}.")),
        Status::Ignored => (String::new(), format!("Does nothing: {doc}.")),
    }
}

/// Text inside a table of Markdown.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests;
