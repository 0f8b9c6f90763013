//! Whether roles and groups make sense.

use std::collections::BTreeSet;

use hub_types::names::Username;
use hub_types::scope::ScopeName;

use super::{State, item_place};
use crate::config::problem::{Problem, nearest};
use crate::config::{Config, RoleSpec};
use crate::domain::role::{ADMIN_ROLE, is_role_name};

pub(super) fn check(config: &Config, state: &mut State) {
    let services: Vec<&str> = config
        .jupyterhub
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    let mut seen = BTreeSet::new();
    for role in &config.jupyterhub.load_roles {
        let mut faults = faults(role, &services);
        if !seen.insert(role.name.as_str()) {
            faults.push((
                "name",
                "there are two roles of this name; join them".to_owned(),
            ));
        }
        for (key, why) in faults {
            let place = item_place(state, "load_roles", &role.name, key);
            let message = format!("[JupyterHub] load_roles role '{}': {key}: {why}", role.name);
            state.problems.push(Problem::new(&place, message));
        }
    }
    for (name, group) in &config.jupyterhub.load_groups {
        for user in &group.users {
            if let Err(error) = Username::new(user) {
                let message = format!("group '{name}': '{user}' cannot be a user: {error}");
                state.problem("JupyterHub", "load_groups", message);
            }
        }
    }
}

/// What is wrong with one role: key and reason.
fn faults(role: &RoleSpec, services: &[&str]) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    if !is_role_name(&role.name) {
        let rule = "must be 3 to 255 of a-z, 0-9, '-', '_', '~', '.', start with a letter and end with a letter or digit";
        faults.push(("name", rule.to_owned()));
    }
    if role.name == ADMIN_ROLE && role.scopes.is_some() {
        faults.push((
            "scopes",
            "the scopes of the role admin cannot be changed; use a role of another name".to_owned(),
        ));
    }
    for scope in role.scopes.iter().flatten() {
        if matches!(scope.name, ScopeName::Custom(_)) {
            faults.push((
                "scopes",
                format!("'{scope}': custom scopes are not supported yet"),
            ));
        }
    }
    for user in role.users.iter().flatten() {
        if let Err(error) = Username::new(user) {
            faults.push(("users", format!("'{user}' cannot be a user: {error}")));
        }
    }
    for service in role.services.iter().flatten() {
        if !services.contains(&service.as_str()) {
            let hint = nearest(service, services.iter().copied())
                .map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
            faults.push((
                "services",
                format!("there is no service '{service}' in [[JupyterHub.services]]{hint}"),
            ));
        }
    }
    faults
}
