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
mod tests {
    use super::*;

    fn parts(pairs: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::get("/services/x/");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn config() -> HubAuthConfig {
        HubAuthConfig::new(Token::from_config("t"))
            .unwrap()
            .with_client_id("service-x")
            .with_service_prefix("/services/x/")
    }

    #[test]
    fn attributes() {
        let sealer = Sealer::new(b"k");
        let token = Token::from_config("secret-token");
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let later = DateTime::from_timestamp(1_600, 0).unwrap();
        let jar = CookieJar::for_config(&config());
        let https = parts(&[("x-forwarded-proto", "https")]);
        let plain = jar
            .token_cookie(&parts(&[]), &sealer, &token, Some((now, later)))
            .to_string();
        assert!(plain.starts_with("service-x="), "{plain}");
        assert!(
            plain.ends_with("; HttpOnly; SameSite=Lax; Path=/services/x/; Max-Age=600"),
            "{plain}"
        );
        assert!(!plain.contains("secret-token"));
        let secure = jar.token_cookie(&https, &sealer, &token, None).to_string();
        assert!(
            secure.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/services/x/"),
            "{secure}"
        );
        let xsrf = jar.xsrf_cookie(&parts(&[]), "v".into()).to_string();
        assert_eq!(xsrf, "_xsrf=v; SameSite=Lax; Path=/services/x/");
        let mut host = config();
        host.cookie_host_prefix = true;
        host.cookie_options.domain = Some("example".into());
        let host = CookieJar::for_config(&host)
            .token_cookie(&parts(&[]), &sealer, &token, None)
            .to_string();
        assert!(
            host.starts_with("__Host-service-x=")
                && host.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"),
            "{host}"
        );
    }

    #[test]
    fn lives_and_paths_as_configured() {
        let sealer = Sealer::new(b"k");
        let token = Token::from_config("secret-token");
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let made = |life, until: i64| {
            let mut config = config().with_callback_url("https://h.example/_hub/oauth_callback");
            config.cookie_options.life = life;
            let jar = CookieJar::for_config(&config);
            let until = DateTime::from_timestamp(until, 0).unwrap();
            let cookie = jar.token_cookie(&parts(&[]), &sealer, &token, Some((now, until)));
            let state = jar.state_cookie(&parts(&[]), "12345678", "x");
            assert_eq!(state.path(), Some("/_hub/"));
            let paths = jar.token_cookies(&parts(&[]), &sealer, &token, None);
            let paths: Vec<_> = paths.iter().map(|cookie| cookie.path().unwrap()).collect();
            assert_eq!(paths, ["/services/x/", "/_hub/"]);
            assert_eq!(state.max_age(), Some(Duration::seconds(600)));
            cookie.max_age().map(Duration::whole_seconds)
        };
        let hour = std::time::Duration::from_secs(3600);
        assert_eq!(made(CookieLife::Token, 1_600), Some(600));
        assert_eq!(made(CookieLife::Session, 1_600), None);
        assert_eq!(made(CookieLife::AtMost(hour), 1_600), Some(600));
        assert_eq!(made(CookieLife::AtMost(hour), 9_000), Some(3600));
    }

    #[test]
    fn tokens_are_ours_and_not_ended() {
        let sealer = Sealer::new(b"k");
        let jar = CookieJar::for_config(&config());
        let (now, later) = (
            DateTime::from_timestamp(1_000, 0).unwrap(),
            DateTime::from_timestamp(1_600, 0).unwrap(),
        );
        let made = |token: &str, sealer: &Sealer| {
            let cookie = jar.token_cookie(
                &parts(&[]),
                sealer,
                &Token::from_config(token),
                Some((now, later)),
            );
            cookie.value().to_owned()
        };
        let line = format!(
            "service-x=junk; service-x={}; service-x={}; service-y={}",
            made("foreign", &Sealer::new(b"other")),
            made("mine", &sealer),
            made("elsewhere", &sealer)
        );
        let request = parts(&[("cookie", &line)]);
        let read = |now| {
            jar.tokens(&request.headers, &sealer, now)
                .map(|token| token.expose().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(read(now), ["mine"]);
        assert_eq!(read(later), Vec::<String>::new());
        assert!(jar.has_token(&request.headers));
    }

    #[test]
    fn states_of_several_tabs() {
        let jar = CookieJar::for_config(&config());
        let (suffix, binding) = state::new_binding();
        let line = format!(
            "service-x-oauth-state-{suffix}={}; service-x-oauth-state-bad=1; service-x-oauth-state-12345678=ü",
            binding.expose()
        );
        let request = parts(&[]);
        let mut request = request;
        request.headers.insert(
            "cookie",
            http::HeaderValue::from_bytes(line.as_bytes()).unwrap(),
        );
        // A line that is not ASCII is not read at all; one that is, only as far as it is ours.
        assert_eq!(jar.states(&request.headers).count(), 0);
        let line = line.replace('ü', "x");
        request.headers.insert("cookie", line.parse().unwrap());
        assert_eq!(
            jar.states(&request.headers).collect::<Vec<_>>(),
            [(suffix.as_str(), binding)]
        );
        let cleared = jar.clear_states(&request);
        assert_eq!(cleared.len(), 1);
        assert!(
            cleared[0].to_string().contains("Max-Age=0"),
            "{}",
            cleared[0]
        );
    }
}
