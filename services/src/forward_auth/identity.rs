//! The headers that name a visitor: how they are written, and how forged ones are noticed. Pure.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use hubauth::HubUser;

/// The four headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identities {
    user: HeaderName,
    groups: HeaderName,
    kind: HeaderName,
    admin: HeaderName,
    /// The prefix in lower case: whatever begins with it is ours.
    prefix: String,
}

impl Identities {
    /// Headers that begin with `prefix`; `None` when that cannot begin a header of ours. Underscores are no part of it: many
    /// web servers drop such headers, and applications cannot tell them from hyphens.
    pub(super) fn with_prefix(prefix: &str) -> Option<Self> {
        let letters = prefix.starts_with(|first: char| first.is_ascii_alphabetic());
        let plain = prefix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !letters || !plain || prefix.len() < 3 {
            return None;
        }
        let prefix = prefix.to_ascii_lowercase();
        let name = |last: &str| format!("{prefix}{last}").parse().ok();
        Some(Self {
            user: name("user")?,
            groups: name("groups")?,
            kind: name("kind")?,
            admin: name("admin")?,
            prefix,
        })
    }

    /// The headers for a visitor: always all four, so that none of the client's is left in their place.
    pub(super) fn of(&self, user: &HubUser) -> HeaderMap {
        let groups: Vec<String> = user.groups.iter().map(|group| escape(group)).collect();
        let texts = [
            (&self.user, escape(&user.name)),
            (&self.groups, groups.join(",")),
            (&self.kind, user.kind.to_string()),
            (&self.admin, user.admin.to_string()),
        ];
        texts
            .into_iter()
            .map(|(name, text)| {
                // What is escaped is always legal in a header.
                let value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
                (name.clone(), value)
            })
            .collect()
    }

    /// The name of a header that the client sent and that an application could take for one of ours: CGI, WSGI and others
    /// do not tell `X_Hub_User` from `X-Hub-User`.
    pub(super) fn planted<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        headers.keys().map(HeaderName::as_str).find(|name| {
            let plain: String = name
                .chars()
                .map(|char| {
                    if char.is_ascii_alphanumeric() {
                        char
                    } else {
                        '-'
                    }
                })
                .collect();
            plain.starts_with(&self.prefix)
        })
    }
}

/// A name as it stands in a header: visible ASCII as it is, everything else, and `%` and `,`, as `%XX` of its UTF-8.
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' && byte != b',' {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use hubauth::Source;

    use super::*;

    fn hub() -> Identities {
        Identities::with_prefix("X-Hub-").unwrap()
    }

    #[test]
    fn all_four_always() {
        let user = |json: &str| HubUser::new(serde_json::from_str(json).unwrap(), Source::Cookie);
        for (json, expected) in [
            (
                r#"{"kind": "user", "name": "zoe@x.org", "groups": ["a b", "c,d"], "admin": true}"#,
                ["zoe@x.org", "a%20b,c%2Cd", "user", "true"],
            ),
            (
                r#"{"kind": "service", "name": "zo\u00eb\r\nX-Hub-Admin: true"}"#,
                ["zo%C3%AB%0D%0AX-Hub-Admin:%20true", "", "service", "false"],
            ),
        ] {
            let headers = hub().of(&user(json));
            let names = ["x-hub-user", "x-hub-groups", "x-hub-kind", "x-hub-admin"];
            assert_eq!(names.map(|name| headers[name].to_str().unwrap()), expected);
            assert_eq!(headers.len(), 4);
        }
    }

    #[test]
    fn forged_headers_in_any_spelling() {
        for (name, planted) in [
            ("x-hub-user", true),
            ("X-Hub-User", true),
            ("X_HUB_USER", true),
            ("x-hub_admin", true),
            ("x.hub.user", true),
            ("x-hub-anything", true),
            ("x-hubs-user", false),
            ("user", false),
            ("x-forwarded-user", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("accept", HeaderValue::from_static("*/*"));
            headers.insert(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_static("root"),
            );
            assert_eq!(hub().planted(&headers).is_some(), planted, "{name}");
        }
    }

    #[test]
    fn prefixes() {
        for (prefix, good) in [
            ("Remote-", true),
            ("X-Forwarded-Auth-", true),
            ("", false),
            ("X", false),
            ("-X-", false),
            ("X_Hub_", false),
            ("X Hub", false),
            ("X-Hub:", false),
        ] {
            assert_eq!(Identities::with_prefix(prefix).is_some(), good, "{prefix}");
        }
    }
}
