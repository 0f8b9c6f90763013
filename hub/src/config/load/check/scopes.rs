//! Whether every scope that is configured exists, and the old form `oauth_roles`.

use std::collections::{BTreeMap, BTreeSet};

use hub_types::scope::{Catalogue, Scope};

use super::{State, item_place};
use crate::config::Config;
use crate::config::problem::{Place, Problem, nearest};

/// Puts the scopes of roles where `oauth_roles` names them. Source: JupyterHub 6.1: scopes that are listed win.
pub(super) fn settle_roles(config: &mut Config, state: &mut State) {
    let table: BTreeMap<String, Vec<Scope>> = config
        .jupyterhub
        .roles()
        .into_iter()
        .map(|role| (role.name, role.scopes))
        .collect();
    let spawner = &mut config.spawner;
    let names = std::mem::take(&mut spawner.oauth_roles);
    let remark = settle(&names, &mut spawner.oauth_client_allowed_scopes, &table);
    let place = state.place("Spawner", "oauth_roles");
    tell(state, &place, "[Spawner] oauth_roles", remark);
    for spec in &mut config.jupyterhub.services {
        let names = std::mem::take(&mut spec.oauth_roles);
        let remark = match settle(&names, &mut spec.oauth_client_allowed_scopes, &table) {
            Remark::Settled => {
                Remark::Warning("is an old form; write the scopes as oauth_client_allowed_scopes")
            }
            other => other,
        };
        let place = item_place(state, "services", &spec.name, "oauth_roles");
        let subject = format!("service {:?}: oauth_roles", spec.name);
        tell(state, &place, &subject, remark);
    }
}

/// What is to be said of one `oauth_roles`.
enum Remark {
    Nothing,
    /// The roles were turned into scopes.
    Settled,
    Warning(&'static str),
    Problem(String),
}

fn tell(state: &mut State, place: &Place, subject: &str, remark: Remark) {
    let said = |text: &str| Problem::new(place, format!("{subject} {text}"));
    match remark {
        Remark::Nothing | Remark::Settled => {}
        Remark::Warning(text) => state.warnings.push(said(text)),
        Remark::Problem(text) => state.problems.push(said(&text)),
    }
}

fn settle(
    names: &[String],
    scopes: &mut Vec<Scope>,
    table: &BTreeMap<String, Vec<Scope>>,
) -> Remark {
    if names.is_empty() {
        return Remark::Nothing;
    }
    if !scopes.is_empty() {
        return Remark::Warning("has no effect beside oauth_client_allowed_scopes; remove it");
    }
    let mut all = BTreeSet::new();
    for name in names {
        let Some(of_role) = table.get(name) else {
            let hint = nearest(name, table.keys().map(String::as_str))
                .map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
            let text = format!("names the role '{name}', which does not exist{hint}");
            return Remark::Problem(text);
        };
        all.extend(of_role.iter().cloned());
    }
    *scopes = all.into_iter().collect();
    Remark::Settled
}

/// Custom scopes must be defined: one that is not would be a spelling mistake that grants nothing.
pub(super) fn check(config: &Config, state: &mut State) {
    let (hub, spawner) = (&config.jupyterhub, &config.spawner);
    let mut lists: Vec<(Place, String, &[Scope])> = Vec::new();
    for (class, name, scopes) in [
        ("JupyterHub", "extra_user_scopes", &hub.extra_user_scopes),
        (
            "Spawner",
            "oauth_client_allowed_scopes",
            &spawner.oauth_client_allowed_scopes,
        ),
        (
            "Spawner",
            "server_token_scopes",
            &spawner.server_token_scopes,
        ),
    ] {
        let place = state.place(class, name);
        lists.push((place, format!("[{class}] {name}"), scopes));
    }
    for spec in &hub.services {
        let key = "oauth_client_allowed_scopes";
        let place = item_place(state, "services", &spec.name, key);
        let subject = format!("service {:?}: {key}", spec.name);
        lists.push((place, subject, &spec.oauth_client_allowed_scopes));
    }
    for role in &hub.load_roles {
        let place = item_place(state, "load_roles", &role.name, "scopes");
        let subject = format!("[JupyterHub] load_roles role '{}': scopes:", role.name);
        lists.push((place, subject, role.scopes.as_deref().unwrap_or_default()));
    }
    let problems: Vec<Problem> = lists
        .iter()
        .flat_map(|(place, subject, scopes)| {
            let unknown = scopes
                .iter()
                .filter(|scope| !hub.custom_scopes.knows(&scope.name));
            unknown.map(move |scope| {
                let text = format!("{subject} {}", undefined(scope, &hub.custom_scopes));
                Problem::new(place, text)
            })
        })
        .collect();
    state.problems.extend(problems);
}

fn undefined(scope: &Scope, catalogue: &Catalogue) -> String {
    let own = catalogue.custom().map(|(name, _)| name.as_str());
    let hint = nearest(scope.name.as_str(), own)
        .map_or_else(String::new, |near| format!("; did you mean {near}?"));
    format!("holds '{scope}', which is not defined in [JupyterHub] custom_scopes{hint}")
}
