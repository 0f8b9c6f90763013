//! Logins at a provider: what the environment says of them, and what must fit together.

use hub_types::env::{EnvSource, JUPYTERHUB_CRYPT_KEY};
use hub_types::secret::Token;
use url::Url;

use super::State;
use crate::config::kind::oauth::{Domains, Version};
use crate::config::kind::special::WebUrl;
use crate::config::kind::{Faults, Kind};
use crate::config::node::{Node, Value};
use crate::config::problem::{Place, Problem};
use crate::config::{Config, CryptKey, Provider, TokenGoes};

const OAUTH: &str = "OAuthenticator";

/// Fills in keys from the environment, then checks that there is one if it is needed.
pub(super) fn keys(config: &mut Config, state: &mut State, env: &dyn EnvSource) {
    let keys = &mut config.crypt_keeper.keys;
    if keys.is_empty()
        && let Some(text) = env.get_nonempty(JUPYTERHUB_CRYPT_KEY)
    {
        let place = Place::Env(JUPYTERHUB_CRYPT_KEY);
        for part in text.split(';').filter(|part| !part.trim().is_empty()) {
            match CryptKey::parse(part) {
                Some(key) => keys.push(key),
                None => {
                    let message = format!("holds what is no key: {}", CryptKey::EXPECTS);
                    state.problems.push(Problem::new(&place, message));
                    return;
                }
            }
        }
    }
    if config.authenticator.enable_auth_state && config.crypt_keeper.keys.is_empty() {
        let message = format!(
            "needs a key to encrypt with: set ${JUPYTERHUB_CRYPT_KEY} or [CryptKeeper] keys (`openssl rand -hex 32` makes \
             one, to be kept)"
        );
        state.problem("Authenticator", "enable_auth_state", message);
    }
}

/// The environment, as far as nothing else was set.
struct Env<'a> {
    source: &'a dyn EnvSource,
    state: &'a mut State,
}

