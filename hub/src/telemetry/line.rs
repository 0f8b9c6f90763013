//! One event as it is written. Nothing in it can look like another line, and none is longer than [`LONGEST`] allows
//! (security case 121).

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// The longest message with its fields, in characters; in JSON, the longest of each.
const LONGEST: usize = 4_000;

/// An event, taken apart.
#[derive(Debug)]
pub(super) struct Line {
    level: Level,
    time: DateTime<Utc>,
    module: String,
    number: u32,
    said: Said,
    request: Option<String>,
}

/// What was said: the message, and beside it the other fields.
#[derive(Debug, Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name if name.starts_with("log.") => {}
            name => self.fields.push((name, format!("{value:?}").into())),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.fields.push((name, value.into())),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.push((field.name(), value.into()));
    }
}

impl Line {
    pub(super) fn new(event: &Event<'_>, time: DateTime<Utc>, request: Option<String>) -> Self {
        let metadata = event.metadata();
        let module = metadata.target().rsplit("::").next().unwrap_or_default();
        let mut said = Said::default();
        event.record(&mut said);
        Self {
            level: *metadata.level(),
            time,
            module: module.to_owned(),
            number: metadata.line().unwrap_or_default(),
            said,
            request,
        }
    }

    /// JupyterHub's form. A message of several lines stays one event: the others are indented.
    pub(super) fn text(&self) -> String {
        let letter = match self.level {
            Level::ERROR => 'E',
            Level::WARN => 'W',
            Level::INFO => 'I',
            Level::DEBUG | Level::TRACE => 'D',
        };
        let mut whole = self.said.message.clone();
        for (name, value) in &self.said.fields {
            let text = match value {
                Value::String(text) if text.contains(needs_quotes) => format!("{text:?}"),
                Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            whole.push_str(&format!(" {name}={text}"));
        }
        let mut shown = bounded(&whole).replace('\n', "\n    ");
        if let Some(id) = &self.request {
            shown.push_str(" request=");
            shown.push_str(id);
        }
        let (time, module, number) = (
            self.time.format("%Y-%m-%d %H:%M:%S%.3f"),
            &self.module,
            self.number,
        );
        format!("[{letter} {time} JupyterHub {module}:{number}] {shown}")
    }

    /// One object. What an event calls like something that every line has is left out.
    pub(super) fn json(&self) -> Value {
        let level = match self.level {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        };
        let time = self.time.to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut line = Map::new();
        for (name, value) in [
            ("time", time.into()),
            ("level", level.into()),
            ("name", "JupyterHub".into()),
            ("module", self.module.as_str().into()),
            ("line", self.number.into()),
            ("message", Value::from(bounded(&self.said.message))),
        ] {
            line.insert(name.to_owned(), value);
        }
        if let Some(id) = &self.request {
            line.insert("request".to_owned(), id.as_str().into());
        }
        for (name, value) in &self.said.fields {
            let value = match value {
                Value::String(text) => bounded(text).into(),
                value => value.clone(),
            };
            line.entry(*name).or_insert(value);
        }
        line.into()
    }
}

/// What is not plain is shown escaped where it must be: also signs that turn the direction of a line.
fn needs_quotes(c: char) -> bool {
    !c.is_ascii_graphic() || c == '"'
}

/// The text without control characters (but for line breaks), cut off where it gets too long.
fn bounded(text: &str) -> String {
    let shown = text.chars().take(LONGEST);
    shown
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(message: &str, request: Option<&str>) -> Line {
        Line {
            level: Level::WARN,
            time: DateTime::from_timestamp_millis(1_795_318_207_624).unwrap(),
            module: "login".into(),
            number: 42,
            said: Said {
                message: message.to_owned(),
                fields: vec![
                    ("user", "al\u{1b}ice".into()),
                    ("times", 3.into()),
                    ("level", "x".into()),
                ],
            },
            request: request.map(str::to_owned),
        }
    }

    #[test]
    fn in_jupyterhubs_form() {
        assert_eq!(
            line("no\nluck", Some("abc")).text(),
            "[W 2026-11-22 03:30:07.624 JupyterHub login:42] no\n    luck user=\"al\\u{1b}ice\" times=3 level=x request=abc"
        );
        let long = line(&"x".repeat(9_000), None).text();
        assert_eq!(long.chars().filter(|c| *c == 'x').count(), LONGEST);
    }

    #[test]
    fn as_an_object() {
        assert_eq!(
            line("no\nluck", Some("abc")).json(),
            json!({
                "time": "2026-11-22T03:30:07.624Z", "level": "WARNING", "name": "JupyterHub", "module": "login", "line": 42,
                "message": "no\nluck", "request": "abc", "user": "al\u{fffd}ice", "times": 3,
            })
        );
        let text = line("a\nb", None).json().to_string();
        assert!(!text.contains('\n') && !text.contains("request"), "{text}");
        assert!(line(&"x".repeat(9_000), None).json().to_string().len() < LONGEST + 200);
    }
}
