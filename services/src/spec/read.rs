//! How single fields are read.

use std::fmt;

use hub_types::secret::Token;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub(super) const fn yes() -> bool {
    true
}

/// JupyterHub's default `timeout` in seconds.
pub(super) const fn thirty() -> u64 {
    30
}

/// A text; an empty one counts as not set.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// A secret; an empty one counts as not set.
pub(super) fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Token>, D::Error> {
    Ok(text(deserializer)?.map(Token::from_config))
}

/// A list of texts, or one text: a program without arguments.
pub(super) fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(Command)
}

struct Command;

impl<'de> Visitor<'de> for Command {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts, such as [\"program\", \"argument\"]")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if text.is_empty() {
            Vec::new()
        } else {
            vec![text.to_owned()]
        })
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut argv = Vec::new();
        while let Some(argument) = list.next_element()? {
            argv.push(argument);
        }
        Ok(argv)
    }
}
