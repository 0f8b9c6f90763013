//! Names of users in the configuration, as the hub spells them: as at a login, by its own rules, the map, and the
//! authenticator, which may know one person by several names.

use std::collections::{BTreeMap, BTreeSet};

use super::BootstrapError;
use crate::auth::Authenticator;
use crate::auth::login::policy;
use crate::auth::rules::account;
use crate::config::Config;
use crate::domain::login::LoginPolicy;

/// The rules of the configuration, and how names are spelled.
#[derive(Debug)]
pub(super) struct Spelling {
    policy: LoginPolicy,
    /// Those that the authenticator spells otherwise.
    own: BTreeMap<String, String>,
}

impl Spelling {
    /// Asks the authenticator about every name of the configuration, if it spells any otherwise.
    pub(super) async fn of(
        config: &Config,
        authenticator: &dyn Authenticator,
    ) -> Result<Self, BootstrapError> {
        let (policy, mut own) = (policy(config), BTreeMap::new());
        if authenticator.respells() {
            let mut names: BTreeSet<String> =
                named(config).map(|name| policy.normalise(name)).collect();
            names.extend(policy.blocked.iter().cloned());
            for name in names {
                let spelled = account(&policy, authenticator, name.clone()).await?;
                own.insert(name, spelled);
            }
        }
        Ok(Self { policy, own })
    }

    /// The name of the hub's user.
    pub(super) fn normalise(&self, name: &str) -> String {
        let name = self.policy.normalise(name);
        self.own.get(&name).cloned().unwrap_or(name)
    }

    /// The names that are blocked, in every spelling in which the hub may know somebody.
    pub(super) fn blocked(&self) -> BTreeSet<&str> {
        let blocked = self.policy.blocked.iter();
        let spelled = blocked.flat_map(|name| [Some(name), self.own.get(name)]);
        spelled.flatten().map(String::as_str).collect()
    }

    /// Whether a user of this name, however spelled, is blocked.
    pub(super) fn blocks(&self, name: &str) -> bool {
        let name = self.normalise(name);
        let mut blocked = self.policy.blocked.iter();
        blocked.any(|other| *other == name || self.own.get(other) == Some(&name))
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
