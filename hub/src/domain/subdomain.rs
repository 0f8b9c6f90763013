//! Hosts of their own for users and services (`JupyterHub.subdomain_host`): which name gets which host.
//!
//! The two ways are JupyterHub 6.1's `subdomain_hook`, name by name, so that URLs stay what they were. Hosts are in lower
//! case, as DNS does not tell cases apart.

use std::fmt::Write as _;

use hub_types::names::{ServiceName, Username};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use sha2::{Digest as _, Sha256};
use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory as _};
use url::Url;

/// How names become hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hook {
    /// Every name becomes one valid label: itself, its IDNA form, or a stub with a hash. A service gets a host of its own.
    #[default]
    Idna,
    /// As before JupyterHub 5: names are escaped with `_`, and may become hosts that DNS does not know. All services share
    /// one host.
    Legacy,
}

/// What a name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Service,
}

impl Hook {
    /// The host of a name below `domain`.
    fn host(self, name: &str, kind: Kind, domain: &str) -> String {
        let label = match (self, kind) {
            (Self::Idna, Kind::User) => safe_label(name, LONGEST_LABEL),
            (Self::Idna, Kind::Service) => {
                let room = LONGEST_LABEL - SERVICE.len();
                format!("{}{SERVICE}", safe_label(name, room))
            }
            (Self::Legacy, Kind::User) => quoted(name),
            (Self::Legacy, Kind::Service) => "services".to_owned(),
        };
        format!("{}.{domain}", label.to_lowercase())
    }
}

/// The longest label of DNS, in bytes (RFC 1035, 2.3.4).
const LONGEST_LABEL: usize = 63;

/// What hosts of services end with.
const SERVICE: &str = "--service";

/// A valid label of at most `room` bytes for any name. Names with `--` look like labels that were made here, so they are
/// hashed: a name cannot pass for another one.
fn safe_label(name: &str, room: usize) -> String {
    if name.contains("--") {
        return stub_and_hash(name);
    }
    let fits = |label: &str| label.len() <= room && is_label(label);
    if fits(name) {
        return name.to_owned();
    }
    match idna(name).filter(|label| fits(label)) {
        Some(label) => label,
        None => stub_and_hash(name),
    }
}

fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=LONGEST_LABEL).contains(&text.len())
        && text.bytes().all(plain)
        && !text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The IDNA 2008 form (RFC 5891) of a name that is not ASCII and is a label as it stands.
fn idna(name: &str) -> Option<String> {
    if name.is_ascii() || !is_label_as_it_stands(name) {
        return None;
    }
    let (uts, deny) = (Uts46::new(), AsciiDenyList::STD3);
    let ascii = uts.to_ascii(name.as_bytes(), deny, Hyphens::Check, DnsLength::Verify);
    let ascii = ascii.ok()?.into_owned();
    // UTS 46 maps where IDNA 2008 refuses: what was mapped is no label as it stands.
    let (back, checked) = uts.to_unicode(ascii.as_bytes(), deny, Hyphens::Check);
    (checked.is_ok() && back == name).then_some(ascii)
}

/// Whether all characters are allowed where they stand (RFC 5892, appendix A, as far as names have such characters).
fn is_label_as_it_stands(name: &str) -> bool {
    let chars: Vec<char> = name.chars().collect();
    let any = |mut range: std::ops::RangeInclusive<char>| range.any(|c| chars.contains(&c));
    // Two kinds of digits that look alike.
    if any('\u{660}'..='\u{669}') && any('\u{6f0}'..='\u{6f9}') {
        return false;
    }
    let between = |at: usize, c: char| {
        at.checked_sub(1).and_then(|before| chars.get(before)) == Some(&c)
            && chars.get(at + 1) == Some(&c)
    };
    chars.iter().enumerate().all(|(at, c)| match c {
        '\u{b7}' => between(at, 'l'),
        c => is_valid(*c),
    })
}

