//! The environment contract, read: wire contract 1.1 and 1.2.

use std::time::Duration;

use hub_types::env::{
    EnvSource, JPY_API_TOKEN, JUPYTERHUB_ALLOW_TOKEN_IN_URL,
    JUPYTERHUB_ALLOW_WEBSOCKET_COOKIE_AUTH, JUPYTERHUB_API_TOKEN, JUPYTERHUB_API_URL,
    JUPYTERHUB_BASE_URL, JUPYTERHUB_CLIENT_ID, JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED,
    JUPYTERHUB_COOKIE_OPTIONS, JUPYTERHUB_HOST, JUPYTERHUB_OAUTH_ACCESS_SCOPES,
    JUPYTERHUB_OAUTH_CALLBACK_URL, JUPYTERHUB_OAUTH_SCOPES, JUPYTERHUB_PUBLIC_URL,
    JUPYTERHUB_SERVICE_NAME, JUPYTERHUB_SERVICE_PREFIX, JUPYTERHUB_SERVICE_URL,
    JUPYTERHUB_SSL_CERTFILE, JUPYTERHUB_SSL_CLIENT_CA, JUPYTERHUB_SSL_KEYFILE, JUPYTERHUB_USER,
};
use hub_types::scope::{Filter, FilterKind, Scope, ScopeName};
use hub_types::secret::Token;
use url::Url;

use super::{ConfigError, CookieOptions, DefaultAccess, HubAuthConfig, TlsFiles};

/// How many seconds an answer of the hub is believed: an extension of ours, so that an administrator can change it for a
/// service without building it again.
pub const HUBAUTH_CACHE_MAX_AGE: &str = "HUBAUTH_CACHE_MAX_AGE";

impl HubAuthConfig {
    /// Reads the contract between a hub and what it starts. An empty variable counts as not set.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] without a token; [`ConfigError::Malformed`] when scopes, cookie options or a URL cannot
    /// be read, or only some of the TLS files are named. Nothing is guessed where a guess could let somebody in.
    pub fn from_env(env: &impl EnvSource) -> Result<Self, ConfigError> {
        let token = env
            .get_nonempty(JUPYTERHUB_API_TOKEN)
            .or_else(|| env.get_nonempty(JPY_API_TOKEN))
            .unwrap_or_default();
        let mut config = Self::new(Token::from_config(token))?;
        if let Some(base) = env.get_nonempty(JUPYTERHUB_BASE_URL) {
            config = config.with_base_url(&base);
        }
        if let Some(url) = env.get_nonempty(JUPYTERHUB_API_URL) {
            config = config.with_api_url(url);
        }
        if let Some(host) = env.get_nonempty(JUPYTERHUB_HOST) {
            config = config.with_hub_host(host);
        }
        if let Some(prefix) = env.get_nonempty(JUPYTERHUB_SERVICE_PREFIX) {
            config = config.with_service_prefix(&prefix);
        }
        // A service without a web address gets the junk value `oauth_callback` (wire contract 1.2).
        if let Some(url) = env
            .get_nonempty(JUPYTERHUB_OAUTH_CALLBACK_URL)
            .filter(|url| url.contains('/'))
        {
            config = config.with_callback_url(url);
        }
        if let Some(url) = env.get_nonempty(JUPYTERHUB_SERVICE_URL) {
            config = config.with_service_url(url);
        }
        config.client_id = client_id(env);
        config.public_url = public_url(env)?;
        config = config.with_access(default_access(env)?);
        config.tls = tls_files(env)?;
        if let Some(options) = env.get_nonempty(JUPYTERHUB_COOKIE_OPTIONS) {
            config.cookie_options = CookieOptions::from_json(&options).map_err(|reason| {
                malformed(
                    JUPYTERHUB_COOKIE_OPTIONS,
                    reason,
                    "It is a JSON object such as {\"samesite\": \"Lax\"}",
                )
            })?;
        }
        config.cookie_host_prefix = env.get_bool(JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED, false);
        config.allow_token_in_url = env.get_bool(JUPYTERHUB_ALLOW_TOKEN_IN_URL, false);
        config.allow_websocket_cookie_auth =
            env.get_bool(JUPYTERHUB_ALLOW_WEBSOCKET_COOKIE_AUTH, true);
        if let Some(age) = cache_max_age(env)? {
            config.cache_max_age = age;
        }
        Ok(config)
    }
}

fn malformed(name: &'static str, reason: String, remedy: &'static str) -> ConfigError {
    ConfigError::Malformed {
        name,
        reason,
        remedy,
    }
}

fn cache_max_age(env: &impl EnvSource) -> Result<Option<Duration>, ConfigError> {
    env.get_nonempty(HUBAUTH_CACHE_MAX_AGE)
        .map(|text| {
            text.parse().map(Duration::from_secs).map_err(|_| {
                malformed(
                    HUBAUTH_CACHE_MAX_AGE,
                    format!("{text:?} is no number of seconds"),
                    "It is a whole number; 0 asks the hub every time",
                )
            })
        })
        .transpose()
}

