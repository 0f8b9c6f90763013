//! `hub check-config`: what can be said of a configuration without starting the hub. Commands are looked up, files are
//! read, the database is asked, and choices that protect little are named. Nothing is made or changed.

mod commands;
mod database;
mod reach;
mod report;

use std::fmt::Display;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hub_types::env::EnvSource;
use nix::unistd::{AccessFlags, Uid, access};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{BindUrl, Config, DbUrl};

pub use report::report;

/// What was found, each as one line that says what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What would keep the hub from starting, or servers from being reached.
    pub problems: Vec<String>,
    /// What works, and deserves a second thought.
    pub warnings: Vec<String>,
}

impl Findings {
    fn problem(&mut self, setting: &str, what: impl Display) {
        self.problems.push(format!("{setting} {what}"));
    }

    fn warn(&mut self, setting: &str, what: impl Display) {
        self.warnings.push(format!("{setting} {what}"));
    }
}

/// Looks at everything outside of the file that a configuration names. `launcher` is the hub's own program.
#[must_use]
pub fn look(config: &Config, env: &dyn EnvSource, launcher: &Path) -> Findings {
    let mut findings = Findings::default();
    commands::look(config, env, launcher, &mut findings);
    certificate(config, &mut findings);
    files(config, &mut findings);
    place_of_database(config, &mut findings);
    choices(config, &mut findings);
    findings
}

/// Certificate and key, as the proxy will read them.
fn certificate(config: &Config, findings: &mut Findings) {
    let hub = &config.jupyterhub;
    let Some(cert) = &hub.ssl_cert else { return };
    let key = hub.ssl_key.as_ref().unwrap_or(cert);
    let chain =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = match chain {
        Ok(chain) if chain.is_empty() => {
            return findings.problem(
                "[JupyterHub] ssl_cert",
                format_args!("{} holds no certificate", cert.display()),
            );
        }
        Ok(chain) => chain,
        Err(error) => {
            return findings.problem(
                "[JupyterHub] ssl_cert",
                format_args!("{} cannot be read: {error}", cert.display()),
            );
        }
    };
    let provider = rustls::crypto::ring::default_provider();
    match PrivateKeyDer::from_pem_file(key) {
        Err(error) => {
            findings.problem(
                "[JupyterHub] ssl_key",
                format_args!("{} cannot be read: {error}", key.display()),
            );
        }
        Ok(der) => {
            if let Err(error) = rustls::sign::CertifiedKey::from_der(chain, der, &provider) {
                let message = format!(
                    "{} does not go with {}: {error}",
                    key.display(),
                    cert.display()
                );
                findings.problem("[JupyterHub] ssl_key", message);
            }
        }
    }
    // As the proxy judges: a group (of certificates) may read it.
    if open_to(key, 0o007) {
        let message = format!(
            "{0} can be read by others on this machine: chmod o-rwx {0}",
            key.display()
        );
        findings.warn("[JupyterHub] ssl_key", message);
    }
}

/// Whether a file gives any of these rights.
fn open_to(file: &Path, mask: u32) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & mask != 0)
}

fn files(config: &Config, findings: &mut Findings) {
    let hub = &config.jupyterhub;
    if hub.cookie_secret.is_none() {
        match std::fs::read_to_string(&hub.cookie_secret_file) {
            Ok(_) if open_to(&hub.cookie_secret_file, 0o077) => {
                let message = format!(
                    "{0} can be read by others on this machine: chmod 600 {0}",
                    hub.cookie_secret_file.display()
                );
                findings.problem("[JupyterHub] cookie_secret_file", message);
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                writable_folder(
                    &hub.cookie_secret_file,
                    "[JupyterHub] cookie_secret_file",
                    findings,
                );
            }
            Err(error) => findings.problem(
                "[JupyterHub] cookie_secret_file",
                format_args!("cannot be read: {error}"),
            ),
        }
    }
    for folder in hub.template_paths.iter().filter(|folder| !folder.is_dir()) {
        findings.problem(
            "[JupyterHub] template_paths",
            format_args!("names {}, which is no folder", folder.display()),
        );
    }
    if let Some(logo) = &hub.logo_file
        && let Err(error) = std::fs::File::open(logo)
    {
        findings.warn(
            "[JupyterHub] logo_file",
            format_args!("{} cannot be read: {error}", logo.display()),
        );
    }
    if let Some(pid) = &hub.pid_file {
        writable_folder(pid, "[JupyterHub] pid_file", findings);
    }
    if let Some(log) = &config.own.event_log {
        writable_folder(log, "[hub] event_log", findings);
    }
    let ours = config.proxy.should_start;
    let api = &config.proxy.api_url.first;
    for (setting, url, made) in [
        ("[JupyterHub] bind_url", &hub.bind_url, ours),
        ("[JupyterHub] hub_bind_url", &hub.hub_bind_url, true),
        ("[ConfigurableHTTPProxy] api_url", api, ours),
    ] {
        if let Some(socket) = url.socket.as_ref().filter(|_| made) {
            writable_folder(socket, setting, findings);
        }
    }
}

