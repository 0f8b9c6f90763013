//! Metrics, and classes that are not sections of the hub's file, or not yet.

use crate::config::kind::oauth::CryptKeys;
use crate::config::kind::scalar::Bool;
use crate::config::kind::time::Interval;
use crate::config::traits::{Class, class};

/// Authenticators, spawners and proxies of well-known packages.
pub(super) static FOREIGN: &[&str] = &[
    "Auth0OAuthenticator",
    "AzureAdOAuthenticator",
    "BitbucketOAuthenticator",
    "CILogonOAuthenticator",
    "GlobusOAuthenticator",
    "MWOAuthenticator",
    "OpenShiftOAuthenticator",
    "OkpyOAuthenticator",
    "LDAPAuthenticator",
    "TmpAuthenticator",
    "NativeAuthenticator",
    "NullAuthenticator",
    "FirstUseAuthenticator",
    "DockerSpawner",
    "SystemUserSpawner",
    "SwarmSpawner",
    "CarinaAuthenticator",
    "CarinaSpawner",
    "KubeSpawner",
    "SudoSpawner",
    "SystemdSpawner",
    "SlurmSpawner",
    "BatchSpawner",
    "TorqueSpawner",
    "WrapSpawner",
    "ProfilesSpawner",
    "TraefikProxy",
    "EventLog",
];

pub(super) static SERVICE: Class = class! {
    Service, "A service: an item of [[JupyterHub.services]], not a section of its own.";
    refused {
        admin "write it in the service's item of [[JupyterHub.services]]";
        api_token "write it in the service's item of [[JupyterHub.services]]";
        command "write it in the service's item of [[JupyterHub.services]]";
        cwd "write it in the service's item of [[JupyterHub.services]]";
        display "write it in the service's item of [[JupyterHub.services]]";
        environment "write it in the service's item of [[JupyterHub.services]]";
        info "write it in the service's item of [[JupyterHub.services]]";
        name "write it in the service's item of [[JupyterHub.services]]";
        oauth_client_allowed_scopes "write it in the service's item of [[JupyterHub.services]]";
        oauth_client_id "write it in the service's item of [[JupyterHub.services]]";
        oauth_no_confirm "write it in the service's item of [[JupyterHub.services]]";
        oauth_redirect_uri "write it in the service's item of [[JupyterHub.services]]";
        oauth_roles "write it in the service's item of [[JupyterHub.services]]";
        timeout "write it in the service's item of [[JupyterHub.services]]";
        url "write it in the service's item of [[JupyterHub.services]]";
        user "write it in the service's item of [[JupyterHub.services]]";
    }
};

pub(super) static CRYPT_KEEPER: Class = class! {
    CryptKeeper, "Encrypts what authenticators learn of users.";
    works {
        keys: CryptKeys => crypt_keeper.keys,
            "Keys of what is kept of users, each 32 bytes as hex or base64: the first encrypts, all decrypt. Unset: $JUPYTERHUB_CRYPT_KEY, with ; between several.";
    }
    refused {
        n_threads "encryption needs no threads of its own here; remove it";
    }
};

pub(super) static METRICS: Class = class! {
    PeriodicMetricsCollector, "Metrics that are computed from time to time.";
    works {
        active_users_enabled: Bool => metrics.active_users_enabled,
            "Whether the users who were active within 24 hours, 7 and 30 days are counted.";
        active_users_update_interval: Interval => metrics.active_users_update_interval,
            "Seconds between two counts of active users.";
        event_loop_interval_enabled: Bool => metrics.event_loop_interval_enabled,
            "Whether the hub measures how promptly it runs tasks that are due.";
        event_loop_interval_resolution: Interval => metrics.event_loop_interval_resolution,
            "Seconds between two such measurements; shorter delays are not told apart.";
        event_loop_interval_log_threshold: Interval => metrics.event_loop_interval_log_threshold,
            "Seconds of delay from which it is said in the log.";
    }
};

pub(super) static HTTP_CLIENT: Class = class! {
    JupyterHubHTTPClient, "The client that the Python hub asks its proxy with.";
    refused {
        connector_options "it holds options of Python's aiohttp, which is not used here";
        session_options "it holds options of Python's aiohttp, which is not used here";
    }
};

pub(super) static HUB_AUTH: Class = class! {
    HubAuth, "How a service or server asks the hub: part of their configuration, not of the hub's.";
    refused {
        access_scopes "it belongs to the service's own configuration, not to the hub's";
        allow_token_in_url "it belongs to the service's own configuration, not to the hub's";
        allow_websocket_cookie_auth "it belongs to the service's own configuration, not to the hub's";
        api_token "it belongs to the service's own configuration, not to the hub's";
        api_url "it belongs to the service's own configuration, not to the hub's";
        base_url "it belongs to the service's own configuration, not to the hub's";
        cache_max_age "it belongs to the service's own configuration, not to the hub's";
        certfile "it belongs to the service's own configuration, not to the hub's";
        client_ca "it belongs to the service's own configuration, not to the hub's";
        cookie_host_prefix_enabled "it belongs to the service's own configuration, not to the hub's";
        cookie_options "it belongs to the service's own configuration, not to the hub's";
        hub_host "it belongs to the service's own configuration, not to the hub's";
        hub_prefix "it belongs to the service's own configuration, not to the hub's";
        keyfile "it belongs to the service's own configuration, not to the hub's";
        login_url "it belongs to the service's own configuration, not to the hub's";
        cookie_name "it is gone since JupyterHub 1: cookies belong to the hub";
        cookie_cache_max_age "it is gone since JupyterHub 1; services have cache_max_age";
    }
};

pub(super) static HUB_OAUTH: Class = class! {
    HubOAuth: HubAuth, "How a service or server logs users in: part of their configuration, not of the hub's.";
    refused {
        oauth_authorization_url "it belongs to the service's own configuration, not to the hub's";
        oauth_client_id "it belongs to the service's own configuration, not to the hub's";
        oauth_redirect_uri "it belongs to the service's own configuration, not to the hub's";
        oauth_state_max_age "it belongs to the service's own configuration, not to the hub's";
        oauth_token_url "it belongs to the service's own configuration, not to the hub's";
        pkce_enabled "it belongs to the service's own configuration, not to the hub's";
    }
};
