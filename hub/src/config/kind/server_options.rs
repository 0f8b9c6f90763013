//! What people may choose for their servers: forms, options, profiles, settings by group, commands as hooks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::collection::{Command, OptCommand, TextMap};
use super::structured::item;
use super::{Faults, Kind};
use crate::config::node::{Entry, Node, Value};
use crate::config::per_server::{PerServer, check_name};
use crate::config::problem::{Place, nearest};
use crate::config::sections::server_options::{
    Choice, FieldKind, GroupOverride, OptionsFromForm, Overrides, Profile, ProfileOption, slug_of,
};

/// How a form becomes options.
#[derive(Debug)]
pub struct FormRule;

impl Kind for FormRule {
    type Target = OptionsFromForm;
    const EXPECTS: &'static str = "\"passthrough\", \"simple\", or a table of the form's fields: { cores = \"integer\", args = \"words\" }";
    const EXAMPLE: &'static str = "\"simple\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<OptionsFromForm> {
        match &node.value {
            Value::Text(text) if text == "passthrough" => {
                return Some(OptionsFromForm::Passthrough);
            }
            Value::Text(text) if text == "simple" => return Some(OptionsFromForm::Simple),
            Value::Table(_) => {}
            _ => return faults.expected::<Self, _>(node),
        }
        let mut fields = BTreeMap::new();
        for (name, kind) in TextMap::read(node, faults)? {
            let known = FieldKind::ALL.into_iter().find(|(word, _)| *word == kind);
            let Some((_, kind)) = known else {
                let words = FieldKind::ALL.map(|(word, _)| word);
                let hint = nearest(&kind, words).map_or_else(
                    || format!("there are {}", words.join(", ")),
                    |near| format!("did you mean {near}?"),
                );
                let message = format!("{name}: '{kind}' is not a kind of field; {hint}");
                faults.at(place_of(node, &name), message);
                return None;
            };
            fields.insert(name, kind);
        }
        Some(OptionsFromForm::Typed(fields))
    }

    fn show(value: &OptionsFromForm) -> Option<Json> {
        Some(match value {
            OptionsFromForm::Passthrough => "passthrough".into(),
            OptionsFromForm::Simple => "simple".into(),
            OptionsFromForm::Typed(fields) => fields
                .iter()
                .map(|(name, kind)| (name.clone(), Json::from(kind.name())))
                .collect(),
        })
    }
}

/// Where a key of a table stands.
fn place_of<'a>(node: &'a Node, key: &str) -> &'a Place {
    let entries = node.as_table().unwrap_or_default();
    let found = entries.iter().find(|entry| entry.key == key);
    found.map_or(&node.place, |entry| &entry.place)
}

/// The settings that options set.
#[derive(Debug)]
pub struct OptionTargets;

impl Kind for OptionTargets {
    type Target = BTreeMap<String, String>;
    const EXPECTS: &'static str =
        "a table of options and the settings that they set, e.g. { memory = \"mem_limit\" }";
    const EXAMPLE: &'static str = "{}";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BTreeMap<String, String>> {
        let targets = TextMap::read(node, faults)?;
        for (option, name) in &targets {
            if let Err(error) = check_name(name) {
                faults.at(place_of(node, option), format_args!("{option}: {error}"));
                return None;
            }
        }
        Some(targets)
    }

    fn show(value: &BTreeMap<String, String>) -> Option<Json> {
        TextMap::show(value)
    }
}

/// Checks that overrides can be applied; `what` names them in messages.
fn check_overrides(
    overrides: &Overrides,
    node: &Node,
    what: &str,
    faults: &mut Faults<'_>,
) -> Option<()> {
    let mut server = PerServer::default();
    for (name, value) in overrides {
        if let Err(error) = server.set(name, value) {
            let written = ["spawner_override", "kubespawner_override"]
                .into_iter()
                .find_map(|key| child(node, key))
                .unwrap_or(node);
            faults.at(
                place_of(written, name),
                format_args!("{what}: spawner_override: {error}"),
            );
            return None;
        }
    }
    Some(())
}

fn child<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let entries = node.as_table()?;
    let found = entries.iter().find(|entry| entry.key == key);
    found.map(|entry| &entry.node)
}

/// The entries of a table in the order in which they were written, as far as lines tell.
fn as_written(node: Option<&Node>) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = node
        .and_then(Node::as_table)
        .unwrap_or_default()
        .iter()
        .collect();
    entries.sort_by_key(|entry| match entry.place {
        Place::Line(_, line) => line,
        _ => 0,
    });
    entries
}

/// A table without one of its keys.
fn without(node: &Node, key: &str) -> Node {
    let entries = node.as_table().unwrap_or_default().iter();
    let rest = entries.filter(|entry| entry.key != key).cloned().collect();
    Node::new(Value::Table(rest), node.place.clone())
}

/// Settings by group.
#[derive(Debug)]
pub struct GroupRules;

impl Kind for GroupRules {
    type Target = BTreeMap<String, GroupOverride>;
    const EXPECTS: &'static str = "a table of rules, e.g. { \"10-lab\" = { groups = [\"lab\"], spawner_override = { mem_limit = \"4G\" } } }";
    const EXAMPLE: &'static str = "{}";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Self::Target> {
        let Some(entries) = node.as_table() else {
            return faults.expected::<Self, _>(node);
        };
        let read: Vec<Option<(String, GroupOverride)>> = entries
            .iter()
            .map(|entry| {
                let what = format!("'{}'", entry.key);
                let rule: GroupOverride = item(&entry.node, &what, faults)?;
                check_overrides(&rule.spawner_override, &entry.node, &what, faults)?;
                Some((entry.key.clone(), rule))
            })
            .collect();
        read.into_iter().collect()
    }

    fn show(value: &Self::Target) -> Option<Json> {
        let rule = |rule: &GroupOverride| json!({"groups": rule.groups, "spawner_override": shown(&rule.spawner_override)});
        let rules = value.iter();
        Some(
            rules
                .map(|(key, value)| (key.clone(), rule(value)))
                .collect(),
        )
    }
}

