//! Pages of an authenticator's own, for logins that happen elsewhere: what it is asked, and what it may answer.
//!
//! An authenticator knows no cookies and no HTTP: what the browser is to remember between two pages ([`PageAnswer::Away`])
//! is signed by the hub, kept in a cookie of this browser for [`KEPT`], and handed back once ([`PageRequest::kept`]). Each
//! login has a cookie of its own: people open several tabs, and every one of them may lead to a login.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::AuthModel;

/// How long a browser remembers where a login began.
pub const KEPT: Duration = Duration::from_secs(3600);

/// A request for a page of an authenticator's own.
#[derive(Clone)]
pub struct PageRequest {
    /// Which of its pages.
    pub page: String,
    /// The query and the form, in the order in which they came; the first of a name counts.
    pub arguments: Vec<(String, String)>,
    /// What the browser was told to remember by [`PageAnswer::Away`] of the login that
    /// [`Authenticator::login_of`](super::Authenticator::login_of) names. What came with the request must be compared with it.
    pub kept: Option<Value>,
    /// Under which URL the browser knows the hub, with the base URL: `https://host/hub/`.
    pub hub_url: String,
    /// Where the person was going, on this host; checked.
    pub next: Option<String>,
    /// Where the request comes from, as far as that can be believed.
    pub from: Option<IpAddr>,
    /// When.
    pub now: DateTime<Utc>,
}

impl PageRequest {
    /// The first argument of a name.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&str> {
        let mut arguments = self.arguments.iter();
        let (_, value) = arguments.find(|(key, _)| key == name)?;
        Some(value)
    }
}

impl std::fmt::Debug for PageRequest {
    /// Without what is in the query, which holds codes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageRequest")
            .field("page", &self.page)
            .field("hub_url", &self.hub_url)
            .field("next", &self.next)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// What an authenticator answers.
#[derive(Debug)]
pub enum PageAnswer {
    /// The browser goes elsewhere, and remembers something.
    Away {
        /// Where to: an absolute URL, or a path of this hub.
        to: String,
        /// What it remembers.
        keep: Kept,
        /// What this login is called, among those that the browser has begun.
        login: String,
    },
    /// It is this person, who comes in if a rule of the hub says so.
    Person {
        /// Who.
        model: Box<AuthModel>,
        /// Where they were going.
        next: Option<String>,
        /// What they are told when no rule allows them.
        otherwise: String,
    },
    /// Nobody comes in.
    Refused(Refused),
}

/// What a browser is to remember.
#[derive(Clone, PartialEq)]
pub struct Kept(pub Value);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept([secret])")
    }
}

/// Whose fault it is that nobody comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no such page: 404.
    NoPage,
    /// The request makes no sense, or none any more: 400.
    Request,
    /// The person may not come in, or did not want to: 403.
    Person,
    /// What was asked elsewhere gave an answer that makes no sense: 502.
    Answer,
    /// What was asked elsewhere does not answer: 503.
    Away,
    /// Nobody was asked yet, and the same request may be sent again: 503. What the browser remembers stays.
    Busy,
}

/// Why nobody comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Whose fault it is.
    pub fault: Fault,
    /// For the person: a sentence, with nothing in it that came with the request.
    pub text: String,
    /// For the log, with what is known of it and nothing secret.
    pub why: String,
    /// Who it was, if that is known.
    pub name: Option<String>,
}

impl Refused {
    /// There is no such page.
    #[must_use]
    pub fn not_found(page: &str) -> Self {
        Self {
            fault: Fault::NoPage,
            text: "There is no such page.".to_owned(),
            why: format!("no page {page:?}"),
            name: None,
        }
    }
}
