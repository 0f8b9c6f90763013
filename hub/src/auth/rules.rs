//! Who may log in under which name: the part of the configuration that changes while the hub runs.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use hub_types::names::normalise;
use tokio::sync::{OnceCell, OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

use super::login::policy;
use super::{AuthUnavailable, Authenticator};
use crate::config::Config;
use crate::domain::login::LoginPolicy;

/// The rules of one configuration.
#[derive(Debug)]
pub struct Rules {
    /// What the hub was told last.
    pub config: Arc<Config>,
    /// What follows from it for logins.
    pub policy: LoginPolicy,
    /// The same, with the names as the authenticator spells them, too.
    respelled: OnceCell<LoginPolicy>,
}

/// The rules that are in force. Cheap to clone; all clones change together.
#[derive(Debug, Clone)]
pub struct LiveRules {
    now: Arc<RwLock<Arc<Rules>>>,
    changing: Arc<tokio::sync::RwLock<()>>,
}

/// While this lives the rules do not change.
#[derive(Debug)]
#[must_use]
pub struct Settled(#[expect(dead_code, reason = "held, not read")] OwnedRwLockReadGuard<()>);

/// While this lives nobody's login is written down.
#[derive(Debug)]
#[must_use]
pub struct Changing(#[expect(dead_code, reason = "held, not read")] OwnedRwLockWriteGuard<()>);

impl LiveRules {
    /// The rules of a configuration.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            now: Arc::new(RwLock::new(Arc::new(Rules::of(config)))),
            changing: Arc::default(),
        }
    }

    /// Waits until the rules do not change: for who writes down what follows from them. Briefly, and not twice.
    pub(super) async fn settled(&self) -> Settled {
        Settled(Arc::clone(&self.changing).read_owned().await)
    }

    /// Waits until nobody writes down what follows from the rules: for who changes them, here and in the database. Who is
    /// blocked meanwhile is found by every login that is written down afterwards.
    pub async fn changing(&self) -> Changing {
        Changing(Arc::clone(&self.changing).write_owned().await)
    }

    /// The rules at this moment: whoever looks twice may see others.
    #[must_use]
    pub fn now(&self) -> Arc<Rules> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts those of another configuration in force.
    pub fn replace(&self, config: Arc<Config>) {
        let rules = Arc::new(Rules::of(config));
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }
}

impl Rules {
    fn of(config: Arc<Config>) -> Self {
        let policy = policy(&config);
        Self {
            config,
            policy,
            respelled: OnceCell::new(),
        }
    }

    /// The policy for this authenticator: a name of the configuration means the same person in any spelling.
    ///
    /// # Errors
    /// When the authenticator cannot say right now how it spells a name: nobody is let in past a rule that was not
    /// understood.
    pub(crate) async fn policy_for(
        &self,
        authenticator: &dyn Authenticator,
    ) -> Result<&LoginPolicy, AuthUnavailable> {
        if !authenticator.respells() {
            return Ok(&self.policy);
        }
        let respell = async || {
            let (mut policy, auth) = (self.policy.clone(), &self.config.authenticator);
            for (names, written) in [
                (&mut policy.allowed, &auth.allowed_users),
                (&mut policy.admins, &auth.admin_users),
            ] {
                for name in written {
                    names.insert(called(&self.policy, authenticator, name).await?.account);
                }
            }
            policy.blocked = every_spelling(policy.blocked, authenticator).await?;
            Ok::<_, AuthUnavailable>(policy)
        };
        self.respelled.get_or_try_init(respell).await
    }
}

/// What somebody is called, by the name that they type or that stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Called {
    /// That name, [`normalise`]d.
    pub(crate) typed: String,
    /// The same as the authenticator spells it.
    pub(crate) own: String,
    /// The name of the hub's user: mapped, once, and as the authenticator spells it.
    pub(crate) account: String,
}

impl Called {
    /// Whether these rules block the user, or whoever logs in by this name.
    pub(crate) fn is_blocked(&self, policy: &LoginPolicy) -> bool {
        let mut names = [&self.typed, &self.own, &self.account].into_iter();
        names.any(|name| policy.blocked.contains(name))
    }
}

/// What somebody is called who types `name`, or whom the configuration calls so. Not for what the map has made of a name.
///
/// # Errors
/// When the authenticator cannot say right now how it spells a name.
pub(crate) async fn called(
    policy: &LoginPolicy,
    authenticator: &dyn Authenticator,
    name: &str,
) -> Result<Called, AuthUnavailable> {
    let typed = normalise(name);
    let own = authenticator.normalise(typed.clone()).await?;
    let renamed = policy.renamed(&typed, &own);
    let account = match renamed == own {
        true => renamed,
        false => authenticator.normalise(renamed).await?,
    };
    Ok(Called {
        typed,
        own,
        account,
    })
}

/// These names, and what the authenticator makes of them.
///
/// # Errors
/// As [`called`].
pub(crate) async fn every_spelling(
    mut names: BTreeSet<String>,
    authenticator: &dyn Authenticator,
) -> Result<BTreeSet<String>, AuthUnavailable> {
    for name in names.clone() {
        names.insert(authenticator.normalise(name).await?);
    }
    Ok(names)
}
