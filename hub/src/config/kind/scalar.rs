//! Kinds with one value: texts, numbers, yes or no, sizes, secrets.

use std::path::PathBuf;

use hub_types::names::ServerName;
use hub_types::secret::Token;
use serde_json::Value as Json;

use super::{Faults, Kind};
use crate::config::node::{Node, Value};

/// A text.
#[derive(Debug)]
pub struct Text;

impl Kind for Text {
    type Target = String;
    const EXPECTS: &'static str = "a text in quotes";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
        match node.as_text() {
            Some(text) => Some(text.to_owned()),
            None => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &String) -> Option<Json> {
        Some(value.as_str().into())
    }
}

/// A text, where empty means "not set".
#[derive(Debug)]
pub struct OptText;

impl Kind for OptText {
    type Target = Option<String>;
    const EXPECTS: &'static str = "a text in quotes";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<String>> {
        Text::read(node, faults).map(|text| Some(text).filter(|text| !text.is_empty()))
    }

    fn show(value: &Option<String>) -> Option<Json> {
        value.as_deref().map(Into::into)
    }
}

/// The name of a user's server; empty means the default server.
#[derive(Debug)]
pub struct ServerNameText;

impl Kind for ServerNameText {
    type Target = ServerName;
    const EXPECTS: &'static str = "the name of a server, in quotes";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<ServerName> {
        let text = Text::read(node, faults)?;
        faults.check(node, ServerName::new(&text))
    }

    fn show(value: &ServerName) -> Option<Json> {
        Some(value.as_str().into())
    }
}

/// A share of one: from 0 to 1.
#[derive(Debug)]
pub struct Fraction;

impl Kind for Fraction {
    type Target = f64;
    const EXPECTS: &'static str = "a number from 0 to 1";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<f64> {
        let fraction = match node.value {
            Value::Int(0) => 0.0,
            Value::Int(1) => 1.0,
            Value::Float(number) => number,
            _ => -1.0,
        };
        if (0.0..=1.0).contains(&fraction) {
            Some(fraction)
        } else {
            faults.expected::<Self, _>(node)
        }
    }

    fn show(value: &f64) -> Option<Json> {
        Some(number(*value))
    }
}

/// The path of a file.
#[derive(Debug)]
pub struct FilePath;

impl Kind for FilePath {
    type Target = PathBuf;
    const EXPECTS: &'static str = "the path of a file, in quotes";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<PathBuf> {
        match node.as_text() {
            Some(text) if !text.is_empty() => Some(text.into()),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &PathBuf) -> Option<Json> {
        Some(value.to_string_lossy().into())
    }
}

/// The path of a file, where empty means "none".
#[derive(Debug)]
pub struct OptFilePath;

impl Kind for OptFilePath {
    type Target = Option<PathBuf>;
    const EXPECTS: &'static str = "the path of a file, in quotes";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<PathBuf>> {
        OptText::read(node, faults).map(|text| text.map(Into::into))
    }

    fn show(value: &Option<PathBuf>) -> Option<Json> {
        value.as_ref().and_then(FilePath::show)
    }
}

/// A secret; empty means "none". Never shown.
#[derive(Debug)]
pub struct Secret;

impl Kind for Secret {
    type Target = Option<Token>;
    const EXPECTS: &'static str = "a text in quotes";
    const SECRET: bool = true;

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<Token>> {
        OptText::read(node, faults).map(|text| text.map(Token::from_config))
    }

    fn show(value: &Option<Token>) -> Option<Json> {
        value.as_ref().map(|_| "[secret]".into())
    }
}

/// Yes or no.
#[derive(Debug)]
pub struct Bool;

impl Kind for Bool {
    type Target = bool;
    const EXPECTS: &'static str = "true or false";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<bool> {
        match &node.value {
            Value::Bool(yes) => Some(*yes),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &bool) -> Option<Json> {
        Some((*value).into())
    }
}

/// Yes or no, or not set: then other settings decide.
#[derive(Debug)]
pub struct OptBool;

