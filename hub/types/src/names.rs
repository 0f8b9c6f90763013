//! Names of users, servers, groups and services: what is allowed, and how they are escaped in URLs.
//!
//! The rules are JupyterHub 6.1's (not empty, no `/`, not only dots, no surrounding space; server names are slugs),
//! plus ours for *new* names (security cases 57 and 58): at most 255 bytes, composed (Unicode NFC), nothing that
//! steers or hides text, and, unless the administrator's own pattern says otherwise, only what can be seen and no mix of
//! scripts that look alike.

use std::borrow::Cow;
use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
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
    /// Control and bidirectional characters, or others that cannot be seen.
    #[error("name contains a character that cannot be seen")]
    Invisible,
    /// Not composed: the same text can be written in another way.
    #[error("name is not in Unicode's normal form C")]
    NotComposed,
    /// Latin letters among Cyrillic, Greek, … ones that look the same.
    #[error("name mixes alphabets that look alike")]
    MixedScripts,
    /// A service name that would need escaping in a URL.
    #[error("name contains characters that need escaping in a URL")]
    NeedsEscaping,
    /// Not a slug (servers).
    #[error("name must be 1-30 of a-z, 0-9 and single dashes, and start with a letter")]
    NotASlug,
}

/// The one spelling of a user name that counts: compatible forms unified (Unicode NFKC), no space around it, lower case.
///
/// Whoever compares a typed or configured name with another does it with this, so that one person has one name. Applied
/// twice it changes nothing more.
#[must_use]
pub fn normalise(typed: &str) -> String {
    let composer = ComposingNormalizerBorrowed::new_nfkc();
    // Lower-casing may leave something to compose, and composing something to lower-case or cut (full-width spaces).
    let mut name = composer.normalize(typed).into_owned();
    for _ in 0..4 {
        let next = composer.normalize(name.to_lowercase().trim()).into_owned();
        if next == name {
            break;
        }
        name = next;
    }
    name
}

/// What steers or hides text wherever it is shown: never part of a name.
fn treacherous(c: char) -> bool {
    // U+FFFD stands for bytes that were no UTF-8: two different ones would become one name.
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether every character can be seen: assigned, no format character, no space but U+0020, no mark without a letter.
fn printable(name: &str) -> bool {
    // The standard library's own table: what it would escape cannot be seen. These three it escapes for other reasons.
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, '\\' | '\'' | '"'))
        .collect();
    let odd_space = |c: char| c == '\u{ad}' || (c.is_whitespace() && c != ' ');
    plain.escape_debug().eq(plain.chars()) && !name.chars().any(odd_space)
}

/// Alphabets whose letters are mistaken for each other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Cherokee,
}

fn script(c: char) -> Option<Script> {
    match c {
        'a'..='z'
        | 'A'..='Z'
        | '\u{c0}'..='\u{24f}'
        | '\u{1e00}'..='\u{1eff}'
        | '\u{2c60}'..='\u{2c7f}'
        | '\u{a720}'..='\u{a7ff}' => Some(Script::Latin),
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(Script::Greek),
        '\u{400}'..='\u{52f}'
        | '\u{1c80}'..='\u{1c8f}'
        | '\u{2de0}'..='\u{2dff}'
        | '\u{a640}'..='\u{a69f}' => Some(Script::Cyrillic),
        '\u{531}'..='\u{58f}' => Some(Script::Armenian),
        '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => Some(Script::Cherokee),
        _ => None,
    }
}

fn mixes_scripts(name: &str) -> bool {
    let mut scripts = name.chars().filter_map(script);
    let first = scripts.next();
    scripts.any(|script| Some(script) != first)
}

/// The rules that hold whatever an administrator's pattern allows.
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
    if name.chars().any(treacherous) {
        return Err(InvalidName::Invisible);
    }
    if !matches!(
        ComposingNormalizerBorrowed::new_nfc().normalize(name),
        Cow::Borrowed(_)
    ) {
        return Err(InvalidName::NotComposed);
    }
    let decoded = percent_decode_str(name).decode_utf8_lossy();
    if decoded.chars().all(|c| c == '.') {
        return Err(InvalidName::Dots);
    }
    Ok(())
}

/// The rules that hold unless an administrator's pattern says otherwise.
fn check_strictly(name: &str) -> Result<(), InvalidName> {
    check(name)?;
    if !printable(name) {
        return Err(InvalidName::Invisible);
    }
    if mixes_scripts(name) {
        return Err(InvalidName::MixedScripts);
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
    /// Checks a new name. Case is kept: whoever takes names from people calls [`normalise`] first.
    ///
    /// # Errors
    /// The first rule that the name breaks.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        check_strictly(name)?;
        Ok(Self(name.to_owned()))
    }

    /// Checks a new name that the administrator's own pattern describes: what cannot be seen (zero-width joiners, for
    /// example) and mixed scripts are the pattern's business then; what would mislead every reader never is.
    ///
    /// # Errors
    /// The first rule that the name breaks.
    pub fn new_by_pattern(name: &str) -> Result<Self, InvalidName> {
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
        check_strictly(name)?;
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
mod tests;
