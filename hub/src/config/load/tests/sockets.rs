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
            "hub_socket_mode = 660",
            "[JupyterHub] hub_socket_mode must be the mode of a file, e.g. 0o600",
        ),
    ] {
        let found = problems(&format!("{DUMMY}{text}\n"));
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
        assert!(found[0].contains(expected), "{text}: {found:#?}");
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
