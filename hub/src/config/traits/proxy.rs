//! `Proxy` and `ConfigurableHTTPProxy`.

use crate::config::kind::collection::OptCommand;
use crate::config::kind::proxy::{Apis, AtOnce, DebugLevel, ExtraRoutes, OptLevel, Umask};
use crate::config::kind::scalar::{Bool, FilePath, Secret};
use crate::config::kind::time::Interval;
use crate::config::traits::{Class, class};

pub(super) static PROXY: Class = class! {
    Proxy, "Who forwards requests to the hub, to servers and to services.";
    works {
        should_start: Bool => proxy.should_start,
            "Whether the hub starts the proxy and watches it. If not, give auth_token and api_url of the one that runs.";
        extra_routes: ExtraRoutes => proxy.extra_routes,
            "Routes of your own: path → URL, e.g. { \"/docs/\" = \"http://127.0.0.1:4000\" }. The hub keeps them in the proxy.";
    }
};

pub(super) static CONFIGURABLE: Class = class! {
    ConfigurableHTTPProxy: Proxy, "The proxy, driven through the API of configurable-http-proxy.";
    works {
        api_url: Apis => proxy.api_url,
            "Where the proxy's API listens. Port 0 means any free port. A list: several proxies that run already (should_start = false) and get the same routes.";
        auth_token: Secret => proxy.auth_token,
            "Token of the proxy's API. Unset: $CONFIGPROXY_AUTH_TOKEN, else derived from the cookie secret.";
        check_running_interval: Interval => proxy.check_running_interval,
            "Seconds between two checks that the proxy runs.";
        command: OptCommand => proxy.command,
            "The proxy's program, e.g. [\"configurable-http-proxy\"]. Unset: our own, hub proxy.";
        pid_file: FilePath => proxy.pid_file,
            "File to write the proxy's process id to, so that the next hub finds it.";
        command_umask: Umask => proxy.command_umask,
            "umask of the proxy. JupyterHub's is 0o007.";
        concurrency: AtOnce => proxy.concurrency,
            "Most requests to the proxy's API at once.";
        log_level: OptLevel => proxy.log_level,
            "How much the proxy logs. Unset: as much as the hub.";
    }
    renamed {
        debug: DebugLevel => proxy.log_level,
            "write log_level = \"DEBUG\"";
    }
};
