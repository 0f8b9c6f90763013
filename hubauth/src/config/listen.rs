//! Where a service listens: `JUPYTERHUB_SERVICE_URL` (wire contract 1.2).

use url::{Host, Url};

use super::{ConfigError, HubAuthConfig};
use hub_types::env::JUPYTERHUB_SERVICE_URL;

/// Host and port of the URL on which the hub wants a service to listen. An empty host (`http://:8888/`, which URL parsers
/// refuse) means all interfaces.
///
/// # Errors
/// What is wrong with the URL, in words.
pub fn listen_address(url: &str) -> Result<(String, u16), String> {
    if url.starts_with("https://") {
        return Err(
            "this service does not speak TLS itself; turn internal_ssl off, or use an http:// url"
                .to_owned(),
        );
    }
    let filled = url.replacen("http://:", "http://0.0.0.0:", 1);
    let parsed = Url::parse(&filled).map_err(|error| error.to_string())?;
    if parsed.scheme() != "http" {
        return Err("it must start with http://".to_owned());
    }
    let host = match parsed.host() {
        _ if filled != url => String::new(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        Some(host) => host.to_string(),
        None => return Err("it names no host".to_owned()),
    };
    Ok((host, parsed.port_or_known_default().unwrap_or(80)))
}

impl HubAuthConfig {
    /// Host and port on which the hub expects this service, for `TcpListener::bind`. All interfaces are `0.0.0.0`.
    ///
    /// # Errors
    /// [`ConfigError`] when `JUPYTERHUB_SERVICE_URL` was not set, or cannot be listened on.
    pub fn listen_address(&self) -> Result<(String, u16), ConfigError> {
        let remedy =
            "The hub sets it for services with a url; otherwise set it to http://ADDRESS:PORT";
        let url = self.service_url.as_deref().ok_or(ConfigError::Missing {
            name: JUPYTERHUB_SERVICE_URL,
            remedy,
        })?;
        let (host, port) = listen_address(url).map_err(|reason| ConfigError::Malformed {
            name: JUPYTERHUB_SERVICE_URL,
            reason,
            remedy,
        })?;
        let host = if host.is_empty() {
            "0.0.0.0".to_owned()
        } else {
            host
        };
        Ok((host, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, expected) in [
            ("http://:8888/user/a/", (String::new(), 8888)),
            ("http://0.0.0.0:1/", ("0.0.0.0".to_owned(), 1)),
            ("http://localhost", ("localhost".to_owned(), 80)),
            ("http://[::1]:9/x", ("::1".to_owned(), 9)),
        ] {
            assert_eq!(listen_address(text), Ok(expected), "{text}");
        }
        for text in ["", "127.0.0.1:80", "https://h/", "ftp://h/"] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }
}
