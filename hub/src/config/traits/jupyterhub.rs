//! `JupyterHub`: 98 traits.

use crate::config::kind::address::{HookName, Networks, OptRoutespec, SubdomainHost};
use crate::config::kind::class::{AuthClass, SpawnClass};
use crate::config::kind::collection::{AnyTable, Names, OptCommand, Paths, Scopes, Tokens};
use crate::config::kind::proxy::{DebugLevel, FileMode, ProxyName};
use crate::config::kind::scalar::{
    Bool, Count, FilePath, OptFilePath, OptText, Port, Positive, Secret, ServerNameText,
};
use crate::config::kind::special::{
    Bind, Database, Host, HubUrl, Level, OptHost, Prefix, PublicBind, WebUrl,
};
use crate::config::kind::structured::{CustomScopes, Groups, Roles, Services};
use crate::config::kind::time::{Days, Interval, IntervalOrNever, Seconds, SecondsOrNone};
use crate::config::kind::tornado::Tornado;
use crate::config::traits::{Class, class};

pub(super) static JUPYTERHUB: Class = class! {
    JupyterHub, "The hub itself: addresses, database, logins, roles, services.";
    works {
        bind_url: PublicBind => jupyterhub.bind_url,
            "Where the proxy listens for the world, and under which path everything lives. An empty host means all interfaces, port 0 any free port; with ssl_cert it speaks https, written http:// or https://; http+unix://%2Frun%2Fpublic.sock is a unix socket.";
        ip: Host => jupyterhub.bind_url.host,
            "Host part of bind_url; empty means all interfaces.";
        port: Port => jupyterhub.bind_url.port,
            "Port of bind_url.";
        base_url: Prefix => jupyterhub.bind_url.base_url,
            "Path of bind_url: the prefix of every URL.";
        public_url: WebUrl => jupyterhub.public_url,
            "The address that browsers use, when the hub cannot see it (behind a TLS proxy, for example). Ends with base_url.";
        subdomain_host: SubdomainHost => jupyterhub.subdomain_host,
            "Gives every user and service a host of its own below this one, e.g. \"https://hub.example.org\": scripts of one user's server cannot reach another's. DNS and certificate must cover *.hub.example.org too. Without a scheme it is https.";
        subdomain_hook: HookName => jupyterhub.subdomain_hook,
            "How names become those hosts: \"idna\" makes a valid one of every name, \"legacy\" is the way of JupyterHub before 5. (In JupyterHub it may be a function.)";
        hub_routespec: OptRoutespec => jupyterhub.hub_routespec,
            "Which requests the proxy sends to the hub, e.g. \"/hub/api/\" for a hub without pages; with base_url in front. Unset: all that nobody else takes.";
        trusted_downstream_ips: Networks => jupyterhub.trusted_downstream_ips,
            "Addresses and networks of proxies in front of ours; those of this machine need no mention. The last address of X-Forwarded-For that is none of them is the client's, for the log and where failed logins are counted.";
        ssl_cert: OptFilePath => jupyterhub.ssl_cert,
            "Certificate of the public address, with the chain: a PEM file, which may hold the key too. Unset: no TLS.";
        ssl_key: OptFilePath => jupyterhub.ssl_key,
            "Key of the public address: a PEM file. It must be private to the hub's user.";
        hub_bind_url: Bind => jupyterhub.hub_bind_url,
            "Where the hub itself listens, for the proxy, user servers and services: port 0 means any free port, http+unix://%2Fsrv%2Fhub.sock a unix socket.";
        hub_ip: Host => jupyterhub.hub_bind_url.host,
            "Host part of hub_bind_url; empty means all interfaces.";
        hub_port: Port => jupyterhub.hub_bind_url.port,
            "Port of hub_bind_url.";
        hub_socket_mode: FileMode => jupyterhub.hub_socket_mode,
            "Mode of the socket's file, when hub_bind_url is a unix socket: 0o600 lets nobody in but the hub's own user, 0o666 everybody on this machine.";
        hub_connect_url: HubUrl => jupyterhub.hub_connect_url,
            "Where the proxy, user servers and services reach the hub, when that differs from hub_bind_url.";
        hub_connect_ip: OptHost => jupyterhub.hub_connect_ip,
            "The same, as host only; the port is that of hub_bind_url.";
        db_url: Database => jupyterhub.db_url,
            "The database: sqlite:///FILE (four slashes for an absolute path), postgresql://USER:PASSWORD@HOST/NAME, or mysql:// or mariadb:// in the same form.";
        upgrade_db: Bool => jupyterhub.upgrade_db,
            "Whether the database of an older hub is brought up to date at start, after a backup of a SQLite file. Otherwise the hub refuses it; see hub upgrade-db.";
        cookie_secret: Secret => jupyterhub.cookie_secret,
            "Signs login cookies: at least 32 bytes as hex. Better kept in cookie_secret_file or $JPY_COOKIE_SECRET.";
        cookie_secret_file: FilePath => jupyterhub.cookie_secret_file,
            "Holds the cookie secret; made at the first start, private to the hub's user.";
        cookie_max_age_days: Days => jupyterhub.cookie_max_age,
            "Days that a login lasts.";
        cookie_host_prefix_enabled: Bool => jupyterhub.cookie_host_prefix_enabled,
            "Whether cookies are named __Host-…: no other host of the domain can set them, but all servers see them. For https and a host per user only.";
        authenticator_class: AuthClass => jupyterhub.authenticator_class,
            "Who checks passwords: \"pam\" (the users of this machine), \"dictionary\" (users with a password each, as hashes in [dictionary]), \"shared-password\" (one password for users, one for administrators), \"null\" (nobody logs in) or \"dummy\" (any name; for tests).";
        proxy_class: ProxyName => jupyterhub.proxy_class,
            "Who forwards requests: \"configurable-http-proxy\" is everything that speaks its API, our own proxy first.";
        spawner_class: SpawnClass => jupyterhub.spawner_class,
            "Who starts user servers: \"local\" (as the system user of the same name; needs root) or \"simple\" (as the hub's own user).";
        load_groups: Groups => jupyterhub.load_groups,
            "Groups to have at start: { name = { users = [...], properties = {...} } }. Members are added, never removed.";
        load_roles: Roles => jupyterhub.load_roles,
            "Roles to have at start. Write each as [[JupyterHub.load_roles]] with name, scopes, users, groups and services; the built-in role \"user\" can be redefined so.";
        custom_scopes: CustomScopes => jupyterhub.custom_scopes,
            "Scopes of your own, for services that ask for them: name (custom:…) → description and subscopes.";
        extra_user_scopes: Scopes => jupyterhub.extra_user_scopes,
            "Scopes that every user gets beside those of the role \"user\", e.g. [\"access:services\"]. Has no effect when load_roles redefines the scopes of that role.";
        services: Services => jupyterhub.services,
            "Services. Write each as [[JupyterHub.services]] with a name; with a command the hub runs it, with a url the proxy routes /services/NAME/ to it.";
        service_tokens: Tokens => jupyterhub.service_tokens,
            "Tokens of services: secret → name of the service. One for which there is no item in services is registered without one.";
        last_activity_interval: IntervalOrNever => jupyterhub.last_activity_interval,
            "Seconds between two looks at the proxy: routes are repaired, and its activity is read back. 0 means none: then only servers themselves tell when they were used.";
        activity_resolution: Seconds => jupyterhub.activity_resolution,
            "Activity that is newer by fewer seconds than this is not written.";
        service_check_interval: IntervalOrNever => jupyterhub.service_check_interval,
            "Seconds between two checks that services with a url answer. 0 means none but those at their start.";
        oauth_token_expires_in: Interval => jupyterhub.oauth_token_expires_in,
            "Seconds that tokens live which browsers get for servers and services. Unset: as long as a login.";
        oauth_require_pkce: Bool => jupyterhub.oauth_require_pkce,
            "Whether OAuth clients must use PKCE.";
        token_expires_in_max_seconds: SecondsOrNone => jupyterhub.token_expires_in_max_seconds,
            "Longest life in seconds of a token that a user asks for; 0 means no limit.";
        api_page_default_limit: Positive => jupyterhub.api_page_default_limit,
            "Items on a page of the REST API when the client names no limit.";
        api_page_max_limit: Positive => jupyterhub.api_page_max_limit,
            "Most items on a page of the REST API.";
        allow_named_servers: Bool => jupyterhub.allow_named_servers,
            "Whether users may have several servers, each with a name.";
        named_server_limit_per_user: Count => jupyterhub.named_server_limit_per_user,
            "Most named servers that a user may have; 0 means no limit. (In JupyterHub it may be a function; here it is a number.)";
        concurrent_spawn_limit: Count => jupyterhub.concurrent_spawn_limit,
            "Most servers that start at once: whoever comes then is told to try again. 0 means no limit.";
        active_server_limit: Count => jupyterhub.active_server_limit,
            "Most servers that run or start at once; 0 means no limit.";
        tornado_settings: Tornado => jupyterhub.tornado_settings,
            "How long requests wait for servers: one for a start or a stop is answered 202 when that takes longer than slow_spawn_timeout or slow_stop_timeout (seconds; 0 means at once), and whom concurrent_spawn_limit refuses is told to try again after some seconds of spawn_throttle_retry_range. (In JupyterHub it may hold any setting of Python's web server; here these three.)";
        authenticate_prometheus: Bool => jupyterhub.authenticate_prometheus,
            "Whether /hub/metrics needs the scope read:metrics.";
        shutdown_on_logout: Bool => jupyterhub.shutdown_on_logout,
            "Whether logging out stops the user's servers.";
        cleanup_servers: Bool => jupyterhub.cleanup_servers,
            "Whether user servers stop with the hub. If not, the next hub finds them again.";
        cleanup_proxy: Bool => jupyterhub.cleanup_proxy,
            "Whether the proxy stops with the hub. If not, the next hub finds it again.";
        default_url: OptText => jupyterhub.default_url,
            "Where / leads, whether somebody has logged in or not, and where people arrive who log in without having asked for a page. Unset: at their server, or at the home page.";
        redirect_to_server: Bool => jupyterhub.redirect_to_server,
            "Whether / leads a user whose server runs there, rather than to the home page.";
        admin_access: Bool => jupyterhub.admin_access,
            "Whether users are told that administrators may enter their servers, even while there is no administrator. They may in any case: the role admin holds access:servers.";
        log_level: Level => jupyterhub.log_level,
            "How much is logged.";
        debug_db: Bool => jupyterhub.debug_db,
            "Whether SQL statements are logged, without their values.";
        pid_file: OptFilePath => jupyterhub.pid_file,
            "File to write the hub's process id to.";
        default_server_name: ServerNameText => jupyterhub.default_server_name,
            "Name of the server that /hub/user-redirect/ leads to. Unset: the default server. Needs allow_named_servers.";
        implicit_spawn_seconds: Seconds => jupyterhub.implicit_spawn,
            "Seconds after which the page of a stopped server starts it; 0 leaves it to the visitor.";
        use_legacy_stopped_server_status_code: Bool => jupyterhub.legacy_stopped_status,
            "Whether requests to stopped servers are answered 503, as before JupyterHub 2, instead of 424.";
        logo_file: OptFilePath => jupyterhub.logo_file,
            "Picture at the top of every page: SVG, PNG, JPEG, GIF or WebP.";
        template_paths: Paths => jupyterhub.template_paths,
            "Folders with templates that replace ours, in the order in which they are searched.";
        template_vars: AnyTable => jupyterhub.template_vars,
            "Variables for templates, e.g. { announcement = \"Back at noon\" }; announcement_login is for that page only, site_name renames the hub.";
    }
    renamed {
        admin_users: Names => authenticator.admin_users,
            "write [Authenticator] admin_users";
        api_tokens: Tokens => jupyterhub.api_tokens,
            "give a service an api_token, or use service_tokens; users make tokens on their token page, or with `hub token USER`";
        debug_proxy: DebugLevel => proxy.log_level,
            "write [ConfigurableHTTPProxy] log_level = \"DEBUG\"";
        proxy_api_ip: Host => proxy.api_url.first.host,
            "write [ConfigurableHTTPProxy] api_url";
        proxy_api_port: Port => proxy.api_url.first.port,
            "write [ConfigurableHTTPProxy] api_url";
        proxy_auth_token: Secret => proxy.auth_token,
            "write [ConfigurableHTTPProxy] auth_token";
        db_file: Database => jupyterhub.db_url,
            "write db_url = \"sqlite:///FILE\"";
        proxy_check_interval: Interval => proxy.check_running_interval,
            "write [ConfigurableHTTPProxy] check_running_interval";
        proxy_cmd: OptCommand => proxy.command,
            "write [ConfigurableHTTPProxy] command";
    }
    later {
        external_ssl_authorities "Certificate authorities of your own for internal TLS.";
        generate_certs "Makes the certificates of internal TLS, then exits; those of the public address are ssl_cert and ssl_key.";
        internal_certs_location "Folder of the certificates of internal TLS.";
        internal_ssl "Whether hub, proxy, servers and services talk TLS to each other.";
        recreate_internal_certs "Whether certificates of internal TLS are renewed at start.";
        trusted_alt_names "Further names in certificates of internal TLS.";
        user_redirect_hook "Decides where /hub/user-redirect/ leads: a hook, and this hub runs no Python. It leads to the user's own server.";
    }
    refused {
        allow_existing_invalid_named_servers "there are none: names of servers have been checked from the first version on";
        answer_yes "it belongs on the command line: -y";
        config_file "it belongs on the command line: -f FILE";
        data_files_path "pages and static files are part of the program; template_paths and logo_file replace some of them";
        db_kwargs "it holds options of SQLAlchemy, which is not used here; what the database should know belongs into db_url";
        extra_handlers "run your own pages as a service: [[JupyterHub.services]] with a url";
        extra_log_file "redirect the output instead: hub > hub.log 2>&1";
        extra_log_handlers "it holds Python objects; redirect the output instead";
        forwarded_host_header "write public_url: what the hub is told counts more than what a header says";
        generate_config "it belongs on the command line: --generate-config";
        hub_connect_port "write hub_connect_url, which has the port in it";
        jinja_environment_options "it holds options of Python's template engine, which is not used here";
        log_datefmt "it is a form of Python's logging, which is not used here; times are written as 2026-01-02 03:04:05.678";
        log_format "it is a form of Python's logging, which is not used here; see log_level";
        logging_config "it configures Python's logging, which is not used here; see log_level";
        reset_db "a hub that forgets everything at every start helps nobody: remove the database yourself, or use --no-db";
        show_config "it belongs on the command line: --show-config";
        show_config_json "it belongs on the command line: --show-config-json";
        statsd_host "JupyterHub 6 has no statsd; metrics are at /hub/metrics";
        statsd_port "JupyterHub 6 has no statsd; metrics are at /hub/metrics";
        statsd_prefix "JupyterHub 6 has no statsd; metrics are at /hub/metrics";
    }
    ignored {
        active_user_window "nothing is counted with it; [PeriodicMetricsCollector] counts active users";
        confirm_no_ssl "it has no effect since JupyterHub 0.7; remove it";
        init_spawners_timeout "the start waits for no server: they are found again in the background";
        trust_user_provided_tokens "it has no effect here: configured tokens are never stored; remove it";
    }
};