fn client_id(env: &impl EnvSource) -> String {
    env.get_nonempty(JUPYTERHUB_CLIENT_ID)
        .or_else(|| {
            env.get_nonempty(JUPYTERHUB_SERVICE_NAME)
                .map(|name| format!("service-{name}"))
        })
        .unwrap_or_default()
}

fn public_url(env: &impl EnvSource) -> Result<Option<Url>, ConfigError> {
    env.get_nonempty(JUPYTERHUB_PUBLIC_URL)
        .map(|text| {
            Url::parse(&text).map_err(|error| {
                malformed(
                    JUPYTERHUB_PUBLIC_URL,
                    error.to_string(),
                    "It is the full URL of this service",
                )
            })
        })
        .transpose()
}

/// Wire contract 4.4. A list that is there but empty lets nobody in: the Python class lets everybody in, which is how
/// allow-lists have failed before (CVE-2020-26250).
fn default_access(env: &impl EnvSource) -> Result<DefaultAccess, ConfigError> {
    for name in [JUPYTERHUB_OAUTH_ACCESS_SCOPES, JUPYTERHUB_OAUTH_SCOPES] {
        let Some(text) = env.get_nonempty(name) else {
            continue;
        };
        let scopes: Vec<Scope> = serde_json::from_str(&text).map_err(|error| {
            malformed(
                name,
                error.to_string(),
                "It is a JSON list of scopes such as [\"access:services!service=NAME\"]",
            )
        })?;
        if scopes.is_empty() {
            tracing::warn!(
                variable = name,
                "the list of access scopes is empty: nobody may enter"
            );
            return Ok(DefaultAccess::Nobody);
        }
        return Ok(DefaultAccess::Scopes(scopes));
    }
    if let Some(service) = env.get_nonempty(JUPYTERHUB_SERVICE_NAME) {
        return Ok(access_of_service(&service));
    }
    if env.get_nonempty(JUPYTERHUB_USER).is_some() {
        tracing::warn!("this is a single-user server without access scopes: nobody may enter");
        return Ok(DefaultAccess::Nobody);
    }
    // A client's id names its service (`service-NAME`): then that one's scope decides. Another client does not learn here
    // whom it may let in.
    match env.get_nonempty(JUPYTERHUB_CLIENT_ID) {
        Some(id) => Ok(DefaultAccess::of_client(&id)),
        None => Ok(DefaultAccess::AnyUser),
    }
}

fn access_of_service(name: &str) -> DefaultAccess {
    DefaultAccess::Scopes(vec![Scope {
        name: ScopeName::AccessServices,
        filter: Filter::Is(FilterKind::Service, name.to_owned()),
    }])
}

impl DefaultAccess {
    /// What an OAuth client's id says: `service-NAME` lets in whoever may enter that service. Any other lets nobody in, until
    /// it is said who may: a token that was issued to another client must not open this one (security case 116).
    pub(super) fn of_client(id: &str) -> Self {
        id.strip_prefix("service-").map_or_else(
            || {
                tracing::warn!(
                    "neither access scopes nor the service's name are set: nobody may enter"
                );
                DefaultAccess::Nobody
            },
            access_of_service,
        )
    }
}

