//! The REST API on its own listener: `GET`, `POST` and `DELETE` of `/api/routes[/<path>]`.
//!
//! The token is checked on the headers alone; a body is read only from callers who may send one, and only up to
//! [`MAX_BODY`]. Whatever the input, there is an answer.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hub_types::clock::Clock;
use hub_types::redact;
use hub_types::secret::Token;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::forward::body::ResponseBody;
use crate::observe::metrics::Metrics;
use crate::path;
use crate::table::Table;

pub(crate) mod auth;

/// Largest accepted body in bytes; a route is a few hundred.
const MAX_BODY: usize = 1024 * 1024;
/// Longest wait for a whole body.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Whether the proxy is ready: asked without a token, answered without a secret.
const HEALTH: &str = "/_proxy/health";
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An answer, before it is turned into bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A status without a body.
    Empty(StatusCode),
    /// A status and why.
    Text(StatusCode, String),
    /// 200 with an object.
    Json(Value),
}

impl Answer {
    fn text(status: StatusCode, text: impl Into<String>) -> Self {
        Self::Text(status, text.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Empty(status) | Self::Text(status, _) => *status,
            Self::Json(_) => StatusCode::OK,
        }
    }

    fn into_response(self) -> Response<ResponseBody> {
        let status = self.status();
        let (body, kind) = match self {
            Self::Empty(_) => (String::new(), None),
            Self::Text(_, text) => (text, Some(TEXT)),
            Self::Json(value) => (value.to_string(), Some(JSON)),
        };
        let mut response = Response::new(ResponseBody::own(body));
        *response.status_mut() = status;
        if let Some(kind) = kind {
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = HeaderValue::from_static("GET, POST, DELETE");
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }
}

/// The API; one per proxy.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) table: Arc<Table>,
    pub(crate) token: Option<Token>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Api {
    /// Answers a request of the API listener and logs it.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let answer = self.decide(request).await;
        let code = answer.status().as_u16();
        self.metrics.requests_api.add(code);
        let why = if let Answer::Text(_, text) = &answer {
            text.as_str()
        } else {
            ""
        };
        // Called only when the line is written.
        let path = || redact::target(uri.path());
        match code {
            // Asked every few seconds.
            200 if uri.path() == HEALTH => tracing::debug!("{code} {method} {}", path()),
            ..400 => tracing::info!("{code} {method} {}", path()),
            400..500 => tracing::warn!("{code} {method} {} {why}", path()),
            _ => tracing::error!("{code} {method} {} {why}", path()),
        }
        answer.into_response()
    }

    async fn decide(&self, request: Request<Incoming>) -> Answer {
        if request.uri().path() == HEALTH && *request.method() == Method::GET {
            // The listener closes before the draining begins, so that whoever gets an answer gets this one.
            return Answer::Json(json!({"status": "OK", "routes": self.table.len()}));
        }
        let Some(route) = request
            .uri()
            .path()
            .strip_prefix("/api/routes")
            .filter(|r| r.is_empty() || r.starts_with('/'))
        else {
            return Answer::text(StatusCode::NOT_FOUND, "Not Found");
        };
        if !matches!(
            *request.method(),
            Method::GET | Method::POST | Method::DELETE
        ) {
            return Answer::text(StatusCode::METHOD_NOT_ALLOWED, "Method not supported");
        }
        if !auth::is_allowed(self.token.as_ref(), request.headers()) {
            return Answer::Empty(StatusCode::FORBIDDEN);
        }
        let route = match path::decode(route) {
            Ok(route) => route.into_owned(),
            Err(error) => return Answer::text(StatusCode::BAD_REQUEST, error.to_string()),
        };
        match *request.method() {
            Method::GET => self.get(&route, request.uri().query()),
            Method::DELETE => self.delete(&route),
            _ => match read_object(request.into_body()).await {
                Ok(data) => self.post(&route, data),
                Err(answer) => answer,
            },
        }
    }

