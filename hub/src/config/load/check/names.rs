//! Whether those whom the configuration names could be users: a pattern for names says so of some that nothing else would
//! admit, wherever they stand.

use std::collections::BTreeSet;

use super::State;
use crate::config::{Authenticator, Config};

pub(super) fn check(config: &Config, state: &mut State) {
    let auth = &config.authenticator;
    // Who is blocked need not be a user who could be made today.
    let (allowed, admins) = (&auth.allowed_users, &auth.admin_users);
    of_list(allowed, ("allowed_users", "whitelist"), auth, state);
    of_list(admins, ("admin_users", "admin_users"), auth, state);
    for name in config.dictionary.users.keys() {
        if let Err(error) = auth.new_name(name) {
            state.problem("dictionary", "users", format!("holds '{name}': {error}"));
        }
    }
    for (name, group) in &config.jupyterhub.load_groups {
        for user in &group.users {
            if let Err(error) = auth.new_name(user) {
                let message = format!("group '{name}': '{user}' cannot be a user: {error}");
                state.problem("JupyterHub", "load_groups", message);
            }
        }
    }
    for (_, name) in &config.jupyterhub.api_tokens {
        if let Err(error) = auth.new_name(name) {
            let message = format!("'{name}' cannot be a user: {error}");
            state.problem("JupyterHub", "api_tokens", message);
        }
    }
}

/// A list of names, which may have been written under a name of old.
fn of_list(
    names: &BTreeSet<String>,
    (setting, old): (&str, &str),
    auth: &Authenticator,
    state: &mut State,
) {
    let written = [
        ("Authenticator", setting),
        ("Authenticator", old),
        ("JupyterHub", old),
    ];
    let written = written
        .into_iter()
        .find(|(class, setting)| state.node(class, setting).is_some());
    let (class, setting) = written.unwrap_or(("Authenticator", setting));
    for name in names {
        if let Err(error) = auth.new_name(name) {
            state.problem(class, setting, format!("holds '{name}': {error}"));
        }
    }
}
