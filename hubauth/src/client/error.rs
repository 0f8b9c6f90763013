//! What can go wrong when the hub is asked: each error says which URL, what happened, and what to do about it.

use std::time::Duration;

use http::StatusCode;

/// A call to the hub that did not work.
///
/// No variant ever contains a token, a cookie or a query string: the URLs are the ones that may be logged.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The client could not be built at all.
    #[error("cannot build a client for the hub at {url}: {reason}")]
    Setup {
        /// The API URL as configured.
        url: String,
        /// What is wrong with it, or with the TLS files.
        reason: String,
    },
    /// No connection, or it broke.
    #[error(
        "cannot reach the hub at {url}: {reason}. Is the hub running, and can this machine reach that address \
         (JUPYTERHUB_API_URL)?"
    )]
    Unreachable {
        /// What was called.
        url: String,
        /// The transport's own words.
        reason: String,
    },
    /// The hub took the connection but did not answer in time.
    #[error(
        "the hub at {url} did not answer within {after:?}. It is overloaded, or something between drops its replies"
    )]
    Timeout {
        /// What was called.
        url: String,
        /// The time-out that was in force.
        after: Duration,
    },
    /// The hub redirected an API call; it is never followed, because the token would go along.
    #[error(
        "the hub at {url} redirects to {location}, which is not followed with a token. JUPYTERHUB_API_URL probably \
         lacks the hub's base URL, or names the proxy with the wrong scheme"
    )]
    Redirected {
        /// What was called.
        url: String,
        /// Where it pointed, without its query.
        location: String,
    },
    /// The hub refused the token that this client calls with (403).
    #[error(
        "the hub refused {url}: {message}. Check the token of this client (JUPYTERHUB_API_TOKEN) and the scopes of \
         its role"
    )]
    Refused {
        /// What was called.
        url: String,
        /// The hub's own words.
        message: String,
    },
    /// The hub said no for another reason (400-499).
    #[error("the hub answered {status} to {url}: {message}")]
    Status {
        /// What was called.
        url: String,
        /// The status of the reply.
        status: StatusCode,
        /// The hub's own words.
        message: String,
        /// How long the hub asks to wait (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// The hub failed (500 and above), or the proxy before it did.
    #[error("the hub failed with {status} at {url}: {message}. Its log says more")]
    HubFailed {
        /// What was called.
        url: String,
        /// The status of the reply.
        status: StatusCode,
        /// The hub's own words.
        message: String,
        /// How long the hub asks to wait (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// Too many look-ups wait for the hub already; this one was not sent.
    #[error(
        "too many look-ups wait for the hub: gave up after {after:?}. It is slow, or somebody tries many tokens"
    )]
    Busy {
        /// How long it waited for its turn.
        after: Duration,
    },
    /// The reply is not what the API promises.
    #[error(
        "the reply of {url} makes no sense: {reason}. Is JUPYTERHUB_API_URL really the API of a hub (it ends in /hub/api)?"
    )]
    BadReply {
        /// What was called.
        url: String,
        /// What was expected or what could not be read.
        reason: String,
    },
}

impl ClientError {
    /// The status the hub answered with, where it answered with an error.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            ClientError::Refused { .. } => Some(StatusCode::FORBIDDEN),
            ClientError::Status { status, .. } | ClientError::HubFailed { status, .. } => {
                Some(*status)
            }
            _ => None,
        }
    }

    /// How long the hub asks to wait before the same is asked again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            ClientError::Status { retry_after, .. }
            | ClientError::HubFailed { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the hub refused because what the call named was used since (412, see
    /// [`StopOptions`](super::StopOptions)).
    #[must_use]
    pub fn was_used_since(&self) -> bool {
        self.status() == Some(StatusCode::PRECONDITION_FAILED)
    }

    /// Whether the same call may work a little later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            ClientError::Unreachable { .. }
            | ClientError::Timeout { .. }
            | ClientError::Busy { .. }
            | ClientError::HubFailed { .. } => true,
            ClientError::Status { status, .. } => *status == StatusCode::TOO_MANY_REQUESTS,
            _ => false,
        }
    }

    /// What a service answers to its own visitor when the hub could not say who they are: 503 when the hub is away,
    /// 502 when it answered nonsense, 500 when this service itself is set up wrong.
    ///
    /// JupyterHub's own client answers 502 for a failing hub and 500 for everything else; a hub that is away is not
    /// the service's fault, so we say 503, never 403.
    #[must_use]
    pub fn status_for_visitor(&self) -> StatusCode {
        match self {
            ClientError::Unreachable { .. }
            | ClientError::Timeout { .. }
            | ClientError::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            ClientError::Setup { .. } | ClientError::Refused { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            ClientError::Status { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::BAD_GATEWAY,
        }
    }
}

/// An error with everything below it, in one line; reqwest's own text stops at "error sending request".
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        source = error.source();
    }
    text
}

/// The transport's failure as ours. The URL inside the transport's error is dropped: it may hold a secret.
pub(super) fn transport(url: &str, after: Duration, error: &reqwest::Error) -> ClientError {
    let url = url.to_owned();
    if error.is_timeout() {
        return ClientError::Timeout { url, after };
    }
    let reason = std::error::Error::source(error)
        .map_or_else(|| "the request could not be sent".to_owned(), chain);
    ClientError::Unreachable { url, reason }
}
