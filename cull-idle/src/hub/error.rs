//! What can go wrong between the culler and the hub, in words that name what to change.

use std::time::Duration;

use chrono::TimeDelta;
use http::StatusCode;
use hubauth::ClientError;

use crate::report::{Quoted, Span};

/// A call to the hub that did not work, or an answer that cannot be trusted. Never contains the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    /// The client could not be made.
    #[error("cannot set up a client for the hub: {reason}")]
    Setup {
        /// Why.
        reason: String,
    },
    /// No connection, or it broke.
    #[error(
        "cannot reach the hub at {url}: {reason}. Is it running, and is --url (JUPYTERHUB_API_URL) right?"
    )]
    Unreachable {
        /// What was called.
        url: String,
        /// The transport's words.
        reason: String,
    },
    /// No answer in time.
    #[error(
        "the hub did not answer {url} within {after:?}. If it is only slow, set JUPYTERHUB_REQUEST_TIMEOUT to more seconds"
    )]
    Timeout {
        /// What was called.
        url: String,
        /// The time that it had.
        after: Duration,
    },
    /// An answer that leads elsewhere; it is not followed, because the token would go along.
    #[error(
        "the hub redirects {url}, which is not followed with a token. Is --url (JUPYTERHUB_API_URL) right?"
    )]
    Redirected {
        /// What was called.
        url: String,
    },
    /// The hub said no.
    #[error("the hub answered {} to {url}: {}{}", .status.as_u16(), Quoted(.message.trim_end_matches('.')), hint(*.status))]
    Status {
        /// What was called.
        url: String,
        /// With what status.
        status: StatusCode,
        /// In its own words.
        message: String,
        /// How long it asks to wait, if it only was busy and did nothing.
        busy: Option<Duration>,
    },
    /// An answer that is not what the API promises.
    #[error(
        "the reply of {url} makes no sense: {reason}. Is --url (JUPYTERHUB_API_URL) the API of a hub (…/hub/api)?"
    )]
    BadReply {
        /// What was called.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The hub does not know what an announcement is.
    #[error(
        "this hub cannot show notices, so nobody was told and nothing is stopped: use --notice=0 with it"
    )]
    NoNotices,
    /// An answer without a time.
    #[error(
        "the hub's replies carry no Date header: without its time nothing can be called idle, so nothing is culled"
    )]
    NoDate,
    /// The hub's clock and ours are too far apart.
    #[error(
        "the hub's clock is {} {} this machine's: one of them is wrong, so nothing is culled. Correct it, or allow the \
         difference with --max-clock-offset", Span(.offset.abs()), if *.offset > TimeDelta::zero() {"ahead of"} else {"behind"}
    )]
    ClockOff {
        /// Hub time minus ours.
        offset: TimeDelta,
    },
}

impl HubError {
    /// How long a busy hub asks to wait before the same is asked again; it did nothing.
    #[must_use]
    pub fn busy(&self) -> Option<Duration> {
        match self {
            Self::Status { busy, .. } => *busy,
            _ => None,
        }
    }

    /// Whether the hub could not be reached at all. (One answer that takes too long may be one server's fault.)
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.is_outage() && !matches!(self, Self::Timeout { .. })
    }

    /// Whether the hub (or the way to it) was away, so that activity may have gone unreported meanwhile.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Status { status, .. } => matches!(status.as_u16(), 502..=504),
            _ => false,
        }
    }
}

fn hint(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            ". Check the token (JUPYTERHUB_API_TOKEN) and that its role grants list:users, read:users:activity, \
             read:servers, delete:servers (and delete:users with --cull-users)"
        }
        _ => "",
    }
}

/// In the culler's words: what to change are its flags.
impl From<ClientError> for HubError {
    fn from(error: ClientError) -> Self {
        let busy = match (error.status(), error.retry_after()) {
            (Some(StatusCode::TOO_MANY_REQUESTS), None) => Some(Duration::from_secs(2)),
            (Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE), wait) => wait,
            _ => None,
        };
        match error {
            ClientError::Setup { reason, .. } => Self::Setup { reason },
            ClientError::Unreachable { url, reason } => Self::Unreachable { url, reason },
            ClientError::Timeout { url, after } => Self::Timeout { url, after },
            ClientError::Redirected { url, .. } => Self::Redirected { url },
            ClientError::Refused { url, message } => Self::Status {
                url,
                status: StatusCode::FORBIDDEN,
                message,
                busy,
            },
            ClientError::Status {
                url,
                status,
                message,
                ..
            }
            | ClientError::HubFailed {
                url,
                status,
                message,
                ..
            } => Self::Status {
                url,
                status,
                message,
                busy,
            },
            ClientError::BadReply { url, reason } => Self::BadReply { url, reason },
            other => Self::Unreachable {
                url: String::new(),
                reason: other.to_string(),
            },
        }
    }
}
