//! What can only be said of the configuration as a whole: values that depend on each other, and on the environment.

mod addresses;
mod login;
mod names;
mod oauth;
mod old_ways;
mod proxy;
mod roles;
mod scopes;
mod tokens;

use std::path::Path;

use hub_types::env::{EnvSource, JPY_COOKIE_SECRET};
use hub_types::secret::Token;

use super::OwnClasses;
use super::apply::State;
use crate::config::kind::class::unknown_spawner;
use crate::config::problem::{Place, Problem};
use crate::config::{Config, SpawnerClass};

/// Shortest cookie secret, in bytes.
const COOKIE_SECRET_BYTES: usize = 32;

/// Fills in what depends on other settings or on the environment, then checks the whole.
pub(super) fn finish(
    config: &mut Config,
    state: &mut State,
    folder: &Path,
    env: &dyn EnvSource,
    classes: &OwnClasses,
) {
    lifetimes(config, state);
    cookie_secret(config, state, env);
    proxy::check(config, state, env, classes);
    addresses::check(config, state);
    homes(config, folder);
    oauth::keys(config, state, env);
    oauth::check(config, state, env);
    spawner(config, state, classes);
    login::check(config, state);
    scopes::settle_roles(config, state);
    scopes::check(config, state);
    names::check(config, state);
    roles::check(config, state);
    tokens::check(config, state);
    services(config, state);
    announcement(config, state);
    if state.problems.is_empty() {
        old_ways::warn(config, state);
    }
}

fn lifetimes(config: &mut Config, state: &State) {
    let hub = &mut config.jupyterhub;
    if state.node("JupyterHub", "oauth_token_expires_in").is_none() {
        hub.oauth_token_expires_in = hub.cookie_max_age;
    }
    hub.api_page_default_limit = hub.api_page_default_limit.min(hub.api_page_max_limit);
}

fn cookie_secret(config: &mut Config, state: &mut State, env: &dyn EnvSource) {
    let mut place = state.place("JupyterHub", "cookie_secret");
    let secret = &mut config.jupyterhub.cookie_secret;
    if secret.is_none() {
        *secret = env.get_nonempty(JPY_COOKIE_SECRET).map(Token::from_config);
        place = Place::Env(JPY_COOKIE_SECRET);
    }
    let Some(text) = secret else { return };
    let long_enough =
        hex::decode(text.expose()).is_ok_and(|bytes| bytes.len() >= COOKIE_SECRET_BYTES);
    if !long_enough {
        let message = "[JupyterHub] cookie_secret must be at least 32 bytes as hex, 64 characters; make one with `openssl rand \
                       -hex 32`, or remove it: then one is made and kept in cookie_secret_file";
        state.problems.push(Problem::new(&place, message));
    }
}

/// A spawner that is not built in must be one that the hub was built with.
fn spawner(config: &Config, state: &mut State, classes: &OwnClasses) {
    if let SpawnerClass::Own(name) = &config.jupyterhub.spawner_class
        && !classes.spawners.contains_key(name)
    {
        let message = unknown_spawner(name);
        state.problem("JupyterHub", "spawner_class", message);
    }
}

fn homes(config: &mut Config, folder: &Path) {
    let template = &mut config.simple_spawner.home_dir_template;
    if !template.starts_with('/') {
        *template = folder.join(&*template).to_string_lossy().into_owned();
    }
}

fn services(config: &Config, state: &mut State) {
    let place = |state: &State, remark: &services::spec::Remark| {
        item_place(state, "services", &remark.service, remark.key)
    };
    match services::spec::validate_all(&config.jupyterhub.services) {
        Ok(remarks) => {
            for remark in remarks {
                let at = place(state, &remark);
                state.warnings.push(Problem::new(&at, remark.to_string()));
            }
        }
        Err(remarks) => {
            for remark in remarks {
                let at = place(state, &remark);
                state.problems.push(Problem::new(&at, remark.to_string()));
            }
        }
    }
}

/// Whoever says what stands above every page must be one of the services.
fn announcement(config: &Config, state: &mut State) {
    if config.own.announcement_path.is_none() {
        return;
    }
    let Some((name, _)) = config.own.announcer() else {
        let message = "must be a path below a service, e.g. /services/announcement/latest (without the base URL)";
        state.problem("hub", "announcement_path", message);
        return;
    };
    let mut services = config.jupyterhub.services.iter();
    if !services.any(|service| service.name == name && service.url.is_some()) {
        let message = format!(
            "names the service {name:?}, but there is none of that name with a url in JupyterHub.services"
        );
        state.problem("hub", "announcement_path", message);
    }
}

/// Where the item called `name` of the list `[JupyterHub] list` has the key `key`; else where the item is, or the list.
fn item_place(state: &State, list: &str, name: &str, key: &str) -> Place {
    let Some(node) = state.node("JupyterHub", list) else {
        return Place::Nowhere;
    };
    let field = |item: &crate::config::node::Node, key: &str| {
        let entries = item.as_table()?;
        entries.iter().find(|entry| entry.key == key).cloned()
    };
    let item =
        node.as_list().unwrap_or_default().iter().find(|item| {
            field(item, "name").is_some_and(|entry| entry.node.as_text() == Some(name))
        });
    match item {
        Some(item) => field(item, key).map_or_else(|| item.place.clone(), |entry| entry.place),
        None => node.place.clone(),
    }
}
