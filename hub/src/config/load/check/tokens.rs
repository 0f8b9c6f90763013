//! Whether the configured tokens have owners, and one each.

use std::collections::BTreeMap;

use hub_types::names::ServiceName;
use hub_types::secret::TokenHash;

use super::State;
use crate::config::Config;

pub(super) fn check(config: &Config, state: &mut State) {
    let hub = &config.jupyterhub;
    for (_, name) in &hub.service_tokens {
        if let Err(error) = ServiceName::new(name) {
            let message = format!("'{name}' cannot be a service: {error}");
            state.problem("JupyterHub", "service_tokens", message);
        }
    }
    one_owner_each(config, state);
}

/// A token that two owners share would be one of them by chance.
fn one_owner_each(config: &Config, state: &mut State) {
    let hub = &config.jupyterhub;
    let of_services = hub.services.iter().filter_map(|spec| {
        let token = spec.api_token.as_ref()?;
        Some(("services", token, format!("service {}", spec.name)))
    });
    let registered = hub
        .service_tokens
        .iter()
        .map(|(token, name)| ("service_tokens", token, format!("service {name}")));
    let of_users = hub
        .api_tokens
        .iter()
        .map(|(token, name)| ("api_tokens", token, format!("user {name}")));
    let mut owners: BTreeMap<TokenHash, String> = BTreeMap::new();
    let mut shared = Vec::new();
    for (setting, token, owner) in of_services.chain(registered).chain(of_users) {
        match owners.get(&token.hash()) {
            Some(other) if *other != owner => {
                let text =
                    format!("the token of {owner} is that of {other} too; give each its own");
                shared.push((setting, text));
            }
            _ => {
                owners.insert(token.hash(), owner);
            }
        }
    }
    for (setting, message) in shared {
        state.problem("JupyterHub", setting, message);
    }
}
