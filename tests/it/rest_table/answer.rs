//! What came back, without what two hubs cannot have in common: times, ids, secrets, ports.

use std::fmt;

use chrono::DateTime;
use e2e::Reply;
use serde_json::Value;
use url::Url;

use super::targets::Target;

/// An answer as far as it can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Media type of the body, without parameters; empty when there is none.
    pub(super) media: String,
    /// Where it leads, for redirects.
    pub(super) location: String,
    /// JSON with placeholders; a page of HTML is one word.
    pub(super) body: Value,
    /// Whether it said 202 for a start or stop that was only slow: then `status` is what it would have been.
    pub(super) slow: bool,
}

impl Answer {
    /// The answer to a request about `target`, whose names become placeholders too.
    pub(super) fn of(reply: &Reply, target: &Target) -> Self {
        let header = |name: &str| reply.header(name).unwrap_or_default();
        let text = target.unfill(&reply.body);
        let media = match header("content-type").split(';').next() {
            Some(media) if !text.is_empty() => media,
            _ => "",
        };
        let mut body = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_) if media == "text/html" => Value::from("<page>"),
            Err(_) if media == "text/event-stream" => events(&text),
            Err(_) => Value::from(text),
        };
        mask(&mut body, "", reply.status);
        Self {
            status: reply.status,
            media: media.to_owned(),
            location: url(&target.unfill(header("location"))),
            body,
            slow: false,
        }
    }

    /// Every way in which `ours` differs, one line each. Of different statuses nothing else is compared.
    pub(super) fn differences(&self, ours: &Self) -> Vec<String> {
        if self.status != ours.status {
            return vec![format!("status: {} ≠ {}", self.status, ours.status)];
        }
        let mut lines = Vec::new();
        for (what, theirs, ours) in [
            ("media", &self.media, &ours.media),
            ("location", &self.location, &ours.location),
        ] {
            if theirs != ours {
                lines.push(format!("{what}: {theirs:?} ≠ {ours:?}"));
            }
        }
        if ours.slow && !self.slow {
            lines.push("slow: only ours".to_owned());
        }
        compare("body", &self.body, &ours.body, &mut lines);
        lines
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = self.body.to_string();
        if let Some((end, _)) = body.char_indices().nth(400) {
            body.truncate(end);
            body.push('…');
        }
        write!(f, "{} {} {}", self.status, self.media, self.location)?;
        write!(f, " {body}")
    }
}

fn compare(path: &str, theirs: &Value, ours: &Value, lines: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                match ours.get(key) {
                    Some(own) => compare(&format!("{path}.{key}"), value, own, lines),
                    None => lines.push(format!("{path}.{key}: only theirs")),
                }
            }
            let added = ours.keys().filter(|key| !theirs.contains_key(*key));
            lines.extend(added.map(|key| format!("{path}.{key}: only ours")));
        }
        (Value::Array(theirs), Value::Array(ours)) if all_texts(theirs) && all_texts(ours) => {
            let only = |these: &[Value], others: &[Value], whose: &str| -> Vec<String> {
                let rest = these.iter().filter(|item| !others.contains(item));
                rest.map(|item| format!("{path}[]: {item} only {whose}"))
                    .collect()
            };
            let mut added = only(theirs, ours, "theirs");
            added.extend(only(ours, theirs, "ours"));
            if added.is_empty() && theirs != ours {
                added.push(format!("{path}: another order"));
            }
            lines.extend(added);
        }
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            for (theirs, ours) in theirs.iter().zip(ours) {
                compare(&format!("{path}[]"), theirs, ours, lines);
            }
        }
        _ if theirs == ours => {}
        _ => lines.push(format!("{path}: {theirs} ≠ {ours}")),
    }
    // The same in every item of a list is said once.
    let mut seen = std::collections::BTreeSet::new();
    lines.retain(|line| seen.insert(line.clone()));
}

fn all_texts(items: &[Value]) -> bool {
    items.iter().all(Value::is_string)
}

/// Server-sent events as the list of their data.
fn events(body: &str) -> Value {
    let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
    data.map(|data| serde_json::from_str(data).unwrap_or(Value::from(data)))
        .collect()
}

