//! Cross-site request forgery: a request that a browser authenticates by itself must show that our page sent it.
//!
//! Double submit: the cookie `_xsrf` holds a signed value bound to the session (or to nobody, before the login); the
//! page sends it back as argument or header. Source of the rules: wire contract 4.6; security cases 35-41.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use chrono::{DateTime, TimeDelta, Utc};
use hub_types::secret::random_urlsafe;

use crate::auth::cookies::{CookieKeys, RequestCookies, XSRF_COOKIE};
use crate::domain::session;

/// How long a token is good. Source: tornado's 31 days.
const MAX_AGE: TimeDelta = TimeDelta::days(31);

/// Why a request was refused; the texts are JupyterHub's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XsrfError {
    /// Neither argument nor header.
    #[error("'_xsrf' argument missing from {0}")]
    Missing(Method),
    /// Not what the cookie says, or of another session.
    #[error("XSRF cookie does not match {0} argument")]
    Mismatch(Method),
}

/// A fresh token for the session, or for somebody who has not logged in yet.
#[must_use]
pub fn issue(keys: &CookieKeys, session_id: Option<&str>, now: DateTime<Utc>) -> String {
    let owner = session_id.map_or_else(
        || format!("anonymous:{}", random_urlsafe::<12>()),
        |id| format!("session:{id}"),
    );
    session::sign(keys.xsrf(), XSRF_COOKIE, &owner, now)
}

/// Whether `token` is one of ours and belongs to this session (or to nobody, when there is none).
#[must_use]
pub fn is_valid(
    keys: &CookieKeys,
    token: &str,
    session_id: Option<&str>,
    now: DateTime<Utc>,
) -> bool {
    let Some(owner) = session::verify(keys.xsrf(), XSRF_COOKIE, token, MAX_AGE, now) else {
        return false;
    };
    match session_id {
        Some(id) => owner.strip_prefix("session:") == Some(id),
        None => owner.starts_with("anonymous:"),
    }
}

/// The token that the request's own cookies hold for this session, if any is valid.
#[must_use]
pub fn current<'a>(
    keys: &CookieKeys,
    cookies: &'a RequestCookies,
    session_id: Option<&str>,
    now: DateTime<Utc>,
) -> Option<&'a str> {
    cookies
        .all(XSRF_COOKIE)
        .find(|token| is_valid(keys, token, session_id, now))
}

/// The header that shows the token.
pub const XSRF_HEADER: &str = "x-xsrftoken";

/// What the request shows: the argument if the caller found one, else a header.
#[must_use]
pub fn shown<'a>(argument: Option<&'a str>, headers: &'a HeaderMap) -> Option<&'a str> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    argument
        .or_else(|| header(XSRF_HEADER))
        .or_else(|| header("x-csrftoken"))
        .filter(|token| !token.is_empty())
}

/// Checks what the request shows against its cookies.
///
/// # Errors
/// [`XsrfError`].
pub fn check(
    keys: &CookieKeys,
    cookies: &RequestCookies,
    shown: Option<&str>,
    session_id: Option<&str>,
    method: &Method,
    now: DateTime<Utc>,
) -> Result<(), XsrfError> {
    let shown = shown.ok_or_else(|| XsrfError::Missing(method.clone()))?;
    let held = cookies.all(XSRF_COOKIE).any(|cookie| cookie == shown);
    if held && is_valid(keys, shown, session_id, now) {
        Ok(())
    } else {
        Err(XsrfError::Mismatch(method.clone()))
    }
}

/// Whether a request that is authenticated by cookie must show a token.
///
/// Reading by navigation needs none, and what a browser embeds in our own page needs none. Everything else does: also
/// `fetch` of our API, whose answer another site's script must not read, nor one of a server on our own host, whatever mode
/// it asks for. (`Sec-Fetch-Mode: websocket` is no exception here: the hub has no WebSocket.)
#[must_use]
pub fn needed(method: &Method, headers: &HeaderMap) -> bool {
    if !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match value("sec-fetch-mode") {
        None | Some("navigate") => false,
        // What a browser embeds has a destination: an image, a script. What a script fetches has none.
        Some("no-cors") => {
            value("sec-fetch-site") != Some("same-origin")
                || value("sec-fetch-dest") == Some("empty")
        }
        Some(_) => true,
    }
}

/// Whether a script, and no navigation, asks for a page: only one of our own pages, which knows the token, may read it.
/// Without this a script of any server on our host could read the token that stands in the forms of every page.
#[must_use]
pub fn read_by_script(headers: &HeaderMap) -> bool {
    let mode = headers.get("sec-fetch-mode").map(HeaderValue::as_bytes);
    !matches!(mode, None | Some(b"navigate"))
}

