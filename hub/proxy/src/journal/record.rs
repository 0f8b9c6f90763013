//! Lines of the journal, and what a file of them amounts to. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Bytes of the digest that are written, as twice as many hex digits.
const DIGEST: usize = 8;

/// One change of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'c> {
    /// The route at `key` is now `data`.
    Add {
        /// Canonical key with its leading slash.
        key: &'c str,
        /// The posted object.
        data: &'c Map<String, Value>,
    },
    /// There is no route at `key` any more.
    Remove {
        /// Canonical key with its leading slash.
        key: &'c str,
    },
}

impl Change<'_> {
    /// The line for this change, with its end.
    pub(crate) fn line(&self) -> Vec<u8> {
        let json = match self {
            Self::Add { key, data } => json!(["add", key, data]),
            Self::Remove { key } => json!(["del", key]),
        };
        // JSON text of serde_json holds no line end.
        let json = json.to_string();
        format!("{} {json}\n", digest(json.as_bytes())).into_bytes()
    }
}

/// What a journal amounts to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Replay {
    /// Routes by key.
    pub(crate) routes: BTreeMap<String, Map<String, Value>>,
    /// Lines that were read.
    pub(crate) read: usize,
    /// Lines that could not be read.
    pub(crate) damaged: usize,
}

/// Applies all lines of `bytes` in order. Damaged ones are counted and left out.
pub(crate) fn replay(bytes: &[u8]) -> Replay {
    let mut replay = Replay::default();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match parse(line) {
            Some((key, Some(data))) => {
                replay.routes.insert(key, data);
                replay.read += 1;
            }
            Some((key, None)) => {
                replay.routes.remove(&key);
                replay.read += 1;
            }
            None => replay.damaged += 1,
        }
    }
    replay
}

/// Whether `bytes` are the beginning of one line of ours and nothing else: what is left when the first change was cut.
pub(crate) fn is_torn(bytes: &[u8]) -> bool {
    let (sum, rest) = bytes.split_at(bytes.len().min(2 * DIGEST));
    let json = b" [\"";
    sum.iter().all(u8::is_ascii_hexdigit)
        && !bytes.contains(&b'\n')
        && (rest.starts_with(json) || json.starts_with(rest))
}

/// Key and data of an added route, or the key alone of a removed one.
fn parse(line: &[u8]) -> Option<(String, Option<Map<String, Value>>)> {
    let line = line.strip_suffix(b"\n")?;
    let (sum, json) = line.split_at_checked(2 * DIGEST)?;
    let json = json.strip_prefix(b" ")?;
    if sum != digest(json).as_bytes() {
        return None;
    }
    let Value::Array(parts) = serde_json::from_slice(json).ok()? else {
        return None;
    };
    let mut parts = parts.into_iter();
    match (parts.next()?, parts.next()?, parts.next(), parts.next()) {
        (Value::String(what), Value::String(key), Some(Value::Object(data)), None)
            if what == "add" =>
        {
            Some((key, Some(data)))
        }
        (Value::String(what), Value::String(key), None, None) if what == "del" => Some((key, None)),
        _ => None,
    }
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..DIGEST])
}
