//! `hub whoami`: a service that says who you are. Programs get JSON, people a small page.
//!
//! ```text
//! GET {prefix}        token, or login through the hub ─► identity
//! GET {prefix}logout  logs out here and at the hub
//! GET {prefix}health  200, for anybody
//! ```

mod page;

use std::process::ExitCode;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hubauth::{HubAuthConfig, HubOAuth, HubUser};

use crate::{kit, look};

/// Runs the program until it is asked to stop.
#[must_use]
pub fn run() -> ExitCode {
    kit::run(async |_| Ok(router(&HubOAuth::from_env()?)))
}

/// The routes, without the service's prefix.
pub fn router(hub: &HubOAuth) -> Router {
    Router::new()
        .route("/", get(identity))
        .with_state(hub.config().clone())
        .layer(hub.layer())
        .merge(hub.callback_routes())
        .merge(hub.logout_routes())
        .merge(look::files())
}

async fn identity(
    State(config): State<HubAuthConfig>,
    headers: HeaderMap,
    user: HubUser,
) -> Response {
    let mut response = if wants_page(&headers) {
        page::page(&config, &user)
    } else {
        let json = serde_json::to_string_pretty(user.identity()).unwrap_or_default();
        (
            look::PRIVATE,
            [(CONTENT_TYPE, "application/json")],
            json + "\n",
        )
            .into_response()
    };
    let vary = HeaderValue::from_static("accept, authorization, cookie");
    response.headers_mut().insert(VARY, vary);
    response
}

/// A page is for those who ask for HTML and do not ask for JSON.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.contains("text/html") && !accept.contains("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_for_browsers() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/html;q=0.1", false),
        ] {
            let headers = [(ACCEPT, HeaderValue::from_static(accept))]
                .into_iter()
                .collect();
            assert_eq!(wants_page(&headers), expected, "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }
}
