//! Errors of the REST API: `{"status": …, "message": …}`.
//!
//! # Policy
//!
//! * What the caller did wrong is said to the caller, in JupyterHub's words where it has some.
//! * What went wrong inside is logged once, here, with everything known; the caller sees a fixed text.
//! * A database that is away is 503 with `Retry-After`: nothing was changed, try again. When it went during a commit nobody
//!   knows, and the text says so.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hub_types::error::ErrorBody;

use crate::db::DbError;
use crate::domain::limits::NamedServerRefused;
use crate::domain::principal::Denied;
use crate::http::xsrf::XsrfError;
use crate::proxy_client::ProxyError;
use crate::spawner::manager::{StartError, StopError};

/// Seconds after which a client may try again when the database is away.
pub(super) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// An answer that is not a success.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    message: Option<String>,
    retry_after: Option<HeaderValue>,
    /// What a server wrote whose start failed.
    output: Vec<String>,
}

impl ApiError {
    /// An error with a text for the caller.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: Some(message.into()),
            retry_after: None,
            output: Vec::new(),
        }
    }

    /// An error whose message is null, where JupyterHub's is.
    #[must_use]
    pub fn silent(status: StatusCode) -> Self {
        Self {
            status,
            message: None,
            retry_after: None,
            output: Vec::new(),
        }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404 for something that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 404 for something that does not exist or that the caller may not see: the two look alike.
    #[must_use]
    pub fn out_of_reach() -> Self {
        Denied::OutOfReach.into()
    }

    /// 403: no credentials, or bad ones.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Missing or invalid credentials.")
    }

    /// 429: the caller may try again after this time.
    #[must_use]
    pub fn too_many(wait: Duration) -> Self {
        let seconds = wait.as_secs().max(1);
        let text = format!("Too many failed attempts. Try again in {seconds} seconds.");
        Self {
            retry_after: Some(HeaderValue::from(seconds)),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, text)
        }
    }

    /// 409.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 429: too many do the same right now.
    pub fn crowded(message: impl Into<String>) -> Self {
        Self {
            retry_after: Some(RETRY_AFTER),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, message)
        }
    }

    /// 503: what was asked for cannot be done yet, or not any more.
    pub fn not_ready(message: impl Into<String>) -> Self {
        Self {
            retry_after: Some(RETRY_AFTER),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
        }
    }

    /// 500 with a fixed text; `detail` goes to the log only.
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        tracing::error!("request failed: {detail}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The same with the last lines of a server that did not start, for a caller who may read them
    /// ([`Principal::may_read_output`](crate::domain::principal::Principal::may_read_output)).
    pub(in crate::http) fn with_output(mut self, lines: Vec<String>) -> Self {
        self.output = lines;
        self
    }

    /// When the caller may try again: seconds, for `Retry-After`.
    pub(in crate::http) fn retry_after(&self) -> Option<&HeaderValue> {
        self.retry_after.as_ref()
    }

    /// The text for the caller.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            status: self.status.as_u16(),
            message: self.message,
            output: self.output,
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(value) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        let status = match denied {
            Denied::Missing(_) => StatusCode::FORBIDDEN,
            Denied::OutOfReach => StatusCode::NOT_FOUND,
        };
        Self::new(status, denied.to_string())
    }
}

impl From<NamedServerRefused> for ApiError {
    fn from(refused: NamedServerRefused) -> Self {
        Self::bad_request(refused.to_string())
    }
}

impl From<XsrfError> for ApiError {
    fn from(error: XsrfError) -> Self {
        Self::new(StatusCode::FORBIDDEN, error.to_string())
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        if error.is_unstorable() {
            return Self::bad_request("A text is too long, or holds a NUL character.");
        }
        tracing::error!("{error}");
        let text = match error {
            DbError::Unsure(_) => {
                "The hub's database went away before it said whether this was done. Look, in a few seconds, before trying again."
            }
            _ => {
                "The hub's database does not answer; nothing was changed. Try again in a few seconds."
            }
        };
        Self {
            retry_after: Some(RETRY_AFTER),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

impl From<ProxyError> for ApiError {
    fn from(error: ProxyError) -> Self {
        tracing::error!("{error}");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The proxy does not answer; try again in a few seconds.",
        )
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        let status =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match error {
            StartError::Db(error) => error.into(),
            StartError::Throttled { retry_after } => Self {
                retry_after: Some(retry_after.as_secs().into()),
                ..Self::new(status, error.to_string())
            },
            StartError::Closing => Self {
                retry_after: Some(RETRY_AFTER),
                ..Self::new(status, error.to_string())
            },
            error => Self::new(status, error.to_string()),
        }
    }
}

impl From<StopError> for ApiError {
    fn from(error: StopError) -> Self {
        let status =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match error {
            StopError::Db(error) => error.into(),
            StopError::Unsure(_) => Self {
                retry_after: Some(RETRY_AFTER),
                ..Self::new(status, error.to_string())
            },
            error => Self::new(status, error.to_string()),
        }
    }
}
