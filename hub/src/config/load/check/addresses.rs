//! What must fit together about addresses: the public one, hosts of users, listeners, the hub's own route.

use hub_types::socket_url;
use url::Url;

use super::super::apply::State;
use crate::config::kind::address::routespec;
use crate::config::{BindUrl, CONFIGURABLE_HTTP_PROXY, Config, SpawnerClass};
use crate::domain::subdomain::Hook;

/// Fills in what follows from other addresses, and checks.
pub(super) fn check(config: &mut Config, state: &mut State) {
    certificate(config, state);
    public_url(config, state);
    subdomains(config, state);
    hub_routespec(config, state);
    extra_routes(config, state);
    host_cookies(config, state);
    listeners(config, state);
    hub_socket(config, state);
}

/// What is to speak https has a certificate, of its own or of a proxy that somebody else runs or whose flags name one.
fn certificate(config: &Config, state: &mut State) {
    let (hub, proxy) = (&config.jupyterhub, &config.proxy);
    let ours =
        hub.proxy_class == CONFIGURABLE_HTTP_PROXY && proxy.should_start && proxy.command.is_none();
    if hub.bind_url.https && hub.ssl_cert.is_none() && ours {
        let message = "begins with https://, and there is no certificate: give its file as ssl_cert and that of its key as \
                       ssl_key, or write http:// and end TLS in front of the hub (nginx, Caddy, a load balancer)";
        state.problem("JupyterHub", "bind_url", message);
    }
}

/// How much longer than its folder's the path is at which the hub's socket is made: `/.`, eight characters, `/s`.
const FIRST_NAME: usize = 12;

/// What servers are told must lead them to the socket. Source: seen with the single-user server of JupyterHub 6.1, whose
/// `yarl` takes the path for the name of a host, and those have no capitals.
fn hub_socket(config: &Config, state: &mut State) {
    let hub = &config.jupyterhub;
    if let Some(path) = &hub.hub_bind_url.socket {
        if hub.hub_connect_ip.is_some() {
            let message = "names a host, and hub_bind_url is a unix socket, which is at none: write hub_connect_url";
            state.problem("JupyterHub", "hub_connect_ip", message);
        }
        let folder = path.parent().map_or(0, |folder| folder.as_os_str().len());
        // It is made in a folder of its own first, see `serve::listen`.
        if folder + FIRST_NAME > socket_url::MAX_PATH {
            let message = format!(
                "= the socket {}: its folder has too long a path; at most {} bytes",
                path.display(),
                socket_url::MAX_PATH - FIRST_NAME
            );
            state.problem("JupyterHub", "hub_bind_url", message);
        }
        let apart = hub.spawner_class == SpawnerClass::Local
            && hub.hub_connect_url.is_none()
            && config.spawner.hub_connect_url.is_none();
        if apart && hub.hub_socket_mode & 0o002 == 0 {
            let message = format!(
                "= {:#o} keeps servers out of the hub's socket, for they run as their users: 0o666 lets everybody on this machine \
                 connect (tokens are still asked for), or give the servers another way with hub_connect_url",
                hub.hub_socket_mode
            );
            state.warn("JupyterHub", "hub_socket_mode", message);
        }
    }
    let url = hub.hub_connect_origin(0);
    let Some((path, _)) = socket_url::split(&url) else {
        return;
    };
    let path = path.display().to_string();
    if path != path.to_lowercase() {
        let message = format!(
            "= the socket {path}: servers and services in Python look for {}; choose a path without capitals",
            path.to_lowercase()
        );
        let name = match hub.hub_connect_url {
            Some(_) => "hub_connect_url",
            None => "hub_bind_url",
        };
        state.warn("JupyterHub", name, message);
    }
}

/// The public URL is the base URL on some host; with subdomains it is on theirs.
fn public_url(config: &mut Config, state: &mut State) {
    let base = config.jupyterhub.base_url().as_str().to_owned();
    let hub = &mut config.jupyterhub;
    if hub.public_url.is_none() {
        hub.public_url.clone_from(&hub.subdomain_host);
    }
    let Some(url) = &mut hub.public_url else {
        return;
    };
    match with_base(url, &base) {
        Some(completed) => *url = completed,
        None => {
            let message = format!(
                "must end with the base URL '{base}' and have no other path before it, or have no path: what a proxy in \
                 front takes away belongs into base_url"
            );
            state.problem("JupyterHub", "public_url", message);
        }
    }
}

/// A public URL with the base URL as its path; `None` when it has another path.
fn with_base(url: &Url, base: &str) -> Option<Url> {
    let mut url = url.clone();
    if url.path() == "/" {
        url.set_path(base);
    } else if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    (url.path() == base).then_some(url)
}

/// Logins are at the public URL, and the session they begin is seen below its host only.
fn subdomains(config: &Config, state: &mut State) {
    let hub = &config.jupyterhub;
    let (Some(host), Some(public)) = (&hub.subdomain_host, &hub.public_url) else {
        return;
    };
    if host.origin() != public.origin() {
        let message = format!(
            "must be the host of public_url, {}: hosts of users are below the one where they log in",
            public.origin().ascii_serialization()
        );
        state.problem("JupyterHub", "subdomain_host", message);
    }
    if hub.subdomain_hook == Hook::Legacy {
        let message = "= \"legacy\" makes hosts that DNS does not know of some names, and gives all services one host; the \
                       default since JupyterHub 5 is \"idna\"";
        state.warn("JupyterHub", "subdomain_hook", message);
    }
}

