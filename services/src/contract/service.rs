//! The environment of a service that the hub runs.

use hub_types::env;
use hub_types::names::ServiceName;
use hub_types::secret::Token;

use super::{Account, Common, Env, HubAddress, set};

/// What upstream hands to a service without a web address: it means nothing. Whether a service has one shows in
/// `JUPYTERHUB_SERVICE_PREFIX`.
const NO_URL: &str = "http://127.0.0.1:0/";

/// Everything that decides the environment of a managed service.
///
/// As upstream, services are told neither the hub's cookie options nor which extra scopes they may ask for.
#[derive(Debug, Clone)]
pub struct ServiceContract {
    /// The service's token; also its OAuth client secret.
    pub token: Token,
    /// The service.
    pub name: ServiceName,
    /// Its OAuth client id.
    pub client_id: String,
    /// Where it listens, exactly as configured; `None` when it has no web address.
    pub url: Option<String>,
    /// Origin of the service's subdomain, where services have one.
    pub subdomain: Option<String>,
    /// What is kept of the hub's environment ([`super::keep()`] with [`super::LOCAL_ENV_KEEP`]).
    pub kept: Env,
    /// The spec's `environment`; wins over the contract, but not over the service's name, URL and prefix.
    pub environment: Env,
    /// The system user, when the spec names one.
    pub account: Option<Account>,
}

impl ServiceContract {
    /// The scopes of which holding one gives access to the service.
    #[must_use]
    pub fn access_scopes(name: &ServiceName) -> Vec<String> {
        vec![
            "access:services".to_owned(),
            format!("access:services!service={name}"),
        ]
    }

    /// The whole environment. Order as upstream: kept variables, contract, `environment`, name and address, account;
    /// later ones win.
    #[must_use]
    pub fn to_env(&self, hub: &HubAddress) -> Env {
        let prefix = self.url.is_some().then(|| hub.base_url.service(&self.name));
        let origin = self.subdomain.as_deref().unwrap_or_default();
        let mut env = self.kept.clone();
        Common {
            token: &self.token,
            client_id: self.client_id.clone(),
            callback_url: match &prefix {
                Some(prefix) => format!("{origin}{prefix}oauth_callback"),
                None => "oauth_callback".to_owned(),
            },
            access_scopes: Self::access_scopes(&self.name),
            client_allowed_scopes: &[],
            user: self.account.as_ref().map_or("", |account| &account.name),
            server: "",
            service_url: self.url.clone().unwrap_or_else(|| NO_URL.to_owned()),
            prefix: prefix.clone(),
            subdomain: self.subdomain.as_deref(),
        }
        .apply(hub, &mut env);
        env.extend(self.environment.clone());
        set(&mut env, env::JUPYTERHUB_SERVICE_NAME, self.name.as_str());
        if let (Some(url), Some(prefix)) = (&self.url, prefix) {
            set(&mut env, env::JUPYTERHUB_SERVICE_URL, url);
            set(&mut env, env::JUPYTERHUB_SERVICE_PREFIX, prefix);
        }
        if let Some(account) = &self.account {
            account.apply(&mut env);
        }
        env
    }
}
