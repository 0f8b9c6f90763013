//! Who may log in under which name: the part of the configuration that changes while the hub runs.

use std::sync::{Arc, PoisonError, RwLock};

use super::login::policy;
use crate::config::Config;
use crate::domain::login::LoginPolicy;

/// The rules of one configuration.
#[derive(Debug)]
pub struct Rules {
    /// What the hub was told last.
    pub config: Arc<Config>,
    /// What follows from it for logins.
    pub policy: LoginPolicy,
}

/// The rules that are in force. Cheap to clone; all clones change together.
#[derive(Debug, Clone)]
pub struct LiveRules(Arc<RwLock<Arc<Rules>>>);

impl LiveRules {
    /// The rules of a configuration.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Rules::of(config)))))
    }

    /// The rules at this moment: whoever looks twice may see others.
    #[must_use]
    pub fn now(&self) -> Arc<Rules> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts those of another configuration in force.
    pub fn replace(&self, config: Arc<Config>) {
        let rules = Arc::new(Rules::of(config));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }
}

impl Rules {
    fn of(config: Arc<Config>) -> Self {
        let policy = policy(&config);
        Self { config, policy }
    }
}
