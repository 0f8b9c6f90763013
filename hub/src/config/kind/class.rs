//! Kinds that name a class: by an entry point's name or by a Python path.

use serde_json::Value as Json;

use super::scalar::Text;
use super::{Faults, Kind};
use crate::config::node::Node;
use crate::config::problem::nearest;
use crate::config::{Accounts, AuthenticatorClass, Provider, SpawnerClass};

/// A class that JupyterHub knows by an entry point's name or by its Python path.
trait Class: Clone + PartialEq + 'static {
    /// Names and what they mean; the first name of a class is the one that is shown.
    const NAMES: &'static [(&'static str, Self)];
    /// Names that JupyterHub or its well-known packages have, and we do not yet.
    const LATER: &'static [&'static str];
    /// `authenticators`, `spawners`.
    const PLURAL: &'static str;
}

const GENERIC: AuthenticatorClass = AuthenticatorClass::OAuth(Provider::Generic, Accounts::Hub);
const LOCAL_GENERIC: AuthenticatorClass =
    AuthenticatorClass::OAuth(Provider::Generic, Accounts::System);
const GITHUB: AuthenticatorClass = AuthenticatorClass::OAuth(Provider::GitHub, Accounts::Hub);
const LOCAL_GITHUB: AuthenticatorClass =
    AuthenticatorClass::OAuth(Provider::GitHub, Accounts::System);
const GITLAB: AuthenticatorClass = AuthenticatorClass::OAuth(Provider::GitLab, Accounts::Hub);
const LOCAL_GITLAB: AuthenticatorClass =
    AuthenticatorClass::OAuth(Provider::GitLab, Accounts::System);
const GOOGLE: AuthenticatorClass = AuthenticatorClass::OAuth(Provider::Google, Accounts::Hub);
const LOCAL_GOOGLE: AuthenticatorClass =
    AuthenticatorClass::OAuth(Provider::Google, Accounts::System);

impl Class for AuthenticatorClass {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("pam", Self::Pam),
        ("default", Self::Pam),
        ("jupyterhub.auth.PAMAuthenticator", Self::Pam),
        ("dictionary", Self::Dictionary),
        ("null", Self::Null),
        ("jupyterhub.auth.NullAuthenticator", Self::Null),
        ("shared-password", Self::SharedPassword),
        (
            "jupyterhub.authenticators.shared.SharedPasswordAuthenticator",
            Self::SharedPassword,
        ),
        ("dummy", Self::Dummy),
        ("jupyterhub.auth.DummyAuthenticator", Self::Dummy),
        (
            "jupyterhub.authenticators.dummy.DummyAuthenticator",
            Self::Dummy,
        ),
        ("oidc", Self::OAuth(Provider::Oidc, Accounts::Hub)),
        ("local-oidc", Self::OAuth(Provider::Oidc, Accounts::System)),
        ("generic-oauth", GENERIC),
        ("oauthenticator.generic.GenericOAuthenticator", GENERIC),
        ("oauthenticator.GenericOAuthenticator", GENERIC),
        ("local-generic-oauth", LOCAL_GENERIC),
        (
            "oauthenticator.generic.LocalGenericOAuthenticator",
            LOCAL_GENERIC,
        ),
        ("oauthenticator.LocalGenericOAuthenticator", LOCAL_GENERIC),
        ("github", GITHUB),
        ("oauthenticator.github.GitHubOAuthenticator", GITHUB),
        ("oauthenticator.GitHubOAuthenticator", GITHUB),
        ("local-github", LOCAL_GITHUB),
        (
            "oauthenticator.github.LocalGitHubOAuthenticator",
            LOCAL_GITHUB,
        ),
        ("oauthenticator.LocalGitHubOAuthenticator", LOCAL_GITHUB),
        ("gitlab", GITLAB),
        ("oauthenticator.gitlab.GitLabOAuthenticator", GITLAB),
        ("oauthenticator.GitLabOAuthenticator", GITLAB),
        ("local-gitlab", LOCAL_GITLAB),
        (
            "oauthenticator.gitlab.LocalGitLabOAuthenticator",
            LOCAL_GITLAB,
        ),
        ("oauthenticator.LocalGitLabOAuthenticator", LOCAL_GITLAB),
        ("google", GOOGLE),
        ("oauthenticator.google.GoogleOAuthenticator", GOOGLE),
        ("oauthenticator.GoogleOAuthenticator", GOOGLE),
        ("local-google", LOCAL_GOOGLE),
        (
            "oauthenticator.google.LocalGoogleOAuthenticator",
            LOCAL_GOOGLE,
        ),
        ("oauthenticator.LocalGoogleOAuthenticator", LOCAL_GOOGLE),
    ];
    const LATER: &'static [&'static str] = &[
        "jupyterhub.auth.LocalAuthenticator",
        "auth0",
        "azuread",
        "bitbucket",
        "cilogon",
        "globus",
        "mediawiki",
        "openshift",
        "ldap",
        "ldapauthenticator.LDAPAuthenticator",
        "tmp",
        "tmpauthenticator.TmpAuthenticator",
        "native",
        "nativeauthenticator.NativeAuthenticator",
    ];
    const PLURAL: &'static str = "authenticators";
}

