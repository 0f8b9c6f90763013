//! Ways of writing that work, and that deserve a word: they come from old manuals, or mean something else than they say.

use super::{COOKIE_SECRET_BYTES, State};
use crate::config::{Config, DbUrl};

/// Hosts that a file may write as `*`.
const HOSTS: &[(&str, &str)] = &[
    ("JupyterHub", "ip"),
    ("JupyterHub", "hub_ip"),
    ("JupyterHub", "proxy_api_ip"),
    ("Spawner", "ip"),
];

pub(super) fn warn(config: &Config, state: &mut State) {
    hosts(state);
    database(state);
    names(config, state);
    filled_in(config, state);
    long_secret(config, state);
}

fn text<'a>(state: &'a State, class: &str, name: &str) -> Option<&'a str> {
    state.node(class, name)?.as_text()
}

fn hosts(state: &mut State) {
    for (class, name) in HOSTS {
        if text(state, class, name) == Some("*") {
            state.warn(
                class,
                name,
                "= \"*\" is taken as all interfaces; write an empty text",
            );
        }
    }
}

fn database(state: &mut State) {
    for name in ["db_url", "db_file"] {
        let Some(url) = text(state, "JupyterHub", name).map(str::to_owned) else {
            continue;
        };
        let passed_over = DbUrl::without_effect(&url);
        if !passed_over.is_empty() {
            let message = format!(
                "holds what only tunes Python's driver ({}) and has no effect here; leave it out",
                passed_over.join(", ")
            );
            state.warn("JupyterHub", name, message);
        }
        // A memory is named so everywhere.
        if !url.is_empty() && !url.contains("://") && url.parse::<DbUrl>() != Ok(DbUrl::Memory) {
            let message = "is a path; write it as a URL: sqlite:/// and the path, which makes four slashes for an absolute one";
            state.warn("JupyterHub", name, message);
        }
    }
}

/// `set('mal')` is three users of one letter each.
fn names(config: &Config, state: &mut State) {
    let auth = &config.authenticator;
    let (allowed, admins, blocked) = (&auth.allowed_users, &auth.admin_users, &auth.blocked_users);
    for (name, users) in [
        ("allowed_users", allowed),
        ("admin_users", admins),
        ("blocked_users", blocked),
    ] {
        if users.len() > 1 && users.iter().all(|user| user.chars().count() == 1) {
            let message = "holds users whose names are one letter each; if it was written as set('name'), write {'name'}";
            let written = [
                ("Authenticator", name),
                ("Authenticator", "whitelist"),
                ("JupyterHub", name),
            ];
            let (class, written) = written
                .into_iter()
                .find(|(class, name)| state.node(class, name).is_some())
                .unwrap_or(("Authenticator", name));
            state.warn(class, written, message);
        }
    }
}

/// `%U` was the user's name in JupyterHub 0.8.
fn filled_in(config: &Config, state: &mut State) {
    let spawner = &config.spawner;
    let old = |value: &Option<String>| value.as_ref().is_some_and(|text| text.contains("%U"));
    let (folder, page) = (old(&spawner.notebook_dir), old(&spawner.default_url));
    for (name, found) in [("notebook_dir", folder), ("default_url", page)] {
        if found {
            let message = "holds %U, an old way of writing the user's name; write {username}";
            state.warn("Spawner", name, message);
        }
    }
}

fn long_secret(config: &Config, state: &mut State) {
    let secret = config.jupyterhub.cookie_secret.as_ref();
    if secret.is_some_and(|secret| secret.expose().len() > 2 * COOKIE_SECRET_BYTES)
        && state.node("JupyterHub", "cookie_secret").is_some()
    {
        let message = "is longer than 32 bytes; its SHA-256 is used, as in JupyterHub. `openssl rand -hex 32` makes one that fits";
        state.warn("JupyterHub", "cookie_secret", message);
    }
}