    /// One route, or all (that were unused since a time).
    fn get(&self, route: &str, query: Option<&str>) -> Answer {
        if !matches!(route, "" | "/") {
            return self
                .table
                .get(route)
                .map_or(Answer::Empty(StatusCode::NOT_FOUND), |route| {
                    Answer::Json(route.to_json())
                });
        }
        self.metrics.api_route_get.add();
        let since = match inactive_since(query.unwrap_or_default()) {
            Ok(since) => since,
            Err(text) => {
                let why = format!("Invalid datestamp '{text}' must be ISO8601.");
                return Answer::text(StatusCode::BAD_REQUEST, why);
            }
        };
        let routes = self.table.all();
        let unused = routes
            .iter()
            .filter(|route| since.is_none_or(|since| route.activity.last() < since));
        Answer::Json(Value::Object(
            unused
                .map(|route| (route.key.clone(), route.to_json()))
                .collect(),
        ))
    }

    fn post(&self, route: &str, data: Map<String, Value>) -> Answer {
        match self.table.add(route, data, self.clock.now()) {
            Ok(()) => {
                self.metrics.api_route_add.add();
                Answer::Empty(StatusCode::CREATED)
            }
            Err(error) => Answer::text(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }

    fn delete(&self, route: &str) -> Answer {
        // What is not there counts, too, as in configurable-http-proxy.
        self.metrics.api_route_delete.add();
        if !self.table.remove(route) {
            return Answer::Empty(StatusCode::NOT_FOUND);
        }
        Answer::Empty(StatusCode::NO_CONTENT)
    }
}

/// Reads a JSON object, whatever the content type says: JupyterHub posts JSON as `text/plain`.
async fn read_object(body: Incoming) -> Result<Map<String, Value>, Answer> {
    let collected = tokio::time::timeout(BODY_TIME, Limited::new(body, MAX_BODY).collect());
    let bytes = match collected.await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let why = format!("Body larger than {MAX_BODY} bytes");
            return Err(Answer::text(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        Ok(Err(_)) => {
            return Err(Answer::text(
                StatusCode::BAD_REQUEST,
                "Body could not be read",
            ));
        }
        Err(_) => {
            return Err(Answer::text(
                StatusCode::REQUEST_TIMEOUT,
                "Body took too long",
            ));
        }
    };
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(data)) => Ok(data),
        // Not an object, so it has no target; the words are the same for both.
        Ok(_) => Err(Answer::text(
            StatusCode::BAD_REQUEST,
            crate::table::BadRoute::NoTarget.to_string(),
        )),
        Err(error) => Err(Answer::text(
            StatusCode::BAD_REQUEST,
            format!("Body not valid JSON: SyntaxError: {error}"),
        )),
    }
}

/// The time in `?inactiveSince=` (which wins) or `?inactive_since=`; the text itself when it is no time.
fn inactive_since(query: &str) -> Result<Option<DateTime<Utc>>, String> {
    let value = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.into_owned())
    };
    let Some(text) = value("inactiveSince").or_else(|| value("inactive_since")) else {
        return Ok(None);
    };
    parse_time(&text).map(Some).ok_or(text)
}

/// ISO 8601, also with the year or the month alone, which JavaScript's `Date.parse` reads as well.
fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    hub_types::time::parse(text).or_else(|| {
        let text = text.trim();
        let day = match text.len() {
            4 => format!("{text}-01-01"),
            7 => format!("{text}-01"),
            _ => return None,
        };
        Some(
            NaiveDate::parse_from_str(&day, "%Y-%m-%d")
                .ok()?
                .and_hms_opt(0, 0, 0)?
                .and_utc(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let at = |text: &str| Ok(Some(text.parse().unwrap()));
        for (query, expected) in [
            ("", Ok(None)),
            ("inactive_since=", Ok(None)),
            ("x=1", Ok(None)),
            (
                "inactive_since=2026-11-22T03:31:47.762Z",
                at("2026-11-22T03:31:47.762Z"),
            ),
            (
                "inactive_since=2026-11-22T03:31:47%2B01:00",
                at("2026-11-22T02:31:47Z"),
            ),
            ("inactive_since=2026-11-22", at("2026-11-22T00:00:00Z")),
            ("inactive_since=2026-11", at("2026-11-01T00:00:00Z")),
            ("inactive_since=2026", at("2026-01-01T00:00:00Z")),
            (
                "inactive_since=junk&inactiveSince=2026",
                at("2026-01-01T00:00:00Z"),
            ),
            (
                "inactiveSince=junk&inactive_since=2026",
                Err("junk".to_owned()),
            ),
            ("inactive_since=2026-99", Err("2026-99".to_owned())),
        ] {
            assert_eq!(inactive_since(query), expected, "{query}");
        }
    }
}