impl Class for SpawnerClass {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("local", Self::Local),
        ("localprocess", Self::Local),
        ("default", Self::Local),
        ("jupyterhub.spawner.LocalProcessSpawner", Self::Local),
        ("simple", Self::Simple),
        ("jupyterhub.spawner.SimpleLocalProcessSpawner", Self::Simple),
    ];
    const LATER: &'static [&'static str] = &[
        "docker",
        "dockerspawner.DockerSpawner",
        "dockerspawner.SystemUserSpawner",
        "kubespawner.KubeSpawner",
        "sudo",
        "sudospawner.SudoSpawner",
        "systemd",
        "systemdspawner.SystemdSpawner",
        "batchspawner.SlurmSpawner",
    ];
    const PLURAL: &'static str = "spawners";
}

/// Python packages of authenticators and spawners that people have. A class of theirs that has an equivalent here is
/// among [`Class::NAMES`].
const PACKAGES: &[&str] = &[
    "jupyterhub",
    "batchspawner",
    "dockerspawner",
    "firstuseauthenticator",
    "jupyterhub_carina",
    "kubespawner",
    "ldapauthenticator",
    "ltiauthenticator",
    "nativeauthenticator",
    "nullauthenticator",
    "oauthenticator",
    "sudospawner",
    "systemdspawner",
    "tmpauthenticator",
    "wrapspawner",
];

fn read_class<C: Class>(node: &Node, faults: &mut Faults<'_>) -> Option<C> {
    let text = Text::read(node, faults)?;
    match named(&text) {
        Ok(class) => Some(class),
        Err(message) => {
            faults.at(&node.place, message);
            None
        }
    }
}

/// The class of this name; else what there is instead.
fn named<C: Class>(text: &str) -> Result<C, String> {
    if let Some((_, class)) = C::NAMES.iter().find(|(name, _)| *name == text) {
        return Ok(class.clone());
    }
    let there: Vec<String> = C::NAMES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !name.contains('.') && !matches!(*name, "default" | "localprocess"))
        // They are named with the providers.
        .filter(|name| !name.starts_with("local-"))
        .map(|name| format!("\"{name}\""))
        .collect();
    let there = listed(&there);
    let plural = C::PLURAL;
    let package = text.split_once('.').map(|(package, _)| package);
    let message = if package.is_some_and(|package| PACKAGES.contains(&package))
        || C::LATER.contains(&text)
    {
        format!("= \"{text}\" is not supported yet; the {plural} so far are {there}")
    } else if package.is_some() {
        format!(
            "= \"{text}\" is a Python class, and this hub runs no Python; the {plural} so far are {there}"
        )
    } else {
        let names = C::NAMES
            .iter()
            .map(|(name, _)| *name)
            .chain(C::LATER.iter().copied());
        let hint = nearest(text, names)
            .map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
        format!("= \"{text}\" is not known; the {plural} so far are {there}{hint}")
    };
    Err(message)
}

