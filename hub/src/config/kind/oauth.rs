//! Kinds of what concerns logins at a provider, and the keys of what is kept of users.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::collection::Texts;
use super::scalar::{OptText, Text};
use super::{Faults, Kind};
use crate::config::node::{Node, Value};
use crate::config::{CryptKey, TokenGoes};

/// Encryption keys; none is ever repeated, not even in an error.
#[derive(Debug)]
pub struct CryptKeys;

impl Kind for CryptKeys {
    type Target = Vec<CryptKey>;
    const EXPECTS: &'static str =
        "a list of keys, each 32 bytes as hex or base64 (`openssl rand -hex 32` makes one)";
    const EXAMPLE: &'static str = "[]";
    const SECRET: bool = true;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<CryptKey>> {
        let Some(items) = node.as_list() else {
            return faults.expected::<Self, _>(node);
        };
        let read: Vec<Option<CryptKey>> = items
            .iter()
            .map(|item| {
                let key = item.as_text().and_then(CryptKey::parse);
                key.or_else(|| {
                    faults.at(
                        &item.place,
                        format_args!("holds what is no key: {}", CryptKey::EXPECTS),
                    );
                    None
                })
            })
            .collect();
        read.into_iter().collect()
    }

    fn show(value: &Vec<CryptKey>) -> Option<Json> {
        (!value.is_empty()).then(|| value.iter().map(|_| "[secret]").collect())
    }
}

/// Names of groups, organizations or projects, in any order; numbers are taken as they are written.
#[derive(Debug)]
pub struct NameSet;

impl Kind for NameSet {
    type Target = BTreeSet<String>;
    const EXPECTS: &'static str = "a list of texts, e.g. [\"staff\"]";
    const EXAMPLE: &'static str = "[]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BTreeSet<String>> {
        let Some(items) = node.as_list() else {
            return faults.expected::<Self, _>(node);
        };
        let read: Vec<Option<String>> = items
            .iter()
            .map(|item| match &item.value {
                Value::Int(number) => Some(number.to_string()),
                Value::Text(text) if !text.trim().is_empty() => Some(text.clone()),
                _ => faults.expected::<Self, _>(item),
            })
            .collect();
        read.into_iter().collect()
    }

    fn show(value: &BTreeSet<String>) -> Option<Json> {
        Some(value.iter().cloned().collect())
    }
}

/// A list of texts, or not set: then the provider decides.
#[derive(Debug)]
pub struct OptTexts;

impl Kind for OptTexts {
    type Target = Option<Vec<String>>;
    const EXPECTS: &'static str = Texts::EXPECTS;
    const EXAMPLE: &'static str = "[]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<Vec<String>>> {
        Texts::read(node, faults).map(Some)
    }

    fn show(value: &Option<Vec<String>>) -> Option<Json> {
        value.clone().map(Into::into)
    }
}

/// Domains; one alone may be a text. Their case does not count.
#[derive(Debug)]
pub struct Domains;

impl Kind for Domains {
    type Target = Vec<String>;
    const EXPECTS: &'static str = "a list of domains, e.g. [\"example.org\"]";
    const EXAMPLE: &'static str = "[]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<String>> {
        let domains = match &node.value {
            Value::Text(text) if text.is_empty() => Vec::new(),
            Value::Text(text) => vec![text.clone()],
            _ => Texts::read(node, faults)?,
        };
        Some(domains.iter().map(|domain| domain.to_lowercase()).collect())
    }

    fn show(value: &Vec<String>) -> Option<Json> {
        Some(value.clone().into())
    }
}

/// Where an access token goes.
#[derive(Debug)]
pub struct TokenPlace;

impl Kind for TokenPlace {
    type Target = TokenGoes;
    const EXPECTS: &'static str = "\"header\" or \"url\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<TokenGoes> {
        match node.as_text() {
            Some("header") => Some(TokenGoes::Header),
            Some("url") => Some(TokenGoes::Url),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &TokenGoes) -> Option<Json> {
        let text = match value {
            TokenGoes::Header => "header",
            TokenGoes::Url => "url",
        };
        Some(text.into())
    }
}

/// The URL by which an OpenID provider calls itself: kept letter for letter, for so it must be compared (OpenID Connect
/// Discovery 1.0, section 4.3).
#[derive(Debug)]
pub struct Issuer;

impl Kind for Issuer {
    type Target = Option<String>;
    const EXPECTS: &'static str =
        "the provider's issuer, e.g. \"https://login.example.org/realms/lab\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<String>> {
        let Some(text) = OptText::read(node, faults)? else {
            return Some(None);
        };
        let url = faults.check(node, url::Url::parse(&text))?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !plain {
            return faults.expected::<Self, _>(node);
        }
        Some(Some(text))
    }

    fn show(value: &Option<String>) -> Option<Json> {
        OptText::show(value)
    }
}

/// A text that is a number in many files, as the version of an API.
#[derive(Debug)]
pub struct Version;

impl Kind for Version {
    type Target = String;
    const EXPECTS: &'static str = "a version, e.g. \"4\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
        match &node.value {
            Value::Int(number) if *number > 0 => Some(number.to_string()),
            Value::Text(text)
                if text.chars().all(|c| c.is_ascii_alphanumeric()) && !text.is_empty() =>
            {
                Some(text.clone())
            }
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &String) -> Option<Json> {
        Text::show(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::kind::testing::read;

    #[test]
    fn keys_stay_secret() {
        let key = "0123456789abcdef".repeat(4);
        let keys = read::<CryptKeys>(json!([key, key])).unwrap();
        assert_eq!(
            CryptKeys::show(&keys),
            Some(json!(["[secret]", "[secret]"]))
        );
        assert_eq!(CryptKeys::show(&Vec::new()), None);
        for bad in [
            json!([&key[1..]]),
            json!(key.as_bytes()),
            json!({"a": key}),
            json!([7]),
        ] {
            let error = read::<CryptKeys>(bad).unwrap_err();
            assert!(!error.contains("9abc"), "{error}");
        }
    }

    #[test]
    fn what_may_be_written() {
        assert_eq!(
            read::<NameSet>(json!(["b", 7])),
            Ok(["7".to_owned(), "b".to_owned()].into())
        );
        assert!(read::<NameSet>(json!("staff")).is_err() && read::<NameSet>(json!([""])).is_err());
        assert_eq!(
            read::<Domains>(json!("Example.org")),
            Ok(vec!["example.org".into()])
        );
        assert_eq!(read::<Domains>(json!("")), Ok(vec![]));
        assert_eq!(read::<Version>(json!(4)), Ok("4".into()));
        assert!(read::<Version>(json!("../4")).is_err());
        assert!(read::<TokenPlace>(json!("cookie")).is_err());
        // Letter for letter, also without the slash that URLs get.
        for issuer in [
            "https://a.example",
            "https://a.example/",
            "http://127.0.0.1:7/x",
        ] {
            assert_eq!(read::<Issuer>(json!(issuer)), Ok(Some(issuer.into())));
        }
        for bad in [
            "a.example",
            "ftp://a",
            "https://a/?x=1",
            "https://a/#x",
            "https://u@a/",
        ] {
            assert!(read::<Issuer>(json!(bad)).is_err(), "{bad}");
        }
    }
}
