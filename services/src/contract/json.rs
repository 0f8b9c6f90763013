//! JSON as Python writes it: a space after commas and colons, ASCII only. Clients parse it; people compare it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Python's `json.dumps`.
pub(super) fn dumps<T: Serialize + ?Sized>(value: &T) -> String {
    let mut bytes = Vec::new();
    match value.serialize(&mut Serializer::with_formatter(&mut bytes, Python)) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        // Lists of strings and JSON objects always serialise.
        Err(_) => "null".to_owned(),
    }
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.begin_array_value(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        text: &str,
    ) -> io::Result<()> {
        for unit in text.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => writer.write_all(&[byte])?,
                _ => write!(writer, "\\u{unit:04x}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_writes_it() {
        assert_eq!(dumps::<[&str]>(&[]), "[]");
        assert_eq!(dumps(&["a", "b\"é😀"]), r#"["a", "b\"\u00e9\ud83d\ude00"]"#);
        let object = serde_json::json!({"samesite": "Lax", "n": [1, null]});
        assert_eq!(dumps(&object), r#"{"n": [1, null], "samesite": "Lax"}"#);
    }
}
