//! The environment contract, as a service reads it.

use hub_types::env::{
    self, EnvSource, JUPYTERHUB_SERVICE_NAME, JUPYTERHUB_SERVICE_PREFIX, JUPYTERHUB_SERVICE_URL,
};
use hub_types::paths::BaseUrl;

/// What is wrong with the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// A variable is missing.
    #[error(
        "{0} is not set. The hub sets it for services that it runs and that have a url; a service that is started \
         otherwise needs it in its environment"
    )]
    Missing(&'static str),
    /// The URL to listen on cannot be used.
    #[error("JUPYTERHUB_SERVICE_URL={url:?}: {why}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What a service with a web address must know of itself. What it needs to know of the hub is in
/// `hubauth::HubAuthConfig`, read from the same environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEnv {
    /// The name of the service; `None` for a single-user server.
    pub name: Option<String>,
    /// The path under which the proxy sends requests, with slashes at both ends, e.g. `/services/whoami/`.
    pub prefix: String,
    /// Host to listen on: an address, a name, or empty for all interfaces.
    pub host: String,
    /// Port to listen on; 0 for any.
    pub port: u16,
}

impl ServiceEnv {
    /// Reads the contract.
    ///
    /// Whether a service has a web address at all shows in its prefix: those without one get a URL that means nothing.
    ///
    /// # Errors
    /// [`EnvError`].
    pub fn from_env(env: &impl EnvSource) -> Result<Self, EnvError> {
        let required = |name| env.get_nonempty(name).ok_or(EnvError::Missing(name));
        let prefix = required(JUPYTERHUB_SERVICE_PREFIX)?;
        let (host, port) = parse(&required(JUPYTERHUB_SERVICE_URL)?)?;
        Ok(Self {
            name: env.get_nonempty(JUPYTERHUB_SERVICE_NAME),
            prefix: BaseUrl::new(&prefix).as_str().to_owned(),
            host,
            port,
        })
    }

    /// The service's name, or `user/server` of a single-user server: for logs and pages.
    #[must_use]
    pub fn label(&self, env: &impl EnvSource) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => hub_types::paths::server_full_name(
                &env.get(env::JUPYTERHUB_USER).unwrap_or_default(),
                &env.get(env::JUPYTERHUB_SERVER_NAME).unwrap_or_default(),
            ),
        }
    }
}

fn parse(text: &str) -> Result<(String, u16), EnvError> {
    hubauth::config::listen_address(text).map_err(|why| EnvError::Url {
        url: text.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn services_and_servers() {
        let service = env(&[
            (JUPYTERHUB_SERVICE_NAME, "whoami"),
            (JUPYTERHUB_SERVICE_PREFIX, "/services/whoami/"),
            (JUPYTERHUB_SERVICE_URL, "http://127.0.0.1:21101"),
        ]);
        let read = ServiceEnv::from_env(&service).unwrap();
        assert_eq!(read.label(&service), "whoami");
        assert_eq!(
            (&*read.prefix, &*read.host, read.port),
            ("/services/whoami/", "127.0.0.1", 21101)
        );

        let server = env(&[
            (JUPYTERHUB_SERVICE_PREFIX, "/user/alice/"),
            (JUPYTERHUB_SERVICE_URL, "http://[::1]:0/user/alice/"),
            (env::JUPYTERHUB_USER, "alice"),
            (env::JUPYTERHUB_SERVER_NAME, ""),
        ]);
        let read = ServiceEnv::from_env(&server).unwrap();
        assert_eq!(read.label(&server), "alice/");
        assert_eq!((&*read.host, read.port), ("::1", 0));
    }

    #[test]
    fn a_service_without_a_web_address_is_told_so() {
        let junk = env(&[(JUPYTERHUB_SERVICE_URL, "http://127.0.0.1:0/")]);
        assert_eq!(
            ServiceEnv::from_env(&junk),
            Err(EnvError::Missing(JUPYTERHUB_SERVICE_PREFIX))
        );
    }
}
