//! What people may choose for their servers, and what differs by group: the parts of `[Spawner]` with a structure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Settings of `[Spawner]` by their names, with the values that they get instead.
pub type Overrides = Map<String, Value>;

/// How the fields of a form become options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OptionsFromForm {
    /// As they come: each field a list of texts.
    #[default]
    Passthrough,
    /// A field with one value is that value, and a ticked box is true.
    Simple,
    /// As these fields say; others are left out.
    Typed(BTreeMap<String, FieldKind>),
}

/// What a field of a form means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// One text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Whether a box is ticked.
    Boolean,
    /// A list of texts.
    List,
    /// Words as a shell splits them: a list of texts.
    Words,
    /// Lines of `NAME=value`: a table of texts.
    Environment,
}

impl FieldKind {
    /// Every kind and its name in the configuration.
    pub const ALL: [(&'static str, Self); 7] = [
        ("text", Self::Text),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("list", Self::List),
        ("words", Self::Words),
        ("environment", Self::Environment),
    ];

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, kind)| *kind == self)
            .map_or("text", |(name, _)| name)
    }
}

/// Settings for the members of some groups.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupOverride {
    /// Being in one of them is enough.
    pub groups: Vec<String>,
    /// What they get.
    #[serde(alias = "kubespawner_override")]
    pub spawner_override: Overrides,
}

/// A variant of a server that people can choose. Source: KubeSpawner's `profile_list`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What people see.
    pub display_name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Its name in forms, options and the API; made of the display name where there is none.
    #[serde(default)]
    pub slug: String,
    /// Whether it is chosen unless people choose another one.
    #[serde(default)]
    pub default: bool,
    /// What it changes.
    #[serde(default, alias = "kubespawner_override")]
    pub spawner_override: Overrides,
    /// What people can choose further, in the order in which it is shown.
    #[serde(skip)]
    pub profile_options: Vec<(String, ProfileOption)>,
}

/// A choice within a profile.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileOption {
    /// What people see.
    pub display_name: String,
    /// What can be chosen, in the order in which it is shown; at least one.
    #[serde(skip)]
    pub choices: Vec<(String, Choice)>,
}

/// One of the things that can be chosen.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What people see.
    pub display_name: String,
    /// Whether it is chosen unless people choose another one.
    #[serde(default)]
    pub default: bool,
    /// What it changes.
    #[serde(default, alias = "kubespawner_override")]
    pub spawner_override: Overrides,
}

/// The name of a profile of which only the display name is known: lower-case letters and digits, dashes for the rest.
#[must_use]
pub fn slug_of(display_name: &str) -> String {
    let mut slug = String::new();
    for character in display_name.chars() {
        if character.is_alphanumeric() {
            slug.extend(character.to_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for (name, slug) in [
            ("Small (2 GB)", "small-2-gb"),
            ("  R & Python!", "r-python"),
            ("É", "é"),
            ("!!!", ""),
        ] {
            assert_eq!(slug_of(name), slug);
        }
    }

    #[test]
    fn kinds_of_fields_have_the_names_that_are_read() {
        for (name, kind) in FieldKind::ALL {
            assert_eq!(kind.name(), name);
            let read: FieldKind = serde_json::from_value(name.into()).unwrap();
            assert_eq!(read, kind);
        }
    }
}
