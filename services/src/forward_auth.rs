//! `hub forward-auth`: puts any web application behind the hub's login. The web server in front of it asks this service
//! about every request, before the application sees it.
//!
//! ```text
//! GET {prefix}check    nginx `auth_request`: 200, 401 (log in at {prefix}login), 403
//! GET {prefix}forward  Traefik ForwardAuth, Caddy forward_auth: 200, 302 to the hub's login, 401, 403
//! GET {prefix}login    302 to the hub's login, and back to X-Original-URI or ?next=
//! GET {prefix}oauth_callback, {prefix}logout, {prefix}health
//! ```
//!
//! 200 names the visitor in `X-Hub-User`, `X-Hub-Groups`, `X-Hub-Kind`, `X-Hub-Admin`, all of them every time, so that the
//! web server replaces whatever the client sent. A request that carries one of these headers itself, in any spelling that
//! an application could take for it, is refused.
//!
//! What a request asks for never decides whether it may pass: there are no paths, methods or user agents that pass without
//! a login. The web server decides which requests are asked about; who is recognised and allowed passes, nobody else. The
//! original URL, which clients can forge towards careless web servers, is only where a login leads back to.

mod cli;
mod identity;
mod original;
mod page;
mod rule;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hub_types::env::ProcessEnv;
use hubauth::oauth::next;
use hubauth::{Access, HubOAuth, HubUser, fetch};

use crate::{kit, look};
use identity::Identities;
use original::Original;

pub use cli::{Args, SiteError};

/// Exit code for arguments that cannot be used (`EX_USAGE` of sysexits).
const BAD_USAGE: u8 = 64;

/// Runs the program until it is asked to stop. `args` begin with the program's name.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    use clap::Parser as _;
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Nobody is left to be told when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { BAD_USAGE } else { 0 });
        }
    };
    kit::run(async |service| {
        let site = Site::new(&args, service, &ProcessEnv)
            .map_err(|error| kit::SettingsError(error.to_string()))?;
        Ok(router(site))
    })
}

/// A site behind the hub's login.
#[derive(Clone)]
pub struct Site(Arc<Inner>);

struct Inner {
    hub: HubOAuth,
    /// Path of the site, with slashes at both ends.
    path: String,
    /// Path of this service under the web server, with slashes at both ends.
    prefix: String,
    access: Access,
    identities: Identities,
}

/// The routes, without the service's prefix.
pub fn router(site: Site) -> Router {
    let hub = site.0.hub.clone();
    let callback = hub.clone();
    Router::new()
        .route("/check", get(check))
        .route("/forward", get(forward))
        .route("/login", get(login))
        .route(
            "/oauth_callback",
            get(async move |request: Request| {
                let (parts, _) = request.into_parts();
                callback.callback(&parts).await.map(axum::body::Body::from)
            }),
        )
        .with_state(site)
        .merge(hub.logout_routes())
        .merge(look::files())
}

