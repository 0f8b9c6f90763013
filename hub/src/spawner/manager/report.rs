//! What a start reports: its events, in the words of JupyterHub 6.1.

use hub_types::progress::ProgressEvent;
use serde_json::Map;

use crate::domain::server::Failure;

/// Where the last event of a failed start has the last lines of the server's output. Not in JupyterHub.
pub(crate) const OUTPUT: &str = "output";

/// The start was asked for.
pub(super) fn requested() -> ProgressEvent {
    ProgressEvent {
        message: "Server requested".into(),
        ..ProgressEvent::default()
    }
}

/// A process is being started.
pub(super) fn spawning() -> ProgressEvent {
    ProgressEvent {
        progress: 50,
        message: "Spawning server...".into(),
        ..ProgressEvent::default()
    }
}

/// Longest message of a spawner, in characters.
const LONGEST: usize = 1000;

/// What a spawner says of a start that goes on: 100 per cent is for the end.
pub(super) fn under_way(percent: u8, message: &str) -> ProgressEvent {
    ProgressEvent {
        progress: percent.min(99),
        message: message.chars().take(LONGEST).collect(),
        ..ProgressEvent::default()
    }
}

/// Longest markup of a spawner, in bytes.
const LONGEST_HTML: usize = 8_000;

/// The same with markup, which cannot be cut: what is too long is left out.
pub(super) fn under_way_html(percent: u8, message: &str, html: &str) -> ProgressEvent {
    ProgressEvent {
        html_message: (html.len() <= LONGEST_HTML).then(|| html.to_owned()),
        ..under_way(percent, message)
    }
}

/// It answers at `url`, a path or a URL on its user's host.
pub(super) fn ready(url: &str) -> ProgressEvent {
    let safe = escape_html(url);
    ProgressEvent {
        progress: 100,
        ready: true,
        message: format!("Server ready at {url}"),
        html_message: Some(format!("Server ready at <a href=\"{safe}\">{safe}</a>")),
        url: Some(url.to_owned()),
        ..ProgressEvent::default()
    }
}

/// It failed.
pub(super) fn failed(failure: &Failure) -> ProgressEvent {
    let mut extra = Map::new();
    if !failure.output.is_empty() {
        extra.insert(OUTPUT.to_owned(), failure.output.clone().into());
    }
    ProgressEvent {
        progress: 100,
        failed: true,
        message: format!("Spawn failed: {}", failure.message),
        extra,
        ..ProgressEvent::default()
    }
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_recorded() {
        for (event, expected) in [
            (
                requested(),
                r#"{"progress":0,"message":"Server requested"}"#,
            ),
            (
                spawning(),
                r#"{"progress":50,"message":"Spawning server..."}"#,
            ),
            (
                ready("/user/alice/"),
                r#"{"progress":100,"ready":true,"message":"Server ready at /user/alice/","html_message":"Server ready at <a href=\"/user/alice/\">/user/alice/</a>","url":"/user/alice/"}"#,
            ),
            (
                failed(&Failure {
                    message: "HTTP 418: error (teapot says no)".into(),
                    output: Vec::new(),
                    status: 418,
                }),
                r#"{"progress":100,"failed":true,"message":"Spawn failed: HTTP 418: error (teapot says no)"}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&event).unwrap(), expected);
        }
        let told = under_way_html(7, "a & b", "<b>a &amp; b</b>");
        assert_eq!(
            serde_json::to_string(&told).unwrap(),
            r#"{"progress":7,"message":"a & b","html_message":"<b>a &amp; b</b>"}"#
        );
        let long = "x".repeat(LONGEST_HTML + 1);
        assert_eq!(under_way_html(7, "a & b", &long), under_way(7, "a & b"));
        assert!(
            ready("/a\"><b/")
                .html_message
                .unwrap()
                .contains("/a&quot;&gt;&lt;b/")
        );
    }
}
