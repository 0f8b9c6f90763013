//! The access log: one line per request on standard output, in text or JSON.

use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use http::{Method, Version};
use serde_json::json;

/// The form of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum AccessLog {
    #[default]
    Off,
    Text,
    Json,
}

/// One answered request.
#[derive(Debug)]
pub(crate) struct Line<'l> {
    pub(crate) time: DateTime<Utc>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) method: &'l Method,
    /// Without secrets, as [`hub_types::redact`] shows it.
    pub(crate) path: &'l str,
    pub(crate) version: Version,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    pub(crate) route: Option<&'l str>,
}

impl AccessLog {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    pub(crate) fn is_on(self) -> bool {
        self != Self::Off
    }

    /// Writes a line. Nobody reading the log any more is no reason to stop.
    pub(crate) fn write(self, line: &Line<'_>) {
        let text = match self {
            Self::Off => return,
            Self::Text => line.text(),
            Self::Json => line.json(),
        };
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

impl Line<'_> {
    fn time(&self) -> String {
        self.time.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// `TIME PEER "METHOD PATH VERSION" STATUS BYTES SECONDS ROUTE`, with `-` for what is unknown.
    fn text(&self) -> String {
        let peer = self.peer.map_or("-".to_owned(), |peer| peer.to_string());
        // `escape_default` keeps quotes and line ends of a route's name from looking like ours.
        format!(
            "{} {peer} \"{} {} {:?}\" {} {} {:.6} {}\n",
            self.time(),
            self.method,
            self.path.escape_default(),
            self.version,
            self.status,
            self.bytes,
            self.took.as_secs_f64(),
            self.route.unwrap_or("-").escape_default()
        )
    }

    fn json(&self) -> String {
        let object = json!({
            "time": self.time(),
            "peer": self.peer.map(|peer| peer.to_string()),
            "method": self.method.as_str(),
            "path": self.path,
            "version": format!("{:?}", self.version),
            "status": self.status,
            "bytes": self.bytes,
            "seconds": self.took.as_secs_f64(),
            "route": self.route,
        });
        format!("{object}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line<'static> {
        Line {
            time: "2026-11-22T03:31:47.762Z".parse().unwrap(),
            peer: Some(IpAddr::from([127, 0, 0, 1])),
            method: &Method::GET,
            path: "/user/a\"b",
            version: Version::HTTP_11,
            status: 200,
            bytes: 5,
            took: Duration::from_millis(12),
            route: Some("/user/a\n"),
        }
    }

    #[test]
    fn lines() {
        assert_eq!(
            line().text(),
            "2026-11-22T03:31:47.762Z 127.0.0.1 \"GET /user/a\\\"b HTTP/1.1\" 200 5 0.012000 /user/a\\n\n"
        );
        let object: serde_json::Value = serde_json::from_str(&line().json()).unwrap();
        assert_eq!(object["path"], "/user/a\"b");
        assert_eq!(object["seconds"], 0.012);
        assert_eq!(line().json().lines().count(), 1);
    }
}
