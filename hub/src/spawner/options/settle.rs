//! The settings of one server: what everybody gets, changed by groups, by the chosen profile, by options.

use serde_json::Value;

use super::{InvalidOptions, Options, profiles};
use crate::config::{Config, Overrides, PerServer, per_server};
use crate::domain::server::ServerRef;
use crate::spawner::template::fill;

/// How many names of options that mean nothing are logged.
const NAMED: usize = 8;

/// Settings that are being put together, for one server.
#[derive(Debug, Clone)]
pub struct Settling<'a> {
    config: &'a Config,
    at: &'a ServerRef,
    settings: PerServer,
}

impl<'a> Settling<'a> {
    /// What everybody gets, with the placeholders filled in: what comes from users later keeps its braces.
    #[must_use]
    pub fn begin(config: &'a Config, at: &'a ServerRef) -> Self {
        let mut settings = PerServer::of(config);
        settings.fill(|text| filled(text, at));
        Self {
            config,
            at,
            settings,
        }
    }

    /// The settings as far as they are put together.
    #[must_use]
    pub fn settings(&self) -> &PerServer {
        &self.settings
    }

    /// The settings.
    #[must_use]
    pub fn done(self) -> PerServer {
        self.settings
    }

    /// Applies what an administrator's program says; nothing is filled in.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn answer(&mut self, overrides: &Overrides) -> Result<(), String> {
        for (name, value) in overrides {
            self.settings.set(name, value)?;
        }
        Ok(())
    }

    /// Applies `group_overrides` for a member of `groups`, in the order of their keys.
    ///
    /// # Errors
    /// What is wrong with them: the configuration was checked, so this cannot be.
    pub fn groups(&mut self, groups: &[String]) -> Result<(), String> {
        for (key, rule) in &self.config.spawner.group_overrides {
            if rule.groups.iter().any(|group| groups.contains(group)) {
                tracing::info!(server = %self.at, "group override {key:?} is applied to {}", self.at);
                self.overrides(&rule.spawner_override)?;
            }
        }
        Ok(())
    }

    /// Applies the profile and the options that the owner chose. Options that nothing is said of set nothing.
    ///
    /// # Errors
    /// When they cannot be.
    pub fn options(&mut self, options: &Options) -> Result<(), InvalidOptions> {
        let spawner = &self.config.spawner;
        for overrides in profiles::overrides(&spawner.profile_list, options)? {
            self.overrides(overrides).map_err(InvalidOptions)?;
        }
        let mut unknown = Vec::new();
        for (option, value) in options {
            match spawner.apply_user_options.get(option) {
                Some(name) => self
                    .choose(name, value)
                    .map_err(|why| InvalidOptions(format!("{option}: {why}")))?,
                None if profiles::knows(&spawner.profile_list, option) => {}
                None => unknown.push(option),
            }
        }
        if !unknown.is_empty() {
            let count = unknown.len();
            unknown.truncate(NAMED);
            tracing::warn!(server = %self.at, "{count} options of {} set nothing: {unknown:?}", self.at);
        }
        Ok(())
    }

    /// Applies what somebody chose. What they left blank is not chosen: the value of the administrator stays. (An
    /// administrator's own `null` goes back to the default, and takes a variable away.)
    fn choose(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match value {
            Value::Null => Ok(()),
            Value::Object(parts) if parts.values().any(Value::is_null) => {
                let given = parts.iter().filter(|(_, part)| !part.is_null());
                let given = given.map(|(key, part)| (key.clone(), part.clone()));
                self.settings.set(name, &Value::Object(given.collect()))
            }
            value => self.settings.set(name, value),
        }
    }

    /// Applies what the configuration says, with the placeholders filled in.
    fn overrides(&mut self, overrides: &Overrides) -> Result<(), String> {
        for (name, value) in overrides {
            match per_server::is_template(name) {
                true => self.settings.set(name, &filled_value(value, self.at))?,
                false => self.settings.set(name, value)?,
            }
        }
        Ok(())
    }
}

fn filled(text: &str, at: &ServerRef) -> String {
    let values = [
        ("username", at.user.as_str()),
        ("servername", at.name.as_str()),
    ];
    fill(text, &values)
}