/// Whether RFC 5892 allows the character in a label, apart from what UTS 46 checks as well: letters, digits and marks, with
/// its exceptions of section 2.6. (Joiners, too, depend on their neighbours: UTS 46 looks at those.)
fn is_valid(c: char) -> bool {
    match c {
        '-' => return true,
        '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' => return true,
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => {
            return false;
        }
        '\u{200c}' | '\u{200d}' => return true,
        // Ignorable blocks, section 2.4.
        '\u{20d0}'..='\u{20ff}' | '\u{1d100}'..='\u{1d24f}' => return false,
        // Old Hangul, section 2.9.
        '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97c}' | '\u{d7b0}'..='\u{d7fb}' => {
            return false;
        }
        _ => {}
    }
    matches!(
        c.general_category(),
        Category::LowercaseLetter
            | Category::OtherLetter
            | Category::ModifierLetter
            | Category::NonspacingMark
            | Category::SpacingMark
            | Category::DecimalNumber
    )
}

/// `u-STUB--HASH`: up to eight plain characters of the name, and the first 28 bits of its SHA-256.
fn stub_and_hash(name: &str) -> String {
    let hash = hex::encode(Sha256::digest(name.as_bytes()));
    let lower = name.to_lowercase();
    let plain = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut stub: String = lower.chars().filter(plain).take(8).collect();
    if stub.is_empty() {
        // `u---` would have the two hyphens where IDNA has its own (RFC 5891, 4.2.3.1).
        stub.push('x');
    }
    format!("u-{stub}--{}", &hash[..7])
}

/// A name as `legacy` escapes it: everything but letters, digits, `-` and `.` as `_` and two hex digits for each byte.
fn quoted(name: &str) -> String {
    let mut label = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.') {
            label.push(char::from(byte));
        } else {
            let _ = write!(label, "_{byte:02x}");
        }
    }
    label
}

/// The host under which users and services have theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subdomains {
    scheme: String,
    domain: String,
    port: Option<u16>,
    hook: Hook,
}

impl Subdomains {
    /// Below the host of `url`; every host has its scheme and port. `None` when it has no name: an address has no hosts
    /// below it.
    #[must_use]
    pub fn new(url: &Url, hook: Hook) -> Option<Self> {
        Some(Self {
            scheme: url.scheme().to_owned(),
            domain: url.domain()?.to_lowercase(),
            port: url.port(),
            hook,
        })
    }

    /// The host of them all, without a port: what cookies for all of them have as `Domain`.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The host of a user's servers, without a port.
    #[must_use]
    pub fn of_user(&self, user: &Username) -> String {
        self.hook.host(user.as_str(), Kind::User, &self.domain)
    }

    /// The host of a service, without a port.
    #[must_use]
    pub fn of_service(&self, service: &ServiceName) -> String {
        self.hook
            .host(service.as_str(), Kind::Service, &self.domain)
    }

    /// `scheme://host[:port]` of one of the hosts.
    #[must_use]
    pub fn origin(&self, host: &str) -> String {
        match self.port {
            Some(port) => format!("{}://{host}:{port}", self.scheme),
            None => format!("{}://{host}", self.scheme),
        }
    }

    /// Whether `host` (with or without a port, in any case) is below the domain: a user's or a service's.
    #[must_use]
    pub fn is_below(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.to_ascii_lowercase();
        let below = name
            .trim_end_matches('.')
            .strip_suffix(&self.domain)
            .and_then(|rest| rest.strip_suffix('.'));
        below.is_some_and(|labels| !labels.is_empty())
    }

    /// What follows the origin in a URL on one of the hosts: `/user/alice/lab` of `https://alice.hub.example/user/alice/lab`
    /// or `//alice.hub.example/user/alice/lab`. `None` for any other URL.
    #[must_use]
    pub fn path_of<'a>(&self, url: &'a str) -> Option<&'a str> {
        let rest = url
            .strip_prefix(self.scheme.as_str())
            .and_then(|rest| rest.strip_prefix(':'))
            .unwrap_or(url)
            .strip_prefix("//")?;
        let (authority, path) = rest.split_at(rest.find('/')?);
        let host = match (self.port, authority.split_once(':')) {
            (Some(port), Some((host, given))) if given == port.to_string() => host,
            (None, None) => authority,
            _ => return None,
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        (host.bytes().all(plain) && self.is_below(host)).then_some(path)
    }
}

#[cfg(test)]
mod tests;
