//! The trait table: every class and trait of JupyterHub 6.1, one row each, with what we do with it.
//!
//! Loading, `--generate-config`, `--show-config`, `--help-all`, suggestions for misspelt names and the reference page
//! all come from here; the default of a row that works is what `Config::default()` holds.
//!
//! # To add a trait
//!
//! A field in [`super::sections`], and a row under `works` here: `name: Kind => path.to.field, "doc";`. A trait that
//! stood under `later` moves up. A new class gets a file, a line in [`CLASSES`], and its parent's name.

mod authenticator;
mod elsewhere;
mod jupyterhub;
mod oauth;
mod own;
mod proxy;
mod spawner;

use serde_json::Value as Json;

use super::kind::Faults;
use super::node::Node;
use super::problem::nearest;
use super::{
    Accounts, AuthenticatorClass, CONFIGURABLE_HTTP_PROXY, Config, Provider, SpawnerClass,
};

/// A class: a section of the configuration.
#[derive(Debug)]
pub struct Class {
    /// Its name, e.g. `LocalProcessSpawner`.
    pub name: &'static str,
    /// The class whose traits it has too.
    pub parent: Option<&'static str>,
    /// What it is, in a sentence.
    pub doc: &'static str,
    /// Its own traits.
    pub traits: &'static [Trait],
}

/// A trait: a setting of a class.
#[derive(Debug)]
pub struct Trait {
    /// Its name, e.g. `mem_limit`.
    pub name: &'static str,
    /// What it does; for traits that do not work, why, and what to use instead.
    pub doc: &'static str,
    /// What we do with it.
    pub status: Status,
}

/// What we do with a trait.
#[derive(Debug)]
pub enum Status {
    /// It takes effect.
    Works(Access),
    /// An old name that takes effect; the doc says what to write today.
    Renamed(Access),
    /// JupyterHub has it, we do not yet: a startup error.
    Later,
    /// It cannot be set in a file, or is gone: a startup error; the doc says what to use instead.
    Refused,
    /// It does nothing, as in JupyterHub: a warning.
    Ignored,
}

/// How a trait reaches its field.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// Ends the sentence "expected …".
    pub expects: &'static str,
    /// Stands in a new file where nothing is set.
    pub example: &'static str,
    /// Whether its value is hidden.
    pub secret: bool,
    /// Reads a value into the configuration; false when it was wrong, which was reported then.
    pub read: fn(&mut Config, &Node, &mut Faults<'_>) -> bool,
    /// The value in force, as it is written; `None` when nothing is set.
    pub show: fn(&Config) -> Option<Json>,
    /// Whether two configurations say the same.
    pub same: fn(&Config, &Config) -> bool,
    /// Takes the value of another configuration.
    pub copy: fn(&mut Config, &Config),
}

