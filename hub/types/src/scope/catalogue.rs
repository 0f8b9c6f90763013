//! The scopes that exist: JupyterHub's, and those that the operator defines (`JupyterHub.custom_scopes`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Scope, ScopeName, UnknownScope};

/// A scope of the operator's own, as it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomScope {
    /// What it allows, in a sentence for the consent page.
    pub description: String,
    /// What is held with it; only other custom scopes can be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscopes: Vec<String>,
}

/// Why a definition of a custom scope was refused. Source of the rules: JupyterHub 6.1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDefinition {
    /// A scope of JupyterHub's own.
    #[error("'{0}' is a scope of JupyterHub and cannot be defined again")]
    Builtin(String),
    /// Not `custom:…`.
    #[error(
        "'{0}' cannot be a scope: write custom: and then at least three of a-z, 0-9, '_', '-', '*', ':', starting with a \
         letter or digit and not ending with '-' or ':'"
    )]
    Name(String),
    /// A child that is no custom scope.
    #[error(
        "'{scope}' has the subscope '{child}': only custom scopes can be; use a role to give several scopes together"
    )]
    Foreign {
        /// The scope.
        scope: String,
        /// Its child.
        child: String,
    },
    /// A child that is not defined.
    #[error("'{scope}' has the subscope '{child}', which is not defined in custom_scopes")]
    Undefined {
        /// The scope.
        scope: String,
        /// Its child.
        child: String,
    },
}

impl InvalidDefinition {
    /// The scope whose definition is wrong.
    #[must_use]
    pub fn scope(&self) -> &str {
        match self {
            Self::Builtin(scope) | Self::Name(scope) => scope,
            Self::Foreign { scope, .. } | Self::Undefined { scope, .. } => scope,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    definition: CustomScope,
    children: Vec<ScopeName>,
}

/// All scopes that exist, with their children and descriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    custom: BTreeMap<ScopeName, Entry>,
}

impl Catalogue {
    /// JupyterHub's own scopes and no others.
    #[must_use]
    pub const fn builtin() -> Self {
        Self {
            custom: BTreeMap::new(),
        }
    }

    /// JupyterHub's own scopes and these.
    ///
    /// # Errors
    /// The first definition that breaks a rule, in the order of the names.
    pub fn with_custom(
        definitions: &BTreeMap<String, CustomScope>,
    ) -> Result<Self, InvalidDefinition> {
        let mut custom = BTreeMap::new();
        for (name, definition) in definitions {
            let scope = match name.parse::<ScopeName>() {
                Ok(scope @ ScopeName::Custom(_)) => scope,
                Ok(_) => return Err(InvalidDefinition::Builtin(name.clone())),
                Err(_) => return Err(InvalidDefinition::Name(name.clone())),
            };
            let children = definition
                .subscopes
                .iter()
                .map(|child| Self::child(name, child, definitions))
                .collect::<Result<_, _>>()?;
            let definition = definition.clone();
            custom.insert(
                scope,
                Entry {
                    definition,
                    children,
                },
            );
        }
        Ok(Self { custom })
    }

    fn child(
        scope: &str,
        child: &str,
        definitions: &BTreeMap<String, CustomScope>,
    ) -> Result<ScopeName, InvalidDefinition> {
        let (owner, text) = (scope.to_owned(), child.to_owned());
        match child.parse() {
            Ok(name @ ScopeName::Custom(_)) if definitions.contains_key(child) => Ok(name),
            Ok(ScopeName::Custom(_)) | Err(_) => Err(InvalidDefinition::Undefined {
                scope: owner,
                child: text,
            }),
            Ok(_) => Err(InvalidDefinition::Foreign {
                scope: owner,
                child: text,
            }),
        }
    }

    /// Whether the scope exists.
    #[must_use]
    pub fn knows(&self, name: &ScopeName) -> bool {
        !matches!(name, ScopeName::Custom(_)) || self.custom.contains_key(name)
    }

    /// Direct children: what is held with `name`.
    #[must_use]
    pub fn children(&self, name: &ScopeName) -> &[ScopeName] {
        match self.custom.get(name) {
            Some(entry) => &entry.children,
            None => name.children(),
        }
    }

    /// What `name` allows, in a sentence for the consent page and the docs.
    #[must_use]
    pub fn description<'a>(&'a self, name: &'a ScopeName) -> &'a str {
        match self.custom.get(name) {
            Some(entry) => &entry.definition.description,
            None => name.description(),
        }
    }

    /// Reads a scope that exists, with any filter.
    ///
    /// # Errors
    /// When there is no such scope or filter.
    pub fn parse(&self, text: &str) -> Result<Scope, UnknownScope> {
        let scope: Scope = text.parse()?;
        if self.knows(&scope.name) {
            Ok(scope)
        } else {
            Err(UnknownScope(text.to_owned()))
        }
    }

    /// The operator's own scopes, by name.
    pub fn custom(&self) -> impl Iterator<Item = (&ScopeName, &CustomScope)> {
        self.custom
            .iter()
            .map(|(name, entry)| (name, &entry.definition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn define(scopes: &[(&str, &[&str])]) -> Result<Catalogue, InvalidDefinition> {
        let definition = |subscopes: &[&str]| CustomScope {
            description: "in words".to_owned(),
            subscopes: subscopes.iter().map(ToString::to_string).collect(),
        };
        let definitions = scopes
            .iter()
            .map(|(name, subscopes)| ((*name).to_owned(), definition(subscopes)))
            .collect();
        Catalogue::with_custom(&definitions)
    }

    /// The cases of JupyterHub 6.1's `test_custom_scopes`.
    #[test]
    fn definitions() {
        let own = define(&[("custom:parent", &["custom:child"]), ("custom:child", &[])]).unwrap();
        let parent: ScopeName = "custom:parent".parse().unwrap();
        assert_eq!(
            own.children(&parent),
            ["custom:child".parse::<ScopeName>().unwrap()]
        );
        assert_eq!(own.description(&parent), "in words");
        assert!(own.parse("custom:child!user").is_ok() && own.parse("read:users").is_ok());
        assert!(own.parse("custom:other").is_err() && own.parse("custom:child!x").is_err());
        assert_eq!(own.custom().count(), 2);

        for (scopes, scope) in [
            (&[("read:users", &[] as &[&str])][..], "read:users"),
            (&[("notcustom:prefix", &[])], "notcustom:prefix"),
            (&[("custom:!illegal", &[])], "custom:!illegal"),
            (&[("custom:ends-", &[])], "custom:ends-"),
            (&[("custom:has space", &[])], "custom:has space"),
            (&[("custom:bad", &["read:users"])], "custom:bad"),
            (&[("custom:bad", &["custom:undefined"])], "custom:bad"),
            (&[("custom:bad", &["nonsense"])], "custom:bad"),
        ] {
            assert_eq!(define(scopes).unwrap_err().scope(), scope);
        }
    }
}
