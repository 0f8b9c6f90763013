//! Whether roles and groups make sense.

use std::collections::BTreeSet;

use hub_types::scope::{ADMIN_SCOPES, Scope, ScopeName};

use super::{State, item_place};
use crate::config::problem::{Problem, nearest};
use crate::config::{Authenticator, Config, RoleSpec};
use crate::domain::role::{ADMIN_ROLE, USER_ROLE, builtin_roles, is_role_name};

pub(super) fn check(config: &Config, state: &mut State) {
    let hub = &config.jupyterhub;
    let of_tokens = hub.service_tokens.iter().map(|(_, name)| name.as_str());
    let services: Vec<&str> = hub
        .services
        .iter()
        .map(|service| service.name.as_str())
        .chain(of_tokens)
        .collect();
    let mut seen = BTreeSet::new();
    for role in &hub.load_roles {
        let mut faults = faults(role, &services, &config.authenticator);
        if !seen.insert(role.name.as_str()) {
            faults.push((
                "name",
                "there are two roles of this name; join them".to_owned(),
            ));
        }
        let said = |key: &str, why: &str| {
            let place = item_place(state, "load_roles", &role.name, key);
            let message = format!("[JupyterHub] load_roles role '{}': {key}: {why}", role.name);
            Problem::new(&place, message)
        };
        let problems: Vec<_> = faults.iter().map(|(key, why)| said(key, why)).collect();
        let doubts = doubts(role, &hub.extra_user_scopes);
        let warnings: Vec<_> = doubts.iter().map(|(key, why)| said(key, why)).collect();
        state.problems.extend(problems);
        state.warnings.extend(warnings);
    }
}

/// What is wrong with one role: key and reason.
fn faults(role: &RoleSpec, services: &[&str], auth: &Authenticator) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    if !is_role_name(&role.name) {
        let rule = "must be 3 to 255 of a-z, 0-9, '-', '_', '~', '.', start with a letter and end with a letter or digit";
        faults.push(("name", rule.to_owned()));
    }
    if role.name == ADMIN_ROLE {
        faults.extend(changed_admin(role));
    }
    for user in role.users.iter().flatten() {
        if let Err(error) = auth.new_name(user) {
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

/// The role `admin` is what it is; to repeat that is allowed.
fn changed_admin(role: &RoleSpec) -> Option<(&'static str, String)> {
    let builtin: BTreeSet<Scope> = ADMIN_SCOPES.iter().cloned().map(Scope::all).collect();
    let scopes = role.scopes.as_ref();
    if scopes.is_some_and(|scopes| scopes.iter().cloned().collect::<BTreeSet<_>>() != builtin) {
        let why = "the scopes of the role admin cannot be changed; use a role of another name";
        return Some(("scopes", why.to_owned()));
    }
    let description = role.description.as_ref()?;
    let same = builtin_roles()
        .iter()
        .any(|role| role.name == ADMIN_ROLE && role.description == *description);
    let why = "the description of the role admin cannot be changed; leave it out";
    (!same).then(|| ("description", why.to_owned()))
}

/// What is probably not meant so: key and reason.
fn doubts(role: &RoleSpec, extra_user_scopes: &[Scope]) -> Vec<(&'static str, String)> {
    let mut doubts = Vec::new();
    let builtin = builtin_roles()
        .into_iter()
        .any(|builtin| builtin.name == role.name);
    let none = role.scopes.as_ref().is_none_or(Vec::is_empty);
    if !builtin && none {
        doubts.push((
            "scopes",
            "there are none: the role gives nothing".to_owned(),
        ));
    }
    if role.name != USER_ROLE {
        return doubts;
    }
    if let Some(scopes) = &role.scopes {
        if !scopes
            .iter()
            .any(|scope| scope.name == ScopeName::SelfScope)
        {
            let why = "lacks 'self': users may not even start their own servers; to give them more, use extra_user_scopes";
            doubts.push(("scopes", why.to_owned()));
        }
        if !extra_user_scopes.is_empty() {
            let why = "extra_user_scopes has no effect beside it";
            doubts.push(("scopes", why.to_owned()));
        }
    }
    if role.users.is_some() {
        let why = "has no effect: every user holds this role";
        doubts.push(("users", why.to_owned()));
    }
    doubts
}
