//! What is known of a provider before anybody logs in: the configuration, with what its kind says by itself.

use std::collections::{BTreeMap, BTreeSet};

use hub_types::secret::Token;
use url::Url;

use crate::auth::groups_named;
use crate::config::{Accounts, Config, Provider, TokenGoes};

/// Where a provider is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) authorize: Url,
    pub(super) token: Url,
    /// Unless the ID token says all.
    pub(super) userdata: Option<Url>,
}

/// What holds for every login.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) class: &'static str,
    pub(super) provider: Provider,
    /// What people call it.
    pub(super) service: String,
    pub(super) client_id: String,
    pub(super) client_secret: Option<Token>,
    pub(super) basic_auth: bool,
    pub(super) pkce: bool,
    pub(super) callback: Option<Url>,
    /// `None`: they are discovered.
    pub(super) endpoints: Option<Endpoints>,
    pub(super) userdata_params: BTreeMap<String, String>,
    pub(super) token_goes: TokenGoes,
    pub(super) from_id_token: bool,
    pub(super) scope: Vec<String>,
    pub(super) authorize_params: BTreeMap<String, String>,
    pub(super) token_params: BTreeMap<String, String>,
    pub(super) claim: String,
    /// Under which key of the state stands what the provider says of the person.
    pub(super) state_key: &'static str,
    pub(super) not_allowed: String,
    pub(super) logout: Option<Url>,
    /// Where the groups are; `None`: they are not looked at.
    pub(super) groups_key: Option<String>,
    pub(super) allowed_groups: BTreeSet<String>,
    pub(super) admin_groups: BTreeSet<String>,
    pub(super) allowed_scopes: Vec<String>,
    /// Whether everybody is allowed anyway.
    pub(super) allow_all: bool,
    pub(super) kept: bool,
}

impl Settings {
    pub(super) fn new(config: &Config, provider: Provider, accounts: Accounts) -> Self {
        let (oauth, auth) = (&config.oauth, &config.authenticator);
        let kind = Kind::of(provider);
        let service = oauth.login_service.clone();
        let scope = oauth.scope.clone();
        Self {
            class: class(provider, accounts),
            provider,
            service: service.unwrap_or_else(|| kind.service.to_owned()),
            client_id: oauth.client_id.clone().unwrap_or_default(),
            client_secret: oauth.client_secret.clone(),
            basic_auth: oauth.basic_auth,
            pkce: oauth.enable_pkce,
            callback: oauth.oauth_callback_url.clone(),
            endpoints: endpoints(config, provider),
            userdata_params: oauth.userdata_params.clone(),
            token_goes: oauth.userdata_token_method,
            from_id_token: oauth.userdata_from_id_token,
            scope: scope.unwrap_or_else(|| kind.scope.iter().map(ToString::to_string).collect()),
            authorize_params: oauth.extra_authorize_params.clone(),
            token_params: oauth.token_params.clone(),
            claim: oauth
                .username_claim
                .clone()
                .unwrap_or_else(|| kind.claim.to_owned()),
            state_key: kind.state_key,
            not_allowed: oauth.custom_403_message.clone(),
            logout: oauth.logout_redirect_url.clone(),
            groups_key: auth
                .manage_groups
                .then(|| groups_key(config, kind.state_key)),
            allowed_groups: groups_named(&oauth.allowed_groups),
            admin_groups: groups_named(&oauth.admin_groups),
            allowed_scopes: oauth.allowed_scopes.clone(),
            allow_all: config.allow_all(),
            kept: auth.enable_auth_state,
        }
    }
}

/// What a kind of provider says by itself. Source: oauthenticator 17.4; those of `oidc` are ours.
struct Kind {
    service: &'static str,
    claim: &'static str,
    state_key: &'static str,
    scope: &'static [&'static str],
}

impl Kind {
    fn of(provider: Provider) -> Self {
        let (service, claim, state_key, scope): (_, _, _, &[_]) = match provider {
            Provider::Generic => ("OAuth 2.0", "username", "oauth_user", &[]),
            Provider::Oidc => (
                "OpenID Connect",
                "preferred_username",
                "oidc_user",
                &["openid", "profile", "email"],
            ),
            Provider::GitHub => ("GitHub", "login", "github_user", &[]),
            Provider::GitLab => ("GitLab", "username", "gitlab_user", &[]),
            Provider::Google => ("Google", "email", "google_user", &["openid", "email"]),
        };
        Self {
            service,
            claim,
            state_key,
            scope,
        }
    }
}

fn class(provider: Provider, accounts: Accounts) -> &'static str {
    match (provider, accounts) {
        (Provider::Generic, Accounts::Hub) => "oauthenticator.generic.GenericOAuthenticator",
        (Provider::Generic, Accounts::System) => {
            "oauthenticator.generic.LocalGenericOAuthenticator"
        }
        (Provider::Oidc, Accounts::Hub) => "oidc",
        (Provider::Oidc, Accounts::System) => "local-oidc",
        (Provider::GitHub, Accounts::Hub) => "oauthenticator.github.GitHubOAuthenticator",
        (Provider::GitHub, Accounts::System) => "oauthenticator.github.LocalGitHubOAuthenticator",
        (Provider::GitLab, Accounts::Hub) => "oauthenticator.gitlab.GitLabOAuthenticator",
        (Provider::GitLab, Accounts::System) => "oauthenticator.gitlab.LocalGitLabOAuthenticator",
        (Provider::Google, Accounts::Hub) => "oauthenticator.google.GoogleOAuthenticator",
        (Provider::Google, Accounts::System) => "oauthenticator.google.LocalGoogleOAuthenticator",
    }
}

