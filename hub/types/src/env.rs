//! Every environment variable of the contract between the hub, its servers and its services.
//!
//! Names only; who writes which value is decided where the environment is built (the hub's spawner, `services`).

use std::collections::{BTreeMap, HashMap};

/// Where environment variables are read from: the process, or a map in tests.
pub trait EnvSource: Send + Sync {
    /// The value of `name`; `None` when it is not set or not UTF-8.
    fn get(&self, name: &str) -> Option<String>;

    /// The value of `name`, with an empty value counted as not set.
    fn get_nonempty(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// JupyterHub's reading of a boolean: unset or empty means `default`; `0` and `false` mean no; all else means yes.
    fn get_bool(&self, name: &str, default: bool) -> bool {
        self.get_nonempty(name).map_or(default, |value| {
            value != "0" && !value.eq_ignore_ascii_case("false")
        })
    }
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnv;

impl EnvSource for ProcessEnv {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the process environment"
    )]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl EnvSource for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

impl EnvSource for HashMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        HashMap::get(self, name).cloned()
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])* pub const $name: &str = stringify!($name);)*
        /// All names of this module, for the reference page and for tests that nothing else leaks.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

names! {
    /// The token of this server or service; also its OAuth client secret. 64 hex characters.
    JUPYTERHUB_API_TOKEN;
    /// The same value under its name before JupyterHub 0.7.2.
    JPY_API_TOKEN;
    /// `1` when `admin_access` is on.
    JUPYTERHUB_ADMIN_ACCESS;
    /// OAuth client id, e.g. `jupyterhub-user-alice` or `service-whoami`.
    JUPYTERHUB_CLIENT_ID;
    /// JSON object of extra cookie options, e.g. `{"samesite": "Lax"}`.
    JUPYTERHUB_COOKIE_OPTIONS;
    /// `0` or `1`: whether cookies are named `__Host-…`.
    JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED;
    /// Public `scheme://host[:port]` of the hub, or empty.
    JUPYTERHUB_HOST;
    /// Path (or URL) of the OAuth callback, e.g. `/user/alice/oauth_callback`.
    JUPYTERHUB_OAUTH_CALLBACK_URL;
    /// JSON list of scopes; holding any one of them gives access.
    JUPYTERHUB_OAUTH_ACCESS_SCOPES;
    /// The same list under its JupyterHub 2 name.
    JUPYTERHUB_OAUTH_SCOPES;
    /// JSON list of extra scopes that the client may ask for.
    JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES;
    /// Name of the owner of a server, not escaped; empty for services.
    JUPYTERHUB_USER;
    /// Name of the server; empty for the default one.
    JUPYTERHUB_SERVER_NAME;
    /// Name of the service.
    JUPYTERHUB_SERVICE_NAME;
    /// URL of the hub's API as seen by servers and services, e.g. `http://127.0.0.1:8081/hub/api`.
    JUPYTERHUB_API_URL;
    /// URL to which a server reports its activity.
    JUPYTERHUB_ACTIVITY_URL;
    /// What the names of the hub's metrics begin with, `jupyterhub` by default. Read by the hub.
    JUPYTERHUB_METRICS_PREFIX;
    /// Upper bounds in seconds of the buckets in which starts are counted, e.g. `0.5,1,5,60`. Read by the hub.
    JUPYTERHUB_SERVER_SPAWN_DURATION_SECONDS_BUCKETS;
    /// The same for stops.
    JUPYTERHUB_SERVER_STOP_DURATION_SECONDS_BUCKETS;
    /// Seconds between activity reports; read by single-user servers (300), never set by the hub.
    JUPYTERHUB_ACTIVITY_INTERVAL;
    /// Base URL of the deployment, `/` or `/pfx/`.
    JUPYTERHUB_BASE_URL;
    /// Path prefix of this server or service, e.g. `/user/alice/`; absent for services without a web address.
    JUPYTERHUB_SERVICE_PREFIX;
    /// URL on which to listen.
    JUPYTERHUB_SERVICE_URL;
    /// Public URL of this server or service, or empty.
    JUPYTERHUB_PUBLIC_URL;
    /// Public URL of the hub, or empty.
    JUPYTERHUB_PUBLIC_HUB_URL;
    /// Memory limit in bytes.
    MEM_LIMIT;
    /// Memory guarantee in bytes.
    MEM_GUARANTEE;
    /// CPU limit in cores.
    CPU_LIMIT;
    /// CPU guarantee in cores.
    CPU_GUARANTEE;
    /// Private key file for internal TLS.
    JUPYTERHUB_SSL_KEYFILE;
    /// Certificate file for internal TLS.
    JUPYTERHUB_SSL_CERTFILE;
    /// Certificate authority file for internal TLS.
    JUPYTERHUB_SSL_CLIENT_CA;
    /// Root folder of a server (`notebook_dir`).
    JUPYTERHUB_ROOT_DIR;
    /// Page that a server shows first (`default_url`).
    JUPYTERHUB_DEFAULT_URL;
    /// `1` to make a server log more.
    JUPYTERHUB_DEBUG;
    /// `1` to make a server ignore its user's configuration.
    JUPYTERHUB_DISABLE_USER_CONFIG;
    /// Group whose members may enter a shared server; read by clients.
    JUPYTERHUB_GROUP;
    /// Whether `?token=` counts; read by clients.
    JUPYTERHUB_ALLOW_TOKEN_IN_URL;
    /// Whether a cookie suffices for a WebSocket; read by clients.
    JUPYTERHUB_ALLOW_WEBSOCKET_COOKIE_AUTH;
    /// The proxy's REST API token.
    CONFIGPROXY_AUTH_TOKEN;
    /// Passphrase of the private key of the proxy's public listener.
    CONFIGPROXY_SSL_KEY_PASSPHRASE;
    /// Passphrase of the private key of the proxy's REST API.
    CONFIGPROXY_API_SSL_KEY_PASSPHRASE;
    /// Passphrase of the private key that the proxy shows to `https` targets.
    CONFIGPROXY_CLIENT_SSL_KEY_PASSPHRASE;
    /// The hub's cookie secret as hex, older than the file.
    JPY_COOKIE_SECRET;
    /// Keys that encrypt `auth_state`, separated by `;`.
    JUPYTERHUB_CRYPT_KEY;
    /// Name of the user a server runs as.
    USER;
    /// Home folder of that user.
    HOME;
    /// Login shell of that user.
    SHELL;
    /// Where commands are looked up.
    PATH;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_read_as_jupyterhub_reads_them() {
        let env: BTreeMap<String, String> = [
            ("A", ""),
            ("B", "0"),
            ("C", "False"),
            ("D", "1"),
            ("E", "no"),
        ]
        .map(|(k, v)| (k.into(), v.into()))
        .into();
        for (name, default, expected) in [
            ("A", true, true),
            ("B", true, false),
            ("C", true, false),
            ("D", false, true),
            ("E", false, true),
            ("Z", false, false),
        ] {
            assert_eq!(env.get_bool(name, default), expected, "{name}");
        }
    }
}
