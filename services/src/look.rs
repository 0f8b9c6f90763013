//! How the bundled programs look: one stylesheet, pages without anything from elsewhere.

use std::fmt::Write as _;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

const STYLE: &str = include_str!("../static/style.css");

/// Nothing but our own files; no inline scripts or styles; no foreign frames around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

/// A page: its parts are HTML already, except where noted.
pub(crate) struct Page<'a> {
    /// Text of the title.
    pub(crate) title: &'a str,
    /// The prefix under which the stylesheet is.
    pub(crate) prefix: &'a str,
    /// Text of the name beside the logo.
    pub(crate) brand: &'a str,
    /// Links at the right: text and URL.
    pub(crate) links: &'a [(&'a str, &'a str)],
    /// File of the page's script, under the prefix.
    pub(crate) script: Option<&'a str>,
    /// What the page says.
    pub(crate) body: String,
}

impl Page<'_> {
    fn html(&self) -> String {
        let mut links = String::new();
        for (text, url) in self.links {
            let _ = write!(links, "<a href=\"{}\">{}</a>", escape(url), escape(text));
        }
        let script = self.script.map_or_else(String::new, |file| {
            format!(
                "<script type=\"module\" src=\"{}{}\"></script>",
                escape(self.prefix),
                escape(file)
            )
        });
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
             <link rel=\"stylesheet\" href=\"{prefix}style.css\">\n<link rel=\"icon\" href=\"data:,\">\n{script}\n</head>\n\
             <body>\n<a class=\"skip\" href=\"#main\">Skip to content</a>\n\
             <header><div><span class=\"brand\">{brand}</span><nav aria-label=\"Hub\">{links}</nav></div></header>\n\
             <main id=\"main\" tabindex=\"-1\">\n{body}\n</main>\n</body>\n</html>\n",
            title = escape(self.title),
            prefix = escape(self.prefix),
            brand = escape(self.brand),
            body = self.body,
        )
    }
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        (
            PRIVATE,
            [(CONTENT_SECURITY_POLICY, POLICY)],
            Html(self.html()),
        )
            .into_response()
    }
}

/// Headers of everything that shows who somebody is.
pub(crate) const PRIVATE: [(HeaderName, &str); 3] = [
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// Routes of the files that pages need; open to everybody.
pub(crate) fn files() -> Router {
    Router::new().route(
        "/style.css",
        get(|| async { file("text/css; charset=utf-8", STYLE) }),
    )
}

/// A file of ours.
pub(crate) fn file(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "public, max-age=300"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (StatusCode::OK, headers, content).into_response()
}

/// Escapes text for HTML, also in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_nothing_is_inline() {
        let page = Page {
            title: "<t>",
            prefix: "/a\"b/",
            brand: "<b>",
            links: &[("<l>", "/\">")],
            script: Some("x.js"),
            body: "<p>body</p>".to_owned(),
        };
        let html = page.html();
        assert!(html.contains("<title>&lt;t&gt;</title>") && html.contains("&lt;l&gt;"));
        assert!(
            html.contains("href=\"/a&quot;b/style.css\"")
                && html.contains("src=\"/a&quot;b/x.js\"")
        );
        assert!(!html.contains("<style") && !html.contains(" style="));
        let headers = page.into_response().into_parts().0.headers;
        assert_eq!(headers["cache-control"], "no-store");
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
    }
}
