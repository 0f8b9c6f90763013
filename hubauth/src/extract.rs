//! Extractors for axum: [`HubUser`], `Option<HubUser>`, [`XsrfToken`]. A wrong set-up explains itself.

use std::convert::Infallible;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::service::{Checked, XsrfToken};
use crate::user::HubUser;

/// Why a handler did not get its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserRejection {
    /// The route is not behind a [`HubAuthLayer`](crate::HubAuthLayer).
    #[error(
        "no HubAuthLayer has seen this request. Is `.layer(hub.layer())` added after the route? (axum's layers cover \
         the routes before them)"
    )]
    NoLayer,
    /// The layer is `optional()` and the visitor is unknown; the handler should take `Option<HubUser>`.
    #[error("the visitor is unknown: behind an optional layer, take `Option<HubUser>`")]
    Unknown,
}

impl UserRejection {
    /// The status of the answer: 500 for a wrong set-up, 403 for an unknown visitor.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            UserRejection::NoLayer => StatusCode::INTERNAL_SERVER_ERROR,
            UserRejection::Unknown => StatusCode::FORBIDDEN,
        }
    }
}

impl IntoResponse for UserRejection {
    fn into_response(self) -> Response {
        if self == UserRejection::NoLayer {
            tracing::error!("{self}");
        }
        (self.status(), self.to_string()).into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for HubUser {
    type Rejection = UserRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, UserRejection> {
        let Checked(user) = parts
            .extensions
            .get::<Checked>()
            .ok_or(UserRejection::NoLayer)?;
        user.clone().ok_or(UserRejection::Unknown)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for HubUser {
    type Rejection = UserRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> Result<Option<Self>, UserRejection> {
        let Checked(user) = parts
            .extensions
            .get::<Checked>()
            .ok_or(UserRejection::NoLayer)?;
        Ok(user.clone())
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for XsrfToken {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<XsrfToken>().cloned())
    }
}