/// Whether the answer is for a part of some page, a frame say, and not for a window of its own.
#[must_use]
pub fn framed(headers: &HeaderMap) -> bool {
    let part = headers.get("sec-fetch-dest");
    part.is_some_and(|part| part != "document")
}

/// Whether a form came as our pages send theirs: by a navigation of a whole window, and from a page below `prefix`, as far
/// as the browser says. A script of a server on our host can pretend most of this; it cannot be had by accident.
#[must_use]
pub fn sent_by_page(headers: &HeaderMap, own: &str, prefix: &str) -> bool {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let path = value("referer").and_then(|referer| on_host(referer, own));
    // Some browsers are set to tell no more than the host.
    let ours = |path: &str| matches!(path, "" | "/") || path.starts_with(prefix);
    !read_by_script(headers) && !framed(headers) && path.is_none_or(ours)
}

/// The rest of `url` after the host, if that is the host of the origin `own`. The scheme may be hidden from us.
fn on_host<'a>(url: &'a str, own: &str) -> Option<&'a str> {
    let (_, rest) = url.split_once("://")?;
    let (_, own) = own.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    host.eq_ignore_ascii_case(own).then_some(path)
}

/// Whether the page may set a new `_xsrf` cookie: only on navigations, so that parallel `fetch`es do not fight over it.
#[must_use]
pub fn may_set(headers: &HeaderMap) -> bool {
    matches!(
        headers.get("sec-fetch-mode").map(HeaderValue::as_bytes),
        None | Some(b"navigate")
    )
}

/// Whose page made the browser send a request, as far as the browser says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// One of this origin, the visitor's own hand, or a client that is no browser.
    Here,
    /// One of another origin. Another host of the same site is another origin: it may be a user's server.
    Elsewhere,
    /// A browser that does not say it outright names an origin that is not ours, as far as we know ours (a front that
    /// changes `Host` hides it from us). Enough to be careful, not to refuse what is otherwise in order.
    PerhapsElsewhere,
}

/// Who sent a request. `own` is the origin under which the browser sees us.
#[must_use]
pub fn sender(headers: &HeaderMap, own: &str) -> Sender {
    // Browsers set it, over https and on localhost; pages cannot.
    if let Some(site) = headers.get("sec-fetch-site") {
        return match site.as_bytes() {
            b"same-origin" | b"none" => Sender::Here,
            _ => Sender::Elsewhere,
        };
    }
    // Else `Origin` comes with every form, and `Referer` with most links.
    let said = headers
        .get(header::ORIGIN)
        .or_else(|| headers.get(header::REFERER));
    match said.map(HeaderValue::to_str) {
        None => Sender::Here,
        Some(Ok("null")) => Sender::Elsewhere,
        Some(Ok(url)) if on_host(url, own).is_some() => Sender::Here,
        Some(_) => Sender::PerhapsElsewhere,
    }
}

