//! Kinds with several values: names, texts, commands, maps, scopes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use hub_types::scope::{Scope, ScopeName};
use hub_types::secret::{MAX_TOKEN_LEN, MIN_TOKEN_LEN, Token};
use serde_json::Value as Json;

use super::{Faults, Kind};
use crate::config::node::{Node, Value};
use crate::config::problem::nearest;

/// Reads a list of texts as the kind `K`.
fn texts<K: Kind>(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<String>> {
    let Some(items) = node.as_list() else {
        return faults.expected::<K, _>(node);
    };
    let read: Vec<Option<String>> = items
        .iter()
        .map(|item| match item.as_text() {
            Some(text) => Some(text.to_owned()),
            None => faults.expected::<K, _>(item),
        })
        .collect();
    read.into_iter().collect()
}

/// A list of texts.
#[derive(Debug)]
pub struct Texts;

impl Kind for Texts {
    type Target = Vec<String>;
    const EXPECTS: &'static str = "a list of texts, e.g. [\"a\", \"b\"]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<String>> {
        texts::<Self>(node, faults)
    }

    fn show(value: &Vec<String>) -> Option<Json> {
        Some(value.clone().into())
    }
}

/// A list of folders.
#[derive(Debug)]
pub struct Paths;

impl Kind for Paths {
    type Target = Vec<PathBuf>;
    const EXPECTS: &'static str = "a list of folders, e.g. [\"templates\"]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<PathBuf>> {
        let paths = texts::<Self>(node, faults)?;
        Some(paths.into_iter().map(Into::into).collect())
    }

    fn show(value: &Vec<PathBuf>) -> Option<Json> {
        Some(value.iter().map(|path| path.to_string_lossy()).collect())
    }
}

/// A table of anything.
#[derive(Debug)]
pub struct AnyTable;

impl Kind for AnyTable {
    type Target = serde_json::Map<String, Json>;
    const EXPECTS: &'static str = "a table, e.g. { name = \"value\" }";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Self::Target> {
        match node.to_json() {
            Json::Object(table) => Some(table),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &Self::Target) -> Option<Json> {
        Some(value.clone().into())
    }
}

/// A set of user names, in any order. What only a pattern for names admits is checked when the whole is.
#[derive(Debug)]
pub struct Names;

impl Kind for Names {
    type Target = BTreeSet<String>;
    const EXPECTS: &'static str = "a list of user names, e.g. [\"mal\", \"zoe\"]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BTreeSet<String>> {
        let names = texts::<Self>(node, faults)?;
        for name in &names {
            if let Err(error) = hub_types::names::Username::new_by_pattern(name) {
                faults.at(&node.place, format_args!("holds '{name}': {error}"));
                return None;
            }
        }
        Some(names.into_iter().collect())
    }

    fn show(value: &BTreeSet<String>) -> Option<Json> {
        Some(value.iter().cloned().collect())
    }
}

/// A program with its arguments; a lone text is a program without arguments (JupyterHub does not split it).
#[derive(Debug)]
pub struct Command;

impl Kind for Command {
    type Target = Vec<String>;
    const EXPECTS: &'static str = "a program with its arguments, e.g. [\"program\", \"--flag\"]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<String>> {
        let command = match &node.value {
            Value::Text(program) => vec![program.clone()],
            _ => texts::<Self>(node, faults)?,
        };
        if command.first().is_none_or(String::is_empty) {
            faults.at(
                &node.place,
                format_args!("is empty: it must be {}", Self::EXPECTS),
            );
            return None;
        }
        Some(command)
    }

    fn show(value: &Vec<String>) -> Option<Json> {
        Some(value.clone().into())
    }
}

/// A command, where an empty list means "our own".
#[derive(Debug)]
pub struct OptCommand;

impl Kind for OptCommand {
    type Target = Option<Vec<String>>;
    const EXPECTS: &'static str = Command::EXPECTS;
    const EXAMPLE: &'static str = "[]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<Vec<String>>> {
        if node.as_list().is_some_and(<[Node]>::is_empty) {
            return Some(None);
        }
        Command::read(node, faults).map(Some)
    }

    fn show(value: &Option<Vec<String>>) -> Option<Json> {
        value.clone().map(Into::into)
    }
}

/// A table of texts. Numbers are taken as they are written; true and false are not, their spelling differs by program.
#[derive(Debug)]
pub struct TextMap;

