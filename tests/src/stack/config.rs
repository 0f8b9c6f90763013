//! The configuration that tests start from, and how it is written down for either hub.

use std::path::Path;

use toml::{Table, Value, toml};

use super::{ADMIN_SERVICE, Program, fixed_ports};

/// What the default configuration depends on.
pub(super) struct Setting<'a> {
    pub(super) program: Program,
    pub(super) base: &'a str,
    pub(super) home: &'a Path,
    pub(super) admin_token: &'a str,
}

impl Setting<'_> {
    /// Test login, simple spawner, real single-user server, one service with an administrator's rights.
    pub(super) fn defaults(&self) -> Table {
        let [public, hub, api] = match self.program {
            Program::Ours => [0; 3],
            Program::Python => fixed_ports(),
        };
        let bind_url = format!("http://127.0.0.1:{public}{}", self.base);
        let hub_bind_url = format!("http://127.0.0.1:{hub}");
        let api_url = format!("http://127.0.0.1:{api}");
        let homes = format!("{}/{{username}}", self.home.display());
        let token = self.admin_token;
        let mut config = toml! {
            [JupyterHub]
            bind_url = bind_url
            hub_bind_url = hub_bind_url
            authenticator_class = "dummy"
            spawner_class = "simple"

            [[JupyterHub.services]]
            name = ADMIN_SERVICE
            api_token = token
            // Only administrators make tokens for administrators.
            admin = true

            [[JupyterHub.load_roles]]
            name = "e2e"
            services = [ADMIN_SERVICE]
            scopes = [
                "admin:users", "admin:servers", "tokens", "list:services", "read:services", "proxy", "read:hub",
                "access:servers", "access:services", "read:roles"
            ]

            [ConfigurableHTTPProxy]
            api_url = api_url

            [Authenticator]
            allow_all = true
            admin_users = ["admin"]

            [Spawner]
            cmd = ["jupyterhub-singleuser"]
            args = ["--allow-root"]
            http_timeout = 90
            start_timeout = 90

            [SimpleLocalProcessSpawner]
            home_dir_template = homes
        };
        if self.program == Program::Python {
            merge(
                &mut config,
                toml! {
                    [ConfigurableHTTPProxy]
                    command = ["configurable-http-proxy"]
                },
            );
        }
        config
    }
}

/// Puts `more` over `config`: tables are merged, lists of tables are appended, everything else is replaced.
pub(super) fn merge(config: &mut Table, more: Table) {
    for (key, value) in more {
        match (config.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (Some(Value::Array(old)), Value::Array(new))
                if !new.is_empty() && new.iter().all(Value::is_table) =>
            {
                old.extend(new);
            }
            (_, value) => {
                config.insert(key, value);
            }
        }
    }
}

/// The same configuration as a `jupyterhub_config.py`.
pub(super) fn python(config: &Table) -> String {
    let json = serde_json::to_string(config).expect("TOML without dates is JSON");
    format!(
        "import json\n\
         for section, traits in json.loads({json:?}).items():\n    \
             for trait, value in traits.items():\n        \
                 setattr(c[section], trait, value)\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_is_merged_not_replaced() {
        let mut config = toml! {
            [JupyterHub]
            port = 1
            services = [{ name = "a" }]
            [Spawner]
            args = ["--x"]
        };
        merge(
            &mut config,
            toml! {
                [JupyterHub]
                port = 2
                services = [{ name = "b" }]
                [Spawner]
                args = ["--y"]
            },
        );
        let expected = toml! {
            [JupyterHub]
            port = 2
            services = [{ name = "a" }, { name = "b" }]
            [Spawner]
            args = ["--y"]
        };
        assert_eq!(config, expected);
    }
}
