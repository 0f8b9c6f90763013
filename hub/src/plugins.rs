//! What a hub was built with beside its own: kinds of proxies, authenticators and spawners of other crates.

use crate::auth::registry::AuthenticatorClasses;
use crate::config::load::OwnClasses;
use crate::proxy_client::registry::ProxyClasses;
use crate::spawner::registry::SpawnerClasses;

/// What a hub knows beside its own: an application that adds something hands this to [`crate::programs::main`].
#[derive(Debug, Clone, Default)]
pub struct Plugins {
    /// What `JupyterHub.proxy_class` can be.
    pub proxies: ProxyClasses,
    /// What `JupyterHub.authenticator_class` can be.
    pub authenticators: AuthenticatorClasses,
    /// What `JupyterHub.spawner_class` can be.
    pub spawners: SpawnerClasses,
}

impl Plugins {
    /// Names and sections, for who reads the configuration.
    pub(crate) fn classes(&self) -> OwnClasses {
        OwnClasses {
            proxies: self.proxies.sections(),
            authenticators: self.authenticators.sections(),
            spawners: self.spawners.sections(),
        }
    }
}
