//! Accounts for users who are registered without a login: those whom the configuration names.

use std::collections::BTreeSet;

use hub_types::names::Username;

use crate::state::AppState;

/// Tells the authenticator of everybody whom the configuration names, if it makes accounts. One after the other, beside
/// everything else: each may take a while.
pub(super) async fn make(state: AppState) {
    let rules = state.login.rules().now();
    if !rules.config.local_users.create_system_users {
        return;
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
    for name in names.into_iter().map(Username::stored) {
        if let Err(error) = state.authenticator.add_user(&name).await {
            tracing::error!("{name} has no account: {error}");
        }
    }
}