/// Defines a class; the blocks come in this order and may be left out.
macro_rules! class {
    (
        $class:ident $(: $parent:ident)?, $doc:literal;
        $(works { $($name:ident : $kind:ty => $($field:ident).+, $text:literal;)* })?
        $(renamed { $($old:ident : $old_kind:ty => $($old_field:ident).+, $old_text:literal;)* })?
        $(later { $($later:ident $later_text:literal;)* })?
        $(refused { $($refused:ident $refused_text:literal;)* })?
        $(ignored { $($ignored:ident $ignored_text:literal;)* })?
    ) => {
        $crate::config::traits::Class {
            name: stringify!($class),
            parent: $crate::config::traits::class!(@parent $($parent)?),
            doc: $doc,
            traits: &[
                $($($crate::config::traits::Trait {
                    name: stringify!($name),
                    doc: $text,
                    status: $crate::config::traits::Status::Works($crate::config::traits::class!(@access $kind, $($field).+)),
                },)*)?
                $($($crate::config::traits::Trait {
                    name: stringify!($old),
                    doc: $old_text,
                    status: $crate::config::traits::Status::Renamed($crate::config::traits::class!(@access $old_kind, $($old_field).+)),
                },)*)?
                $($($crate::config::traits::class!(@plain Later, $later, $later_text),)*)?
                $($($crate::config::traits::class!(@plain Refused, $refused, $refused_text),)*)?
                $($($crate::config::traits::class!(@plain Ignored, $ignored, $ignored_text),)*)?
            ],
        }
    };
    (@parent) => { None };
    (@parent $parent:ident) => { Some(stringify!($parent)) };
    (@plain $status:ident, $name:ident, $text:literal) => {
        $crate::config::traits::Trait {
            name: stringify!($name),
            doc: $text,
            status: $crate::config::traits::Status::$status,
        }
    };
    (@access $kind:ty, $($field:ident).+) => {
        $crate::config::traits::Access {
            expects: <$kind as $crate::config::kind::Kind>::EXPECTS,
            example: <$kind as $crate::config::kind::Kind>::EXAMPLE,
            secret: <$kind as $crate::config::kind::Kind>::SECRET,
            read: |config, node, faults| {
                match <$kind as $crate::config::kind::Kind>::read(node, faults) {
                    Some(value) => {
                        config.$($field).+ = value;
                        true
                    }
                    None => false,
                }
            },
            show: |config| <$kind as $crate::config::kind::Kind>::show(&config.$($field).+),
            same: |one, other| one.$($field).+ == other.$($field).+,
            copy: |to, from| to.$($field).+.clone_from(&from.$($field).+),
        }
    };
}
use class;

/// Every class, parents before children.
pub static CLASSES: &[&Class] = &[
    &jupyterhub::JUPYTERHUB,
    &authenticator::AUTHENTICATOR,
    &authenticator::LOCAL,
    &authenticator::PAM,
    &authenticator::DUMMY,
    &authenticator::SHARED_PASSWORD,
    &authenticator::DICTIONARY,
    &oauth::OAUTH,
    &oauth::GENERIC,
    &oauth::OIDC,
    &oauth::GITHUB,
    &oauth::GITLAB,
    &oauth::GOOGLE,
    &oauth::LOCAL_GENERIC,
    &oauth::LOCAL_OIDC,
    &oauth::LOCAL_GITHUB,
    &oauth::LOCAL_GITLAB,
    &oauth::LOCAL_GOOGLE,
    &spawner::SPAWNER,
    &spawner::LOCAL,
    &spawner::SIMPLE,
    &proxy::PROXY,
    &proxy::CONFIGURABLE,
    &elsewhere::SERVICE,
    &elsewhere::CRYPT_KEEPER,
    &elsewhere::METRICS,
    &elsewhere::HTTP_CLIENT,
    &elsewhere::HUB_AUTH,
    &elsewhere::HUB_OAUTH,
    &own::OWN,
];

/// Classes whose users are those of this machine, as with [LocalAuthenticator], whose settings they have, too.
static WITH_SYSTEM_USERS: &[&Class] = &[
    &oauth::LOCAL_GENERIC,
    &oauth::LOCAL_OIDC,
    &oauth::LOCAL_GITHUB,
    &oauth::LOCAL_GITLAB,
    &oauth::LOCAL_GOOGLE,
];

/// Classes of well-known packages that we have no equivalent of yet.
pub static FOREIGN: &[&str] = elsewhere::FOREIGN;