/// What was found out about a request.
enum Judged {
    /// It passes.
    Pass(HubUser),
    /// Nobody is logged in, or not so that it counts here.
    Unknown(&'static str),
    /// It does not pass, whoever asks; why, in words for the visitor.
    Refuse(String),
    /// It cannot be said.
    Unclear(Response),
}

/// Source: JupyterHub 6.1's text for a request without a user.
const MISSING: &str = "Missing or invalid credentials.";

/// nginx: statuses only.
async fn check(State(site): State<Site>, RawQuery(query): RawQuery, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let original = Original::of_subrequest(&parts.headers);
    match site.judge(parts, original.as_ref(), query).await {
        // A visitor of a page can log in and come again; what would have changed something cannot be repeated.
        (parts, Judged::Unknown(reason)) if original.is_ok_and(|asked| asked.is_read()) => {
            site.unauthorized(&parts.headers, reason)
        }
        (parts, judged) => site.answer(&parts.headers, judged),
    }
}

/// Traefik and Caddy: the whole answer.
async fn forward(
    State(site): State<Site>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let original = Original::forwarded(&parts.headers);
    match site.judge(parts, original.as_ref(), query).await {
        (parts, Judged::Unknown(reason)) => match original {
            Ok(asked) if asked.is_read() && fetch::is_navigation(&parts.headers) => {
                site.to_login(&parts, asked.path())
            }
            Ok(asked) if asked.is_read() => site.unauthorized(&parts.headers, reason),
            _ => site.answer(&parts.headers, Judged::Unknown(reason)),
        },
        (parts, judged) => site.answer(&parts.headers, judged),
    }
}

/// The way to the login: where nginx leads after a 401, and a link that applications can offer.
async fn login(State(site): State<Site>, RawQuery(query): RawQuery, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if !fetch::is_navigation(&parts.headers) {
        return site.unauthorized(&parts.headers, MISSING);
    }
    let original = Original::of_subrequest(&parts.headers).ok();
    let wanted = original
        .as_ref()
        .and_then(Original::path)
        .filter(|path| !path.starts_with(&site.0.prefix))
        .map(str::to_owned)
        .or_else(|| rule::value_of(query.as_deref(), "next"));
    site.to_login(&parts, wanted.as_deref())
}

impl Site {
    /// Who asks, and whether the request passes. Gives the parts back.
    async fn judge(
        &self,
        parts: Parts,
        original: Result<&Original, &&'static str>,
        query: Option<String>,
    ) -> (Parts, Judged) {
        let site = &*self.0;
        let asked = match original {
            Ok(asked) => asked,
            Err(reason) => return (parts, Judged::Refuse((*reason).to_owned())),
        };
        if let Some(name) = site.identities.planted(&parts.headers) {
            tracing::warn!(header = name, "a client sends a header that names visitors");
            let why = format!("The header {name} is set by this site itself; do not send it.");
            return (parts, Judged::Refuse(why));
        }
        let narrower = match rule::of_query(query.as_deref()) {
            Ok(narrower) => narrower,
            Err(error) => {
                tracing::error!(%error, "the web server asks with a query that cannot be read");
                let status = StatusCode::FORBIDDEN;
                let reply = page::refusal(&site.prefix, &parts.headers, status, error.text());
                return (parts, Judged::Unclear(reply));
            }
        };
        let visitor = asked.as_visitor(&parts);
        let recognised = match site.hub.recognise(&visitor).await {
            Ok(recognised) => recognised,
            Err(error) => {
                tracing::error!(%error, "the hub could not say who a visitor is");
                let status = error.status_for_visitor();
                let text = "The hub does not say who you are. Try again in a moment.";
                let reply = page::refusal(&site.prefix, &parts.headers, status, text);
                return (parts, Judged::Unclear(reply));
            }
        };
        let Some(user) = recognised.user else {
            let reason = recognised.refused_cookie.unwrap_or(MISSING);
            return (parts, Judged::Unknown(reason));
        };
        let judged = site.decide(user, narrower);
        (parts, judged)
    }

    /// The answer, where there is no way to the login.
    fn answer(&self, headers: &HeaderMap, judged: Judged) -> Response {
        let site = &*self.0;
        let refuse = |why: &str| page::refusal(&site.prefix, headers, StatusCode::FORBIDDEN, why);
        match judged {
            Judged::Pass(user) => {
                let cache = [(CACHE_CONTROL, "no-store")];
                (cache, site.identities.of(&user)).into_response()
            }
            Judged::Unknown(reason) => refuse(reason),
            Judged::Refuse(why) => refuse(&why),
            Judged::Unclear(reply) => reply,
        }
    }

    fn unauthorized(&self, headers: &HeaderMap, reason: &str) -> Response {
        let status = StatusCode::UNAUTHORIZED;
        let mut reply = page::refusal(&self.0.prefix, headers, status, reason);
        let scheme = HeaderValue::from_static("Bearer");
        reply.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        reply
    }

    /// 302 to the hub's login, and from there back to `wanted` if that lies in the site.
    fn to_login(&self, parts: &Parts, wanted: Option<&str>) -> Response {
        let site = &*self.0;
        let next = wanted
            .and_then(|wanted| next::within(&site.path, wanted))
            .unwrap_or_else(|| site.path.clone());
        let (location, cookie) = site.hub.start_login(parts, next);
        let headers = [
            (LOCATION, location),
            (SET_COOKIE, cookie.to_string()),
            (CACHE_CONTROL, "no-store".to_owned()),
            (REFERRER_POLICY, "no-referrer".to_owned()),
        ];
        (StatusCode::FOUND, headers).into_response()
    }
}

impl Inner {
    fn decide(&self, user: HubUser, narrower: Option<Access>) -> Judged {
        let access = match narrower {
            Some(narrower) => self.access.clone().and(narrower),
            None => self.access.clone(),
        };
        match access.decide(&user) {
            hubauth::Decision::Allowed(reason) => {
                tracing::debug!(user = user.name, reason, "allowed");
                Judged::Pass(user)
            }
            hubauth::Decision::Denied(reason) => {
                tracing::info!(user = user.name, kind = %user.kind, reason, "refused");
                Judged::Refuse(format!("{} {} is not allowed.", user.kind, user.name))
            }
        }
    }
}
