//! Where everything is, once "any free port" has become a number.

use hub_types::names::{ServiceName, Username};
use hub_types::paths::BaseUrl;

use crate::domain::server::ServerRef;
use crate::domain::subdomain::Subdomains;

/// The addresses in force. Fixed for the life of this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// The base URL of the deployment.
    pub base: BaseUrl,
    /// Origin under which people reach the proxy, e.g. `http://127.0.0.1:8000`.
    pub public_origin: String,
    /// Origin of `public_url`, when it is configured: then absolute links and `Secure` follow it, else the request.
    pub configured_public_origin: Option<String>,
    /// Origin where this hub listens, as the proxy reaches it, e.g. `http://127.0.0.1:8081`.
    pub hub_origin: String,
    /// URL of the API as servers and services reach it, e.g. `http://127.0.0.1:8081/hub/api`.
    pub api_url: String,
    /// Hosts of users and services, when each has one. The configured public origin is the host above them.
    pub subdomains: Option<Subdomains>,
    /// Which requests the proxy sends to the hub, when not all that nobody else takes (`JupyterHub.hub_routespec`).
    pub hub_routespec: Option<String>,
}

impl Addresses {
    /// Nothing but a base URL: every address is a path.
    #[must_use]
    pub fn under(base: BaseUrl) -> Self {
        Self {
            base,
            ..Self::default()
        }
    }

    /// The routespec of the hub: everything under the base URL; with subdomains everything on every host, as users' servers
    /// that do not run are the hub's to answer for.
    #[must_use]
    pub fn hub_spec(&self) -> &str {
        match (&self.hub_routespec, &self.subdomains) {
            (Some(spec), _) => spec,
            (None, Some(_)) => "/",
            (None, None) => self.base.as_str(),
        }
    }

    /// The routespec of a server: its path, behind its user's host where users have one.
    #[must_use]
    pub fn server_spec(&self, at: &ServerRef) -> String {
        let host = self.subdomains.as_ref().map(|all| all.of_user(&at.user));
        on_host(host, self.base.server(&at.user, &at.name))
    }

    /// The routespec of a service.
    #[must_use]
    pub fn service_spec(&self, service: &ServiceName) -> String {
        let host = self.subdomains.as_ref().map(|all| all.of_service(service));
        on_host(host, self.base.service(service))
    }

    /// `scheme://host[:port]` of a user's servers, where users have hosts.
    #[must_use]
    pub fn user_origin(&self, user: &Username) -> Option<String> {
        let all = self.subdomains.as_ref()?;
        Some(all.origin(&all.of_user(user)))
    }

    /// `scheme://host[:port]` of a service, where services have hosts.
    #[must_use]
    pub fn service_origin(&self, service: &ServiceName) -> Option<String> {
        let all = self.subdomains.as_ref()?;
        Some(all.origin(&all.of_service(service)))
    }

    /// Where links to a server lead: a path, or a URL on its user's host.
    #[must_use]
    pub fn server_url(&self, at: &ServerRef) -> String {
        let origin = self.user_origin(&at.user);
        on_host(origin, self.base.server(&at.user, &at.name))
    }

    /// Where links to a service lead: a path, or a URL on its host.
    #[must_use]
    pub fn service_url(&self, service: &ServiceName) -> String {
        on_host(self.service_origin(service), self.base.service(service))
    }

    /// A link to a server as an absolute URL; `None` when the public URL is not configured.
    #[must_use]
    pub fn full_server_url(&self, at: &ServerRef) -> Option<String> {
        let origin = self
            .user_origin(&at.user)
            .or_else(|| self.configured_public_origin.clone())?;
        Some(on_host(Some(origin), self.base.server(&at.user, &at.name)))
    }

    /// A path of the hub's own as an absolute URL; `None` when the public URL is not configured.
    #[must_use]
    pub fn full_url(&self, path: &str) -> Option<String> {
        let origin = self.configured_public_origin.as_ref()?;
        Some(format!("{origin}{path}"))
    }

    /// The same where browsers are sent: a path when the public URL is not configured.
    #[must_use]
    pub fn hub_url(&self, path: &str) -> String {
        self.full_url(path).unwrap_or_else(|| path.to_owned())
    }

    /// The `Domain` of cookies that servers and services need to see; none when they are on the hub's own host.
    #[must_use]
    pub fn cookie_domain(&self) -> Option<&str> {
        self.subdomains.as_ref().map(Subdomains::domain)
    }
}

fn on_host(host: Option<String>, path: String) -> String {
    match host {
        Some(host) => host + &path,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use hub_types::names::ServerName;
    use url::Url;

    use super::*;
    use crate::domain::subdomain::Hook;

    #[test]
    fn with_and_without_subdomains() {
        let plain = Addresses::under(BaseUrl::new("/pfx/"));
        let at = ServerRef::new(Username::stored("alice"), ServerName::stored("gpu"));
        let service = ServiceName::stored("whoami");
        assert_eq!(plain.hub_spec(), "/pfx/");
        assert_eq!(plain.server_spec(&at), "/pfx/user/alice/gpu/");
        assert_eq!(plain.server_url(&at), "/pfx/user/alice/gpu/");
        assert_eq!(plain.full_server_url(&at), None);
        assert_eq!(plain.service_url(&service), "/pfx/services/whoami/");
        assert_eq!(plain.hub_url("/pfx/hub/x"), "/pfx/hub/x");
        let url = Url::parse("https://hub.example:8443").unwrap();
        let own = Addresses {
            subdomains: Subdomains::new(&url, Hook::Idna),
            configured_public_origin: Some("https://hub.example:8443".into()),
            ..plain
        };
        assert_eq!(own.hub_spec(), "/");
        assert_eq!(
            own.server_spec(&at),
            "alice.hub.example/pfx/user/alice/gpu/"
        );
        let expected = "https://alice.hub.example:8443/pfx/user/alice/gpu/";
        assert_eq!(own.server_url(&at), expected);
        assert_eq!(own.full_server_url(&at).as_deref(), Some(expected));
        assert_eq!(
            own.service_url(&service),
            "https://whoami--service.hub.example:8443/pfx/services/whoami/"
        );
        assert_eq!(
            own.hub_url("/pfx/hub/x"),
            "https://hub.example:8443/pfx/hub/x"
        );
        assert_eq!(own.cookie_domain(), Some("hub.example"));
        let api_only = Addresses {
            hub_routespec: Some("/pfx/hub/api/".into()),
            ..Addresses::default()
        };
        assert_eq!(api_only.hub_spec(), "/pfx/hub/api/");
    }
}
