//! Pages of lists. Source: wire contract 5.1; security case 64 (a negative number is an error, not its absolute value).

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use hub_types::page::{NextPage, PAGINATION_MEDIA_TYPE, Page, Pagination};
use serde::Serialize;
use url::form_urlencoded;

use crate::http::error::ApiError;
use crate::http::extract::argument;
use crate::http::origin;
use crate::state::AppState;

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Bytes that a page often has.
const USUAL_PAGE: usize = 16 << 10;

/// The page that a request asks for, not looked at yet: what is wrong with it is only for those who may see the list.
#[derive(Debug)]
pub(super) struct Asked(Result<PageRequest, ApiError>);

impl Asked {
    /// The page.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn page(self) -> Result<PageRequest, ApiError> {
        self.0
    }
}

/// Which page of a list was asked for, and in which form.
#[derive(Debug, Clone)]
pub(super) struct PageRequest {
    /// Items before the page.
    pub(super) offset: u64,
    /// Most items on the page.
    pub(super) limit: u64,
    /// Whether the client knows of pages; else it gets a bare list.
    wants_page: bool,
    /// Where the next page is asked for.
    origin: String,
    uri: Uri,
}

impl PageRequest {
    /// The page, in the form that was asked for. `total` counts the whole list.
    pub(super) fn answer<T: Serialize>(&self, items: T, total: u64) -> Response {
        if self.wants_page {
            self.envelope(items, total)
        } else {
            json(&items)
        }
    }

    /// The page with its envelope, for lists that are never bare. `total` counts the whole list.
    pub(super) fn envelope<T: Serialize>(&self, items: T, total: u64) -> Response {
        let end = self.offset.saturating_add(self.limit);
        let next = (end < total).then(|| NextPage {
            offset: end,
            limit: self.limit,
            url: next_url(&self.origin, &self.uri, end, self.limit),
        });
        json(&Page {
            items,
            pagination: Pagination {
                offset: self.offset,
                limit: self.limit,
                total,
                next,
            },
        })
    }
}

/// A list is long: it is written to one buffer, which is made large enough at once.
fn json(list: &impl Serialize) -> Response {
    let mut body = Vec::with_capacity(USUAL_PAGE);
    match serde_json::to_writer(&mut body, list) {
        Ok(()) => ([(header::CONTENT_TYPE, APPLICATION_JSON)], body).into_response(),
        Err(error) => ApiError::internal(error).into_response(),
    }
}

/// The URL of the next page: everything of this one's, except where it begins.
fn next_url(origin: &str, uri: &Uri, offset: u64, limit: u64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let arguments = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query.extend_pairs(
        arguments.filter(|(name, _)| !matches!(&**name, "offset" | "limit" | "_xsrf")),
    );
    query
        .append_pair("limit", &limit.to_string())
        .append_pair("offset", &offset.to_string());
    format!("{origin}{}?{}", uri.path(), query.finish())
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accepts
        .flat_map(|list| list.split(','))
        .any(|kind| kind.trim().eq_ignore_ascii_case(PAGINATION_MEDIA_TYPE))
}

/// A number as Python reads it, `1_000` included. One that is too large is the largest.
fn number(text: Option<String>) -> Result<Option<u64>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let (digits, negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text.strip_prefix('+').unwrap_or(&text), false),
    };
    let is_number = digits
        .split('_')
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if !is_number {
        return Err(ApiError::bad_request(
            "Invalid argument type, offset and limit must be integers",
        ));
    }
    let number = digits.replace('_', "").parse().unwrap_or(u64::MAX);
    if negative && number > 0 {
        return Err(ApiError::bad_request(
            "Invalid argument value, offset and limit must not be negative",
        ));
    }
    Ok(Some(number))
}

impl FromRequestParts<AppState> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(PageRequest::read(parts, state)))
    }
}

impl PageRequest {
    fn read(parts: &Parts, state: &AppState) -> Result<Self, ApiError> {
        let config = &state.config.jupyterhub;
        let max = config.api_page_max_limit.max(1);
        let wants_page = wants_page(&parts.headers);
        // Who does not know of pages gets as much as there may be, so as not to miss any.
        let default = if wants_page {
            config.api_page_default_limit
        } else {
            max
        };
        let offset = number(argument(&parts.uri, "offset"))?.unwrap_or(0);
        if offset > i64::MAX as u64 {
            return Err(ApiError::bad_request(
                "Invalid argument value, offset is too large",
            ));
        }
        let limit = number(argument(&parts.uri, "limit"))?
            .unwrap_or(default)
            .clamp(1, max);
        let origin = origin::of_client(&state.addresses, &parts.headers);
        let uri = parts
            .extensions
            .get::<OriginalUri>()
            .map_or_else(|| parts.uri.clone(), |uri| uri.0.clone());
        Ok(Self {
            offset,
            limit,
            wants_page,
            origin,
            uri,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_keeps_other_arguments() {
        let uri: Uri = "/hub/api/users?limit=7&state=ready&offset=3&name_filter=a%26b&_xsrf=x"
            .parse()
            .unwrap();
        assert_eq!(
            next_url("http://h:1", &uri, 10, 7),
            "http://h:1/hub/api/users?state=ready&name_filter=a%26b&limit=7&offset=10"
        );
    }

    #[test]
    fn who_wants_pages() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect()
        };
        for (accept, expected) in [
            ("application/jupyterhub-pagination+json", true),
            ("text/html, Application/JupyterHub-Pagination+JSON", true),
            // As in JupyterHub.
            ("application/jupyterhub-pagination+json;q=0.5", false),
            ("application/json", false),
            ("*/*", false),
        ] {
            assert_eq!(
                wants_page(&headers(&[("accept", accept)])),
                expected,
                "{accept}"
            );
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number(None).unwrap(), None);
        for (good, expected) in [
            ("7", 7),
            ("+7", 7),
            ("-0", 0),
            ("1_000", 1_000),
            ("99999999999999999999", u64::MAX),
        ] {
            assert_eq!(number(Some(good.into())).unwrap(), Some(expected), "{good}");
        }
        for bad in [
            "x",
            "",
            "1.5",
            "-1",
            "-",
            "_1",
            "1__0",
            "--1",
            "-99999999999999999999",
        ] {
            assert!(number(Some(bad.into())).is_err(), "{bad}");
        }
    }
}
