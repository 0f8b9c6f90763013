//! Names of users in the configuration, as the hub spells them: as at a login, by its own rules, the map, and the
//! authenticator, which may know one person by several names.

use std::collections::{BTreeMap, BTreeSet};

use hub_types::names::normalise;

use super::BootstrapError;
use crate::auth::Authenticator;
use crate::auth::login::policy;
use crate::auth::rules::{Called, called, every_spelling};
use crate::config::Config;
use crate::domain::login::LoginPolicy;

/// The rules of the configuration, and how names are spelled.
#[derive(Debug)]
pub(super) struct Spelling {
    policy: LoginPolicy,
    /// Everybody whom the configuration names, by that name.
    known: BTreeMap<String, Called>,
}

impl Spelling {
    /// Asks the authenticator about every name of the configuration.
    pub(super) async fn of(
        config: &Config,
        authenticator: &dyn Authenticator,
    ) -> Result<Self, BootstrapError> {
        let (mut policy, mut known) = (policy(config), BTreeMap::new());
        for name in named(config).map(normalise).collect::<BTreeSet<_>>() {
            let called = called(&policy, authenticator, &name).await?;
            known.insert(name, called);
        }
        policy.blocked = every_spelling(policy.blocked, authenticator).await?;
        Ok(Self { policy, known })
    }

    /// The name of the hub's user.
    pub(super) fn normalise(&self, name: &str) -> String {
        match self.known.get(&normalise(name)) {
            Some(called) => called.account.clone(),
            None => self.policy.normalise(name),
        }
    }

    /// The names of users that are blocked, in every spelling in which the hub may know somebody.
    pub(super) fn blocked(&self) -> &BTreeSet<String> {
        &self.policy.blocked
    }

    /// Whether a user of this name, however spelled, or whoever logs in by it, is blocked.
    pub(super) fn blocks(&self, name: &str) -> bool {
        match self.known.get(&normalise(name)) {
            Some(called) => called.is_blocked(&self.policy),
            None => self.policy.blocked.contains(&self.policy.normalise(name)),
        }
    }

    /// Names by which nobody logs in any more, of users who are not blocked: the name, and the user's.
    pub(super) fn blocked_aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        let blocked = &self.policy.blocked;
        let aliases = self.known.values().filter(move |called| {
            let by_name = blocked.contains(&called.typed) || blocked.contains(&called.own);
            by_name && !blocked.contains(&called.account)
        });
        aliases.map(|called| (called.typed.as_str(), called.account.as_str()))
    }
}

/// Every name of a user in the configuration, as it is written.
fn named(config: &Config) -> impl Iterator<Item = &str> {
    let (auth, hub) = (&config.authenticator, &config.jupyterhub);
    let lists = [&auth.admin_users, &auth.allowed_users, &auth.blocked_users];
    let of_roles = hub
        .load_roles
        .iter()
        .flat_map(|role| role.users.iter().flatten());
    let of_groups = hub.load_groups.values().flat_map(|group| &group.users);
    let of_tokens = hub.api_tokens.iter().map(|(_, name)| name);
    let all = lists.into_iter().flatten().chain(of_roles).chain(of_groups);
    all.chain(of_tokens).map(String::as_str)
}
