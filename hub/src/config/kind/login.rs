//! Kinds of what concerns logins: groups of the machine, encodings, hashes of passwords.

use std::collections::{BTreeMap, BTreeSet};

use argon2::password_hash::phc::PasswordHash;
use hub_types::names::{GroupName, Username};
use hub_types::secret::Token;
use serde_json::Value as Json;

use super::collection::Texts;
use super::scalar::{Count, Text};
use super::{Faults, Kind};
use crate::config::node::{Node, Value};
use crate::config::{PasswordEncoding, SharedPasswordAuthenticator};

/// Names of system groups.
#[derive(Debug)]
pub struct SystemGroups;

impl Kind for SystemGroups {
    type Target = BTreeSet<String>;
    const EXPECTS: &'static str = "a list of system groups, e.g. [\"staff\"]";
    const EXAMPLE: &'static str = "[]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BTreeSet<String>> {
        if node.as_list().is_none() {
            return faults.expected::<Self, _>(node);
        }
        let names = Texts::read(node, faults)?;
        if names
            .iter()
            .any(|name| name.is_empty() || name.contains('\0'))
        {
            faults.at(&node.place, "holds what is no name of a group");
            return None;
        }
        Some(names.into_iter().collect())
    }

    fn show(value: &BTreeSet<String>) -> Option<Json> {
        Some(value.iter().cloned().collect())
    }
}

/// Name of a PAM service: a file of `/etc/pam.d`.
#[derive(Debug)]
pub struct PamService;

impl Kind for PamService {
    type Target = String;
    const EXPECTS: &'static str = "the name of a file in /etc/pam.d, e.g. \"login\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
        let name = Text::read(node, faults)?;
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(fine) {
            return faults.expected::<Self, _>(node);
        }
        Some(name)
    }

    fn show(value: &String) -> Option<Json> {
        Some(value.clone().into())
    }
}

/// An encoding by Python's name for it.
#[derive(Debug)]
pub struct Encoding;

impl Kind for Encoding {
    type Target = PasswordEncoding;
    const EXPECTS: &'static str = "\"utf8\", \"latin1\" or \"ascii\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<PasswordEncoding> {
        let found = node.as_text().and_then(PasswordEncoding::named);
        found.or_else(|| faults.expected::<Self, _>(node))
    }

    fn show(value: &PasswordEncoding) -> Option<Json> {
        Some(value.as_str().into())
    }
}

/// User ids by name.
#[derive(Debug)]
pub struct Uids;

impl Kind for Uids {
    type Target = BTreeMap<String, u64>;
    const EXPECTS: &'static str = "a table of user ids, e.g. { mal = 2001 }";
    const EXAMPLE: &'static str = "{}";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BTreeMap<String, u64>> {
        let Some(entries) = node.as_table() else {
            return faults.expected::<Self, _>(node);
        };
        let read: Vec<Option<(String, u64)>> = entries
            .iter()
            .map(|entry| match entry.node.value {
                // The highest one means "no user" to the system.
                Value::Int(uid) if (1..i64::from(u32::MAX)).contains(&uid) => {
                    Some((entry.key.clone(), u64::try_from(uid).ok()?))
                }
                _ => faults.expected::<Self, _>(&entry.node),
            })
            .collect();
        read.into_iter().collect()
    }

    fn show(value: &BTreeMap<String, u64>) -> Option<Json> {
        Some(
            value
                .iter()
                .map(|(name, uid)| (name.clone(), Json::from(*uid)))
                .collect(),
        )
    }
}

/// Passwords that put their users into groups: password → groups. A password is never repeated, not even in an error.
#[derive(Debug)]
pub struct PasswordGroups;

impl Kind for PasswordGroups {
    type Target = Vec<(Token, Vec<String>)>;
    const EXPECTS: &'static str = "a table of passwords, e.g. { \"the password\" = [\"a group\"] }";
    const EXAMPLE: &'static str = "{}";
    const SECRET: bool = true;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<(Token, Vec<String>)>> {
        let Some(entries) = node.as_table() else {
            return faults.expected::<Self, _>(node);
        };
        let mut read = Vec::new();
        for entry in entries {
            let groups = Texts::read(&entry.node, faults)?;
            if let Some(bad) = groups.iter().find(|name| GroupName::new(name).is_err()) {
                faults.at(
                    &entry.place,
                    format_args!("names {bad:?}, which is no name of a group"),
                );
                return None;
            }
            let least = SharedPasswordAuthenticator::USER_PASSWORD_LEN;
            if entry.key.chars().count() < least {
                let message = format_args!(
                    "holds a password of {} with less than {least} characters",
                    groups.join(", ")
                );
                faults.at(&entry.place, message);
                return None;
            }
            read.push((Token::from_config(entry.key.as_str()), groups));
        }
        Some(read)
    }

    fn show(value: &Vec<(Token, Vec<String>)>) -> Option<Json> {
        (!value.is_empty()).then(|| {
            let groups: Vec<String> = value.iter().map(|(_, groups)| groups.join(", ")).collect();
            format!("[secret] of {}", groups.join("; ")).into()
        })
    }
}