fn tls_files(env: &impl EnvSource) -> Result<Option<TlsFiles>, ConfigError> {
    let file = |name| env.get_nonempty(name).map(std::path::PathBuf::from);
    let found = [
        file(JUPYTERHUB_SSL_KEYFILE),
        file(JUPYTERHUB_SSL_CERTFILE),
        file(JUPYTERHUB_SSL_CLIENT_CA),
    ];
    match found {
        [None, None, None] => Ok(None),
        [Some(keyfile), Some(certfile), Some(client_ca)] => Ok(Some(TlsFiles {
            keyfile,
            certfile,
            client_ca,
        })),
        _ => Err(malformed(
            JUPYTERHUB_SSL_KEYFILE,
            "only some of the three TLS files are named".to_owned(),
            "Set JUPYTERHUB_SSL_KEYFILE, JUPYTERHUB_SSL_CERTFILE and JUPYTERHUB_SSL_CLIENT_CA, or none of them",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn read(pairs: &[(&str, &str)]) -> Result<HubAuthConfig, ConfigError> {
        let mut all = vec![("JUPYTERHUB_API_TOKEN", "secret")];
        all.extend_from_slice(pairs);
        HubAuthConfig::from_env(&env(&all))
    }

    #[test]
    fn a_managed_service() {
        let config = read(&[
            ("JUPYTERHUB_API_URL", "http://127.0.0.1:21081/pfx/hub/api/"),
            ("JUPYTERHUB_BASE_URL", "/pfx/"),
            ("JUPYTERHUB_CLIENT_ID", "service-whoami"),
            ("JUPYTERHUB_HOST", ""),
            (
                "JUPYTERHUB_OAUTH_ACCESS_SCOPES",
                r#"["access:services", "access:services!service=whoami"]"#,
            ),
            (
                "JUPYTERHUB_OAUTH_CALLBACK_URL",
                "/pfx/services/whoami/oauth_callback",
            ),
            ("JUPYTERHUB_SERVICE_NAME", "whoami"),
            ("JUPYTERHUB_SERVICE_PREFIX", "/pfx/services/whoami/"),
            ("JUPYTERHUB_USER", ""),
        ])
        .unwrap();
        assert_eq!(config.api_url, "http://127.0.0.1:21081/pfx/hub/api");
        assert_eq!(config.authorize_url(), "/pfx/hub/api/oauth2/authorize");
        assert_eq!(
            config.callback_path(),
            "/pfx/services/whoami/oauth_callback"
        );
        assert_eq!(config.token_cookie_name(), "service-whoami");
        assert!(matches!(&config.access, DefaultAccess::Scopes(scopes) if scopes.len() == 2));
        assert_eq!(config.cache_max_age, crate::config::DEFAULT_CACHE_MAX_AGE);
        assert!(!format!("{config:?}").contains("secret\""));
    }

    #[test]
    fn who_may_enter_by_default() {
        for (pairs, expected) in [
            (vec![], DefaultAccess::AnyUser),
            (vec![("JUPYTERHUB_USER", "alice")], DefaultAccess::Nobody),
            (
                vec![("JUPYTERHUB_OAUTH_SCOPES", "[]")],
                DefaultAccess::Nobody,
            ),
            (
                vec![("JUPYTERHUB_SERVICE_NAME", "x")],
                DefaultAccess::Scopes(vec!["access:services!service=x".parse().unwrap()]),
            ),
            (
                vec![
                    ("JUPYTERHUB_SERVICE_NAME", "x"),
                    ("JUPYTERHUB_OAUTH_SCOPES", r#"["access:services"]"#),
                ],
                DefaultAccess::Scopes(vec!["access:services".parse().unwrap()]),
            ),
        ] {
            assert_eq!(read(&pairs).unwrap().access, expected, "{pairs:?}");
        }
    }

    #[test]
    fn case_116_a_client_is_not_open_to_the_tokens_of_others() {
        let new = || HubAuthConfig::new(Token::from_config("secret")).unwrap();
        let own = DefaultAccess::Scopes(vec!["access:services!service=b".parse().unwrap()]);
        assert_eq!(new().with_client_id("service-b").access, own);
        assert_eq!(new().with_client_id("b").access, DefaultAccess::Nobody);
        let open = new().with_access(DefaultAccess::AnyUser);
        assert_eq!(
            open.with_client_id("service-b").access,
            DefaultAccess::AnyUser
        );
        let open = new()
            .with_client_id("service-b")
            .with_access(DefaultAccess::AnyUser);
        assert_eq!(open.access, DefaultAccess::AnyUser);
        let told = read(&[("JUPYTERHUB_SERVICE_NAME", "a")]).unwrap();
        let a = DefaultAccess::Scopes(vec!["access:services!service=a".parse().unwrap()]);
        assert_eq!(told.with_client_id("service-b").access, a);
    }

    #[test]
    fn what_is_refused_names_the_variable() {
        for (name, value) in [
            ("JUPYTERHUB_API_TOKEN", ""),
            ("JUPYTERHUB_API_TOKEN", "  "),
            ("JUPYTERHUB_OAUTH_ACCESS_SCOPES", "access:services"),
            ("JUPYTERHUB_OAUTH_ACCESS_SCOPES", r#"["acess:services"]"#),
            ("JUPYTERHUB_OAUTH_SCOPES", r#"{"a": 1}"#),
            ("JUPYTERHUB_COOKIE_OPTIONS", "samesite=lax"),
            ("JUPYTERHUB_PUBLIC_URL", "hub.example"),
            ("JUPYTERHUB_SSL_KEYFILE", "/key.pem"),
            ("HUBAUTH_CACHE_MAX_AGE", "five"),
            ("HUBAUTH_CACHE_MAX_AGE", "-1"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{name}={value}: {error}");
        }
    }

    #[test]
    fn what_is_not_said_follows_from_what_is() {
        let config = read(&[("JUPYTERHUB_BASE_URL", "/pfx")]).unwrap();
        assert_eq!(config.api_url, "http://127.0.0.1:8081/pfx/hub/api");
        assert_eq!(config.login_url(), "/pfx/hub/login");
        assert_eq!(
            config.token_url(),
            "http://127.0.0.1:8081/pfx/hub/api/oauth2/token"
        );
        let config = read(&[("HUBAUTH_CACHE_MAX_AGE", "0")]).unwrap();
        assert_eq!(config.cache_max_age, Duration::ZERO);
    }

    #[test]
    fn a_callback_that_is_junk_is_not_used() {
        let config = read(&[("JUPYTERHUB_OAUTH_CALLBACK_URL", "oauth_callback")]).unwrap();
        assert_eq!(config.callback_path(), "/oauth_callback");
        let config = read(&[(
            "JUPYTERHUB_OAUTH_CALLBACK_URL",
            "https://s.example/a/oauth_callback?x",
        )])
        .unwrap();
        assert_eq!(config.callback_path(), "/a/oauth_callback");
    }
}
