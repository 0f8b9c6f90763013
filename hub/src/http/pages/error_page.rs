//! Errors as pages.

use axum::extract::{OriginalUri, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::context::{Onlooker, Visitor};
use crate::db::DbError;
use crate::domain::principal::Denied;
use crate::http::error::{ApiError, RETRY_AFTER};
use crate::http::xsrf::XsrfError;
use crate::render::ErrorPage;
use crate::state::AppState;

/// An answer that becomes the error page: what happened, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageError {
    /// HTTP status.
    pub status: StatusCode,
    /// What happened; none for the usual words of the status.
    pub message: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// When to come again: seconds, for `Retry-After`. None for the usual of the status.
    retry_after: Option<HeaderValue>,
}

impl PageError {
    /// An error with a text for the visitor.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            ..Self::silent(status)
        }
    }

    /// An error with the usual words of its status.
    #[must_use]
    pub fn silent(status: StatusCode) -> Self {
        Self {
            status,
            message: None,
            hint: None,
            retry_after: None,
        }
    }

    /// 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 500 with a fixed text; `detail` goes to the log only.
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        tracing::error!("page failed: {detail}");
        Self::silent(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The page of it; 503 says in any case when to come again.
    pub(in crate::http) fn shown_to(&self, visitor: &Visitor) -> Response {
        let mut response = page(visitor, self.status, None, self);
        let usual = (self.status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER);
        if let Some(value) = self.retry_after.clone().or(usual) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        Self {
            status: error.status(),
            message: error.message().map(ToOwned::to_owned),
            hint: None,
            retry_after: error.retry_after().cloned(),
        }
    }
}

impl From<Denied> for PageError {
    fn from(denied: Denied) -> Self {
        ApiError::from(denied).into()
    }
}

impl From<DbError> for PageError {
    fn from(error: DbError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<XsrfError> for PageError {
    fn from(error: XsrfError) -> Self {
        Self::forbidden(error.to_string())
            .with_hint("Go back, reload the page and send the form again.")
    }
}

impl IntoResponse for PageError {
    /// A bare status that carries the error; `render` makes the page of it, knowing who looks.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Turns every [`PageError`] into a page.
pub(super) async fn render(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers().clone();
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<PageError>() else {
        return response;
    };
    let visitor = Visitor::of(&state, &headers, &uri).await;
    error.shown_to(&visitor)
}

fn page(
    visitor: &Visitor,
    status: StatusCode,
    requested: Option<&str>,
    error: &PageError,
) -> Response {
    let mut page = ErrorPage::new(visitor.chrome(), error.status, requested);
    if let Some(message) = &error.message {
        page = page.with_message(message);
    }
    if let Some(hint) = &error.hint {
        page = page.with_hint(hint);
    }
    visitor.html(status, visitor.state.renderer.render_error(&page))
}

/// `GET /hub/error/:code?url=…`: what the proxy shows when it cannot reach a target. The status of this answer is 200;
/// the proxy supplies the real one.
pub(super) async fn for_proxy(Onlooker(visitor): Onlooker, Path(code): Path<String>) -> Response {
    let status = code
        .parse::<u16>()
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok())
        .filter(|s| s.as_u16() >= 400);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let error = PageError::silent(status);
    page(
        &visitor,
        StatusCode::OK,
        visitor.argument("url").as_deref(),
        &error,
    )
}
