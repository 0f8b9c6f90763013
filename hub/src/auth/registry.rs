//! Authenticators by name.

use std::path::Path;
use std::sync::Arc;

use super::Authenticator;
use super::dictionary::Dictionary;
use super::dummy::Dummy;
use super::null::Nobody;
use super::oauth::OAuthUsers;
use super::pam::PamUsers;
use super::shared_password::SharedPassword;
use crate::config::{AuthenticatorClass, Config};

/// The authenticator that the configuration names. `program` is the hub's own binary, which may be its helper.
#[must_use]
pub fn build(config: &Config, program: &Path) -> Arc<dyn Authenticator> {
    match config.jupyterhub.authenticator_class {
        AuthenticatorClass::Pam => Arc::new(PamUsers::new(config, program)),
        AuthenticatorClass::Dictionary => Arc::new(Dictionary::new(&config.dictionary)),
        AuthenticatorClass::SharedPassword => Arc::new(SharedPassword::new(config)),
        AuthenticatorClass::Dummy => Arc::new(Dummy::new(config.dummy.password.clone())),
        AuthenticatorClass::Null => Arc::new(Nobody),
        AuthenticatorClass::OAuth(provider, accounts) => {
            Arc::new(OAuthUsers::new(config, provider, accounts))
        }
    }
}
