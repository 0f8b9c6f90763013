//! `OAuthenticator` and its kind: logins at a provider. Source: oauthenticator 17.4; `oidc` is ours.

use crate::config::kind::collection::{TextMap, Texts};
use crate::config::kind::oauth::{Domains, Issuer, NameSet, OptTexts, TokenPlace, Version};
use crate::config::kind::scalar::{Bool, OptBool, OptText, Secret, Text};
use crate::config::kind::special::WebUrl;
use crate::config::traits::{Class, class};

pub(super) static OAUTH: Class = class! {
    OAuthenticator: Authenticator, "Logins at a provider, whichever it is: settings that all of them have.";
    works {
        client_id: OptText => oauth.client_id,
            "What the provider calls this hub, which has to be registered there. Unset: $OAUTH_CLIENT_ID, or $GITHUB_CLIENT_ID and the like.";
        client_secret: Secret => oauth.client_secret,
            "This hub's password at the provider. Unset: $OAUTH_CLIENT_SECRET, or $GITHUB_CLIENT_SECRET and the like.";
        oauth_callback_url: WebUrl => oauth.oauth_callback_url,
            "Where the provider sends people back: https://HOST/hub/oauth_callback with the base URL before hub, as it is registered there. Unset: $OAUTH_CALLBACK_URL, else what the browser's request says.";
        authorize_url: WebUrl => oauth.authorize_url,
            "Where people are sent to log in. Unset: $OAUTH2_AUTHORIZE_URL, or what the provider's kind says.";
        token_url: WebUrl => oauth.token_url,
            "Where the hub exchanges a code for a token. Unset: $OAUTH2_TOKEN_URL, or what the provider's kind says.";
        userdata_url: WebUrl => oauth.userdata_url,
            "Where the hub asks whose token it is. Unset: $OAUTH2_USERDATA_URL, or what the provider's kind says.";
        userdata_params: TextMap => oauth.userdata_params,
            "What is added to the query of userdata_url.";
        userdata_token_method: TokenPlace => oauth.userdata_token_method,
            "Where the token goes then: \"header\" or \"url\".";
        userdata_from_id_token: Bool => oauth.userdata_from_id_token,
            "Whether the ID token that comes with the access token says who it is, instead of userdata_url. With oidc it does anyway, and its signature is checked.";
        username_claim: OptText => oauth.username_claim,
            "Which claim becomes the name: login with GitHub, username with GitLab and generic, email with Google, preferred_username with oidc. An email counts only if the provider has verified it.";
        login_service: OptText => oauth.login_service,
            "What the login page calls the provider. Unset: $LOGIN_SERVICE, else its own name.";
        scope: OptTexts => oauth.scope,
            "What the provider is asked for: names of its scopes. Unset: what its kind needs.";
        allowed_scopes: Texts => oauth.allowed_scopes,
            "Whoever was granted all of these scopes may log in. They must be part of scope.";
        extra_authorize_params: TextMap => oauth.extra_authorize_params,
            "What is added to the query of authorize_url.";
        token_params: TextMap => oauth.token_params,
            "What is added to the form that goes to token_url.";
        basic_auth: Bool => oauth.basic_auth,
            "Whether this hub's name and password go to token_url in a header, not in the form.";
        enable_pkce: Bool => oauth.enable_pkce,
            "Whether a secret of each login makes a stolen code worth nothing (PKCE, S256). Providers that do not know it pass it over.";
        validate_server_cert: Bool => oauth.validate_server_cert,
            "Whether the provider's certificate must be good. Off, anybody on the way can be anybody: for tests only.";
        logout_redirect_url: WebUrl => oauth.logout_redirect_url,
            "Where people go after they have logged out of the hub, e.g. where the provider logs them out, too.";
        custom_403_message: Text => oauth.custom_403_message,
            "What people are told whom no rule allows.";
        allowed_groups: NameSet => oauth.allowed_groups,
            "Groups of the provider whose members may log in. Needs manage_groups.";
        admin_groups: NameSet => oauth.admin_groups,
            "Groups of the provider whose members are administrators; others are not, unless admin_users names them. Needs manage_groups.";
        auth_state_groups_key: OptText => oauth.auth_state_groups_key,
            "Where a user's groups are in what is known after a login: keys with dots between them, e.g. \"oauth_user.groups\". Needs manage_groups.";
    }
    refused {
        modify_auth_state_hook "this hub runs no Python; name what is needed with scope and auth_state_groups_key";
        refresh_user_hook "this hub runs no Python; logins are refreshed with the provider's tokens";
        http_request_kwargs "it holds options of Python's tornado, which is not used here";
    }
};

pub(super) static GENERIC: Class = class! {
    GenericOAuthenticator: OAuthenticator, "A provider that is described by its URLs. One that speaks OpenID Connect is better told by oidc, which checks more.";
    renamed {
        claim_groups_key: OptText => generic_oauth.claim_groups_key,
            "write auth_state_groups_key, with oauth_user. before it";
        username_key: OptText => oauth.username_claim, "write username_claim";
        extra_params: TextMap => oauth.token_params, "write token_params";
        tls_verify: Bool => oauth.validate_server_cert, "write validate_server_cert";
    }
};

