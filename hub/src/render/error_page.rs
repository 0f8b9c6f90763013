//! Error pages: what each status says to a person.

use std::borrow::Cow;

use http::StatusCode;
use serde::Serialize;

use super::{Chrome, Page, environment::escape};

/// A link on an error page; the first one is the main button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: String,
}

/// `error.html`, or `404.html`, `503.html`, … when such a template exists.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ErrorPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// The HTTP status that the page is about.
    pub status_code: u16,
    /// Short title.
    pub status_message: String,
    /// What happened.
    pub message: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Ways on.
    pub links: Vec<Link>,
}

impl Page for ErrorPage {
    const TEMPLATE: &'static str = "error.html";

    fn chrome(&self) -> &Chrome {
        &self.chrome
    }

    fn special_template(&self) -> Option<String> {
        Some(format!("{}.html", self.status_code))
    }
}

/// Title, message and hint of a status.
type Words = (
    Cow<'static, str>,
    Option<&'static str>,
    Option<&'static str>,
);

impl ErrorPage {
    /// The page for `status`.
    ///
    /// `requested` is the path that the visitor asked for, where it is known (`?url=` of the proxy's error requests):
    /// below `{base}user/` an error means a server, not a page. Override the fields where more is known.
    #[must_use]
    pub fn new(chrome: Chrome, status: StatusCode, requested: Option<&str>) -> Self {
        let server = requested.is_some_and(|path| is_server(&chrome, path));
        let (title, message, hint) = if server {
            server_words(status)
        } else {
            words(status)
        };
        let links = links(&chrome, status, server.then_some(requested).flatten());
        Self {
            status_code: status.as_u16(),
            status_message: title.into_owned(),
            message: message.map(str::to_owned),
            hint: hint.map(str::to_owned),
            links,
            chrome,
        }
    }

    /// The same page with another message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// The same page with another hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The page without any template, for when templates are the problem.
    #[must_use]
    pub fn bare(&self) -> String {
        let title = escape(&self.status_message);
        let paragraph = |text: &Option<String>| {
            text.as_deref()
                .map(|text| format!("<p>{}</p>", escape(text)))
                .unwrap_or_default()
        };
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
             <body><h1>{} {title}</h1>{}{}</body></html>",
            self.status_code,
            paragraph(&self.message),
            paragraph(&self.hint),
        )
    }
}

fn is_server(chrome: &Chrome, path: &str) -> bool {
    let below = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with("user/"))
    };
    below(&chrome.base_url) || below(&chrome.hub_prefix)
}

fn links(chrome: &Chrome, status: StatusCode, server: Option<&str>) -> Vec<Link> {
    let link = |href: String, label: &str| Link {
        href,
        label: label.to_owned(),
    };
    let mut links = Vec::new();
    if let Some(path) = server.filter(|_| status.is_server_error()) {
        links.push(link(path.to_owned(), "Try again"));
    }
    if chrome.user.is_some() {
        links.push(link(format!("{}home", chrome.hub_prefix), "Home"));
    } else {
        links.push(link(format!("{}login", chrome.hub_prefix), "Sign in"));
    }
    links
}

/// Words for errors of the hub's own pages and of services.
fn words(status: StatusCode) -> Words {
    let (title, message, hint) = match status.as_u16() {
        400 => (
            "Bad request",
            None,
            Some(
                "The link or form that brought you here may be incomplete. Go back and try again.",
            ),
        ),
        401 => (
            "Please sign in",
            Some("This page is for people who are signed in."),
            None,
        ),
        403 => (
            "No access",
            Some("You do not have permission to see or do this."),
            Some("If you should, ask an administrator of this hub."),
        ),
        404 => (
            "Page not found",
            Some("There is nothing at this address."),
            Some("Check the address, or start from the home page."),
        ),
        405 => (
            "Not possible",
            Some("This address does not answer this kind of request."),
            None,
        ),
        413 => (
            "Too large",
            Some("What was sent is larger than this hub accepts."),
            None,
        ),
        429 => (
            "Too many requests",
            Some("That was a lot in a short time."),
            Some("Wait a moment, then try again."),
        ),
        500 => (
            "Something went wrong",
            Some("The hub ran into an error that it did not expect."),
            Some(
                "Try again. If it stays, tell an administrator what you did and when: the hub's log has the details.",
            ),
        ),
        502..=504 => (
            "Not available",
            Some("The service behind this address does not answer."),
            Some("It may be starting or be under maintenance. Wait a moment, then try again."),
        ),
        _ => {
            return (
                Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
                None,
                None,
            );
        }
    };
    (Cow::Borrowed(title), message, hint)
}

/// Words for errors of users' servers.
fn server_words(status: StatusCode) -> Words {
    let (title, message, hint) = match status.as_u16() {
        403 => (
            "No access to this server",
            Some("This server belongs to somebody else, and you do not have access to it."),
            Some("Its owner or an administrator can share it with you."),
        ),
        404 => (
            "Server not found",
            Some("There is no such server, or you do not have access to it."),
            Some("Check the address, or open your own server from the home page."),
        ),
        500 | 502..=504 => (
            "Server not answering",
            Some("The server behind this address does not answer."),
            Some(
                "It may be starting, busy, or have stopped. Try again in a moment; the home page shows its state and can start it.",
            ),
        ),
        _ => return words(status),
    };
    (Cow::Borrowed(title), message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chrome(user: Option<&str>) -> Chrome {
        Chrome {
            base_url: "/x/".to_owned(),
            hub_prefix: "/x/hub/".to_owned(),
            user: user.map(str::to_owned),
            ..Chrome::default()
        }
    }

    #[test]
    fn words_and_links_by_status_and_place() {
        for (status, requested, user, title, expected_links) in [
            (404, None, Some("ada"), "Page not found", "Home"),
            (
                404,
                Some("/x/services/a/"),
                Some("ada"),
                "Page not found",
                "Home",
            ),
            (
                404,
                Some("/x/user/ada/"),
                Some("ada"),
                "Server not found",
                "Home",
            ),
            (
                404,
                Some("/user/ada/"),
                Some("ada"),
                "Page not found",
                "Home",
            ),
            (
                403,
                Some("/x/hub/user/bob/"),
                Some("ada"),
                "No access to this server",
                "Home",
            ),
            (403, None, None, "No access", "Sign in"),
            (
                503,
                Some("/x/user/ada/lab"),
                Some("ada"),
                "Server not answering",
                "Try again, Home",
            ),
            (
                503,
                Some("/x/services/a/"),
                None,
                "Not available",
                "Sign in",
            ),
            (418, None, None, "I'm a teapot", "Sign in"),
        ] {
            let page = ErrorPage::new(
                chrome(user),
                StatusCode::from_u16(status).unwrap(),
                requested,
            );
            let labels: Vec<_> = page.links.iter().map(|link| link.label.as_str()).collect();
            assert_eq!(
                (page.status_message.as_str(), labels.join(", ").as_str()),
                (title, expected_links),
                "{status} {requested:?}"
            );
        }
    }

    #[test]
    fn the_bare_page_escapes() {
        let page =
            ErrorPage::new(chrome(None), StatusCode::NOT_FOUND, None).with_message("<script>");
        assert!(page.bare().contains("&lt;script&gt;"), "{}", page.bare());
    }
}
