//! The gate: one request in, a verdict out. Credential → look-up → access decision, in the order of wire contract 4.3.
//!
//! It knows nothing of tower or axum; the layer carries out what it decides.

use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::access::{Access, Decision};
use crate::auth::HubAuth;
use crate::client::ClientError;
use crate::credential::session_id;
use crate::fetch::is_websocket_upgrade;
#[cfg(feature = "oauth")]
use crate::oauth::HubOAuth;
use crate::reply::{Reply, hub_unavailable, redirect, refusal};
use crate::resolve::Lookup;
use crate::user::HubUser;
use crate::watch::LoginWatch;

/// What recognises visitors.
#[derive(Debug, Clone)]
pub(crate) enum Front {
    /// Tokens only.
    Tokens(HubAuth),
    /// Tokens, and browsers by the login flow.
    #[cfg(feature = "oauth")]
    Login(HubOAuth),
}

impl Front {
    fn auth(&self) -> &HubAuth {
        match self {
            Self::Tokens(auth) => auth,
            #[cfg(feature = "oauth")]
            Self::Login(oauth) => oauth.auth(),
        }
    }
}

/// Who a visitor turned out to be, and what to tell their browser.
#[derive(Default)]
#[non_exhaustive]
pub struct Recognised {
    /// The visitor, if the hub knows them. Whether they may enter is another question.
    pub user: Option<HubUser>,
    /// `Set-Cookie` headers for the answer, whatever it is.
    pub set_cookies: Vec<HeaderValue>,
    /// The value that forms of this visitor send back as `_xsrf`.
    pub xsrf: Option<String>,
    /// Why a cookie that was there did not count; for the refusal.
    pub refused_cookie: Option<&'static str>,
    /// With what the visitor was recognised.
    pub(crate) credential: Option<Lookup>,
}

impl std::fmt::Debug for Recognised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recognised")
            .field("user", &self.user)
            .field("refused_cookie", &self.refused_cookie)
            .finish_non_exhaustive()
    }
}

/// What to do with a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Let it in; `user` is `None` only where visitors may stay unknown.
    Enter(Recognised),
    /// Answer this instead.
    Reply(Reply),
}

/// The rules of one layer.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) front: Front,
    /// The hub's own rule, unless it was replaced.
    pub(crate) access: Access,
    /// Whether unknown visitors may enter.
    pub(crate) optional: bool,
    /// Whether programs (no `text/html` in `Accept`) get 401 instead of a redirect.
    pub(crate) by_accept: bool,
}

impl Gate {
    pub(crate) async fn check(&self, request: &Parts) -> Verdict {
        #[cfg(feature = "oauth")]
        if let Front::Login(oauth) = &self.front
            && oauth.is_callback(request)
        {
            return Verdict::Reply(oauth.callback(request).await);
        }
        let recognised = match self.recognise(request).await {
            Ok(recognised) => recognised,
            Err(error) => return Verdict::Reply(hub_unavailable(&request.headers, &error)),
        };
        match &recognised.user {
            Some(user) => match self.access.decide(user) {
                Decision::Allowed(reason) => {
                    tracing::debug!(user = user.name, reason, "allowed");
                    Verdict::Enter(recognised)
                }
                Decision::Denied(reason) => {
                    tracing::info!(user = user.name, kind = %user.kind, reason, "refused");
                    let message = format!("{} {} is not allowed.", user.kind, user.name);
                    Verdict::Reply(refusal(&request.headers, StatusCode::FORBIDDEN, &message))
                }
            },
            None if self.optional => Verdict::Enter(recognised),
            None => Verdict::Reply(self.anonymous(request, recognised)),
        }
    }

    /// What tells when the login ends with which a WebSocket is opened; other requests are over before.
    pub(crate) fn watch(&self, request: &Parts, recognised: &Recognised) -> Option<LoginWatch> {
        if !is_websocket_upgrade(&request.method, &request.headers) {
            return None;
        }
        let credential = recognised.credential.clone()?;
        let auth = self.front.auth().clone();
        let session = session_id(&request.headers);
        let watch = LoginWatch::new(auth, self.access.clone(), session, credential);
        Some(watch)
    }

    /// Reads of the body what the check needs.
    #[cfg_attr(
        not(feature = "oauth"),
        expect(
            unused_variables,
            clippy::unused_async,
            reason = "only logins have forms"
        )
    )]
    pub(crate) async fn prepare<B: Send + 'static>(&self, request: &mut Parts, body: &mut B) {
        match &self.front {
            Front::Tokens(_) => {}
            #[cfg(feature = "oauth")]
            Front::Login(oauth) => oauth.read_form(request, body).await,
        }
    }

    async fn recognise(&self, request: &Parts) -> Result<Recognised, ClientError> {
        match &self.front {
            Front::Tokens(auth) => auth.recognise(request).await,
            #[cfg(feature = "oauth")]
            Front::Login(oauth) => oauth.recognise(request).await,
        }
    }

    /// The answer to an unknown visitor: to the login (GET and HEAD, where there is one), else 403; upstream's rule.
    fn anonymous(&self, request: &Parts, recognised: Recognised) -> Reply {
        let headers = &request.headers;
        let page = crate::fetch::wants_page(headers);
        let mut reply = if self.by_accept && !page {
            let mut reply = refusal(headers, StatusCode::UNAUTHORIZED, MISSING);
            let scheme = HeaderValue::from_static("Bearer");
            reply
                .headers_mut()
                .insert(http::header::WWW_AUTHENTICATE, scheme);
            reply
        } else {
            self.login(request).unwrap_or_else(|| {
                refusal(
                    headers,
                    StatusCode::FORBIDDEN,
                    recognised.refused_cookie.unwrap_or(MISSING),
                )
            })
        };
        for cookie in recognised.set_cookies {
            reply.headers_mut().append(http::header::SET_COOKIE, cookie);
        }
        reply
    }

    /// The way to the login, for requests that can be repeated after it.
    fn login(&self, request: &Parts) -> Option<Reply> {
        let repeatable = matches!(request.method, http::Method::GET | http::Method::HEAD);
        if !repeatable {
            return None;
        }
        match &self.front {
            Front::Tokens(auth) => redirect(&auth.login_redirect_url(request)?),
            #[cfg(feature = "oauth")]
            Front::Login(oauth) => oauth.login_redirect(request),
        }
    }
}

/// Source: JupyterHub 6.1's text for a request without a user.
const MISSING: &str = "Missing or invalid credentials.";
