//! The page for people.

use std::fmt::Write as _;

use axum::response::{IntoResponse as _, Response};
use hubauth::{HubAuthConfig, HubUser};

use crate::look::{Page, escape};

/// Who the visitor is, in words.
pub(super) fn page(config: &HubAuthConfig, user: &HubUser) -> Response {
    let mut rows = String::new();
    let mut row = |term: &str, html: String| {
        let _ = write!(rows, "<dt>{term}</dt><dd>{html}</dd>");
    };
    row(
        "Name",
        format!("<strong id=\"name\">{}</strong>", escape(&user.name)),
    );
    row("Kind", escape(&user.kind.to_string()));
    row(
        "Administrator",
        if user.admin { "yes" } else { "no" }.to_owned(),
    );
    row("Groups", tags(&user.groups, "none"));
    row(
        "Allowed here",
        tags(&user.scopes, "nothing beyond being known"),
    );
    let body = format!(
        "<h1>Hello {name}</h1>\n<p class=\"quiet\">This service asked the hub who you are. This is what it was told.</p>\n\
         <section class=\"card\" aria-label=\"Identity\"><dl>{rows}</dl></section>\n\
         <section class=\"card\"><h2>As a program</h2><p>The same as JSON, with a token of yours:</p>\
         <pre tabindex=\"0\"><code>curl -H \"Authorization: token $TOKEN\" $HUB{prefix}</code></pre></section>",
        name = escape(&user.name),
        prefix = escape(&config.service_prefix),
    );
    let home = format!("{}{}home", config.hub_host, config.hub_prefix);
    let logout = format!("{}logout", config.service_prefix);
    Page {
        title: "Who am I?",
        prefix: &config.service_prefix,
        brand: "Who am I?",
        links: &[("Home", &home), ("Log out", &logout)],
        script: None,
        body,
    }
    .into_response()
}

fn tags(items: &[String], none: &str) -> String {
    if items.is_empty() {
        return format!("<span class=\"quiet\">{none}</span>");
    }
    let items: String = items
        .iter()
        .map(|item| format!("<li>{}</li>", escape(item)))
        .collect();
    format!("<ul class=\"tags\">{items}</ul>")
}
