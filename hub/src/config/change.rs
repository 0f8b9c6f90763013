//! What of a new configuration can be taken while the hub runs. The rest waits for a restart.

use super::Config;
use super::traits::{CLASSES, Status};

/// What is looked at anew whenever it is asked for: everything else was built into something that runs.
const AT_RUN_TIME: &[(&str, &str)] = &[
    ("Authenticator", "admin_users"),
    ("Authenticator", "allowed_users"),
    ("Authenticator", "blocked_users"),
    ("Authenticator", "allow_all"),
    ("Authenticator", "allow_existing_users"),
    ("Authenticator", "any_allow_config"),
    ("Authenticator", "username_map"),
    ("Authenticator", "username_pattern"),
    ("Authenticator", "auth_refresh_age"),
    ("Authenticator", "auth_refresh_strict"),
    ("Authenticator", "refresh_pre_spawn"),
    ("Authenticator", "refresh_pre_stop"),
    ("JupyterHub", "load_groups"),
    ("JupyterHub", "load_roles"),
    ("JupyterHub", "extra_user_scopes"),
    ("JupyterHub", "services"),
    ("JupyterHub", "service_tokens"),
    ("JupyterHub", "api_tokens"),
    ("JupyterHub", "log_level"),
    ("JupyterHub", "debug_db"),
];

/// Of these, what names scopes: with other custom scopes they wait, too.
const NAME_SCOPES: &[&str] = &["load_roles", "extra_user_scopes", "services"];

/// A configuration for the hub that runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// What is in force with it: the present one with what could be taken of the new one.
    pub config: Config,
    /// What was taken, as `[Class] trait`.
    pub taken: Vec<String>,
    /// What waits for a restart.
    pub waiting: Vec<String>,
}

/// Takes of `new` what can be taken by a hub that runs with `present`.
#[must_use]
pub fn take(present: &Config, new: &Config) -> Change {
    let mut change = Change {
        config: present.clone(),
        ..Change::default()
    };
    let other_scopes = present.jupyterhub.custom_scopes != new.jupyterhub.custom_scopes;
    for class in CLASSES {
        for row in class.traits {
            let at_run_time = AT_RUN_TIME.contains(&(class.name, row.name));
            let access = match &row.status {
                Status::Works(access) => access,
                // Other old names are other words for fields that have rows of their own.
                Status::Renamed(access) if at_run_time => access,
                _ => continue,
            };
            if (access.same)(present, new) {
                continue;
            }
            let name = format!("[{}] {}", class.name, row.name);
            if at_run_time && !(other_scopes && NAME_SCOPES.contains(&row.name)) {
                (access.copy)(&mut change.config, new);
                change.taken.push(name);
            } else if !part_of_another(row.name) {
                change.waiting.push(name);
            }
        }
    }
    let sections = present.plugged.0.keys().chain(new.plugged.0.keys());
    let mut changed: Vec<String> = sections
        .filter(|section| present.plugged.0.get(*section) != new.plugged.0.get(*section))
        .map(|section| format!("[{section}]"))
        .collect();
    changed.dedup();
    change.waiting.extend(changed);
    change
}

/// Rows that are parts of others, which are named instead.
fn part_of_another(name: &str) -> bool {
    matches!(name, "ip" | "port" | "base_url" | "hub_ip" | "hub_port")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "[JupyterHub]
authenticator_class = 'dummy'
[Authenticator]
allowed_users = ['mal']
";

    fn change(new: &str) -> Change {
        let present = Config::from_toml(BEFORE).unwrap();
        take(&present, &Config::from_toml(new).unwrap())
    }

    #[test]
    fn what_can_change_is_taken_and_the_rest_is_named() {
        let change = change(
            "[JupyterHub]
authenticator_class = 'dummy'
port = 9000
log_level = 'DEBUG'
[[JupyterHub.load_roles]]
name = 'helpers'
users = ['zoe']
scopes = ['list:users']
[[JupyterHub.services]]
name = 'whoami'
[Authenticator]
allowed_users = ['zoe']
[Spawner]
cmd = ['x']
",
        );
        assert_eq!(
            change.taken,
            [
                "[JupyterHub] load_roles",
                "[JupyterHub] services",
                "[JupyterHub] log_level",
                "[Authenticator] allowed_users"
            ]
        );
        assert_eq!(change.waiting, ["[JupyterHub] bind_url", "[Spawner] cmd"]);
        assert_eq!(change.config.jupyterhub.bind_url.port, 8000);
        assert_eq!(change.config.authenticator.allowed_users.len(), 1);
        assert!(change.config.authenticator.allowed_users.contains("zoe"));
    }

    #[test]
    fn roles_wait_for_the_scopes_that_they_name() {
        let change = change(
            "[JupyterHub]
authenticator_class = 'dummy'
custom_scopes = { 'custom:abc' = { description = 'a' } }
load_roles = [{ name = 'helpers', scopes = ['custom:abc'] }]
services = [{ name = 'a', oauth_client_allowed_scopes = ['custom:abc'] }]
[Authenticator]
allowed_users = ['mal']
",
        );
        assert!(change.taken.is_empty(), "{:?}", change.taken);
        assert_eq!(
            change.waiting,
            [
                "[JupyterHub] load_roles",
                "[JupyterHub] custom_scopes",
                "[JupyterHub] services"
            ]
        );
    }

    #[test]
    fn the_same_again_changes_nothing() {
        assert_eq!(
            change(BEFORE),
            Change {
                config: Config::from_toml(BEFORE).unwrap(),
                ..Change::default()
            }
        );
    }
}
