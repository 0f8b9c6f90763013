//! The hub's pages are on the hub's own host only. With subdomains every host leads to the hub where no server or service
//! takes the request; a login there would put the hub's cookies where scripts of a user's server can use them.

use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::addresses::Addresses;
use crate::http::pages::PageError;
use crate::state::AppState;

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is answered.
    Answer,
    /// The same page on the hub's own host.
    Move(String),
    /// Nothing changes something from there.
    Refuse,
}

pub(super) async fn only(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    match decide(&state.addresses, request.method(), &uri, request.headers()) {
        Verdict::Answer => next.run(request).await,
        Verdict::Move(url) => ([(header::LOCATION, url)], StatusCode::FOUND).into_response(),
        Verdict::Refuse => {
            PageError::forbidden("This page is on the hub's own host.").into_response()
        }
    }
}

/// The API is for whoever shows a token, and pictures and styles for everybody: of error pages, which are shown on any host.
fn decide(addresses: &Addresses, method: &Method, uri: &Uri, headers: &HeaderMap) -> Verdict {
    let Some(subdomains) = &addresses.subdomains else {
        return Verdict::Answer;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| subdomains.is_below(host)) {
        return Verdict::Answer;
    }
    let base = &addresses.base;
    let is_page = uri.path().strip_prefix(&base.hub()).is_some_and(|rest| {
        let open = ["api/", "static/"]
            .iter()
            .any(|prefix| rest.starts_with(prefix));
        let open = open || ["api", "logo"].contains(&rest);
        !open || rest.starts_with("api/oauth2/authorize")
    });
    if !is_page {
        return Verdict::Answer;
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    match (method, addresses.full_url(path)) {
        (&Method::GET | &Method::HEAD, Some(url)) => Verdict::Move(url),
        _ => Verdict::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use hub_types::paths::BaseUrl;
    use url::Url;

    use super::*;
    use crate::domain::subdomain::{Hook, Subdomains};

    #[test]
    fn pages_are_on_one_host() {
        let hub = "https://hub.example:8443";
        let own = Addresses {
            subdomains: Subdomains::new(&Url::parse(hub).unwrap(), Hook::Idna),
            configured_public_origin: Some(hub.to_owned()),
            ..Addresses::under(BaseUrl::new("/pfx/"))
        };
        let asked = |addresses: &Addresses, method: Method, host: &str, path: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            decide(addresses, &method, &path.parse().unwrap(), &headers)
        };
        let alice = "alice.hub.example:8443";
        for path in [
            "/pfx/hub/login?next=%2F",
            "/pfx/hub/",
            "/pfx/hub/home",
            "/pfx/hub/logout",
            "/pfx/hub/user/alice/lab",
            "/pfx/hub/api-docs",
            "/pfx/hub/api/oauth2/authorize?client_id=x",
        ] {
            let moved = Verdict::Move(format!("{hub}{path}"));
            assert_eq!(asked(&own, Method::GET, alice, path), moved);
            assert_eq!(asked(&own, Method::POST, alice, path), Verdict::Refuse);
            for host in ["hub.example:8443", "127.0.0.1:8081", "evil.example"] {
                assert_eq!(asked(&own, Method::POST, host, path), Verdict::Answer);
            }
            let plain = Addresses::under(BaseUrl::new("/pfx/"));
            assert_eq!(asked(&plain, Method::POST, alice, path), Verdict::Answer);
        }
        for path in [
            "/pfx/hub/api",
            "/pfx/hub/api/users",
            "/pfx/hub/api/oauth2/token",
            "/pfx/hub/static/css/style.css",
            "/pfx/hub/logo",
            "/pfx/user/alice/lab",
            "/",
        ] {
            assert_eq!(
                asked(&own, Method::GET, alice, path),
                Verdict::Answer,
                "{path}"
            );
        }
    }
}