impl Class {
    /// The class of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        CLASSES.iter().find(|class| class.name == name).copied()
    }

    /// The class and its ancestors, nearest first.
    pub fn lineage(&self) -> impl Iterator<Item = &Self> {
        let own = std::iter::successors(Some(self), |class| class.parent.and_then(Self::find));
        // In Python these have two parents.
        let second = WITH_SYSTEM_USERS
            .iter()
            .any(|class| class.name == self.name);
        own.chain(second.then_some(&authenticator::LOCAL))
    }

    /// A trait of this class or of an ancestor, and the class that has it.
    #[must_use]
    pub fn find_trait(&self, name: &str) -> Option<(&Self, &'static Trait)> {
        self.lineage().find_map(|class| {
            let found = class.traits.iter().find(|row| row.name == name)?;
            Some((class, found))
        })
    }

    /// The trait that was probably meant by `name`, as a hint: `; did you mean …?`, or nothing.
    #[must_use]
    pub fn hint(&self, name: &str) -> String {
        let own = self
            .lineage()
            .flat_map(|class| class.traits)
            .map(|row| row.name);
        if let Some(near) = nearest(name, own) {
            return format!("; did you mean {near}?");
        }
        let elsewhere = CLASSES
            .iter()
            .find(|class| class.traits.iter().any(|row| row.name == name));
        match elsewhere {
            // The word of other classes for what is meant here.
            Some(_) if name == "command" && self.find_trait("cmd").is_some() => {
                "; did you mean cmd?".to_owned()
            }
            Some(class) => format!("; {name} belongs under [{}]", class.name),
            None => String::new(),
        }
    }

    /// Whether this configuration uses the class: what a section says of inherited traits counts only then.
    #[must_use]
    pub fn in_use(&self, config: &Config) -> bool {
        let hub = &config.jupyterhub;
        let authenticator = match hub.authenticator_class {
            AuthenticatorClass::Pam => &authenticator::PAM,
            AuthenticatorClass::Dictionary
            | AuthenticatorClass::Null
            | AuthenticatorClass::Plugged(_) => &authenticator::AUTHENTICATOR,
            AuthenticatorClass::Dummy => &authenticator::DUMMY,
            AuthenticatorClass::SharedPassword => &authenticator::SHARED_PASSWORD,
            AuthenticatorClass::OAuth(provider, accounts) => of_provider(provider, accounts),
        };
        let spawner = match hub.spawner_class {
            SpawnerClass::Local => &spawner::LOCAL,
            SpawnerClass::Simple => &spawner::SIMPLE,
            SpawnerClass::Own(_) => &spawner::SPAWNER,
        };
        let proxy = match hub.proxy_class.as_str() {
            CONFIGURABLE_HTTP_PROXY => &proxy::CONFIGURABLE,
            _ => &proxy::PROXY,
        };
        let roots = ["Authenticator", "Spawner", "Proxy"];
        let plugged = self.lineage().any(|class| roots.contains(&class.name));
        !plugged
            || [authenticator, spawner, proxy]
                .iter()
                .any(|used| used.lineage().any(|class| class.name == self.name))
    }
}

/// The class of logins at a provider.
fn of_provider(provider: Provider, accounts: Accounts) -> &'static Class {
    match (provider, accounts) {
        (Provider::Generic, Accounts::Hub) => &oauth::GENERIC,
        (Provider::Generic, Accounts::System) => &oauth::LOCAL_GENERIC,
        (Provider::Oidc, Accounts::Hub) => &oauth::OIDC,
        (Provider::Oidc, Accounts::System) => &oauth::LOCAL_OIDC,
        (Provider::GitHub, Accounts::Hub) => &oauth::GITHUB,
        (Provider::GitHub, Accounts::System) => &oauth::LOCAL_GITHUB,
        (Provider::GitLab, Accounts::Hub) => &oauth::GITLAB,
        (Provider::GitLab, Accounts::System) => &oauth::LOCAL_GITLAB,
        (Provider::Google, Accounts::Hub) => &oauth::GOOGLE,
        (Provider::Google, Accounts::System) => &oauth::LOCAL_GOOGLE,
    }
}

impl Trait {
    /// How a trait that takes effect reaches its field.
    #[must_use]
    pub fn access(&self) -> Option<&Access> {
        match &self.status {
            Status::Works(access) | Status::Renamed(access) => Some(access),
            Status::Later | Status::Refused | Status::Ignored => None,
        }
    }
}

#[cfg(test)]
mod tests;
