//! Kinds with a form of their own: addresses, databases, levels, patterns.

use std::str::FromStr;

use hub_types::paths::BaseUrl;
use hub_types::socket_url;
use serde_json::Value as Json;
use url::Url;

use super::scalar::Text;
use super::{Faults, Kind};
use crate::config::address::{base_url, host_of};
use crate::config::node::{Node, Value};
use crate::config::{BindUrl, DbUrl, LogFormat, LogLevel, UsernamePattern};

/// Reads a text that parses itself.
fn parsed<T: FromStr<Err: std::fmt::Display>>(node: &Node, faults: &mut Faults<'_>) -> Option<T> {
    let text = Text::read(node, faults)?;
    faults.check(node, text.parse())
}

/// An address to listen on, for those who know each other: hub, proxy, servers.
#[derive(Debug)]
pub struct Bind;

impl Kind for Bind {
    type Target = BindUrl;
    const EXPECTS: &'static str = "an address, e.g. \"http://127.0.0.1:8000\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BindUrl> {
        let url = PublicBind::read(node, faults)?;
        if url.https {
            let why = "begins with https://, which only bind_url may: the hub, its proxy and the servers speak plain http with \
                       each other; write http://";
            faults.at(&node.place, why);
            return None;
        }
        Some(url)
    }

    fn show(value: &BindUrl) -> Option<Json> {
        PublicBind::show(value)
    }
}

/// The address that people come to; whether there is a certificate for `https://` is checked when the whole is.
#[derive(Debug)]
pub struct PublicBind;

impl Kind for PublicBind {
    type Target = BindUrl;
    const EXPECTS: &'static str = Bind::EXPECTS;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BindUrl> {
        match node.as_text() {
            Some(_) => parsed(node, faults),
            None => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &BindUrl) -> Option<Json> {
        Some(value.to_string().into())
    }
}

/// A host to listen on; empty or `*` means all interfaces.
#[derive(Debug)]
pub struct Host;

impl Kind for Host {
    type Target = String;
    const EXPECTS: &'static str = "a host name or address, in quotes";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
        match node.as_text() {
            Some(text) => faults.check(node, host_of(text)),
            None => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &String) -> Option<Json> {
        Some(value.as_str().into())
    }
}

/// A host to connect to; empty means "not set".
#[derive(Debug)]
pub struct OptHost;

impl Kind for OptHost {
    type Target = Option<String>;
    const EXPECTS: &'static str = Host::EXPECTS;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<String>> {
        Host::read(node, faults).map(|host| Some(host).filter(|host| !host.is_empty()))
    }

    fn show(value: &Option<String>) -> Option<Json> {
        value.as_deref().map(Into::into)
    }
}

/// A path under which everything lives.
#[derive(Debug)]
pub struct Prefix;

impl Kind for Prefix {
    type Target = BaseUrl;
    const EXPECTS: &'static str = "a path, e.g. \"/jupyter/\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<BaseUrl> {
        match node.as_text() {
            Some(text) if !text.contains(['?', '#', ' ']) && !text.contains("://") => {
                faults.check(node, base_url(text))
            }
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &BaseUrl) -> Option<Json> {
        Some(value.as_str().into())
    }
}

/// A URL at which processes reach the hub, perhaps through a unix socket; empty means "not set".
#[derive(Debug)]
pub struct HubUrl;

impl Kind for HubUrl {
    type Target = Option<Url>;
    const EXPECTS: &'static str = "a URL, e.g. \"http://10.0.0.1:8081\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<Url>> {
        let Some(text) = node.as_text().filter(|text| is_socket(text)) else {
            return WebUrl::read(node, faults);
        };
        // Written as the others write it: who reads it knows one scheme.
        let address: BindUrl = faults.check(node, text.parse())?;
        let origin = address.local_origin(0);
        faults.check(node, Url::parse(&origin)).map(Some)
    }

    fn show(value: &Option<Url>) -> Option<Json> {
        WebUrl::show(value)
    }
}

fn is_socket(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    matches!(scheme, Some(socket_url::SCHEME | socket_url::OLD_SCHEME))
}

/// A URL that clients use; empty means "not set".
#[derive(Debug)]
pub struct WebUrl;

