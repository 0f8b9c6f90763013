//! The settings that may differ from server to server: by group, by what its owner chose, by what a hook says.

use serde_json::Value as Json;

use super::kind::Faults;
use super::load::flags;
use super::node::Node;
use super::problem::{Place, nearest};
use super::traits::{Access, Class};
use super::{Config, LocalProcessSpawner, SimpleLocalProcessSpawner, Spawner};

/// Settings that are read when a server starts. All others are the hub's own, or were read before.
pub const TRAITS: &[&str] = &[
    "args",
    "cmd",
    "cpu_guarantee",
    "cpu_limit",
    "debug",
    "default_url",
    "disable_user_config",
    "env_keep",
    "environment",
    "home_dir_template",
    "http_timeout",
    "hub_connect_url",
    "ip",
    "mem_guarantee",
    "mem_limit",
    "notebook_dir",
    "port",
    "shell_cmd",
    "start_timeout",
];

/// Settings in which `{username}` and `{servername}` are filled in.
const TEMPLATES: &[&str] = &["args", "default_url", "environment", "notebook_dir"];

/// The class that has all of [`TRAITS`].
const CLASS: &str = "SimpleLocalProcessSpawner";

/// The settings of one server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PerServer {
    /// `[Spawner]`.
    pub spawner: Spawner,
    /// `[LocalProcessSpawner]`.
    pub local_spawner: LocalProcessSpawner,
    /// `[SimpleLocalProcessSpawner]`.
    pub simple_spawner: SimpleLocalProcessSpawner,
}

impl PerServer {
    /// What every server gets.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            spawner: config.spawner.clone(),
            local_spawner: config.local_spawner.clone(),
            simple_spawner: config.simple_spawner.clone(),
        }
    }

    /// Gives the setting `name` another value. `null` takes a setting back to its default; of variables, it removes those
    /// with null and keeps those that are not named. Texts may stand for numbers, and a list of one for its item, as they
    /// come from forms.
    ///
    /// # Errors
    /// What is wrong, in words that name the setting.
    pub fn set(&mut self, name: &str, value: &Json) -> Result<(), String> {
        let access = access(name)?;
        match value {
            Json::Null => self.with(|config| (access.copy)(config, &Config::default())),
            Json::Object(variables) if name == "environment" => {
                let (set, gone): (serde_json::Map<_, _>, serde_json::Map<_, _>) = variables
                    .clone()
                    .into_iter()
                    .partition(|(_, value)| !value.is_null());
                let mut environment = std::mem::take(&mut self.spawner.environment);
                let read = self.read(name, access, &Json::Object(set));
                environment.retain(|variable, _| !gone.contains_key(variable));
                environment.append(&mut self.spawner.environment);
                self.spawner.environment = environment;
                return read;
            }
            value => return self.read(name, access, value),
        }
        Ok(())
    }

    fn read(&mut self, name: &str, access: &Access, value: &Json) -> Result<(), String> {
        let place = Place::Nowhere;
        let first = self.try_node(name, access, &Node::from_json(value, &place));
        let again = match value {
            // A table is never written as one text.
            _ if name == "environment" => return first,
            Json::String(text) => flags::node(text, &place),
            Json::Array(items) if items.len() == 1 => match &items[0] {
                Json::String(text) => flags::node(text, &place),
                item @ (Json::Number(_) | Json::Bool(_)) => Node::from_json(item, &place),
                _ => return first,
            },
            _ => return first,
        };
        // The first mistake is about what was really given.
        first.or_else(|error| self.try_node(name, access, &again).map_err(|_| error))
    }

    fn try_node(&mut self, name: &str, access: &Access, node: &Node) -> Result<(), String> {
        let mut problems = Vec::new();
        let read = self.with(|config| {
            let mut faults = Faults::new(name.to_owned(), &mut problems);
            (access.read)(config, node, &mut faults)
        });
        match problems.first() {
            None if read => Ok(()),
            problem => Err(problem.map_or_else(
                || format!("{name} cannot be read"),
                |problem| problem.message.clone(),
            )),
        }
    }

    /// Traits reach their fields by way of a whole configuration.
    fn with<T>(&mut self, act: impl FnOnce(&mut Config) -> T) -> T {
        let mut config = Config {
            spawner: std::mem::take(&mut self.spawner),
            local_spawner: std::mem::take(&mut self.local_spawner),
            simple_spawner: std::mem::take(&mut self.simple_spawner),
            ..Config::default()
        };
        let done = act(&mut config);
        self.spawner = config.spawner;
        self.local_spawner = config.local_spawner;
        self.simple_spawner = config.simple_spawner;
        done
    }

    /// Changes every text in which placeholders are filled in.
    pub fn fill(&mut self, fill: impl Fn(&str) -> String) {
        let spawner = &mut self.spawner;
        for text in spawner
            .args
            .iter_mut()
            .chain(spawner.environment.values_mut())
            .chain(&mut spawner.notebook_dir)
            .chain(&mut spawner.default_url)
        {
            *text = fill(text);
        }
    }
}