impl Env<'_> {
    /// The first of these variables that is set.
    fn first(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names
            .iter()
            .find_map(|name| Some((*name, self.source.get_nonempty(name)?)))
    }

    fn text(&self, slot: &mut Option<String>, names: &[&'static str]) {
        if slot.is_none() {
            *slot = self.first(names).map(|(_, text)| text);
        }
    }

    /// Reads a variable as the kind `K`.
    fn read<K: Kind>(&mut self, name: &'static str, text: String) -> Option<K::Target> {
        let node = Node::new(Value::Text(text), Place::Env(name));
        K::read(
            &node,
            &mut Faults::new("the value".to_owned(), &mut self.state.problems),
        )
    }

    fn url(&mut self, slot: &mut Option<Url>, names: &[&'static str]) {
        if slot.is_none()
            && let Some((name, text)) = self.first(names)
        {
            *slot = self.read::<WebUrl>(name, text).flatten();
        }
    }

    /// An address that people write without its scheme, too.
    fn host(&mut self, slot: &mut Option<Url>, names: &[&'static str]) {
        if slot.is_none()
            && let Some((name, text)) = self.first(names)
        {
            let text = match text.contains("://") {
                true => text,
                false => format!("https://{text}"),
            };
            *slot = self.read::<WebUrl>(name, text).flatten();
        }
    }
}

/// Fills in what the environment says of the provider, then checks. Source: oauthenticator 17.4.
pub(super) fn check(config: &mut Config, state: &mut State, env: &dyn EnvSource) {
    let Some(provider) = config.jupyterhub.authenticator_class.provider() else {
        return;
    };
    let mut env = Env {
        source: env,
        state: &mut *state,
    };
    common(config, provider, &mut env);
    switches(config, &mut env);
    match provider {
        Provider::GitHub => env.host(
            &mut config.github.github_url,
            &["GITHUB_URL", "GITHUB_HOST"],
        ),
        Provider::GitLab => gitlab(config, &mut env),
        Provider::Google => google(config, &mut env),
        Provider::Generic | Provider::Oidc => {}
    }
    needs(config, provider, state);
    groups(config, provider, state);
    github(config, state);
    warn(config, state);
}

fn common(config: &mut Config, provider: Provider, env: &mut Env<'_>) {
    let (id, secret): (&[&str], &[&str]) = match provider {
        Provider::GitHub => (
            &["GITHUB_CLIENT_ID", "OAUTH_CLIENT_ID"],
            &["GITHUB_CLIENT_SECRET", "OAUTH_CLIENT_SECRET"],
        ),
        Provider::GitLab => (
            &["GITLAB_CLIENT_ID", "OAUTH_CLIENT_ID"],
            &["GITLAB_CLIENT_SECRET", "OAUTH_CLIENT_SECRET"],
        ),
        Provider::Generic | Provider::Oidc | Provider::Google => {
            (&["OAUTH_CLIENT_ID"], &["OAUTH_CLIENT_SECRET"])
        }
    };
    let oauth = &mut config.oauth;
    env.text(&mut oauth.client_id, id);
    if oauth.client_secret.is_none() {
        oauth.client_secret = env.first(secret).map(|(_, text)| Token::from_config(text));
    }
    env.text(&mut oauth.login_service, &["LOGIN_SERVICE"]);
    env.url(&mut oauth.oauth_callback_url, &["OAUTH_CALLBACK_URL"]);
    env.url(
        &mut oauth.logout_redirect_url,
        &["OAUTH_LOGOUT_REDIRECT_URL"],
    );
    if provider == Provider::Generic {
        env.text(&mut oauth.username_claim, &["OAUTH2_USERNAME_KEY"]);
        env.url(&mut oauth.authorize_url, &["OAUTH2_AUTHORIZE_URL"]);
        env.url(&mut oauth.token_url, &["OAUTH2_TOKEN_URL"]);
        if !oauth.userdata_from_id_token {
            env.url(&mut oauth.userdata_url, &["OAUTH2_USERDATA_URL"]);
        }
        env.text(
            &mut config.generic_oauth.claim_groups_key,
            &["OAUTH2_GROUPS_KEY"],
        );
    }
}

/// What is on or off, and was not set.
fn switches(config: &mut Config, env: &mut Env<'_>) {
    let unset = |env: &Env<'_>, name: &str| env.state.node(OAUTH, name).is_none();
    let oauth = &mut config.oauth;
    if unset(env, "basic_auth")
        && let Some((_, text)) = env.first(&["OAUTH2_BASIC_AUTH"])
    {
        oauth.basic_auth = text == "1" || text.eq_ignore_ascii_case("true");
    }
    let own = env
        .state
        .node("GenericOAuthenticator", "tls_verify")
        .is_some();
    if unset(env, "validate_server_cert")
        && !own
        && let Some((_, text)) = env.first(&["OAUTH_TLS_VERIFY"])
    {
        oauth.validate_server_cert = text != "0";
    }
    if unset(env, "userdata_token_method")
        && let Some((_, text)) = env.first(&["OAUTH2_USERDATA_REQUEST_TYPE"])
    {
        oauth.userdata_token_method = match text.as_str() {
            "url" => TokenGoes::Url,
            _ => TokenGoes::Header,
        };
    }
}

fn gitlab(config: &mut Config, env: &mut Env<'_>) {
    env.host(
        &mut config.gitlab.gitlab_url,
        &["GITLAB_URL", "GITLAB_HOST"],
    );
    let unset = env
        .state
        .node("GitLabOAuthenticator", "gitlab_api_version")
        .is_none();
    if unset && let Some((name, text)) = env.first(&["GITLAB_API_VERSION"]) {
        let version = env.read::<Version>(name, text);
        config.gitlab.gitlab_api_version = version.unwrap_or_default();
    }
}

fn google(config: &mut Config, env: &mut Env<'_>) {
    env.url(&mut config.google.google_api_url, &["GOOGLE_API_URL"]);
    if config.google.hosted_domain.is_empty()
        && let Some((name, text)) = env.first(&["HOSTED_DOMAIN"])
    {
        let domains = text.split(';').filter(|domain| !domain.is_empty());
        let read = domains.filter_map(|domain| env.read::<Domains>(name, domain.to_owned()));
        config.google.hosted_domain = read.flatten().collect();
    }
}

/// What a login cannot do without.
fn needs(config: &Config, provider: Provider, state: &mut State) {
    let oauth = &config.oauth;
    if oauth.client_id.is_none() {
        let message = "is not set, nor is $OAUTH_CLIENT_ID: register this hub at the provider, which gives it an id and a secret";
        state.problem(OAUTH, "client_id", message);
    }
    if provider == Provider::Oidc && config.oidc.issuer.is_none() {
        state.problem(
            "oidc",
            "issuer",
            "is not set: it is the URL of the provider",
        );
    }
    if provider == Provider::Generic {
        urls(config, state);
    }
    if oauth.userdata_url.is_some() && oauth.userdata_from_id_token {
        let message = "and userdata_url exclude each other: who somebody is comes from one of them";
        state.problem(OAUTH, "userdata_from_id_token", message);
    }
    let asked = oauth.scope.as_deref().unwrap_or_default();
    if oauth
        .allowed_scopes
        .iter()
        .any(|scope| !asked.contains(scope))
    {
        let message = "holds a scope that is not asked for: scope must name it, too";
        state.problem(OAUTH, "allowed_scopes", message);
    }
}

/// Where a provider is that says nothing of itself.
fn urls(config: &Config, state: &mut State) {
    let oauth = &config.oauth;
    for (name, url) in [
        ("authorize_url", &oauth.authorize_url),
        ("token_url", &oauth.token_url),
    ] {
        if url.is_none() {
            let message = "is not set: the provider's documentation names it";
            state.problem(OAUTH, name, message);
        }
    }
    if oauth.userdata_url.is_none() && !oauth.userdata_from_id_token {
        let message =
            "is not set, nor is userdata_from_id_token: the hub would not know who logs in";
        state.problem(OAUTH, "userdata_url", message);
    }
}

/// What has to do with groups.
fn groups(config: &Config, provider: Provider, state: &mut State) {
    let (oauth, managed) = (&config.oauth, config.authenticator.manage_groups);
    let own_key = state.node("GenericOAuthenticator", "claim_groups_key");
    for (class, name, set) in [
        (OAUTH, "allowed_groups", !oauth.allowed_groups.is_empty()),
        (OAUTH, "admin_groups", !oauth.admin_groups.is_empty()),
        (
            OAUTH,
            "auth_state_groups_key",
            oauth.auth_state_groups_key.is_some(),
        ),
        (
            "GenericOAuthenticator",
            "claim_groups_key",
            own_key.is_some(),
        ),
    ] {
        if set && !managed {
            state.problem(class, name, "needs [Authenticator] manage_groups = true");
        }
    }
    let by_default = matches!(provider, Provider::Generic | Provider::Oidc);
    if managed && !by_default && oauth.auth_state_groups_key.is_none() {
        let message = "needs [OAuthenticator] auth_state_groups_key: where the groups are";
        state.problem("Authenticator", "manage_groups", message);
    }
}

/// What only GitHub has.
fn github(config: &Config, state: &mut State) {
    let oauth = &config.oauth;
    let teams = config.github.populate_teams_in_auth_state;
    let asked = oauth.scope.as_deref().unwrap_or_default();
    if teams && !asked.iter().any(|scope| scope == "read:org") {
        let message = "needs [OAuthenticator] scope = [\"read:org\"]";
        state.problem(
            "GitHubOAuthenticator",
            "populate_teams_in_auth_state",
            message,
        );
    }
    for entry in &config.github.allowed_organizations {
        let parts: Vec<&str> = entry.split(':').collect();
        if parts.len() > 2 || parts.iter().any(|part| part.is_empty()) {
            let message = format!("holds {entry:?}: write \"org\" or \"org:team\"");
            state.problem("GitHubOAuthenticator", "allowed_organizations", message);
        }
    }
}

fn warn(config: &Config, state: &mut State) {
    let oauth = &config.oauth;
    if oauth.client_secret.is_none() {
        let message =
            "is not set, nor is $OAUTH_CLIENT_SECRET: most providers refuse a hub without one";
        state.warn(OAUTH, "client_secret", message);
    }
    if !oauth.validate_server_cert {
        let message =
            "= false lets anybody on the way to the provider be anybody here: for tests only";
        state.warn(OAUTH, "validate_server_cert", message);
    }
    let issuer = config
        .oidc
        .issuer
        .as_deref()
        .and_then(|text| Url::parse(text).ok());
    let urls = [
        &oauth.authorize_url,
        &oauth.token_url,
        &oauth.userdata_url,
        &config.github.github_url,
        &config.github.github_api,
        &config.gitlab.gitlab_url,
        &config.gitlab.gitlab_api,
        &config.google.google_api_url,
        &issuer,
    ];
    if let Some(url) = urls.into_iter().flatten().find(|url| in_clear(url)) {
        let host = url.host_str().unwrap_or_default();
        let message = format!(
            "= \"{}\": secrets and tokens go to {host} in clear; use https",
            url.scheme()
        );
        state.warn("JupyterHub", "authenticator_class", message);
    }
}

/// Whether what is sent there can be read on a network.
fn in_clear(url: &Url) -> bool {
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.scheme() != "https" && !here
}

#[cfg(test)]
mod tests;