impl Kind for WebUrl {
    type Target = Option<Url>;
    const EXPECTS: &'static str = "a URL, e.g. \"https://hub.example.org/\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<Url>> {
        let Some(text) = node.as_text() else {
            return faults.expected::<Self, _>(node);
        };
        if text.is_empty() {
            return Some(None);
        }
        let url = faults.check(node, Url::parse(text))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            faults.at(
                &node.place,
                "must begin with http:// or https:// and a host",
            );
            return None;
        }
        if !url.username().is_empty() || url.password().is_some() {
            faults.at(&node.place, "must not hold a user name or password");
            return None;
        }
        Some(Some(url))
    }

    fn show(value: &Option<Url>) -> Option<Json> {
        value.as_ref().map(|url| url.as_str().into())
    }
}

/// A database.
#[derive(Debug)]
pub struct Database;

impl Kind for Database {
    type Target = DbUrl;
    const EXPECTS: &'static str = "a database URL, e.g. \"sqlite:///jupyterhub.sqlite\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<DbUrl> {
        match node.as_text() {
            Some(_) => parsed(node, faults),
            None => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &DbUrl) -> Option<Json> {
        Some(value.to_string().into())
    }
}

/// A regular expression; empty means "any".
#[derive(Debug)]
pub struct Pattern;

impl Kind for Pattern {
    type Target = Option<UsernamePattern>;
    const EXPECTS: &'static str = "a regular expression, in quotes";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<UsernamePattern>> {
        let text = Text::read(node, faults)?;
        if text.is_empty() {
            return Some(None);
        }
        faults.check(node, UsernamePattern::new(&text)).map(Some)
    }

    fn show(value: &Option<UsernamePattern>) -> Option<Json> {
        value.as_ref().map(|pattern| pattern.as_str().into())
    }
}

/// A log level, by name or by Python's number.
#[derive(Debug)]
pub struct Level;

const LEVELS: &[(&str, i64, LogLevel)] = &[
    ("DEBUG", 10, LogLevel::Debug),
    ("INFO", 20, LogLevel::Info),
    ("WARNING", 30, LogLevel::Warning),
    ("ERROR", 40, LogLevel::Error),
    ("CRITICAL", 50, LogLevel::Critical),
];

impl Kind for Level {
    type Target = LogLevel;
    const EXPECTS: &'static str =
        "one of \"DEBUG\", \"INFO\", \"WARNING\", \"ERROR\", \"CRITICAL\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<LogLevel> {
        let found = LEVELS.iter().find(|(name, number, _)| match &node.value {
            Value::Text(text) => {
                let text = text.to_ascii_uppercase();
                text == *name || (text == "WARN" && *name == "WARNING")
            }
            Value::Int(level) => level == number,
            _ => false,
        });
        match found {
            Some((_, _, level)) => Some(*level),
            None => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &LogLevel) -> Option<Json> {
        LEVELS
            .iter()
            .find(|(_, _, level)| level == value)
            .map(|(name, _, _)| (*name).into())
    }
}

/// How lines of the log are written.
#[derive(Debug)]
pub struct LogForm;

impl Kind for LogForm {
    type Target = LogFormat;
    const EXPECTS: &'static str = "\"text\" or \"json\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<LogFormat> {
        match node.as_text() {
            Some("text") => Some(LogFormat::Text),
            Some("json") => Some(LogFormat::Json),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &LogFormat) -> Option<Json> {
        Some(match value {
            LogFormat::Text => "text".into(),
            LogFormat::Json => "json".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::kind::testing::read;

    #[test]
    fn levels() {
        for value in [json!("warn"), json!("WARNING"), json!(30)] {
            assert_eq!(read::<Level>(value), Ok(LogLevel::Warning));
        }
        assert!(read::<Level>(json!("loud")).is_err());
    }

    #[test]
    fn urls() {
        assert_eq!(read::<WebUrl>(json!("")), Ok(None));
        for bad in ["hub.example", "ftp://x/", "http://u:p@h/", "http://"] {
            assert!(read::<WebUrl>(json!(bad)).is_err(), "{bad}");
        }
        assert_eq!(read::<Host>(json!("*")), Ok(String::new()));
        assert!(read::<Host>(json!("a b")).is_err());
        assert!(read::<Prefix>(json!("http://x/")).is_err());
        assert_eq!(read::<Prefix>(json!("hub-a")), Ok(BaseUrl::new("/hub-a/")));
        let error = read::<Database>(json!("oracle://x")).unwrap_err();
        assert!(
            error.contains("'oracle' databases are not supported"),
            "{error}"
        );
    }
}
