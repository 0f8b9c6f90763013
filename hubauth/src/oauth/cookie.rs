//! The cookies of a service: token, state, `_xsrf`. Their names, attributes and contents, in one place.

use chrono::{DateTime, Utc};
use cookie::time::Duration;
use cookie::{Cookie, SameSite as Attribute};
use http::HeaderMap;
use http::request::Parts;
use hub_types::secret::Token;

use super::seal::Sealer;
use super::state;
use super::xsrf::XSRF_COOKIE;
use crate::config::{CookieLife, CookieOptions, HubAuthConfig, SameSite};
use crate::credential::{all_cookies, cookies};
use crate::fetch::browser_is_https;

/// Makes and reads the cookies.
#[derive(Debug)]
pub(super) struct CookieJar {
    token_name: String,
    state_name: String,
    token_path: String,
    /// Where a callback that does not lie in the service has its neighbours, the logout among them. The token cookie goes
    /// there too, so that logins of parallel tabs finish and a logout knows what to forget.
    second_path: Option<String>,
    path: String,
    /// Where state cookies are sent: to the service, or to a callback that lies elsewhere.
    state_path: String,
    state_max_age: Duration,
    host_prefix: bool,
    /// What the public URL says of https; then no header of the request counts.
    public_https: Option<bool>,
    options: CookieOptions,
}

