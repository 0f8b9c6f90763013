//! Who sent a request, in the order of wire contract 4.3: tokens first, then the login cookie with its XSRF rules.

use ::cookie::Cookie;
use http::HeaderMap;
use http::request::Parts;
use hub_types::secret::Token;

use super::{HubOAuth, header_value, xsrf};
use crate::cache::CacheUse;
use crate::client::ClientError;
use crate::config::XsrfCheck;
use crate::credential::{session_id, tokens};
use crate::fetch::{is_navigation, is_own_origin, is_websocket_upgrade, may_come_from_own_page};
use crate::gate::Recognised;
use crate::resolve::Lookup;
use crate::user::{HubUser, Source};

impl HubOAuth {
    /// Recognises the visitor, and decides which cookies to set: tokens first, then the login cookie with its XSRF rules
    /// (wire contract 4.3). Whether the visitor may enter is not decided here.
    ///
    /// # Errors
    /// [`ClientError`] when the hub cannot say.
    pub async fn recognise(&self, request: &Parts) -> Result<Recognised, ClientError> {
        match self.by_token(request).await? {
            Some((user, token)) => Ok(self.token_recognised(request, user, &token)),
            None => self.by_cookie(request).await,
        }
    }

    async fn by_token(&self, request: &Parts) -> Result<Option<(HubUser, Token)>, ClientError> {
        let Parts {
            method,
            uri,
            headers,
            ..
        } = request;
        let session = session_id(headers);
        for (source, token) in tokens(method, uri, headers, self.config().allow_token_in_url) {
            if let Some(user) = self.look_up(session, &token).await? {
                return Ok(Some((user.recognised_by(source), token)));
            }
        }
        Ok(None)
    }

    async fn look_up(&self, session: &str, token: &Token) -> Result<Option<HubUser>, ClientError> {
        self.auth()
            .look_up(session, &Lookup::Token(token.clone()), CacheUse::Normal)
            .await
    }

    /// A page that was opened with `?token=` becomes a login for the pages it leads to (wire contract 4.3, step 5), if
    /// the visitor may enter at all.
    fn token_recognised(&self, request: &Parts, user: HubUser, token: &Token) -> Recognised {
        let mut recognised = Recognised::default();
        let opens_page = user.source() == Source::Url && is_navigation(&request.headers);
        if opens_page && self.auth().check(&user).is_allowed() {
            let inner = &self.inner;
            let cookies = inner.jar.token_cookies(request, &inner.sealer, token, None);
            let values = cookies.iter().filter_map(header_value);
            recognised.set_cookies.extend(values);
            self.set_xsrf(request, token, &mut recognised);
        }
        recognised.user = Some(user);
        recognised.credential = Some(Lookup::Token(token.clone()));
        recognised
    }

    async fn by_cookie(&self, request: &Parts) -> Result<Recognised, ClientError> {
        let inner = &self.inner;
        let headers = &request.headers;
        let now = self.config().clock.now();
        let mut recognised = Recognised::default();
        if !inner.jar.has_token(headers) {
            return Ok(recognised);
        }
        if let Some(reason) = self.refuse_websocket(request) {
            recognised.refused_cookie = Some(reason);
            return Ok(recognised);
        }
        let session = session_id(headers);
        for token in self.cookie_tokens(headers) {
            let current = xsrf::current(&inner.sealer, headers, session, &token, now);
            if let Some(reason) = self.refuse_forgery(request, current) {
                recognised.refused_cookie = Some(reason);
                return Ok(recognised);
            }
            if let Some(user) = self.look_up(session, &token).await? {
                recognised.user = Some(user.recognised_by(Source::Cookie));
                self.renew_xsrf(request, &token, current, &mut recognised);
                recognised.credential = Some(Lookup::Token(token));
                return Ok(recognised);
            }
        }
        // Ended, revoked, or not ours: it would only be tried again and again.
        let cleared = inner.jar.clear_token(request);
        recognised
            .set_cookies
            .extend(cleared.iter().filter_map(header_value));
        Ok(recognised)
    }

    /// Why a cookie does not count for a request that another site may have caused.
    fn refuse_forgery(&self, request: &Parts, current: Option<&str>) -> Option<&'static str> {
        let Parts {
            method, headers, ..
        } = request;
        match self.config().xsrf {
            XsrfCheck::Token => {
                let proven = !xsrf::is_needed(method, headers)
                    || current.is_some_and(|value| xsrf::is_sent_back(request, value));
                (!proven).then_some(
                    "XSRF: the request does not send the value of the _xsrf cookie back.",
                )
            }
            XsrfCheck::Origin => {
                let public = self.config().public_origin();
                (!may_come_from_own_page(method, headers, public.as_deref()))
                    .then_some("XSRF: the request comes from a page of another site.")
            }
        }
    }

    /// The tokens of this browser's login cookies: those that are ours and have not ended, three at most.
    #[must_use]
    pub fn cookie_tokens(&self, headers: &HeaderMap) -> Vec<Token> {
        let inner = &self.inner;
        let now = self.config().clock.now();
        inner
            .jar
            .tokens(headers, &inner.sealer, now)
            .take(MAX_CANDIDATES)
            .collect()
    }

    /// Why a cookie does not count for this WebSocket, if it is one.
    fn refuse_websocket(&self, request: &Parts) -> Option<&'static str> {
        let config = self.config();
        if !is_websocket_upgrade(&request.method, &request.headers) {
            return None;
        }
        if !config.allow_websocket_cookie_auth {
            return Some("WebSockets need a token here, a cookie does not suffice.");
        }
        if is_own_origin(&request.headers, config.public_origin().as_deref()) {
            None
        } else {
            Some("WebSockets are not accepted from pages of other sites.")
        }
    }

    /// Gives navigations an `_xsrf` cookie that is good for them (wire contract 4.6).
    fn renew_xsrf(
        &self,
        request: &Parts,
        token: &Token,
        current: Option<&str>,
        recognised: &mut Recognised,
    ) {
        if let Some(value) = current {
            recognised.xsrf = Some(value.to_owned());
        } else if is_navigation(&request.headers) {
            self.set_xsrf(request, token, recognised);
        }
    }

    fn set_xsrf(&self, request: &Parts, token: &Token, recognised: &mut Recognised) {
        if let Some((value, cookie)) = self.new_xsrf(request, token) {
            recognised.xsrf = Some(value);
            recognised.set_cookies.extend(header_value(&cookie));
        }
    }

    /// A new `_xsrf` value with its cookie, where such values are used.
    pub(super) fn new_xsrf(
        &self,
        request: &Parts,
        token: &Token,
    ) -> Option<(String, Cookie<'static>)> {
        if self.config().xsrf != XsrfCheck::Token {
            return None;
        }
        let inner = &self.inner;
        let session = session_id(&request.headers);
        let value = xsrf::make(&inner.sealer, session, token, self.config().clock.now());
        let cookie = inner.jar.xsrf_cookie(request, value.clone());
        Some((value, cookie))
    }
}

/// Cookies of the right name that are tried at most; more than one only occurs when something plants them.
const MAX_CANDIDATES: usize = 3;
