//! Authenticators by name.

use std::sync::Arc;

use super::Authenticator;
use super::dummy::Dummy;
use super::shared_password::SharedPassword;
use crate::config::{AuthenticatorClass, Config};

/// The authenticator that the configuration names.
#[must_use]
pub fn build(config: &Config) -> Arc<dyn Authenticator> {
    match config.jupyterhub.authenticator_class {
        AuthenticatorClass::SharedPassword => Arc::new(SharedPassword::new(config)),
        AuthenticatorClass::Dummy => Arc::new(Dummy::new(config.dummy.password.clone())),
    }
}
