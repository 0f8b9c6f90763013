//! `[OAuthenticator]` and its kind: logins at a provider. Names and defaults are oauthenticator 17.4's.

use std::collections::{BTreeMap, BTreeSet};

use hub_types::secret::Token;
use url::Url;

/// Where the access token goes when the provider is asked who somebody is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenGoes {
    /// Into the `Authorization` header.
    #[default]
    Header,
    /// Into the URL.
    Url,
}

/// `[OAuthenticator]`: what all providers have. What is `None` depends on the provider.
#[derive(Debug, Clone, PartialEq)]
pub struct OAuthenticator {
    /// What the login page calls the provider.
    pub login_service: Option<String>,
    /// Name of this hub at the provider.
    pub client_id: Option<String>,
    /// Its password there.
    pub client_secret: Option<Token>,
    /// Where the provider sends people back; `None`: what the browser's request says.
    pub oauth_callback_url: Option<Url>,
    /// Where people are sent to log in.
    pub authorize_url: Option<Url>,
    /// Where a code becomes a token.
    pub token_url: Option<Url>,
    /// Where is said whose token it is.
    pub userdata_url: Option<Url>,
    /// What is added to that URL.
    pub userdata_params: BTreeMap<String, String>,
    /// Where the token goes then.
    pub userdata_token_method: TokenGoes,
    /// Whether the ID token says who it is, instead.
    pub userdata_from_id_token: bool,
    /// Which claim is the name.
    pub username_claim: Option<String>,
    /// What the provider is asked for.
    pub scope: Option<Vec<String>>,
    /// Whoever was granted all of these is allowed.
    pub allowed_scopes: Vec<String>,
    /// What is added to the URL where people are sent.
    pub extra_authorize_params: BTreeMap<String, String>,
    /// What is added when a code becomes a token.
    pub token_params: BTreeMap<String, String>,
    /// Whether name and password of this hub go into a header, not into the form.
    pub basic_auth: bool,
    /// Whether a stolen code is worth nothing (RFC 7636, S256).
    pub enable_pkce: bool,
    /// Whether the provider's certificate must be good.
    pub validate_server_cert: bool,
    /// Where people go after they have logged out.
    pub logout_redirect_url: Option<Url>,
    /// What people are told whom no rule allows.
    pub custom_403_message: String,
    /// Groups of the provider whose members are allowed.
    pub allowed_groups: BTreeSet<String>,
    /// Groups of the provider whose members are administrators.
    pub admin_groups: BTreeSet<String>,
    /// Where the groups are in what is known of a user: keys with dots between them.
    pub auth_state_groups_key: Option<String>,
}

impl Default for OAuthenticator {
    fn default() -> Self {
        Self {
            login_service: None,
            client_id: None,
            client_secret: None,
            oauth_callback_url: None,
            authorize_url: None,
            token_url: None,
            userdata_url: None,
            userdata_params: BTreeMap::new(),
            userdata_token_method: TokenGoes::Header,
            userdata_from_id_token: false,
            username_claim: None,
            scope: None,
            allowed_scopes: Vec::new(),
            extra_authorize_params: BTreeMap::new(),
            token_params: BTreeMap::new(),
            basic_auth: false,
            enable_pkce: true,
            validate_server_cert: true,
            logout_redirect_url: None,
            custom_403_message: "Sorry, you are not currently authorized to use this hub. Please contact the hub administrator."
                .to_owned(),
            allowed_groups: BTreeSet::new(),
            admin_groups: BTreeSet::new(),
            auth_state_groups_key: None,
        }
    }
}

/// `[GenericOAuthenticator]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GenericOAuthenticator {
    /// Where the groups are in what the provider says of a user.
    pub claim_groups_key: Option<String>,
}

/// `[oidc]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Oidc {
    /// The provider's name for itself, a URL, letter for letter.
    pub issuer: Option<String>,
}

/// `[GitHubOAuthenticator]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GitHubOAuthenticator {
    /// Where GitHub is; `None`: github.com.
    pub github_url: Option<Url>,
    /// Where its API is; `None`: where it is for that URL.
    pub github_api: Option<Url>,
    /// Organizations and teams (`org:team`) whose members are allowed.
    pub allowed_organizations: BTreeSet<String>,
    /// Whether the teams are kept in the user's state.
    pub populate_teams_in_auth_state: bool,
}

/// `[GitLabOAuthenticator]`.
#[derive(Debug, Clone, PartialEq)]
pub struct GitLabOAuthenticator {
    /// Where GitLab is; `None`: gitlab.com.
    pub gitlab_url: Option<Url>,
    /// Where its API is; `None`: where it is for that URL and version.
    pub gitlab_api: Option<Url>,
    /// The version of its API.
    pub gitlab_api_version: String,
    /// Groups whose members are allowed.
    pub allowed_gitlab_groups: BTreeSet<String>,
    /// Projects, by number, whose developers are allowed.
    pub allowed_project_ids: BTreeSet<String>,
}

impl Default for GitLabOAuthenticator {
    fn default() -> Self {
        Self {
            gitlab_url: None,
            gitlab_api: None,
            gitlab_api_version: "4".to_owned(),
            allowed_gitlab_groups: BTreeSet::new(),
            allowed_project_ids: BTreeSet::new(),
        }
    }
}

/// `[GoogleOAuthenticator]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GoogleOAuthenticator {
    /// Where Google's API is; `None`: www.googleapis.com.
    pub google_api_url: Option<Url>,
    /// Organizations, by domain, whose people alone may log in; empty: everybody's.
    pub hosted_domain: Vec<String>,
    /// Whether names lose their domain; `None`: if there is one hosted domain.
    pub strip_domain: Option<bool>,
}
