//! Routes for axum: the callback, a logout, and the mount at the service's prefix.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;

use super::{HubOAuth, append};
use crate::config::HubAuthConfig;

/// The callback's path inside the service, with a leading slash.
fn relative_callback(config: &HubAuthConfig) -> String {
    let path = config.callback_path();
    match path.strip_prefix(&config.service_prefix) {
        Some(rest) => format!("/{rest}"),
        None => path,
    }
}

impl HubOAuth {
    /// The route to which the hub sends browsers back. Merge it outside the layer (a layer that
    /// sees the callback answers it too).
    ///
    /// It is there twice: relative to the service's prefix, for routers that are mounted there (see
    /// [`mount`](HubOAuth::mount)), and with it, for routers that see whole paths.
    pub fn callback_routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let whole = self.config().callback_path();
        let relative = relative_callback(self.config());
        let hub = self.clone();
        let answer = get(move |request: Request| {
            let hub = hub.clone();
            async move {
                let (parts, _) = request.into_parts();
                hub.callback(&parts).await.map(Body::from)
            }
        });
        let router = Router::new().route(&relative, answer.clone());
        if relative == whole {
            router
        } else {
            router.route(&whole, answer)
        }
    }

    /// `GET /logout`: logs the browser out of the service, and goes on to the hub's logout.
    ///
    /// Source: single-user servers of JupyterHub answer `{prefix}logout` so.
    pub fn logout_routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let hub = self.clone();
        Router::new().route(
            "/logout",
            get(move |request: Request| {
                let hub = hub.clone();
                async move { hub.logout(request) }
            }),
        )
    }

    fn logout(&self, request: Request) -> Response {
        let (parts, _) = request.into_parts();
        let mut response = Redirect::to(&self.config().logout_url()).into_response();
        for cookie in self.clear_login(&parts) {
            append(response.headers_mut(), &cookie);
        }
        response
    }

    /// Puts a router where the proxy sends this service's requests: at `JUPYTERHUB_SERVICE_PREFIX`. The prefix without
    /// its last slash leads there too.
    pub fn mount<S: Clone + Send + Sync + 'static>(&self, app: Router<S>) -> Router<S> {
        let prefix = self.config().service_prefix.clone();
        let bare = prefix.trim_end_matches('/').to_owned();
        if bare.is_empty() {
            return app;
        }
        Router::new()
            .route(
                &bare,
                get({
                    let prefix = prefix.clone();
                    move || async move { Redirect::temporary(&prefix) }
                }),
            )
            .nest(&prefix, app)
    }
}
