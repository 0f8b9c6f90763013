//! Static files of the pages: stylesheet, modules, images; embedded in release builds, read from disk in debug ones.
//!
//! Every URL that [`url()`] makes carries the file's hash (`?v=…`), so a browser may keep the file forever and still sees
//! a new one at once. To add a file, put it under `hub/static`; its type is chosen by extension in `mime`.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "static/"]
struct StaticFiles;

/// Hexadecimal characters of the hash in URLs and ETags: 64 bits, plenty to tell two versions of a file apart.
const VERSION_LEN: usize = 16;

/// A file as the browser gets it.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The content.
    pub bytes: Cow<'static, [u8]>,
    /// `Content-Type`, with the charset of text.
    pub mime: &'static str,
    /// Strong entity tag (RFC 9110 section 8.8.3), with its quotes.
    pub etag: String,
}

impl Asset {
    /// The version in `?v=…`: the entity tag without its quotes.
    #[must_use]
    pub fn version(&self) -> &str {
        self.etag.trim_matches('"')
    }
}

/// Finds a file by its path under `hub/static`, such as `css/hub.css`; `None` when there is none.
///
/// Paths with empty or dot segments are refused before anything is read.
#[must_use]
pub fn lookup(path: &str) -> Option<Asset> {
    let clean = !path.contains(['\\', '\0'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !clean {
        return None;
    }
    let file = StaticFiles::get(path)?;
    let version: String = hex::encode(file.metadata.sha256_hash())
        .chars()
        .take(VERSION_LEN)
        .collect();
    Some(Asset {
        bytes: file.data,
        mime: mime(path),
        etag: format!("\"{version}\""),
    })
}

/// The URL of a file under `hub_prefix` (with its trailing slash): `{hub_prefix}static/css/hub.css?v=<hash>`.
///
/// A path that does not exist keeps its URL without a version: the page still renders, the request answers 404.
#[must_use]
pub fn url(hub_prefix: &str, path: &str) -> String {
    match lookup(path) {
        Some(asset) => format!("{hub_prefix}static/{path}?v={}", asset.version()),
        None => format!("{hub_prefix}static/{path}"),
    }
}

/// Handler of `GET {hub}static/{*path}`.
///
/// Replies 304 to a matching `If-None-Match`. A URL with the current version may be cached for a year, any other is
/// asked for again each time.
pub async fn static_file(
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(asset) = lookup(&path) else {
        return (
            StatusCode::NOT_FOUND,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            "no such file\n",
        )
            .into_response();
    };
    let unchanged = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|value| matches_etag(value, &asset.etag));
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Body::from(asset.bytes.to_vec()).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.mime));
        response
    };
    let versioned =
        query.as_deref().and_then(|query| query.strip_prefix("v=")) == Some(asset.version());
    let caching = if versioned {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// Weak comparison of `If-None-Match` (RFC 9110 section 13.1.2): a list of tags, or `*`.
/// Whether an `If-None-Match` header names this entity tag (weak comparison, RFC 9110 section 13.1.2).
#[must_use]
pub fn matches_etag(header: &HeaderValue, etag: &str) -> bool {
    let Ok(text) = header.to_str() else {
        return false;
    };
    text.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// `Content-Type` by extension. Sent with `nosniff`, so a wrong one shows at once.
fn mime(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str, query: Option<&str>, if_none_match: Option<&str>) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(value) = if_none_match {
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
        }
        static_file(
            Path(path.to_owned()),
            RawQuery(query.map(str::to_owned)),
            headers,
        )
        .await
    }

    #[test]
    fn paths_outside_the_folder_are_not_found() {
        for path in [
            "",
            "/",
            "../Cargo.toml",
            "css/../../Cargo.toml",
            "./css/hub.css",
            "css//hub.css",
            "css",
            "css\\hub.css",
            "/css/hub.css",
            "css/hub.css/",
            "nothing.css",
        ] {
            assert!(lookup(path).is_none(), "{path:?}");
        }
    }

    #[test]
    fn urls_carry_the_version() {
        let asset = lookup("css/hub.css").unwrap();
        assert_eq!(
            url("/x/hub/", "css/hub.css"),
            format!("/x/hub/static/css/hub.css?v={}", asset.version())
        );
        assert_eq!(asset.version().len(), VERSION_LEN);
        assert_eq!(url("/hub/", "nothing.css"), "/hub/static/nothing.css");
    }

    #[test]
    fn every_file_has_a_known_type() {
        for path in StaticFiles::iter() {
            assert_ne!(mime(&path), "application/octet-stream", "{path}");
        }
    }

    #[tokio::test]
    async fn replies() {
        let asset = lookup("js/theme.js").unwrap();
        let current = format!("v={}", asset.version());
        for (path, query, if_none_match, status, caching) in [
            (
                "js/theme.js",
                Some(current.as_str()),
                None,
                200,
                Some("public, max-age=31536000, immutable"),
            ),
            ("js/theme.js", None, None, 200, Some("no-cache")),
            ("js/theme.js", Some("v=old"), None, 200, Some("no-cache")),
            (
                "js/theme.js",
                None,
                Some(asset.etag.as_str()),
                304,
                Some("no-cache"),
            ),
            ("js/theme.js", None, Some("*"), 304, Some("no-cache")),
            (
                "js/theme.js",
                None,
                Some(&format!("\"a\", W/{}", asset.etag)),
                304,
                Some("no-cache"),
            ),
            ("js/theme.js", None, Some("\"a\""), 200, Some("no-cache")),
            ("js/none.js", None, None, 404, None),
        ] {
            let reply = get(path, query, if_none_match).await;
            assert_eq!(reply.status(), status, "{path} {query:?} {if_none_match:?}");
            let header = reply
                .headers()
                .get(header::CACHE_CONTROL)
                .map(|value| value.to_str().unwrap());
            assert_eq!(header, caching, "{path} {query:?} {if_none_match:?}");
            if status == 200 {
                assert_eq!(
                    reply.headers()[header::CONTENT_TYPE],
                    "text/javascript; charset=utf-8"
                );
                assert_eq!(reply.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
                assert_eq!(reply.headers()[header::ETAG], asset.etag.as_str());
            }
        }
    }
}
