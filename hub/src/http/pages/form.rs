//! Forms: fields of a body, accepted only with the page's XSRF token.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use url::form_urlencoded;

use super::context::Visitor;
use super::error_page::PageError;
use crate::http::xsrf;
use crate::state::AppState;

/// The fields of a form, not checked yet.
#[derive(Debug, Clone, Default)]
pub(super) struct RawForm(Vec<(String, String)>);

impl RawForm {
    /// The first value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Checks the XSRF token for this visitor.
    pub(super) fn check(&self, visitor: &Visitor) -> Result<(), xsrf::XsrfError> {
        let shown = xsrf::shown(self.field("_xsrf"), &visitor.headers);
        xsrf::check(
            &visitor.state.cookies,
            &visitor.cookies(),
            shown,
            visitor.session_id(),
            &Method::POST,
            visitor.state.clock.now(),
        )
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