/// The folder in which the hub will make a file.
fn writable_folder(file: &Path, setting: &str, findings: &mut Findings) {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if let Err(error) = access(folder, AccessFlags::W_OK | AccessFlags::X_OK) {
        let message = format!(
            "{}: its folder cannot be written: {}",
            file.display(),
            error.desc()
        );
        findings.problem(setting, message);
    }
}

fn place_of_database(config: &Config, findings: &mut Findings) {
    if let DbUrl::Sqlite(file) = &config.jupyterhub.db_url {
        writable_folder(file, "[JupyterHub] db_url", findings);
    }
}

/// Whether the hub sees the addresses of people, or only that of a proxy in front of it: failed logins are counted by them.
fn addresses_of_people(config: &Config, findings: &mut Findings) {
    const SETTING: &str = "[JupyterHub] trusted_downstream_ips";
    const ELSE: &str =
        "else all people share its address, and whoever guesses passwords slows down everybody";
    let hub = &config.jupyterhub;
    let is_named = |ip| {
        hub.trusted_downstream_ips
            .iter()
            .any(|net| net.contains(ip))
    };
    let localhost = IpAddr::from([127, 0, 0, 1]);
    for url in config.proxy.api_url.iter().filter(|url| !is_local(url)) {
        let host = url.host.trim_matches(['[', ']']);
        if !host.parse().is_ok_and(is_named) {
            let message =
                format!("does not name the proxy's address, of which the API is at {host}: {ELSE}");
            findings.warn(SETTING, message);
        }
    }
    let behind_another = hub.public_url.is_some() && is_local(&hub.bind_url);
    if behind_another && !is_named(localhost) {
        let message = format!(
            "does not name 127.0.0.1, although people come through another proxy on this machine (public_url is set, and \
             bind_url is local): {ELSE}"
        );
        findings.warn(SETTING, message);
    }
}

/// What works and protects little.
fn choices(config: &Config, findings: &mut Findings) {
    let hub = &config.jupyterhub;
    let behind_tls = hub
        .public_url
        .as_ref()
        .is_some_and(|url| url.scheme() == "https");
    if hub.ssl_cert.is_none() && !hub.bind_url.https && !behind_tls && !is_local(&hub.bind_url) {
        let message = "is plain http for the network: passwords and cookies can be read on the way. Set ssl_cert and ssl_key, or \
                       listen on 127.0.0.1 behind a proxy with TLS and set public_url";
        findings.warn("[JupyterHub] bind_url", message);
    }
    for url in config.proxy.api_url.iter().filter(|url| !is_local(url)) {
        let message = format!(
            "{url} is open to the network: whoever reads the token on the way directs all requests"
        );
        findings.warn("[ConfigurableHTTPProxy] api_url", message);
    }
    if !hub.authenticate_prometheus {
        findings.warn(
            "[JupyterHub] authenticate_prometheus",
            "= false shows the metrics to everybody",
        );
    }
    if config.own.oauth_allow_plain_pkce {
        findings.warn(
            "[hub] oauth_allow_plain_pkce",
            "weakens the logins of services",
        );
    }
    let root = Uid::effective().is_root();
    for service in hub
        .services
        .iter()
        .filter(|service| root && service.is_managed() && service.user.is_none())
    {
        let message = format!(
            "service {:?} runs as root, like the hub: give it a user",
            service.name
        );
        findings.warn("[JupyterHub] services:", message);
    }
    addresses_of_people(config, findings);
}

fn is_local(url: &BindUrl) -> bool {
    let host = url.host.trim_matches(['[', ']']);
    url.socket.is_some()
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