pub(super) static OIDC: Class = class! {
    oidc: OAuthenticator, "A provider that speaks OpenID Connect: its URLs are discovered, its ID tokens checked. Only this hub has it. The settings of [OAuthenticator] count here, too.";
    works {
        issuer: Issuer => oidc.issuer,
            "The provider's name for itself, a URL: what is in front of /.well-known/openid-configuration, letter for letter.";
    }
};

pub(super) static GITHUB: Class = class! {
    GitHubOAuthenticator: OAuthenticator, "Logins at GitHub or at an Enterprise server.";
    works {
        github_url: WebUrl => github.github_url,
            "Where GitHub is. Unset: $GITHUB_URL, else https://$GITHUB_HOST, else https://github.com.";
        github_api: WebUrl => github.github_api,
            "Where its API is. Unset: https://api.github.com, or /api/v3 of an Enterprise server.";
        allowed_organizations: NameSet => github.allowed_organizations,
            "Organizations (\"org\") and teams (\"org:team\", as in their URLs) whose members may log in. For private memberships and for teams scope needs read:org.";
        populate_teams_in_auth_state: Bool => github.populate_teams_in_auth_state,
            "Whether the user's teams are kept under \"teams\" of auth_state. scope needs read:org.";
    }
    renamed {
        github_client_id: OptText => oauth.client_id, "write client_id";
        github_client_secret: Secret => oauth.client_secret, "write client_secret";
        github_organization_whitelist: NameSet => github.allowed_organizations, "write allowed_organizations";
    }
};

pub(super) static GITLAB: Class = class! {
    GitLabOAuthenticator: OAuthenticator, "Logins at gitlab.com or at a GitLab of one's own (12.4 or later).";
    works {
        gitlab_url: WebUrl => gitlab.gitlab_url,
            "Where GitLab is. Unset: $GITLAB_URL, else https://$GITLAB_HOST, else https://gitlab.com.";
        gitlab_api: WebUrl => gitlab.gitlab_api,
            "Where its API is. Unset: /api/v4 below gitlab_url.";
        gitlab_api_version: Version => gitlab.gitlab_api_version,
            "The version of its API. Unset: $GITLAB_API_VERSION, else 4.";
        allowed_gitlab_groups: NameSet => gitlab.allowed_gitlab_groups,
            "Groups, by path (\"group/subgroup\"), whose members may log in: one question to GitLab for each.";
        allowed_project_ids: NameSet => gitlab.allowed_project_ids,
            "Projects, by number, whose developers (and whoever may more) may log in: one question to GitLab for each.";
    }
    renamed {
        gitlab_group_whitelist: NameSet => gitlab.allowed_gitlab_groups, "write allowed_gitlab_groups";
        gitlab_project_id_whitelist: NameSet => gitlab.allowed_project_ids, "write allowed_project_ids";
    }
};

pub(super) static GOOGLE: Class = class! {
    GoogleOAuthenticator: OAuthenticator, "Logins at Google. Only verified addresses count.";
    works {
        google_api_url: WebUrl => google.google_api_url,
            "Where Google's API is. Unset: $GOOGLE_API_URL, else https://www.googleapis.com.";
        hosted_domain: Domains => google.hosted_domain,
            "Organizations at Google, by domain, whose people alone may log in; that alone allows nobody. Unset: $HOSTED_DOMAIN, with ; between several.";
        strip_domain: OptBool => google.strip_domain,
            "Whether names lose the domain of hosted_domain. Unset: if there is only one.";
    }
    refused {
        google_service_account_keys "Google's groups need a service account, which this hub cannot use; allow people with hosted_domain, allowed_users or an OpenID provider that tells groups";
        gsuite_administrator "Google's groups need a service account, which this hub cannot use; allow people with hosted_domain, allowed_users or an OpenID provider that tells groups";
        allowed_google_groups "Google tells groups to service accounts only, which this hub cannot use; allow people with hosted_domain, allowed_users or an OpenID provider that tells groups";
        admin_google_groups "Google tells groups to service accounts only, which this hub cannot use; name administrators in admin_users";
        include_nested_groups "Google tells groups to service accounts only, which this hub cannot use";
        google_group_whitelist "Google tells groups to service accounts only, which this hub cannot use; allow people with hosted_domain, allowed_users or an OpenID provider that tells groups";
    }
};

pub(super) static LOCAL_GENERIC: Class = class! {
    LocalGenericOAuthenticator: GenericOAuthenticator, "The same, for users of this machine: with the settings of [LocalAuthenticator], too.";
};

pub(super) static LOCAL_OIDC: Class = class! {
    local_oidc: oidc, "The same, for users of this machine: with the settings of [LocalAuthenticator], too. Only this hub has it.";
};

pub(super) static LOCAL_GITHUB: Class = class! {
    LocalGitHubOAuthenticator: GitHubOAuthenticator, "The same, for users of this machine: with the settings of [LocalAuthenticator], too.";
};

pub(super) static LOCAL_GITLAB: Class = class! {
    LocalGitLabOAuthenticator: GitLabOAuthenticator, "The same, for users of this machine: with the settings of [LocalAuthenticator], too.";
};

pub(super) static LOCAL_GOOGLE: Class = class! {
    LocalGoogleOAuthenticator: GoogleOAuthenticator, "The same, for users of this machine: with the settings of [LocalAuthenticator], too.";
};