/// Whether nobody's page led the browser here: the visitor typed the address or has it among their bookmarks. Over plain HTTP
/// browsers do not say that.
#[must_use]
pub fn by_own_hand(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site == "none")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn keys() -> CookieKeys {
        CookieKeys::new(&[3; 32])
    }

    #[test]
    fn a_token_belongs_to_its_session() {
        let now = DateTime::UNIX_EPOCH;
        let (mine, anonymous) = (issue(&keys(), Some("s1"), now), issue(&keys(), None, now));
        let cookies = RequestCookies::parse(
            [format!("_xsrf={mine}; _xsrf={anonymous}").as_str()].into_iter(),
        );
        let post = Method::POST;
        let check =
            |shown: Option<&str>, session| check(&keys(), &cookies, shown, session, &post, now);
        assert_eq!(check(Some(&mine), Some("s1")), Ok(()));
        assert_eq!(check(Some(&anonymous), None), Ok(()));
        assert_eq!(
            check(Some(&anonymous), Some("s1")),
            Err(XsrfError::Mismatch(Method::POST))
        );
        assert_eq!(
            check(Some(&mine), Some("s2")),
            Err(XsrfError::Mismatch(Method::POST))
        );
        assert_eq!(
            check(Some(&mine), None),
            Err(XsrfError::Mismatch(Method::POST))
        );
        assert_eq!(
            check(None, Some("s1")).unwrap_err().to_string(),
            "'_xsrf' argument missing from POST"
        );
        let other = issue(&keys(), Some("s1"), now);
        assert_eq!(other, mine, "same second, same token");
        let stranger = issue(&CookieKeys::new(&[4; 32]), Some("s1"), now);
        assert!(check(Some(&stranger), Some("s1")).is_err());
    }

    #[test]
    fn where_a_request_comes_from() {
        use Sender::{Elsewhere, Here, PerhapsElsewhere};
        for (site, origin, expected) in [
            (None, None, Here),
            (Some("same-origin"), None, Here),
            (Some("none"), None, Here),
            (Some("same-site"), None, Elsewhere),
            (Some("cross-site"), None, Elsewhere),
            (Some("nonsense"), None, Elsewhere),
            (Some("same-origin"), Some("https://front"), Here),
            (None, Some("http://hub:8000"), Here),
            (None, Some("https://HUB:8000"), Here),
            (None, Some("http://hub"), PerhapsElsewhere),
            (None, Some("nonsense"), PerhapsElsewhere),
            (None, Some("null"), Elsewhere),
        ] {
            let mut headers = HeaderMap::new();
            site.map(|site| headers.insert("sec-fetch-site", site.parse().unwrap()));
            origin.map(|origin| headers.insert("origin", origin.parse().unwrap()));
            assert_eq!(
                sender(&headers, "http://hub:8000"),
                expected,
                "{site:?} {origin:?}"
            );
        }
    }

    #[test]
    fn links_without_an_origin_have_a_referer() {
        for (referer, origin, expected) in [
            ("http://hub:8000/hub/home", None, Sender::Here),
            ("https://HUB:8000", None, Sender::Here),
            ("http://hub/hub/home", None, Sender::PerhapsElsewhere),
            (
                "http://evil.example/?http://hub:8000/",
                None,
                Sender::PerhapsElsewhere,
            ),
            (
                "http://hub:8000@evil.example/",
                None,
                Sender::PerhapsElsewhere,
            ),
            (
                "http://evil.example/",
                Some("http://hub:8000"),
                Sender::Here,
            ),
            (
                "http://hub:8000/",
                Some("http://evil.example"),
                Sender::PerhapsElsewhere,
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("referer", referer.parse().unwrap());
            origin.map(|origin: &str| headers.insert("origin", origin.parse().unwrap()));
            assert_eq!(
                sender(&headers, "http://hub:8000"),
                expected,
                "{referer} {origin:?}"
            );
            assert!(!by_own_hand(&headers));
        }
    }

    #[test]
    fn how_forms_of_our_pages_come() {
        for (mode, dest, referer, expected) in [
            ("", "", "", true),
            ("navigate", "document", "", true),
            ("navigate", "document", "http://hub/hub/home?x=/user/", true),
            ("navigate", "document", "https://front/user/bob/", true),
            ("", "", "http://HUB/hub/", true),
            ("", "", "http://hub/", true),
            ("", "", "http://hub/user/bob/", false),
            ("", "", "http://hub/hubris/", false),
            ("", "", "http://hub?/hub/", false),
            ("navigate", "iframe", "http://hub/hub/home", false),
            ("cors", "empty", "http://hub/hub/home", false),
            ("no-cors", "empty", "", false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
                ("referer", referer),
            ] {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            let sent = sent_by_page(&headers, "http://hub", "/hub/");
            assert_eq!(sent, expected, "{mode} {dest} {referer}");
        }
    }

    #[test]
    fn when_it_is_needed() {
        let mut fetched = HeaderMap::new();
        for (name, value) in [
            ("mode", "no-cors"),
            ("site", "same-origin"),
            ("dest", "empty"),
        ] {
            let name = format!("sec-fetch-{name}");
            fetched.insert(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        assert!(needed(&Method::GET, &fetched), "a script reads");
        fetched.insert("sec-fetch-dest", "image".parse().unwrap());
        assert!(!needed(&Method::GET, &fetched), "a picture is shown");
        for (method, mode, site, expected) in [
            ("GET", None, None, false),
            ("GET", Some("navigate"), Some("cross-site"), false),
            ("GET", Some("cors"), Some("same-origin"), true),
            ("GET", Some("no-cors"), Some("same-origin"), false),
            ("GET", Some("no-cors"), Some("cross-site"), true),
            ("GET", Some("websocket"), Some("cross-site"), true),
            ("POST", None, None, true),
            ("POST", Some("navigate"), Some("same-origin"), true),
            ("POST", Some("websocket"), None, true),
            ("DELETE", Some("no-cors"), Some("same-origin"), true),
        ] {
            let mut headers = HeaderMap::new();
            mode.map(|mode| headers.insert("sec-fetch-mode", mode.parse().unwrap()));
            site.map(|site| headers.insert("sec-fetch-site", site.parse().unwrap()));
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(
                needed(&method, &headers),
                expected,
                "{method} {mode:?} {site:?}"
            );
        }
    }
}
