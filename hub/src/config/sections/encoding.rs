//! In which bytes names and passwords are written for PAM.

/// An encoding, by Python's names for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PasswordEncoding {
    /// `utf8`.
    #[default]
    Utf8,
    /// `latin1`.
    Latin1,
    /// `ascii`.
    Ascii,
}

impl PasswordEncoding {
    /// The encoding of this name; Python does not mind case, nor what stands between the parts.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        match plain.as_str() {
            "utf8" | "u8" => Some(Self::Utf8),
            "latin1" | "iso88591" | "l1" => Some(Self::Latin1),
            "ascii" | "usascii" => Some(Self::Ascii),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Latin1 => "latin1",
            Self::Ascii => "ascii",
        }
    }

    /// The bytes of a text; `None` when it has a character that the encoding lacks.
    #[must_use]
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Latin1 => text
                .chars()
                .map(|c| u8::try_from(u32::from(c)).ok())
                .collect(),
            Self::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_each_encoding() {
        for (name, text, expected) in [
            ("utf8", "é", Some(&b"\xc3\xa9"[..])),
            ("UTF-8", "a", Some(b"a")),
            ("latin-1", "é", Some(b"\xe9")),
            ("ISO8859-1", "€", None),
            ("us-ascii", "é", None),
            ("ascii", "a", Some(b"a")),
        ] {
            let encoding = PasswordEncoding::named(name).unwrap();
            assert_eq!(encoding.encode(text).as_deref(), expected, "{name} {text}");
            assert_eq!(PasswordEncoding::named(encoding.as_str()), Some(encoding));
        }
        assert_eq!(PasswordEncoding::named("utf16"), None);
    }
}
