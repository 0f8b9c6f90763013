//! Extractors for axum: [`HubUser`], `Option<HubUser>`, [`Require`], [`XsrfToken`]. A wrong set-up explains itself.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::ops::Deref;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::access::{Access, Decision};
use crate::service::{UnknownVisitor, XsrfToken};
use crate::user::HubUser;
use crate::watch::LoginWatch;

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
    /// The handler watches a login, but the request opens no WebSocket.
    #[error("this address speaks WebSocket")]
    NoUpgrade,
    /// The visitor is known, but the handler's [`Rule`] does not let them in.
    #[error("you are not allowed to do this")]
    NotAllowed,
}

impl UserRejection {
    /// The status of the answer: 500 for a wrong set-up, 403 for an unknown visitor or one who may not do this.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            UserRejection::NoLayer => StatusCode::INTERNAL_SERVER_ERROR,
            UserRejection::NoUpgrade => StatusCode::BAD_REQUEST,
            UserRejection::Unknown | UserRejection::NotAllowed => StatusCode::FORBIDDEN,
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

/// Whom the layer recognised; `None` for a visitor whom it does not know.
fn recognised(parts: &Parts) -> Result<Option<HubUser>, UserRejection> {
    match parts.extensions.get::<HubUser>() {
        Some(user) => Ok(Some(user.clone())),
        None if parts.extensions.get::<UnknownVisitor>().is_some() => Ok(None),
        None => Err(UserRejection::NoLayer),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for HubUser {
    type Rejection = UserRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, UserRejection> {
        recognised(parts)?.ok_or(UserRejection::Unknown)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for HubUser {
    type Rejection = UserRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> Result<Option<Self>, UserRejection> {
        recognised(parts)
    }
}

/// What a handler demands of its visitor, as a type; for [`Require`].
pub trait Rule: Send + Sync + 'static {
    /// The rule. It is asked for at every request: a long list belongs into a `LazyLock`.
    fn access() -> Access;
}

/// Administrators only; a [`Rule`] for [`Require`].
#[derive(Debug, Clone, Copy)]
pub struct Admin;

impl Rule for Admin {
    fn access() -> Access {
        Access::admin()
    }
}

/// A user (by [`Deref`]) whom the rule `R` lets in: a handler that takes one cannot be reached by anybody else. What the
/// layer demands has been checked before.
///
/// ```
/// use axum::{Router, routing::get};
/// use hubauth::extract::{Admin, Require, Rule};
/// use hubauth::Access;
///
/// struct Staff;
/// impl Rule for Staff {
///     fn access() -> Access {
///         Access::groups(["staff"]).or(Access::admin())
///     }
/// }
///
/// async fn figures(user: Require<Staff>) -> String {
///     format!("the figures, {}", user.name)
/// }
///
/// async fn reset(_: Require<Admin>) {}
///
/// let app: Router = Router::new().route("/figures", get(figures)).route("/reset", get(reset));
/// # drop(app);
/// ```
#[derive(Debug, Clone)]
pub struct Require<R> {
    user: HubUser,
    rule: PhantomData<R>,
}

impl<R> Require<R> {
    /// The user.
    #[must_use]
    pub fn into_user(self) -> HubUser {
        self.user
    }
}

impl<R> Deref for Require<R> {
    type Target = HubUser;

    fn deref(&self) -> &HubUser {
        &self.user
    }
}

impl<S: Send + Sync, R: Rule> FromRequestParts<S> for Require<R> {
    type Rejection = UserRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, UserRejection> {
        let user = <HubUser as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        match R::access().decide(&user) {
            Decision::Allowed(_) => Ok(Self {
                user,
                rule: PhantomData,
            }),
            Decision::Denied(reason) => {
                tracing::info!(user = user.name, kind = %user.kind, reason, "refused by a handler's rule");
                Err(UserRejection::NotAllowed)
            }
        }
    }
}

/// For handlers of WebSockets.
impl<S: Send + Sync> FromRequestParts<S> for LoginWatch {
    type Rejection = UserRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, UserRejection> {
        if let Some(watch) = parts.extensions.get::<LoginWatch>() {
            return Ok(watch.clone());
        }
        // Says whether the layer or the visitor is missing.
        <HubUser as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Err(UserRejection::NoUpgrade)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for XsrfToken {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<XsrfToken>().cloned())
    }
}