fn access(name: &str) -> Result<&'static Access, String> {
    let row = TRAITS
        .contains(&name)
        .then(|| Class::find(CLASS).and_then(|class| class.find_trait(name)))
        .flatten()
        .and_then(|(_, row)| row.access());
    row.ok_or_else(|| match nearest(name, TRAITS.iter().copied()) {
        Some(near) => format!("{name} is not a setting of servers; did you mean {near}?"),
        None => format!(
            "{name} is not a setting that may differ from server to server; there are {}",
            TRAITS.join(", ")
        ),
    })
}

/// Checks the name of a setting that may differ.
///
/// # Errors
/// What there is instead.
pub fn check_name(name: &str) -> Result<(), String> {
    access(name).map(|_| ())
}

/// Whether placeholders are filled in where an administrator gives the setting `name` another value.
#[must_use]
pub fn is_template(name: &str) -> bool {
    TEMPLATES.contains(&name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_setting_that_may_differ_can_be_set() {
        let config = Config::default();
        for name in TRAITS {
            let access = access(name).unwrap();
            let shown = (access.show)(&config);
            let mut server = PerServer::of(&config);
            assert_eq!(server.set(name, &Json::Null), Ok(()), "{name}");
            if let Some(value) = shown {
                assert_eq!(server.set(name, &value), Ok(()), "{name}");
            }
            assert_eq!(server, PerServer::of(&config), "{name}");
        }
    }

    #[test]
    fn values_as_forms_and_files_have_them() {
        let mut server = PerServer::default();
        for (name, value) in [
            ("mem_limit", json!("2G")),
            ("cpu_limit", json!("0.5")),
            ("debug", json!("true")),
            ("http_timeout", json!(["7"])),
            ("args", json!("--debug")),
            ("default_url", json!("/lab")),
        ] {
            assert_eq!(server.set(name, &value), Ok(()), "{name}");
        }
        let spawner = &server.spawner;
        assert_eq!(
            (spawner.mem_limit, spawner.cpu_limit, spawner.debug),
            (Some(2 << 30), Some(0.5), true)
        );
        assert_eq!(spawner.http_timeout.as_secs(), 7);
        assert_eq!(spawner.args, ["--debug"]);
        assert_eq!(spawner.default_url.as_deref(), Some("/lab"));
    }

    #[test]
    fn what_cannot_be_set() {
        let mut server = PerServer::default();
        let before = server.clone();
        for (name, value, error) in [
            (
                "mem_limt",
                json!("2G"),
                "mem_limt is not a setting of servers; did you mean mem_limit?",
            ),
            (
                "mem_limit",
                json!("much"),
                "mem_limit must be a number of bytes",
            ),
            (
                "cpu_limit",
                json!(-1),
                "cpu_limit must be a number of cores",
            ),
            ("environment", json!({"A=": "x"}), "environment holds 'A='"),
            ("environment", json!("x"), "environment must be a table"),
            (
                "pre_spawn_hook",
                json!(["sh"]),
                "pre_spawn_hook is not a setting that may differ",
            ),
            (
                "server_token_scopes",
                json!(["inherit"]),
                "server_token_scopes is not a setting",
            ),
            (
                "consecutive_failure_limit",
                json!(1),
                "consecutive_failure_limit is not a setting",
            ),
        ] {
            let said = server.set(name, &value).unwrap_err();
            assert!(said.starts_with(error), "{said}");
        }
        assert_eq!(server, before);
    }

    #[test]
    fn variables_are_added_and_null_removes() {
        let mut server = PerServer::default();
        server
            .set("environment", &json!({"A": "1", "B": "2"}))
            .unwrap();
        server
            .set("environment", &json!({"B": null, "C": 3}))
            .unwrap();
        let variables: Vec<(&str, &str)> = server
            .spawner
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(variables, [("A", "1"), ("C", "3")]);
        server.set("mem_limit", &json!("1G")).unwrap();
        server.set("mem_limit", &Json::Null).unwrap();
        assert_eq!(server.spawner.mem_limit, None);
    }
}