/// Replaces what no two hubs have in common, and checks its form while doing so: what has not the form stays.
fn mask(value: &mut Value, key: &str, status: u16) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                mask(value, key, status);
            }
        }
        Value::Array(items) => {
            for item in items.iter_mut() {
                mask(item, key, status);
            }
            // Sets: their order means nothing. That of tokens is by last use, which hubs note once in a while only.
            if matches!(key, "scopes" | "roles" | "groups" | "users" | "api_tokens") {
                items.sort_by_key(ToString::to_string);
            }
        }
        Value::String(text) => {
            if let Some(form) = form(text, key, status) {
                *value = Value::from(form);
            }
        }
        Value::Number(number) if key == "pid" && number.as_u64() > Some(0) => {
            *value = Value::from("<pid>");
        }
        _ => {}
    }
}

/// The placeholder for a text, if it has the form that belongs to its key.
fn form(text: &str, key: &str, status: u16) -> Option<String> {
    let counted = |prefix: &str| text.strip_prefix(prefix).is_some_and(is_number);
    let secret = |more: &str| {
        text.len() >= 30
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let placeholder = match key {
        "message" if status >= 400 && !text.is_empty() => "<text>".to_owned(),
        "created" | "created_at" | "last_activity" | "started" | "expires_at"
        | "last_exchanged_at" => {
            DateTime::parse_from_rfc3339(text).ok()?;
            text.ends_with('Z').then(|| "<time>".to_owned())?
        }
        "id" | "token_id" if counted("a") => "<token id>".to_owned(),
        "id" if counted("sc_") => "<share code id>".to_owned(),
        "token" | "access_token" if secret("") && text.len() <= 64 => "<secret>".to_owned(),
        "code" if secret("_-") => "<secret>".to_owned(),
        "scope" => {
            let mut words: Vec<_> = text.split(' ').collect();
            words.sort_unstable();
            words.join(" ")
        }
        "session_id" if secret("") => "<session>".to_owned(),
        "python" | "sys_executable" if !text.is_empty() => "<text>".to_owned(),
        "accept_url" | "url" | "target" => url(text),
        _ => return None,
    };
    Some(placeholder)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A URL without port, codes and the order of its arguments.
pub(super) fn url(text: &str) -> String {
    let origins = [
        ("http://127.0.0.1:", "<origin>"),
        ("https://127.0.0.1:", "<secure origin>"),
    ];
    let path = |rest: &str| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit())
            .to_owned()
    };
    let masked = origins
        .iter()
        .find_map(|(origin, shown)| Some(format!("{shown}{}", path(text.strip_prefix(origin)?))));
    let text = masked.unwrap_or_else(|| text.to_owned());
    let Some((path, query)) = text.split_once('?') else {
        return text;
    };
    let parsed = Url::parse(&format!("http://host/?{query}")).expect("a query");
    let mut pairs: Vec<_> = parsed
        .query_pairs()
        .map(|(name, value)| match &*name {
            "code" => format!("{name}=<secret>"),
            _ => format!("{name}={value}"),
        })
        .collect();
    pairs.sort();
    format!("{path}?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_has_its_form_is_masked() {
        let mut body = json!({
            "created": "2026-11-22T03:30:07.624000Z", "expires_at": "2026-11-22T03:30:07.624000", "id": "a12",
            "token": "0123456789abcdef0123456789abcdef", "code": "short", "message": "No such user", "scopes": ["b", "a"],
            "url": "http://127.0.0.1:8000/hub/api/users?offset=1&limit=2", "pid": 0,
        });
        mask(&mut body, "", 200);
        let expected = json!({
            "created": "<time>", "expires_at": "2026-11-22T03:30:07.624000", "id": "<token id>", "token": "<secret>",
            "code": "short", "message": "No such user", "scopes": ["a", "b"],
            "url": "<origin>/hub/api/users?limit=2&offset=1", "pid": 0,
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn differences_are_named_once_and_by_path() {
        let answer = |body: Value| Answer {
            status: 200,
            media: "application/json".to_owned(),
            location: String::new(),
            body,
            slow: false,
        };
        let theirs = answer(json!([{"a": null, "b": 1}, {"a": null, "b": 1}]));
        let ours = answer(json!([{"a": "x", "c": 1}, {"a": "x", "c": 1}]));
        assert_eq!(
            theirs.differences(&ours),
            [
                "body[].a: null ≠ \"x\"",
                "body[].b: only theirs",
                "body[].c: only ours"
            ]
        );
        assert_eq!(theirs.differences(&theirs.clone()), [] as [String; 0]);
        let slow = Answer {
            slow: true,
            ..theirs.clone()
        };
        assert_eq!(theirs.differences(&slow), ["slow: only ours"]);
        assert_eq!(slow.differences(&theirs), [] as [String; 0]);
    }
}
