//! Where a service listens, once a free port is chosen for those that leave it open.

use std::io;
use std::net::TcpListener;

use url::{Host, Url};

use super::ServiceSpec;

/// No port could be chosen.
#[derive(Debug, thiserror::Error)]
#[error(
    "service {service:?}: url: cannot choose a free port on {host}: {source}; give a port yourself"
)]
pub struct AddressError {
    service: String,
    host: String,
    source: io::Error,
}

impl ServiceSpec {
    /// The URL to listen on, as configured; with port 0 replaced by `remembered`'s, else by a free one.
    ///
    /// `remembered` is what the same service was given before: a running process still listens there.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn listen_url(&self, remembered: Option<&str>) -> Result<Option<String>, AddressError> {
        let Some(configured) = &self.url else {
            return Ok(None);
        };
        let Ok(url) = Url::parse(configured) else {
            return Ok(Some(configured.clone()));
        };
        if url.port() != Some(0) {
            return Ok(Some(configured.clone()));
        }
        let old = remembered
            .and_then(|text| Url::parse(text).ok())
            .filter(|old| old.host() == url.host())
            .and_then(|old| old.port());
        let port = match old {
            Some(port) => port,
            None => free_port(&url).map_err(|source| AddressError {
                service: self.name.clone(),
                host: url.host_str().unwrap_or_default().to_owned(),
                source,
            })?,
        };
        Ok(Some(with_port(configured, port)))
    }
}

fn free_port(url: &Url) -> io::Result<u16> {
    let listener = match url.host() {
        Some(Host::Ipv4(ip)) => TcpListener::bind((ip, 0)),
        Some(Host::Ipv6(ip)) => TcpListener::bind((ip, 0)),
        Some(Host::Domain(name)) => TcpListener::bind((name, 0)),
        None => TcpListener::bind(("127.0.0.1", 0)),
    }?;
    Ok(listener.local_addr()?.port())
}

/// Replaces port 0 in the text, which otherwise stays as it was written.
fn with_port(text: &str, port: u16) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find('/').map_or(text.len(), |at| start + at);
    match text[start..end].rsplit_once(':') {
        Some((host, _)) => format!("{}{host}:{port}{}", &text[..start], &text[end..]),
        None => text.to_owned(),
    }
}
