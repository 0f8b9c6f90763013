//! Forms: fields of a body, accepted only with the page's XSRF token.

use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use url::form_urlencoded;

use super::context::Visitor;
use super::error_page::PageError;
use crate::http::extract::MAX_BODY;
use crate::http::middleware::whole_body::TooLarge;
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

/// What the visitor is told of a form that is larger than [`MAX_BODY`].
const TOO_LARGE: &str = "The form is larger than 1 MiB with its files, so nothing was done.";
const _: () = assert!(MAX_BODY == 1 << 20, "what TOO_LARGE says");

/// Refuses a form that no page of the hub sent, without a word of what it said.
///
/// # Errors
/// 403.
pub(super) fn sent_by_page(visitor: &Visitor) -> Result<(), PageError> {
    match xsrf::sent_by_page(&visitor.headers, &visitor.origin(), &visitor.base().hub()) {
        true => Ok(()),
        false => Err(not_ours()),
    }
}

/// What is said of a form that no page of the hub sent.
pub(super) fn not_ours() -> PageError {
    PageError::forbidden("No page of the hub sent this form.")
        .with_hint("Open the page yourself, and send its form there.")
}

/// The fields of a form, not checked yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawForm {
    texts: Vec<(String, String)>,
    files: Vec<(String, FormFile)>,
}

/// A file of a form.
#[derive(Debug, Clone, Default)]
pub(crate) struct FormFile {
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) bytes: Bytes,
}

impl RawForm {
    /// A form with these fields.
    #[cfg(test)]
    pub(crate) fn of(fields: &[(&str, &str)]) -> Self {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Self {
            texts: fields.iter().map(owned).collect(),
            files: Vec::new(),
        }
    }

    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.texts
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.texts
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All fields that are no files, in the order in which they came.
    pub(crate) fn into_fields(self) -> Vec<(String, String)> {
        self.texts
    }

    /// Every field that is not a file, in the order of the form.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.texts.iter();
        texts.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Every file that was chosen.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &FormFile)> {
        let files = self.files.iter();
        files.map(|(name, file)| (name.as_str(), file))
    }

    /// Checks the XSRF token for this visitor.
    ///
    /// # Errors
    /// When a page of another origin sent the form, or may have, or a script: 403, without a word of what it said.
    pub(crate) fn check(&self, visitor: &Visitor) -> Result<Form, PageError> {
        sent_by_page(visitor)?;
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
        if request.extensions().get::<TooLarge>().is_some() {
            return Err(broken(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind == "multipart/form-data" {
            let parts = Multipart::from_request(request, state).await;
            return Self::of_parts(parts.map_err(|error| broken(error.status()))?)
                .await
                .map_err(|error| broken(error.status()));
        }
        let urlencoded = kind == "application/x-www-form-urlencoded";
        // What was too slow or broke off: nothing is known of its size.
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| broken(error.status()))?;
        if !urlencoded {
            return Ok(Self::default());
        }
        Ok(Self {
            texts: form_urlencoded::parse(&bytes).into_owned().collect(),
            files: Vec::new(),
        })
    }
}

impl RawForm {
    /// The fields of a form with files. A field for a file that was left empty is no file.
    async fn of_parts(mut parts: Multipart) -> Result<Self, MultipartError> {
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await? {
            let name = part.name().unwrap_or_default().to_owned();
            let file = part.file_name().map(ToOwned::to_owned);
            let content_type = part.content_type().unwrap_or_default().to_owned();
            let bytes = part.bytes().await?;
            match file {
                Some(file) if file.is_empty() && bytes.is_empty() => {}
                Some(file) => form.files.push((
                    name,
                    FormFile {
                        name: file,
                        content_type,
                        bytes,
                    },
                )),
                None => form
                    .texts
                    .push((name, String::from_utf8_lossy(&bytes).into_owned())),
            }
        }
        Ok(form)
    }
}

/// What is said of a form that cannot be read.
fn broken(status: StatusCode) -> PageError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => PageError::new(status, TOO_LARGE)
            .with_hint("Go back, choose smaller files or write less, and send it again."),
        _ => PageError::new(StatusCode::BAD_REQUEST, "The form cannot be read."),
    }
}