/// With hosts every route but the hub's usual one begins with one; without, none does.
fn hub_routespec(config: &mut Config, state: &mut State) {
    let with_hosts = config.jupyterhub.subdomain_host.is_some();
    let base = config.jupyterhub.base_url().clone();
    let Some(spec) = config.jupyterhub.hub_routespec.take() else {
        return;
    };
    let usual = if with_hosts { "/" } else { base.as_str() };
    let spec = match (with_hosts, spec.starts_with('/')) {
        (false, false) => routespec(&format!("/{spec}")).unwrap_or(spec),
        _ => spec,
    };
    if spec == usual {
        return;
    }
    if with_hosts && spec.starts_with('/') {
        let message = format!("= \"{spec}\" must begin with a host, as subdomain_host is set");
        state.problem("JupyterHub", "hub_routespec", message);
    } else if !with_hosts && !format!("{}/", base.api()).starts_with(&spec) {
        let api = base.api();
        let message = format!("= \"{spec}\" leaves out {api}/, which servers and services need");
        state.warn("JupyterHub", "hub_routespec", message);
    } else {
        let message = format!(
            "= \"{spec}\" sends the hub nothing else: what visitors of a stopped server see is not the hub's then"
        );
        state.warn("JupyterHub", "hub_routespec", message);
    }
    config.jupyterhub.hub_routespec = Some(spec);
}

/// Extra routes must not take what is the hub's, a user's or a service's.
fn extra_routes(config: &Config, state: &mut State) {
    let (hub, routes) = (&config.jupyterhub, &config.proxy.extra_routes);
    let with_hosts = hub.subdomain_host.is_some();
    if let Some(spec) = routes
        .keys()
        .find(|spec| spec.starts_with('/') == with_hosts)
    {
        let why = match with_hosts {
            true => {
                "as subdomain_host is set, it must begin with a host, e.g. \"docs.example.org/\""
            }
            false => "a path must begin with /",
        };
        state.problem("Proxy", "extra_routes", format!("holds '{spec}': {why}"));
        return;
    }
    let base = hub.base_url().as_str();
    let host = hub.subdomains().map(|all| all.domain().to_owned());
    let taken = |spec: &&String| {
        let path = match &host {
            None => Some(spec.as_str()),
            Some(host) => spec.strip_prefix(host.as_str()),
        };
        // Whoever leaves the hub a part only has the rest to give away.
        let given_away = hub.hub_routespec.is_some() && path == Some(base);
        let inside = path.and_then(|path| path.strip_prefix(base));
        let first = inside.map(|path| path.split('/').next().unwrap_or_default());
        !given_away && first.is_some_and(|first| ["", "hub", "user", "services"].contains(&first))
    };
    if let Some(spec) = routes.keys().find(taken) {
        let message = format!("holds '{spec}', which belongs to the hub, to users or to services");
        state.problem("Proxy", "extra_routes", message);
    }
}

/// Browsers take `__Host-` cookies over https only, and send them to every path of the host.
fn host_cookies(config: &Config, state: &mut State) {
    const NAME: &str = "cookie_host_prefix_enabled";
    let hub = &config.jupyterhub;
    if !hub.cookie_host_prefix_enabled {
        return;
    }
    if hub
        .public_url
        .as_ref()
        .is_some_and(|url| url.scheme() != "https")
    {
        let message = "needs https, and public_url is http: browsers would drop the cookies, so nobody could log in";
        state.problem("JupyterHub", NAME, message);
    }
    if hub.subdomain_host.is_none() {
        let message = "sends the login cookie to every user's server, as they have no hosts of their own (subdomain_host); \
                       without it only the hub gets it";
        state.warn("JupyterHub", NAME, message);
    }
}

/// Two listeners cannot share an address. A proxy that somebody else starts may be on another machine.
fn listeners(config: &Config, state: &mut State) {
    let listeners: [(&str, &str, &BindUrl); 3] = [
        ("JupyterHub", "bind_url", &config.jupyterhub.bind_url),
        (
            "JupyterHub",
            "hub_bind_url",
            &config.jupyterhub.hub_bind_url,
        ),
        (
            "ConfigurableHTTPProxy",
            "api_url",
            &config.proxy.api_url.first,
        ),
    ];
    for (index, (class, name, url)) in listeners.iter().enumerate() {
        if url.socket.is_some() && (url.port != 0 || !url.host.is_empty()) {
            let message =
                "is a unix socket, which has no host and no port: remove the traits that set them";
            state.problem(class, name, message);
        }
        if !config.proxy.should_start {
            continue;
        }
        for (_, other_name, other) in &listeners[..index] {
            if url.socket.is_some() && url.socket == other.socket {
                let message = format!(
                    "and {other_name} both are {}; give each its own",
                    url.listen_addr()
                );
                state.problem(class, name, message);
            }
            let same_host = url.host == other.host || url.is_wildcard() || other.is_wildcard();
            if url.port != 0 && url.port == other.port && same_host {
                let message = format!(
                    "and {other_name} both are port {}; give each its own",
                    url.port
                );
                state.problem(class, name, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls_have_the_base_as_their_path() {
        for (url, base, expected) in [
            ("https://h", "/", Some("https://h/")),
            ("https://h", "/a/", Some("https://h/a/")),
            ("https://h/a", "/a/", Some("https://h/a/")),
            // Links would leave out the /x.
            ("https://h/x/a/", "/a/", None),
            ("https://h/x/", "/", None),
            ("https://h/b/", "/a/", None),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(with_base(&url, base).map(String::from).as_deref(), expected);
        }
    }
}
