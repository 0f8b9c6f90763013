//! Addresses that are unix sockets.

use super::*;

fn warnings(text: &str) -> Vec<String> {
    let loaded = toml(text).unwrap();
    loaded.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_socket_is_the_hubs_address_for_everybody() {
    let text = "[JupyterHub]\nhub_bind_url = 'unix+http://%2frun%2fhub.sock'\nhub_socket_mode = 0o660\nbase_url = '/pfx'\n";
    let hub = toml(text).unwrap().config.jupyterhub;
    assert_eq!(hub.hub_bind_url.listen_addr(), "/run/hub.sock");
    assert_eq!(hub.hub_socket_mode, 0o660);
    let url = "http+unix://%2Frun%2Fhub.sock/pfx/hub/api";
    assert_eq!(hub.api_url(0), url);
    let elsewhere = format!("{text}hub_connect_url = 'http+unix://%2Fmnt%2Fhub.sock/'\n");
    let hub = toml(&elsewhere).unwrap().config.jupyterhub;
    assert_eq!(hub.api_url(0), "http+unix://%2Fmnt%2Fhub.sock/pfx/hub/api");
}

#[test]
fn what_contradicts_a_socket_is_told() {
    for (text, expected) in [
        (
            "hub_bind_url = 'http+unix://%2Fs'\nhub_port = 8081",
            "[JupyterHub] hub_bind_url is a unix socket, which has no host and no port",
        ),
        (
            "hub_bind_url = 'http+unix://%2Fs'\nbind_url = 'http+unix://%2Fs'",
            "[JupyterHub] hub_bind_url and bind_url both are /s; give each its own",
        ),
        (
            "hub_bind_url = 'http+unix:///run/hub.sock'",
            "[JupyterHub] hub_bind_url is wrong: a unix socket is written with its absolute path, percent-encoded",
        ),
        (
            "hub_bind_url = 'http+unix://%2Fs'\nhub_connect_ip = '10.0.0.1'",
            "[JupyterHub] hub_connect_ip names a host, and hub_bind_url is a unix socket",
        ),
        (
            &format!("hub_bind_url = 'http+unix://%2F{}%2Fs'", "f".repeat(96)),
            "its folder has too long a path; at most 95 bytes",
        ),
        (
            "hub_socket_mode = 660",
            "[JupyterHub] hub_socket_mode must be the mode of a file, e.g. 0o600",
        ),
        // Whoever starts the proxy.
        (
            "hub_bind_url = 'http+unix://%2Fs'\nhub_ip = '::'\n[Proxy]\nshould_start = false\n[ConfigurableHTTPProxy]\nauth_token = 'x'",
            "[JupyterHub] hub_bind_url is a unix socket, which has no host and no port",
        ),
    ] {
        let found = problems(&format!("{DUMMY}{text}\n"));
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
        assert!(found[0].contains(expected), "{text}: {found:#?}");
    }
}

#[test]
fn sockets_that_servers_cannot_reach_are_told() {
    for (text, told) in [
        ("", true),
        ("hub_socket_mode = 0o666", false),
        ("hub_connect_url = 'http://10.0.0.1:8081'", false),
        ("spawner_class = 'simple'", false),
        ("[Spawner]\nhub_connect_url = 'http://10.0.0.1:8081'", false),
    ] {
        let text = format!("{DUMMY}hub_bind_url = 'http+unix://%2Frun%2Fhub.sock'\n{text}\n");
        let said = warnings(&text)
            .iter()
            .any(|line| line.contains("keeps servers out"));
        assert_eq!(said, told, "{text}");
    }
}

#[test]
fn capitals_are_warned_of() {
    let warned = |text: &str| {
        let warnings = warnings(&format!("{DUMMY}{text}\n"));
        warnings
            .iter()
            .any(|line| line.contains("without capitals"))
    };
    assert!(warned("hub_bind_url = 'http+unix://%2Frun%2FHub.sock'"));
    assert!(warned("hub_connect_url = 'http+unix://%2Frun%2FHub.sock'"));
    assert!(!warned("hub_bind_url = 'http+unix://%2Frun%2Fhub.sock'"));
    assert!(!warned("bind_url = 'http+unix://%2Frun%2FPublic.sock'"));
}