/// Names with the argon2 hashes of their passwords, which are not shown.
#[derive(Debug)]
pub struct PasswordHashes;

impl Kind for PasswordHashes {
    type Target = BTreeMap<String, Token>;
    const EXPECTS: &'static str =
        "a table of names and hashes made by `hub hash-password`, e.g. { mal = \"$argon2id$…\" }";
    const EXAMPLE: &'static str = "{}";
    const SECRET: bool = true;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BTreeMap<String, Token>> {
        let Some(entries) = node.as_table() else {
            return faults.expected::<Self, _>(node);
        };
        let mut read = BTreeMap::new();
        for entry in entries {
            if let Err(error) = Username::new_by_pattern(&entry.key) {
                faults.at(&entry.place, format_args!("holds '{}': {error}", entry.key));
                return None;
            }
            let hash = entry.node.as_text().filter(|hash| is_argon2(hash));
            let Some(hash) = hash else {
                // Perhaps it is the password itself: not repeated.
                let message = format_args!(
                    "holds for {} what is no argon2 hash; make one with `hub hash-password`",
                    entry.key
                );
                faults.at(&entry.place, message);
                return None;
            };
            read.insert(entry.key.clone(), Token::from_config(hash));
        }
        Some(read)
    }

    fn show(value: &BTreeMap<String, Token>) -> Option<Json> {
        (!value.is_empty()).then(|| {
            let names: Vec<&str> = value.keys().map(String::as_str).collect();
            format!("[secret] of {}", names.join(", ")).into()
        })
    }
}

/// The most memory that checking a password may take, in KiB: a hash of the configuration must not bring the hub down.
const MOST_MEMORY: u32 = 256 << 10;
/// The most passes over it.
const MOST_PASSES: u32 = 32;

fn is_argon2(text: &str) -> bool {
    let Ok(hash) = PasswordHash::new(text) else {
        return false;
    };
    let known = ["argon2id", "argon2i", "argon2d"].contains(&hash.algorithm.as_str());
    let params = argon2::Params::try_from(&hash);
    known
        && hash.hash.is_some()
        && params
            .is_ok_and(|params| params.m_cost() <= MOST_MEMORY && params.t_cost() <= MOST_PASSES)
}

/// How often in a minute; 0 for no limit.
#[derive(Debug)]
pub struct PerMinute;

impl Kind for PerMinute {
    type Target = u32;
    const EXPECTS: &'static str = "a whole number, 0 to 1000000";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<u32> {
        let count = Count::read(node, faults)?;
        let count = u32::try_from(count)
            .ok()
            .filter(|count| *count <= 1_000_000);
        count.or_else(|| faults.expected::<Self, _>(node))
    }

    fn show(value: &u32) -> Option<Json> {
        Some((*value).into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::kind::testing::read;

    /// A hash as others make it.
    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0NTY$oLm0nZnVfRbL2ZJhUjB4nkBLnXTBhLnKzH4bEVIVbJw";

    #[test]
    fn what_logins_are_told() {
        assert!(read::<SystemGroups>(json!(["staff", "domain users"])).is_ok());
        assert!(read::<SystemGroups>(json!("staff")).is_err());
        assert!(read::<SystemGroups>(json!([""])).is_err());
        for (service, fine) in [
            ("login", true),
            ("a-b.c_1", true),
            ("../x", false),
            ("", false),
        ] {
            assert_eq!(
                read::<PamService>(json!(service)).is_ok(),
                fine,
                "{service}"
            );
        }
        assert_eq!(read::<Encoding>(json!("UTF-8")), Ok(PasswordEncoding::Utf8));
        assert!(read::<Encoding>(json!("utf16")).is_err());
        for (uid, fine) in [
            (1, true),
            (0, false),
            (-1, false),
            (4_294_967_295_i64, false),
        ] {
            assert_eq!(read::<Uids>(json!({"mal": uid})).is_ok(), fine, "{uid}");
        }
        assert!(read::<PerMinute>(json!(-1)).is_err());
    }

    #[test]
    fn passwords_are_not_repeated() {
        for error in [
            read::<PasswordHashes>(json!({"mal": "serenity"})).unwrap_err(),
            read::<PasswordGroups>(json!({"serenit": ["crew"]})).unwrap_err(),
            read::<PasswordGroups>(json!({"serenity-1": ["a/b\n"]})).unwrap_err(),
        ] {
            assert!(!error.contains("serenit"), "{error}");
        }
    }

    #[test]
    fn hashes_are_argon2_and_bounded() {
        assert!(is_argon2(HASH));
        for bad in [
            "",
            "serenity",
            "$2b$12$abcdefghijklmnopqrstuv",
            &HASH[..40],
            &HASH.replace("m=19456", "m=99999999"),
            &HASH.replace("t=2", "t=999"),
            &HASH.replace("argon2id", "scrypt"),
        ] {
            assert!(!is_argon2(bad), "{bad}");
        }
    }
}