/// Overrides as `--show-config` shows them: without variables that look secret.
fn shown(overrides: &Overrides) -> Json {
    let mut overrides = overrides.clone();
    if let Some(Json::Object(variables)) = overrides.get_mut("environment") {
        for (name, value) in variables {
            if let Json::String(text) = value {
                *value = super::collection::shown_variable(name, text);
            }
        }
    }
    overrides.into()
}

/// Variants of servers.
#[derive(Debug)]
pub struct Profiles;

impl Kind for Profiles {
    type Target = Vec<Profile>;
    const EXPECTS: &'static str = "a list of profiles: write each as [[Spawner.profile_list]] with display_name and spawner_override";
    const EXAMPLE: &'static str = "[]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<Profile>> {
        let Value::List(list) = &node.value else {
            return faults.expected::<Self, _>(node);
        };
        let read: Vec<Option<Profile>> = list.iter().map(|node| profile(node, faults)).collect();
        let profiles: Vec<Profile> = read.into_iter().collect::<Option<_>>()?;
        let mut slugs = BTreeSet::new();
        for (profile, node) in profiles.iter().zip(list) {
            if !slugs.insert(&profile.slug) {
                let message = format!(
                    "profile '{}': there is another one with the slug '{}'",
                    profile.display_name, profile.slug
                );
                faults.at(&node.place, message);
                return None;
            }
        }
        if profiles.iter().filter(|profile| profile.default).count() > 1 {
            faults.at(&node.place, "has more than one profile with default = true");
            return None;
        }
        Some(profiles)
    }

    fn show(value: &Vec<Profile>) -> Option<Json> {
        Some(value.iter().map(show_profile).collect())
    }
}

fn profile(node: &Node, faults: &mut Faults<'_>) -> Option<Profile> {
    let name = child(node, "display_name").and_then(Node::as_text);
    let what = name.map_or_else(|| "profile".to_owned(), |name| format!("profile '{name}'"));
    let mut profile: Profile = item(&without(node, "profile_options"), &what, faults)?;
    check_overrides(&profile.spawner_override, node, &what, faults)?;
    if profile.slug.is_empty() {
        profile.slug = slug_of(&profile.display_name);
    }
    if profile.slug.is_empty() {
        faults.at(
            &node.place,
            format_args!("{what}: lacks slug, and none can be made of its display_name"),
        );
        return None;
    }
    for entry in as_written(child(node, "profile_options")) {
        let option = option(entry, &what, faults)?;
        profile.profile_options.push((entry.key.clone(), option));
    }
    Some(profile)
}

fn option(entry: &Entry, profile: &str, faults: &mut Faults<'_>) -> Option<ProfileOption> {
    let what = format!("{profile}: option '{}'", entry.key);
    if entry.key == "profile" {
        faults.at(
            &entry.place,
            format_args!("{what}: needs another name, this one is taken"),
        );
        return None;
    }
    let mut option: ProfileOption = item(&without(&entry.node, "choices"), &what, faults)?;
    for entry in as_written(child(&entry.node, "choices")) {
        let what = format!("{what}: choice '{}'", entry.key);
        let choice: Choice = item(&entry.node, &what, faults)?;
        check_overrides(&choice.spawner_override, &entry.node, &what, faults)?;
        option.choices.push((entry.key.clone(), choice));
    }
    if option.choices.is_empty() {
        faults.at(&entry.place, format_args!("{what}: lacks choices"));
        return None;
    }
    Some(option)
}

fn show_profile(profile: &Profile) -> Json {
    let choice = |choice: &Choice| {
        json!({"display_name": choice.display_name, "default": choice.default,
            "spawner_override": shown(&choice.spawner_override)})
    };
    let option = |option: &ProfileOption| {
        let choices = option.choices.iter();
        let choices: Map<String, Json> = choices
            .map(|(key, value)| (key.clone(), choice(value)))
            .collect();
        json!({"display_name": option.display_name, "choices": choices})
    };
    let options = profile.profile_options.iter();
    let options: Map<String, Json> = options
        .map(|(key, value)| (key.clone(), option(value)))
        .collect();
    json!({"display_name": profile.display_name, "description": profile.description, "slug": profile.slug,
        "default": profile.default, "spawner_override": shown(&profile.spawner_override), "profile_options": options})
}

/// A command that the hub runs at a step of a server's life.
#[derive(Debug)]
pub struct Hook;

impl Kind for Hook {
    type Target = Option<Vec<String>>;
    const EXPECTS: &'static str =
        "a program with its arguments, e.g. [\"/usr/local/bin/prepare\", \"--quick\"]";
    const EXAMPLE: &'static str = "[]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<Vec<String>>> {
        match &node.value {
            Value::List(_) => OptCommand::read(node, faults),
            Value::Text(_) => Command::read(node, faults).map(Some),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &Option<Vec<String>>) -> Option<Json> {
        OptCommand::show(value)
    }
}

#[cfg(test)]
mod tests;