impl Kind for TextMap {
    type Target = BTreeMap<String, String>;
    const EXPECTS: &'static str = "a table of texts, e.g. { NAME = \"value\" }";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BTreeMap<String, String>> {
        let Some(entries) = node.as_table() else {
            return faults.expected::<Self, _>(node);
        };
        let read: Vec<Option<(String, String)>> = entries
            .iter()
            .map(|entry| {
                let text = match &entry.node.value {
                    Value::Text(text) => text.clone(),
                    Value::Int(number) => number.to_string(),
                    Value::Float(number) => number.to_string(),
                    _ => {
                        let found = entry.node.describe();
                        let message =
                            format!("{}: must be a text in quotes, not {found}", entry.key);
                        faults.at(&entry.place, message);
                        return None;
                    }
                };
                Some((entry.key.clone(), text))
            })
            .collect();
        read.into_iter().collect()
    }

    fn show(value: &BTreeMap<String, String>) -> Option<Json> {
        Some(
            value
                .iter()
                .map(|(key, text)| (key.clone(), Json::from(text.as_str())))
                .collect(),
        )
    }
}

/// Variables of an environment: shown without the values of those that look secret.
#[derive(Debug)]
pub struct Environment;

impl Kind for Environment {
    type Target = BTreeMap<String, String>;
    const EXPECTS: &'static str = TextMap::EXPECTS;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BTreeMap<String, String>> {
        let map = TextMap::read(node, faults)?;
        for (name, value) in &map {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                faults.at(
                    &node.place,
                    format_args!("holds '{name}', which cannot be a variable"),
                );
                return None;
            }
        }
        Some(map)
    }

    fn show(value: &BTreeMap<String, String>) -> Option<Json> {
        Some(
            value
                .iter()
                .map(|(name, text)| (name.clone(), shown_variable(name, text)))
                .collect(),
        )
    }
}

/// The value of a variable as `--show-config` shows it.
#[must_use]
pub fn shown_variable(name: &str, value: &str) -> Json {
    let name = name.to_ascii_uppercase();
    let secret = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL"]
        .iter()
        .any(|word| name.contains(word));
    if secret {
        "[secret]".into()
    } else {
        value.into()
    }
}

/// A list of scopes.
#[derive(Debug)]
pub struct Scopes;

impl Kind for Scopes {
    type Target = Vec<Scope>;
    const EXPECTS: &'static str = "a list of scopes, e.g. [\"read:users!user\"]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<Scope>> {
        let scopes: Vec<Option<Scope>> = texts::<Self>(node, faults)?
            .iter()
            .map(|text| match text.parse::<Scope>() {
                Ok(scope) => Some(scope),
                Err(_) => {
                    faults.at(&node.place, unknown_scope(text));
                    None
                }
            })
            .collect();
        scopes.into_iter().collect()
    }

    fn show(value: &Vec<Scope>) -> Option<Json> {
        Some(value.iter().map(ToString::to_string).collect())
    }
}

/// Secrets that are somebody's tokens: secret → name. A secret is never repeated, not even in an error.
#[derive(Debug)]
pub struct Tokens;

impl Kind for Tokens {
    type Target = Vec<(Token, String)>;
    const EXPECTS: &'static str =
        "a table of tokens, e.g. { \"the secret\" = \"the owner's name\" }";
    const EXAMPLE: &'static str = "{}";
    const SECRET: bool = true;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<(Token, String)>> {
        let Some(entries) = node.as_table() else {
            return faults.expected::<Self, _>(node);
        };
        let read: Vec<Option<(Token, String)>> = entries
            .iter()
            .map(|entry| {
                let Some(name) = entry.node.as_text().filter(|name| !name.is_empty()) else {
                    return faults.expected::<Self, _>(&entry.node);
                };
                if !(MIN_TOKEN_LEN..=MAX_TOKEN_LEN).contains(&entry.key.len()) {
                    let message = format_args!(
                        "holds a token of {name} with {} characters; it must have {MIN_TOKEN_LEN} to {MAX_TOKEN_LEN}, and \
                         `openssl rand -hex 32` makes a good one",
                        entry.key.len()
                    );
                    faults.at(&entry.place, message);
                    return None;
                }
                Some((Token::from_config(entry.key.as_str()), name.to_owned()))
            })
            .collect();
        read.into_iter().collect()
    }

    fn show(value: &Vec<(Token, String)>) -> Option<Json> {
        (!value.is_empty()).then(|| {
            let names: Vec<&str> = value.iter().map(|(_, name)| name.as_str()).collect();
            format!("[secret] of {}", names.join(", ")).into()
        })
    }
}

/// Says that `text` is no scope, with the one that was probably meant.
#[must_use]
pub fn unknown_scope(text: &str) -> String {
    let (name, filter) = text.split_at(text.find('!').unwrap_or(text.len()));
    if name == "all" {
        return format!("holds '{text}', which is called 'inherit' since JupyterHub 2");
    }
    match nearest(name, ScopeName::ALL.iter().map(ScopeName::as_str)) {
        Some(scope) if scope != name => {
            format!("holds '{text}', which is not a scope; did you mean {scope}{filter}?")
        }
        Some(_) => format!("holds '{text}', whose filter is not one; write e.g. {name}!user=NAME"),
        None => format!("holds '{text}', which is not a scope"),
    }
}

#[cfg(test)]
mod tests;