fn filled_value(value: &Value, at: &ServerRef) -> Value {
    match value {
        Value::String(text) => filled(text, at).into(),
        Value::Array(items) => items.iter().map(|item| filled_value(item, at)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), filled_value(value, at)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use hub_types::names::{ServerName, Username};
    use serde_json::json;

    use super::*;

    fn at() -> ServerRef {
        ServerRef::new(Username::stored("mal"), ServerName::stored("gpu"))
    }

    fn settled(toml: &str, groups: &[&str], options: &Value) -> Result<PerServer, String> {
        let config = Config::from_toml(toml).unwrap();
        let at = at();
        let mut settling = Settling::begin(&config, &at);
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        settling.groups(&groups)?;
        settling
            .options(options.as_object().unwrap())
            .map_err(|error| error.to_string())?;
        Ok(settling.done())
    }

    const BOTH: &str = r#"
[Spawner]
args = ["--name={username}"]
environment = { HOME_OF = "{username}/{servername}" }
apply_user_options = { args = "args", env = "environment", memory = "mem_limit" }
[Spawner.group_overrides.b]
groups = ["lab", "staff"]
spawner_override = { mem_limit = "4G", environment = { LAB = "{username}" } }
[Spawner.group_overrides.a]
groups = ["lab"]
spawner_override = { mem_limit = "2G", cpu_limit = 2 }
"#;

    #[test]
    fn groups_in_the_order_of_keys_then_options() {
        let none = settled(BOTH, &["other"], &json!({})).unwrap().spawner;
        assert_eq!((none.mem_limit, none.cpu_limit), (None, None));
        assert_eq!(none.args, ["--name=mal"]);
        assert_eq!(none.environment["HOME_OF"], "mal/gpu");
        let lab = settled(BOTH, &["lab"], &json!({})).unwrap().spawner;
        assert_eq!((lab.mem_limit, lab.cpu_limit), (Some(4 << 30), Some(2.0)));
        assert_eq!(lab.environment.len(), 2);
        let options = json!({"memory": "1G", "env": {"A": "b"}});
        let chosen = settled(BOTH, &["lab"], &options).unwrap().spawner;
        assert_eq!(chosen.mem_limit, Some(1 << 30));
        assert_eq!(chosen.environment.len(), 3);
    }

    /// Security case 92: what users write is never a template.
    #[test]
    fn what_users_write_stays_as_it_is() {
        let options =
            json!({"args": ["{username}", "$(id)", "; rm"], "env": {"A": "{servername}"}});
        let spawner = settled(BOTH, &["lab"], &options).unwrap().spawner;
        assert_eq!(spawner.args, ["{username}", "$(id)", "; rm"]);
        assert_eq!(spawner.environment["A"], "{servername}");
        assert_eq!(spawner.environment["LAB"], "mal");
    }

    /// Security case 91: nothing that was not configured can be set.
    #[test]
    fn options_that_are_not_named_set_nothing() {
        let options = json!({"cmd": ["/bin/sh"], "environment": {"LD_PRELOAD": "x"}, "mem_limit": "9T",
            "spawner_override": {"cmd": ["x"]}, "notebook_dir": "/", "profile": "x"});
        assert_eq!(settled(BOTH, &[], &options), settled(BOTH, &[], &json!({})));
        for (options, expected) in [
            (
                json!({"memory": "much"}),
                "Invalid user options: memory: mem_limit must be a number of bytes",
            ),
            (
                json!({"args": {"a": 1}}),
                "Invalid user options: args: args must be a list of texts",
            ),
            (
                json!({"env": {"A=": "x"}}),
                "Invalid user options: env: environment holds 'A='",
            ),
        ] {
            let error = settled(BOTH, &[], &options).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    /// A field that was left empty takes no limit and no variable away.
    #[test]
    fn what_is_left_blank_changes_nothing() {
        let blank = json!({"args": null, "memory": null, "env": {"LAB": null, "HOME_OF": null}});
        let expected = settled(BOTH, &["lab"], &json!({})).unwrap();
        assert_eq!(expected.spawner.mem_limit, Some(4 << 30));
        assert_eq!(settled(BOTH, &["lab"], &blank).unwrap(), expected);
        let some = json!({"env": {"LAB": null, "A": "b"}});
        let environment = settled(BOTH, &["lab"], &some).unwrap().spawner.environment;
        assert_eq!(
            environment.keys().collect::<Vec<_>>(),
            ["A", "HOME_OF", "LAB"]
        );
    }

    #[test]
    fn a_profile_comes_after_groups_and_before_options() {
        let toml = r#"
[Spawner]
apply_user_options = { memory = "mem_limit" }
group_overrides = { a = { groups = ["lab"], spawner_override = { mem_limit = "2G", cpu_limit = 2 } } }
profile_list = [{ display_name = "Big", spawner_override = { mem_limit = "8G", default_url = "/{username}" } }]
"#;
        let big = settled(toml, &["lab"], &json!({"profile": "big"}))
            .unwrap()
            .spawner;
        assert_eq!((big.mem_limit, big.cpu_limit), (Some(8 << 30), Some(2.0)));
        assert_eq!(big.default_url.as_deref(), Some("/mal"));
        let own = settled(toml, &["lab"], &json!({"memory": "3G"}))
            .unwrap()
            .spawner;
        assert_eq!(own.mem_limit, Some(3 << 30));
        let none = settled(toml, &[], &json!({"profile": "small"}));
        assert_eq!(
            none,
            Err("Invalid user options: there is no such profile".to_owned())
        );
    }
}
