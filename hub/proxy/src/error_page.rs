//! What a client sees when a request goes nowhere: a page of the hub, of a folder, or one of ours.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use url::form_urlencoded;

use crate::forward::body::{RequestBody, ResponseBody};
use crate::forward::h2c;
use crate::forward::upstream::Upstream;
use crate::target::{BadTarget, Target};

/// Longest wait for the error target to begin its answer.
const ERROR_TARGET_TIME: Duration = Duration::from_secs(10);
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What every answer of our own carries: no page frames it or keeps hold of a window with it. Its path may be the hub's, and then
/// whoever has hold of it reads the hub's cookie for forms.
pub(crate) const ALONE: [(&str, &str); 2] = [
    ("content-security-policy", "frame-ancestors 'none'"),
    ("cross-origin-opener-policy", "noopener-allow-popups"),
];

const NOT_FOUND: &str = include_str!("error_page/404.html");
const UNAVAILABLE: &str = include_str!("error_page/503.html");
const OTHER: &str = include_str!("error_page/error.html");

/// Where error pages come from.
#[derive(Debug)]
pub(crate) enum ErrorPages {
    /// Pages that ship with the proxy.
    Bundled,
    /// `DIR/<code>.html`, else `DIR/error.html`.
    Folder(PathBuf),
    /// `GET URL/<code>?url=<path and query of the request>`.
    Target(Box<Target>),
}

impl ErrorPages {
    /// Pages from `url` (`--error-target`).
    pub(crate) fn from_target(url: &str) -> Result<Self, BadTarget> {
        Target::parse(url).map(Box::new).map(Self::Target)
    }

    /// The page for `status`; `url` is path and query of the request that failed.
    pub(crate) async fn page(
        &self,
        upstream: &Upstream,
        h2c: &h2c::Pool,
        status: StatusCode,
        url: &str,
    ) -> Response<ResponseBody> {
        match self {
            Self::Bundled => with_body(status, HTML, bundled(status)),
            Self::Folder(folder) => match read_page(folder, status).await {
                Some(page) => with_body(status, HTML, page),
                None => plain(status),
            },
            Self::Target(target) => match fetch(target, (upstream, h2c), status, url).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(
                        "failed to get the error page for {} from the error target: {error:#}",
                        status.as_u16()
                    );
                    plain(status)
                }
            },
        }
    }
}

/// An answer without decoration: the reason phrase as text.
pub(crate) fn plain(status: StatusCode) -> Response<ResponseBody> {
    with_body(status, TEXT, status.canonical_reason().unwrap_or_default())
}

/// An answer of our own.
pub(crate) fn with_body(
    status: StatusCode,
    kind: HeaderValue,
    body: impl Into<bytes::Bytes>,
) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::own(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    stand_alone(response.headers_mut());
    response
}

fn stand_alone(headers: &mut HeaderMap) {
    for (name, value) in ALONE {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn bundled(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => NOT_FOUND,
        StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
        _ => OTHER,
    }
}

async fn read_page(folder: &Path, status: StatusCode) -> Option<Vec<u8>> {
    for name in [format!("{}.html", status.as_u16()), "error.html".to_owned()] {
        match tokio::fs::read(folder.join(&name)).await {
            Ok(page) => return Some(page),
            Err(error) => tracing::debug!("no error page {name}: {error}"),
        }
    }
    None
}

/// Fetches a page. Only its body and type are relayed; the status is that of the error.
async fn fetch(
    target: &Target,
    (upstream, h2c): (&Upstream, &h2c::Pool),
    status: StatusCode,
    url: &str,
) -> anyhow::Result<Response<ResponseBody>> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("url", url)
        .finish();
    let uri = target.uri(&format!("/{}", status.as_u16()), Some(&query), true)?;
    let request = Request::get(uri)
        .header(HOST, target.host.clone())
        .body(RequestBody::empty())?;
    let asking = async {
        Ok::<_, anyhow::Error>(match target.h2c() {
            None => (upstream.request(request).await?, None),
            Some(authority) => {
                let (answer, using) = h2c.request(authority, request).await?;
                (answer, Some(Arc::new(using)))
            }
        })
    };
    let (answer, using) = tokio::time::timeout(ERROR_TARGET_TIME, asking).await??;
    let (parts, body) = answer.into_parts();
    let body = ResponseBody::relayed(body, None, Some(ERROR_TARGET_TIME)).using(using);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for name in [CONTENT_TYPE, CONTENT_ENCODING] {
        if let Some(value) = parts.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    stand_alone(response.headers_mut());
    Ok(response)
}
