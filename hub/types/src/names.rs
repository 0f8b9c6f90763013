//! Names of users, servers, groups and services: what is allowed, and how they are escaped in URLs.
//!
//! The rules are JupyterHub 6.1's (not empty, no `/`, not only dots, no surrounding space; server names are slugs),
//! plus one of ours for *new* names: printable, at most 255 bytes, no control or invisible formatting characters.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// Python's `quote(x, safe='@~')`: how JupyterHub escapes a name as a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'.')
    .remove(b'-')
    .remove(b'~')
    .remove(b'@');

/// Python's `quote(x)`: how JupyterHub escapes a name inside an OAuth client id (`/` stays, `@` does not).
const CLIENT_ID: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'.')
    .remove(b'-')
    .remove(b'~')
    .remove(b'/');

/// Longest name in bytes (the width of JupyterHub's column).
pub const MAX_NAME_LEN: usize = 255;

/// Escapes a name as one path segment.
#[must_use]
pub fn escape(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

/// Escapes a name for an OAuth client id.
#[must_use]
pub fn escape_client_id(name: &str) -> String {
    utf8_percent_encode(name, CLIENT_ID).to_string()
}

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing, or only spaces.
    #[error("name is empty")]
    Empty,
    /// More than [`MAX_NAME_LEN`] bytes (30 for servers).
    #[error("name is longer than {0} bytes")]
    TooLong(usize),
    /// A slash would make two path segments of it.
    #[error("name contains '/'")]
    Slash,
    /// `.` and `..` (also as `%2e`) mean folders in a URL.
    #[error("name consists of dots only")]
    Dots,
    /// Space before or after.
    #[error("name starts or ends with a space")]
    Space,
    /// Control, bidirectional or zero-width characters.
    #[error("name contains a character that cannot be seen")]
    Invisible,
    /// A service name that would need escaping in a URL.
    #[error("name contains characters that need escaping in a URL")]
    NeedsEscaping,
    /// Not a slug (servers).
    #[error("name must be 1-30 of a-z, 0-9 and single dashes, and start with a letter")]
    NotASlug,
}

fn invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn check(name: &str) -> Result<(), InvalidName> {
    if name.trim().is_empty() {
        return Err(InvalidName::Empty);
    }
    if name.len() > MAX_NAME_LEN {
        return Err(InvalidName::TooLong(MAX_NAME_LEN));
    }
    if name.contains('/') {
        return Err(InvalidName::Slash);
    }
    if name.trim() != name {
        return Err(InvalidName::Space);
    }
    if name.chars().any(invisible) {
        return Err(InvalidName::Invisible);
    }
    let decoded = percent_decode_str(name).decode_utf8_lossy();
    if decoded.chars().all(|c| c == '.') {
        return Err(InvalidName::Dots);
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A name that is already stored: taken as it is, so that stricter rules lock nobody out.
            #[must_use]
            pub fn stored(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name as one path segment of a URL.
            #[must_use]
            pub fn escaped(&self) -> String {
                escape(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// The name of a user.
    Username
);
name_type!(
    /// The name of a user's server; empty for the default server.
    ServerName
);
name_type!(
    /// The name of a group.
    GroupName
);
name_type!(
    /// The name of a service.
    ServiceName
);

impl Username {
    /// Checks a new name. Case is kept: normalising is the authenticator's business.
    ///
    /// # Errors
    /// The first rule that the name breaks.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        check(name)?;
        Ok(Self(name.to_owned()))
    }
}

impl GroupName {
    /// Checks a new name.
    ///
    /// # Errors
    /// The first rule that the name breaks.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        check(name)?;
        Ok(Self(name.to_owned()))
    }
}

impl ServiceName {
    /// Checks a new name: it must not need escaping either (JupyterHub 6.1).
    ///
    /// # Errors
    /// The first rule that the name breaks.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        check(name)?;
        if percent_decode_str(name).decode_utf8_lossy() != name || escape(name) != name {
            return Err(InvalidName::NeedsEscaping);
        }
        Ok(Self(name.to_owned()))
    }
}

impl ServerName {
    /// The user's default server.
    #[must_use]
    pub fn default_server() -> Self {
        Self(String::new())
    }

    /// Whether this is the default server.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks the name of a new server: empty for the default one, else a slug (JupyterHub 6.0).
    ///
    /// # Errors
    /// [`InvalidName::NotASlug`].
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let slug = name.len() <= 30
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && !name.ends_with('-')
            && !name.contains("--")
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if name.is_empty() || slug {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidName::NotASlug)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames() {
        for good in [
            "alice",
            "Ada Lovelace",
            "a@b.org",
            "ünï",
            "a%b",
            "-rf",
            "a.b",
        ] {
            assert!(Username::new(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", InvalidName::Empty),
            ("   ", InvalidName::Empty),
            ("a/b", InvalidName::Slash),
            ("..", InvalidName::Dots),
            ("%2e%2E", InvalidName::Dots),
            (" a", InvalidName::Space),
            ("a\nb", InvalidName::Invisible),
            ("a\u{202e}b", InvalidName::Invisible),
            ("a\u{200b}b", InvalidName::Invisible),
        ] {
            assert_eq!(Username::new(bad), Err(why), "{bad:?}");
        }
        assert!(Username::new(&"a".repeat(256)).is_err());
    }

    #[test]
    fn server_names_are_slugs() {
        for good in ["", "gpu", "a-1", "a"] {
            assert!(ServerName::new(good).is_ok(), "{good}");
        }
        for bad in ["-a", "a-", "a--b", "1a", "A", "a b", "a/b", &"a".repeat(31)] {
            assert!(ServerName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn service_names_need_no_escaping() {
        assert!(ServiceName::new("cull-idle").is_ok());
        for bad in ["a b", "%2e%2e", "a%20b", "é", "a/b", ".."] {
            assert!(ServiceName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn escaping_is_pythons() {
        assert_eq!(escape("a b@c/~d"), "a%20b@c%2F~d");
        assert_eq!(escape_client_id("a b@c/~d"), "a%20b%40c/~d");
    }
}
