//! Accounts for users who are registered without a login: those whom the configuration names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hub_types::names::Username;
use tokio::sync::Mutex;

use crate::auth::rules::{Rules, called};
use crate::auth::{AuthUnavailable, Authenticator};
use crate::state::AppState;

/// Rounds through everybody whom the configuration names, one at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Accounts(Arc<Rounds>);

#[derive(Debug, Default)]
struct Rounds {
    asked_for: AtomicU64,
    one_at_a_time: Mutex<()>,
}

impl Accounts {
    /// Tells the authenticator of everybody whom the configuration names, if it makes accounts. One after the other, beside
    /// everything else: each may take a while. Of several rounds that wait for their turn only the last takes place, and no
    /// round makes accounts by a configuration that has been replaced.
    pub(super) async fn make(self, state: AppState) {
        let this = self.0.asked_for.fetch_add(1, Ordering::SeqCst) + 1;
        let is_last = || self.0.asked_for.load(Ordering::SeqCst) == this;
        let _turn = self.0.one_at_a_time.lock().await;
        let rules = state.login.rules().now();
        let names = match names(&rules, &*state.authenticator).await {
            Ok(names) => names,
            Err(error) => {
                tracing::error!(
                    "nobody whom the configuration names is given an account: {error}; send SIGHUP to have it tried again"
                );
                return;
            }
        };
        for name in names {
            if !is_last() {
                return;
            }
            let name = Username::stored(name);
            if let Err(error) = state.authenticator.add_user(&name).await {
                tracing::error!("{name} has no account: {error}");
            }
        }
    }
}

/// Everybody whom the configuration names and who may have an account, as at a login.
async fn names(
    rules: &Rules,
    authenticator: &dyn Authenticator,
) -> Result<BTreeSet<String>, AuthUnavailable> {
    let mut found = BTreeSet::new();
    if !rules.config.local_users.create_system_users {
        return Ok(found);
    }
    let policy = rules.policy_for(authenticator).await?;
    let auth = &rules.config.authenticator;
    let groups = rules.config.jupyterhub.load_groups.values();
    let members = groups.flat_map(|group| &group.users);
    let all = auth.admin_users.iter().chain(&auth.allowed_users);
    for name in all.chain(members) {
        let called = called(policy, authenticator, name).await?;
        if !called.is_blocked(policy) {
            found.insert(called.account);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::auth::rules::LiveRules;
    use crate::auth::{AuthModel, LoginForm};
    use crate::config::{Config, GroupSpec};

    /// Knows people by two names each.
    #[derive(Debug)]
    struct Directory;

    #[async_trait]
    impl Authenticator for Directory {
        fn class(&self) -> &'static str {
            "directory"
        }

        fn respells(&self) -> bool {
            true
        }

        async fn normalise(&self, name: String) -> Result<String, AuthUnavailable> {
            Ok(name.trim_start_matches("ship\\").to_owned())
        }

        async fn authenticate(
            &self,
            _: &str,
            _: &LoginForm,
        ) -> Result<Option<AuthModel>, AuthUnavailable> {
            Ok(None)
        }
    }

    #[tokio::test]
    async fn accounts_have_the_names_that_users_get_at_a_login() {
        let mut config = Config::default();
        let crew = GroupSpec {
            users: vec!["ship\\wash".into(), "simon".into()],
            ..GroupSpec::default()
        };
        config.jupyterhub.load_groups = [("crew".to_owned(), crew)].into();
        let auth = &mut config.authenticator;
        auth.username_map = [("zoe", "ship\\mal"), ("mal", "river"), ("wash", "hoban")]
            .map(|(typed, name)| (typed.into(), name.into()))
            .into();
        auth.admin_users = ["Zoe".into(), "ship\\jayne".into()].into();
        auth.allowed_users = ["SHIP\\Inara".into(), "inara".into()].into();
        auth.blocked_users = ["jayne".into(), "SHIP\\Simon".into()].into();
        for (makes, expected) in [(false, &[][..]), (true, &["hoban", "inara", "mal"])] {
            config.local_users.create_system_users = makes;
            let rules = LiveRules::new(Arc::new(config.clone())).now();
            let found = names(&rules, &Directory).await.unwrap();
            assert!(found.iter().eq(expected), "{found:?}");
        }
    }
}