/// Whether a byte may stand in a cookie's name (RFC 6265 4.1.1, a token of RFC 9110 5.6.2).
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl CookieJar {
    pub(super) fn for_config(config: &HubAuthConfig) -> Self {
        let path = config.service_prefix.clone();
        let callback = config.callback_path();
        let outside = !callback.starts_with(&path);
        let second_path = callback
            .rsplit_once('/')
            .map(|(folder, _)| format!("{folder}/"))
            .filter(|folder| outside && folder != "/" && !config.cookie_host_prefix);
        let state_path = match &second_path {
            Some(folder) => folder.clone(),
            None if outside => callback,
            None => path.clone(),
        };
        Self {
            second_path,
            token_name: config.token_cookie_name(),
            state_name: format!("{}-oauth-state-", config.client_id),
            token_path: if config.cookie_host_prefix {
                "/".to_owned()
            } else {
                path.clone()
            },
            path,
            state_path,
            state_max_age: Duration::try_from(config.state_max_age).unwrap_or(Duration::MAX),
            host_prefix: config.cookie_host_prefix,
            public_https: config
                .public_url
                .as_ref()
                .map(|url| url.scheme() == "https"),
            options: config.cookie_options.clone(),
        }
    }

    fn secure(&self, request: &Parts) -> bool {
        let https = self
            .public_https
            .unwrap_or_else(|| browser_is_https(&request.uri, &request.headers));
        self.options.secure.unwrap_or(https)
    }

    fn cookie(&self, request: &Parts, name: String, value: String, path: &str) -> Cookie<'static> {
        let same_site = match self.options.same_site {
            SameSite::Lax => Attribute::Lax,
            SameSite::Strict => Attribute::Strict,
            SameSite::None => Attribute::None,
        };
        let mut cookie = Cookie::new(name, value);
        cookie.set_path(path.to_owned());
        cookie.set_same_site(same_site);
        cookie.set_http_only(true);
        if self.secure(request) {
            cookie.set_secure(true);
        }
        if let Some(domain) = &self.options.domain {
            cookie.set_domain(domain.clone());
        }
        cookie
    }

    /// The cookie by which the browser is recognised: the token and when it ends, encrypted. It lives as long as the
    /// token, or for the browser's session.
    pub(super) fn token_cookie(
        &self,
        request: &Parts,
        sealer: &Sealer,
        token: &Token,
        expires: Option<(DateTime<Utc>, DateTime<Utc>)>,
    ) -> Cookie<'static> {
        let until = expires.map_or(i64::MAX, |(_, until)| until.timestamp());
        let plain = [&until.to_be_bytes()[..], token.expose().as_bytes()].concat();
        let value = sealer.seal(&self.token_name, &plain);
        let mut cookie = self.cookie(request, self.token_name.clone(), value, &self.token_path);
        let token_life =
            expires.map(|(now, until)| Duration::seconds((until - now).num_seconds().max(0)));
        let asked = match self.options.life {
            CookieLife::AtMost(life) => Some(Duration::try_from(life).unwrap_or(Duration::MAX)),
            CookieLife::Token | CookieLife::Session => None,
        };
        let life = match (asked, token_life) {
            (Some(asked), Some(token)) => Some(asked.min(token)),
            (asked, token) => asked.or(token),
        };
        if self.options.life != CookieLife::Session {
            cookie.set_max_age(life);
        }
        if self.host_prefix {
            // The browser refuses `__Host-` cookies that are not like this (RFC 6265bis 4.1.3.2).
            cookie.set_secure(true);
            cookie.unset_domain();
        }
        cookie
    }

    /// The token cookie, once for each path where it is needed.
    pub(super) fn token_cookies(
        &self,
        request: &Parts,
        sealer: &Sealer,
        token: &Token,
        expires: Option<(DateTime<Utc>, DateTime<Utc>)>,
    ) -> Vec<Cookie<'static>> {
        self.at_all_paths(self.token_cookie(request, sealer, token, expires))
    }

    fn at_all_paths(&self, cookie: Cookie<'static>) -> Vec<Cookie<'static>> {
        let second = self.second_path.as_ref().map(|path| {
            let mut second = cookie.clone();
            second.set_path(path.clone());
            second
        });
        std::iter::once(cookie).chain(second).collect()
    }

    /// The tokens in a request's cookies that are ours and have not ended. Other pages of the site may have set cookies
    /// of the same name: those do not open.
    pub(super) fn tokens<'a>(
        &'a self,
        headers: &'a HeaderMap,
        sealer: &'a Sealer,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = Token> + 'a {
        cookies(headers, &self.token_name).filter_map(move |value| {
            let plain = sealer.open(&self.token_name, value)?;
            let (until, token) = plain.split_first_chunk::<8>()?;
            let ended = i64::from_be_bytes(*until) <= now.timestamp();
            (!ended)
                .then(|| Token::parse(std::str::from_utf8(token).ok()?))
                .flatten()
        })
    }

    /// Whether the request has a cookie of the token's name at all.
    pub(super) fn has_token(&self, headers: &HeaderMap) -> bool {
        cookies(headers, &self.token_name).next().is_some()
    }

    /// Ends the token cookie, wherever it is sent.
    pub(super) fn clear_token(&self, request: &Parts) -> Vec<Cookie<'static>> {
        let mut cookie = self.cookie(
            request,
            self.token_name.clone(),
            String::new(),
            &self.token_path,
        );
        if self.host_prefix {
            cookie.set_secure(true);
            cookie.unset_domain();
        }
        self.at_all_paths(cleared(cookie))
    }

    /// The browser's half of a login. Its attributes are not configurable (wire contract 4.5).
    pub(super) fn state_cookie(
        &self,
        request: &Parts,
        suffix: &str,
        binding: &str,
    ) -> Cookie<'static> {
        let name = format!("{}{suffix}", self.state_name);
        let mut cookie = self.cookie(request, name, binding.to_owned(), &self.state_path);
        // Strict would not come along when the hub sends the browser back from another host.
        cookie.set_same_site(Attribute::Lax);
        cookie.set_max_age(self.state_max_age);
        cookie
    }

    /// All browser's halves in a request: suffix and value.
    pub(super) fn states<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> impl Iterator<Item = (&'a str, Token)> + 'a {
        all_cookies(headers).filter_map(|(name, value)| {
            let suffix = name
                .strip_prefix(&self.state_name)
                .filter(|suffix| state::is_suffix(suffix))?;
            (value.len() == 22 && state::is_suffix(&value[..8]))
                .then(|| Token::parse(value))
                .flatten()
                .map(|value| (suffix, value))
        })
    }

    /// Ends all state cookies of a request.
    pub(super) fn clear_states(&self, request: &Parts) -> Vec<Cookie<'static>> {
        let mut suffixes: Vec<&str> = self
            .states(&request.headers)
            .map(|(suffix, _)| suffix)
            .collect();
        suffixes.dedup();
        suffixes
            .into_iter()
            .map(|suffix| cleared(self.state_cookie(request, suffix, "")))
            .collect()
    }

    /// The value that scripts and forms of our own pages send back; scripts must read it, so it is not `HttpOnly`.
    pub(super) fn xsrf_cookie(&self, request: &Parts, value: String) -> Cookie<'static> {
        let mut cookie = self.cookie(request, XSRF_COOKIE.to_owned(), value, &self.path);
        cookie.set_http_only(false);
        cookie
    }

    /// Ends the `_xsrf` cookie.
    pub(super) fn clear_xsrf(&self, request: &Parts) -> Cookie<'static> {
        cleared(self.xsrf_cookie(request, String::new()))
    }
}

fn cleared(mut cookie: Cookie<'static>) -> Cookie<'static> {
    cookie.set_max_age(Duration::ZERO);
    cookie.set_expires(cookie::time::OffsetDateTime::UNIX_EPOCH);
    cookie
}

#[cfg(test)]
mod tests;
