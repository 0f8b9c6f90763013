//! Accounts for users who are registered without a login: those whom the configuration names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hub_types::names::Username;
use tokio::sync::Mutex;

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
        for name in names(&state) {
            if !is_last() {
                return;
            }
            // As at a login. When nobody can say how it is spelled, nobody can make the account either.
            let spelled = state.authenticator.normalise(name.as_str().to_owned());
            let name = spelled.await.map_or(name, Username::stored);
            if let Err(error) = state.authenticator.add_user(&name).await {
                tracing::error!("{name} has no account: {error}");
            }
        }
    }
}

/// Everybody whom the configuration names and who may have an account.
fn names(state: &AppState) -> Vec<Username> {
    let rules = state.login.rules().now();
    if !rules.config.local_users.create_system_users {
        return Vec::new();
    }
    let auth = &rules.config.authenticator;
    let groups = rules.config.jupyterhub.load_groups.values();
    let members = groups.flat_map(|group| &group.users);
    let all = auth.admin_users.iter().chain(&auth.allowed_users);
    let names: BTreeSet<String> = all
        .chain(members)
        .map(|name| rules.policy.normalise(name))
        .filter(|name| !rules.policy.blocked.contains(name))
        .collect();
    names.into_iter().map(Username::stored).collect()
}