/// Why there is no spawner of this name, where the hub was built with none.
#[must_use]
pub fn unknown_spawner(name: &str) -> String {
    named::<SpawnerClass>(name).err().unwrap_or_default()
}

/// `"a", "b" and "c"`.
fn listed(names: &[String]) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn show_class<C: Class>(value: &C) -> Option<Json> {
    C::NAMES
        .iter()
        .find(|(_, class)| class == value)
        .map(|(name, _)| (*name).into())
}

/// Who checks passwords.
#[derive(Debug)]
pub struct AuthClass;

impl Kind for AuthClass {
    type Target = AuthenticatorClass;
    const EXPECTS: &'static str = "the name of an authenticator: \"pam\", \"dictionary\", \"shared-password\", \"null\", \"dummy\", \"oidc\", \"generic-oauth\", \"github\", \"gitlab\" or \"google\" (with local- in front, these five are for users of this machine)";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<AuthenticatorClass> {
        read_class(node, faults)
    }

    fn show(value: &AuthenticatorClass) -> Option<Json> {
        match value {
            AuthenticatorClass::Plugged(name) => Some((*name).into()),
            built_in => show_class(built_in),
        }
    }
}

/// Who starts user servers.
#[derive(Debug)]
pub struct SpawnClass;

impl Kind for SpawnClass {
    type Target = SpawnerClass;
    const EXPECTS: &'static str = "the name of a spawner: \"local\" or \"simple\"";

    /// Which names the hub was built with is known to those who check the whole.
    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<SpawnerClass> {
        let text = Text::read(node, faults)?;
        Some(named(&text).unwrap_or(SpawnerClass::Own(text)))
    }

    fn show(value: &SpawnerClass) -> Option<Json> {
        match value {
            SpawnerClass::Own(name) => Some(name.as_str().into()),
            known => show_class(known),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::kind::testing::read;

    #[test]
    fn classes_by_name_and_by_python_path() {
        for name in ["pam", "default", "jupyterhub.auth.PAMAuthenticator"] {
            assert_eq!(
                read::<AuthClass>(json!(name)),
                Ok(AuthenticatorClass::Pam),
                "{name}"
            );
        }
        for name in ["simple", "jupyterhub.spawner.SimpleLocalProcessSpawner"] {
            assert_eq!(
                read::<SpawnClass>(json!(name)),
                Ok(SpawnerClass::Simple),
                "{name}"
            );
        }
        for (name, hint) in [
            (
                "ldap",
                "\"ldap\" is not supported yet; the authenticators so far are \"pam\", \"dictionary\", \"null\", \"shared-password\", \"dummy\", \"oidc\", \"generic-oauth\", \"github\", \"gitlab\" and \"google\"",
            ),
            (
                "oauthenticator.LocalGlobusOAuthenticator",
                "is not supported yet",
            ),
            (
                "mine.Authenticator",
                "is a Python class, and this hub runs no Python; the authenticators so far are \"pam\", \"dictionary\", \"null\", \"shared-password\", \"dummy\", \"oidc\", \"generic-oauth\", \"github\", \"gitlab\" and \"google\"",
            ),
            (
                "dumy",
                "is not known; the authenticators so far are \"pam\", \"dictionary\", \"null\", \"shared-password\", \"dummy\", \"oidc\", \"generic-oauth\", \"github\", \"gitlab\" and \"google\"; did you mean \"dummy\"?",
            ),
        ] {
            let error = read::<AuthClass>(json!(name)).unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
    }
}
