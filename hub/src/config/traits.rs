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
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_234_traits_of_jupyterhub_are_known() {
        // What the 0.8 manual has and 6.1 does not.
        let gone = [
            "db_file",
            "statsd_host",
            "statsd_port",
            "statsd_prefix",
            "cookie_name",
            "cookie_cache_max_age",
        ];
        // What another package has, in the place where people look for it.
        let kube = "profile_list";
        let names: Vec<(&str, &str)> = CLASSES
            .iter()
            .flat_map(|class| class.traits.iter().map(|row| (class.name, row.name)))
            .filter(|(_, name)| *name != kube)
            .filter(|(class, name)| !gone.contains(name) && !["hub", "dictionary"].contains(class))
            .filter(|(class, _)| !is_of_oauth(class))
            .collect();
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        assert_eq!(names.len(), 234);
    }

    fn is_of_oauth(class: &str) -> bool {
        class.ends_with("OAuthenticator") || class.ends_with("oidc")
    }

    #[test]
    fn the_traits_of_oauthenticator_are_known() {
        let of_it = CLASSES.iter().filter(|class| is_of_oauth(class.name));
        let names: Vec<(&str, &str)> = of_it
            .flat_map(|class| class.traits.iter().map(|row| (class.name, row.name)))
            .collect();
        let of = |class: &str| names.iter().filter(|(name, _)| *name == class).count();
        // oauthenticator 17.4, without what the base class has from JupyterHub's.
        for (class, count) in [
            ("OAuthenticator", 26),
            ("GenericOAuthenticator", 4),
            ("GitHubOAuthenticator", 7),
            ("GitLabOAuthenticator", 7),
            ("GoogleOAuthenticator", 9),
            ("oidc", 1),
        ] {
            assert_eq!(of(class), count, "{class}");
        }
    }

    /// How many of the 234 are not there yet. It may only sink; they are internal TLS, roles that the
    /// authenticator decides, and two hooks.
    const LATER: usize = 12;

    /// What the design allows to be missing.
    const MOST_LATER: usize = 25;

    #[test]
    fn what_is_not_there_yet_only_becomes_less() {
        let later: Vec<String> = CLASSES
            .iter()
            .flat_map(|class| class.traits.iter().map(move |row| (class.name, row)))
            .filter(|(_, row)| matches!(row.status, Status::Later))
            .map(|(class, row)| format!("{class}.{}", row.name))
            .collect();
        assert_eq!(later.len(), LATER, "{later:#?}");
        assert!(later.len() <= MOST_LATER, "{later:#?}");
    }

    #[test]
    fn every_row_says_what_it_does() {
        for class in CLASSES {
            assert!(
                class
                    .parent
                    .is_none_or(|parent| Class::find(parent).is_some())
            );
            for row in class.traits {
                assert!(row.doc.len() > 10, "{}.{}", class.name, row.name);
            }
        }
    }

    #[test]
    fn classes_inherit() {
        let simple = Class::find("SimpleLocalProcessSpawner").unwrap();
        let (class, row) = simple.find_trait("mem_limit").unwrap();
        assert_eq!((class.name, row.name), ("Spawner", "mem_limit"));
        assert!(simple.find_trait("bind_url").is_none());
        assert_eq!(simple.hint("mem_limt"), "; did you mean mem_limit?");
        assert_eq!(simple.hint("command"), "; did you mean cmd?");
        assert_eq!(
            simple.hint("bind_url"),
            "; bind_url belongs under [JupyterHub]"
        );
        assert_eq!(simple.hint("zzzzzzzz"), "");
    }

    #[test]
    fn some_have_two_parents() {
        let local = Class::find("LocalGitHubOAuthenticator").unwrap();
        for (name, class) in [
            ("create_system_users", "LocalAuthenticator"),
            ("allowed_organizations", "GitHubOAuthenticator"),
            ("client_id", "OAuthenticator"),
            // Groups of the provider: those of the system stand in the section of the other parent.
            ("allowed_groups", "OAuthenticator"),
            ("allow_all", "Authenticator"),
        ] {
            assert_eq!(local.find_trait(name).unwrap().0.name, class, "{name}");
        }
        let mut config = Config::default();
        config.jupyterhub.authenticator_class =
            AuthenticatorClass::OAuth(Provider::GitHub, Accounts::System);
        for (class, used) in [
            ("LocalGitHubOAuthenticator", true),
            ("GitHubOAuthenticator", true),
            ("LocalAuthenticator", true),
            ("GitLabOAuthenticator", false),
            ("PAMAuthenticator", false),
        ] {
            assert_eq!(Class::find(class).unwrap().in_use(&config), used, "{class}");
        }
    }

    #[test]
    fn only_classes_in_use_count() {
        let mut config = Config::default();
        for (class, used) in [
            ("JupyterHub", true),
            ("ConfigurableHTTPProxy", true),
            ("PAMAuthenticator", true),
            ("LocalAuthenticator", true),
            ("SharedPasswordAuthenticator", false),
            ("DummyAuthenticator", false),
            ("LocalProcessSpawner", true),
            ("SimpleLocalProcessSpawner", false),
        ] {
            assert_eq!(Class::find(class).unwrap().in_use(&config), used, "{class}");
        }
        config.jupyterhub.spawner_class = SpawnerClass::Simple;
        assert!(Class::find("LocalProcessSpawner").unwrap().in_use(&config));
        config.jupyterhub.proxy_class = "haproxy".into();
        assert!(
            !Class::find("ConfigurableHTTPProxy")
                .unwrap()
                .in_use(&config)
        );
        assert!(Class::find("Proxy").unwrap().in_use(&config));
    }
}