fn groups_key(config: &Config, state_key: &str) -> String {
    let claim = config.generic_oauth.claim_groups_key.as_deref();
    config
        .oauth
        .auth_state_groups_key
        .clone()
        .unwrap_or_else(|| format!("{state_key}.{}", claim.unwrap_or("groups")))
}

/// A URL below another.
pub(super) fn below(url: &Url, path: &str) -> Url {
    let mut whole = url.clone();
    whole.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
    whole
}

/// A URL that is known to be one.
fn known(text: &str) -> Option<Url> {
    Url::parse(text).ok()
}

/// Where GitHub's API is.
pub(super) fn github_api(config: &Config) -> Option<Url> {
    let github = &config.github;
    let own = github.github_url.as_ref();
    match (&github.github_api, own) {
        (Some(api), _) => Some(api.clone()),
        (None, Some(url)) if url.as_str() != "https://github.com/" => Some(below(url, "api/v3")),
        (None, _) => known("https://api.github.com"),
    }
}

/// Where GitLab's API is.
pub(super) fn gitlab_api(config: &Config) -> Option<Url> {
    let gitlab = &config.gitlab;
    let url = gitlab
        .gitlab_url
        .clone()
        .or_else(|| known("https://gitlab.com"))?;
    let path = format!("api/v{}", gitlab.gitlab_api_version);
    Some(
        gitlab
            .gitlab_api
            .clone()
            .unwrap_or_else(|| below(&url, &path)),
    )
}

/// What the kind says, where the configuration does not say otherwise.
fn endpoints(config: &Config, provider: Provider) -> Option<Endpoints> {
    let oauth = &config.oauth;
    let (authorize, token, userdata) = match provider {
        Provider::Oidc => return None,
        Provider::Generic => (None, None, None),
        Provider::GitHub => {
            let own = config.github.github_url.clone();
            let url = own.or_else(|| known("https://github.com"))?;
            (
                Some(below(&url, "login/oauth/authorize")),
                Some(below(&url, "login/oauth/access_token")),
                Some(below(&github_api(config)?, "user")),
            )
        }
        Provider::GitLab => {
            let own = config.gitlab.gitlab_url.clone();
            let url = own.or_else(|| known("https://gitlab.com"))?;
            (
                Some(below(&url, "oauth/authorize")),
                Some(below(&url, "oauth/token")),
                Some(below(&gitlab_api(config)?, "user")),
            )
        }
        Provider::Google => {
            let own = config.google.google_api_url.clone();
            let api = own.or_else(|| known("https://www.googleapis.com"))?;
            (
                known("https://accounts.google.com/o/oauth2/v2/auth"),
                Some(below(&api, "oauth2/v4/token")),
                Some(below(&api, "oauth2/v1/userinfo")),
            )
        }
    };
    let userdata = oauth.userdata_url.clone().or(userdata);
    Some(Endpoints {
        authorize: oauth.authorize_url.clone().or(authorize)?,
        token: oauth.token_url.clone().or(token)?,
        userdata: userdata.filter(|_| !oauth.userdata_from_id_token),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(provider: Provider, change: impl FnOnce(&mut Config)) -> [String; 3] {
        let mut config = Config::default();
        change(&mut config);
        let found = endpoints(&config, provider).unwrap();
        let userdata = found.userdata.map(String::from).unwrap_or_default();
        [found.authorize.into(), found.token.into(), userdata]
    }

    #[test]
    fn where_providers_are() {
        assert_eq!(
            at(Provider::GitHub, |_| {}),
            [
                "https://github.com/login/oauth/authorize",
                "https://github.com/login/oauth/access_token",
                "https://api.github.com/user"
            ]
        );
        let enterprise =
            |config: &mut Config| config.github.github_url = known("https://code.example/git/");
        assert_eq!(
            at(Provider::GitHub, enterprise),
            [
                "https://code.example/git/login/oauth/authorize",
                "https://code.example/git/login/oauth/access_token",
                "https://code.example/git/api/v3/user"
            ]
        );
        let named = |config: &mut Config| config.github.github_url = known("https://github.com");
        assert_eq!(
            at(Provider::GitHub, named)[2],
            "https://api.github.com/user"
        );
        assert_eq!(
            at(Provider::GitLab, |_| {}),
            [
                "https://gitlab.com/oauth/authorize",
                "https://gitlab.com/oauth/token",
                "https://gitlab.com/api/v4/user"
            ]
        );
        assert_eq!(
            at(Provider::Google, |_| {}),
            [
                "https://accounts.google.com/o/oauth2/v2/auth",
                "https://www.googleapis.com/oauth2/v4/token",
                "https://www.googleapis.com/oauth2/v1/userinfo"
            ]
        );
        let own = |config: &mut Config| {
            config.oauth.token_url = known("https://a.example/t");
            config.oauth.userdata_from_id_token = true;
        };
        let google = at(Provider::Google, own);
        assert_eq!(
            (google[1].as_str(), google[2].as_str()),
            ("https://a.example/t", "")
        );
        assert!(endpoints(&Config::default(), Provider::Generic).is_none());
        assert!(endpoints(&Config::default(), Provider::Oidc).is_none());
    }

    #[test]
    fn where_groups_are() {
        let mut config = Config::default();
        assert_eq!(groups_key(&config, "oauth_user"), "oauth_user.groups");
        config.generic_oauth.claim_groups_key = Some("roles".into());
        assert_eq!(groups_key(&config, "oauth_user"), "oauth_user.roles");
        config.oauth.auth_state_groups_key = Some("scope".into());
        assert_eq!(groups_key(&config, "oauth_user"), "scope");
    }
}