impl Kind for OptBool {
    type Target = Option<bool>;
    const EXPECTS: &'static str = "true or false";
    const EXAMPLE: &'static str = "true";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<bool>> {
        Bool::read(node, faults).map(Some)
    }

    fn show(value: &Option<bool>) -> Option<Json> {
        value.map(Into::into)
    }
}

/// A TCP port.
#[derive(Debug)]
pub struct Port;

impl Kind for Port {
    type Target = u16;
    const EXPECTS: &'static str = "a port from 0 to 65535 (0 means any free one)";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<u16> {
        match node.value {
            Value::Int(number) if u16::try_from(number).is_ok() => u16::try_from(number).ok(),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &u16) -> Option<Json> {
        Some((*value).into())
    }
}

/// A whole number of at least 1.
#[derive(Debug)]
pub struct Positive;

impl Kind for Positive {
    type Target = u64;
    const EXPECTS: &'static str = "a whole number of at least 1";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<u64> {
        match node.value {
            Value::Int(number) if number >= 1 => u64::try_from(number).ok(),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &u64) -> Option<Json> {
        Some((*value).into())
    }
}

/// A whole number, where 0 has a meaning of its own (no limit).
#[derive(Debug)]
pub struct Count;

impl Kind for Count {
    type Target = u64;
    const EXPECTS: &'static str = "a whole number, 0 or more";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<u64> {
        match node.value {
            Value::Int(number) if number >= 0 => u64::try_from(number).ok(),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &u64) -> Option<Json> {
        Some((*value).into())
    }
}

/// A number of bytes: `1073741824`, `"1G"`, `"512M"`, `"1.5G"`; not set means no limit.
#[derive(Debug)]
pub struct Bytes;

impl Kind for Bytes {
    type Target = Option<u64>;
    const EXPECTS: &'static str =
        "a number of bytes, or a text like \"512M\" or \"1.5G\" (K, M, G, T)";
    const EXAMPLE: &'static str = "\"1G\"";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<u64>> {
        let bytes = match &node.value {
            Value::Int(number) => u64::try_from(*number).ok(),
            Value::Text(text) => bytes(text),
            _ => None,
        };
        match bytes {
            Some(bytes) if bytes > 0 => Some(Some(bytes)),
            _ => faults.expected::<Self, _>(node),
        }
    }

    fn show(value: &Option<u64>) -> Option<Json> {
        value.map(Into::into)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "guarded: positive and below 2^63"
)]
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = match text.chars().last()?.to_ascii_uppercase() {
        'K' => (&text[..text.len() - 1], 1u64 << 10),
        'M' => (&text[..text.len() - 1], 1 << 20),
        'G' => (&text[..text.len() - 1], 1 << 30),
        'T' => (&text[..text.len() - 1], 1 << 40),
        _ => (text, 1),
    };
    if let Ok(whole) = number.trim().parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let product = number.trim().parse::<f64>().ok()? * unit as f64;
    (product > 0.0 && product < 9e18).then_some(product as u64)
}

/// A number as a person writes it: without a fraction where there is none.
#[expect(
    clippy::cast_possible_truncation,
    reason = "guarded: whole and far below 2^53"
)]
pub(super) fn number(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        (value as i64).into()
    } else {
        value.into()
    }
}

/// A number of CPU cores; not set means no limit.
#[derive(Debug)]
pub struct Cores;

impl Kind for Cores {
    type Target = Option<f64>;
    const EXPECTS: &'static str = "a number of cores greater than 0, e.g. 0.5";
    const EXAMPLE: &'static str = "1.5";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Option<f64>> {
        let cores = match node.value {
            #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 cores")]
            Value::Int(number) => number as f64,
            Value::Float(number) => number,
            _ => 0.0,
        };
        if cores > 0.0 && cores.is_finite() {
            Some(Some(cores))
        } else {
            faults.expected::<Self, _>(node)
        }
    }

    fn show(value: &Option<f64>) -> Option<Json> {
        value.map(number)
    }
}

#[cfg(test)]
mod tests;
