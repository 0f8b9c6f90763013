//! Forms: fields of a body, accepted only with the page's XSRF token.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use url::form_urlencoded;

use super::context::Visitor;
use super::error_page::PageError;
use crate::http::xsrf::{self, Sender};
use crate::state::AppState;

/// What a form is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a stale form must not be acted on"]
pub(crate) enum Form {
    /// It has this visitor's token: do what it says.
    Good,
    /// Its token is missing, or of another session: a page that was open for long. Do nothing, show it again filled in
    /// as it came with a fresh token, and say so ([`STALE`]).
    Stale,
}

/// What the visitor of a stale form is told.
pub(crate) const STALE: &str =
    "This page had been open for too long, so nothing was done. Check it and send it again.";

/// The fields of a form, not checked yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawForm(Vec<(String, String)>);

impl RawForm {
    /// A form with these fields.
    #[cfg(test)]
    pub(crate) fn of(fields: &[(&str, &str)]) -> Self {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Self(fields.iter().map(owned).collect())
    }

    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All fields with their values, as they came.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Checks the XSRF token for this visitor.
    ///
    /// # Errors
    /// When a page of another origin sent the form, or may have: 403, without a word of what it said.
    pub(crate) fn check(&self, visitor: &Visitor) -> Result<Form, PageError> {
        let shown = xsrf::shown(self.field("_xsrf"), &visitor.headers);
        match xsrf::check(
            &visitor.state.cookies,
            &visitor.cookies(),
            shown,
            visitor.session_id(),
            &Method::POST,
            visitor.state.clock.now(),
        ) {
            Ok(()) => Ok(Form::Good),
            // Another page's words must not come back with a token that makes them good.
            Err(error) if visitor.sender() != Sender::Here => Err(error.into()),
            Err(_) => Ok(Form::Stale),
        }
    }
}

impl FromRequest<AppState> for RawForm {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, PageError> {
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let urlencoded = kind
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded");
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| PageError::new(StatusCode::PAYLOAD_TOO_LARGE, "The form is too large."))?;
        if !urlencoded {
            return Ok(Self::default());
        }
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }
}
