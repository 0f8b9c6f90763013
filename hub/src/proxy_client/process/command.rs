//! The proxy's command line, as JupyterHub writes it.

use std::io;
use std::path::Path;

use hub_types::secret::Token;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Ports, ProxyAddresses, ProxyDeps};
use crate::config::{BindUrl, Config, LogLevel};

/// Identifies everything that decides what runs: while it stays the same, a running proxy may be adopted. How much it logs
/// is left out: another level is not worth the connections of everybody, and counts when the proxy is next started.
#[must_use]
pub fn fingerprint(deps: &ProxyDeps, token: &Token) -> String {
    let config = &deps.config;
    let parts = json!([
        config.proxy.command,
        config.jupyterhub.bind_url.listen_addr(),
        config.proxy.api_url.first.listen_addr(),
        deps.error_target,
        config.jupyterhub.ssl_cert,
        config.jupyterhub.ssl_key,
        config.proxy.command_umask,
        token.hash().to_hex(),
        config.jupyterhub.subdomain_host.is_some(),
    ]);
    hex::encode(Sha256::digest(parts.to_string().as_bytes()))
}

/// The command line; and where the proxy will listen, when it cannot say so itself.
///
/// # Errors
/// When no port is free.
pub(super) fn argv(
    deps: &ProxyDeps,
    ports: Ports,
    ready_file: &Path,
) -> io::Result<(Vec<String>, Option<ProxyAddresses>)> {
    let config = &deps.config;
    let (public, api) = (&config.jupyterhub.bind_url, &config.proxy.api_url.first);
    let chosen = |address: &BindUrl, last: u16| match address.any_port() {
        true => last,
        false => address.port,
    };
    let (mut public_port, mut api_port) = (chosen(public, ports.public), chosen(api, ports.api));
    let mut argv = match &config.proxy.command {
        Some(command) => command.clone(),
        None => vec![deps.launcher.display().to_string(), "proxy".to_owned()],
    };
    // A foreign proxy cannot say which port it got: it is told one that is free.
    if config.proxy.command.is_some() {
        public_port = known_port(public, public_port)?;
        api_port = known_port(api, api_port)?;
    }
    for (address, port, on_socket, on_host, on_port) in [
        (public, public_port, "--socket", "--ip", "--port"),
        (api, api_port, "--api-socket", "--api-ip", "--api-port"),
    ] {
        argv.extend(match &address.socket {
            Some(path) => vec![on_socket.to_owned(), path.display().to_string()],
            None => vec![
                on_host.to_owned(),
                address.host.clone(),
                on_port.to_owned(),
                port.to_string(),
            ],
        });
    }
    for (option, value) in [
        ("--error-target", deps.error_target.clone()),
        ("--log-level", level(config).to_owned()),
    ] {
        argv.extend([option.to_owned(), value]);
    }
    for (option, file) in [
        ("--ssl-cert", &config.jupyterhub.ssl_cert),
        ("--ssl-key", &config.jupyterhub.ssl_key),
    ] {
        if let Some(file) = file {
            argv.extend([option.to_owned(), file.display().to_string()]);
        }
    }
    if config.jupyterhub.subdomain_host.is_some() {
        argv.push("--host-routing".to_owned());
    }
    if config.proxy.command.is_some() {
        let addresses = ProxyAddresses {
            public: config.jupyterhub.local_public_origin(public_port),
            api: api.local_origin(api_port),
        };
        return Ok((argv, Some(addresses)));
    }
    argv.extend(["--ready-file".to_owned(), ready_file.display().to_string()]);
    Ok((argv, None))
}

fn known_port(address: &BindUrl, port: u16) -> io::Result<u16> {
    if port != 0 || address.socket.is_some() {
        return Ok(port);
    }
    let listener = std::net::TcpListener::bind(
        BindUrl {
            port: 0,
            ..address.clone()
        }
        .listen_addr(),
    )?;
    Ok(listener.local_addr()?.port())
}

/// configurable-http-proxy's word for how much it is to log.
fn level(config: &Config) -> &'static str {
    match config
        .proxy
        .log_level
        .unwrap_or(config.jupyterhub.log_level)
    {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warning => "warn",
        LogLevel::Error | LogLevel::Critical => "error",
    }
}
