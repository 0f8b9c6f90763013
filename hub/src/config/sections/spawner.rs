//! `[Spawner]` and the spawners that are there.

use std::collections::BTreeMap;
use std::time::Duration;

use hub_types::scope::Scope;
use services::contract::LOCAL_ENV_KEEP;
use url::Url;

use super::server_options::{GroupOverride, OptionsFromForm, Profile};

/// `[Spawner]`: what every user server gets, whoever starts it.
///
/// `{username}` and `{servername}` are filled in before a start in `args`, `environment`, `notebook_dir` and `default_url`
/// ([`PerServer`](crate::config::PerServer)).
#[derive(Debug, Clone, PartialEq)]
pub struct Spawner {
    /// The program and its first arguments.
    pub cmd: Vec<String>,
    /// Further arguments.
    pub args: Vec<String>,
    /// Variables to set; win over everything but USER, HOME and SHELL.
    pub environment: BTreeMap<String, String>,
    /// Variables to copy from the hub's environment, where it has them.
    pub env_keep: Vec<String>,
    /// Root folder shown to the user; `None`: the home.
    pub notebook_dir: Option<String>,
    /// The page a server shows first.
    pub default_url: Option<String>,
    /// Where the server listens; empty means all interfaces.
    pub ip: String,
    /// The port; 0 means any free one.
    pub port: u16,
    /// How long starting the process may take.
    pub start_timeout: Duration,
    /// How long the started server may take to answer HTTP.
    pub http_timeout: Duration,
    /// How often a server is asked whether it lives; `None`: never.
    pub poll_interval: Option<Duration>,
    /// Fraction of it by which it varies.
    pub poll_jitter: f64,
    /// After how many failed starts in a row the hub stops; 0 for never.
    pub consecutive_failure_limit: u64,
    /// Whether servers log more.
    pub debug: bool,
    /// Whether servers ignore configuration in the user's home.
    pub disable_user_config: bool,
    /// Most memory, in bytes.
    pub mem_limit: Option<u64>,
    /// Memory that must be there, in bytes.
    pub mem_guarantee: Option<u64>,
    /// Most CPU, in cores.
    pub cpu_limit: Option<f64>,
    /// CPU that must be there, in cores.
    pub cpu_guarantee: Option<f64>,
    /// What browsers may get through a server's OAuth client, besides access to it.
    pub oauth_client_allowed_scopes: Vec<Scope>,
    /// Old form of the same: roles whose scopes they are. Empty once the configuration is loaded.
    pub oauth_roles: Vec<String>,
    /// What a server's own token may; empty means the scopes of the role `server`.
    pub server_token_scopes: Vec<Scope>,
    /// Where servers reach the hub, instead of where the hub says.
    pub hub_connect_url: Option<Url>,
    /// HTML of the form that people fill in before a start; `None`: servers start at once.
    pub options_form: Option<String>,
    /// How the fields of that form become options.
    pub options_from_form: OptionsFromForm,
    /// Which setting an option sets, by the option's name.
    pub apply_user_options: BTreeMap<String, String>,
    /// Settings of the members of some groups, applied in the order of their keys.
    pub group_overrides: BTreeMap<String, GroupOverride>,
    /// Variants that people can choose.
    pub profile_list: Vec<Profile>,
    /// Command that is told the owner's auth_state before a start.
    pub auth_state_hook: Option<Vec<String>>,
    /// Command that runs before a start, and may refuse it.
    pub pre_spawn_hook: Option<Vec<String>>,
    /// Command that runs after a stop.
    pub post_stop_hook: Option<Vec<String>>,
}

impl Default for Spawner {
    fn default() -> Self {
        Self {
            cmd: vec!["jupyterhub-singleuser".to_owned()],
            args: Vec::new(),
            environment: BTreeMap::new(),
            env_keep: LOCAL_ENV_KEEP.iter().map(ToString::to_string).collect(),
            notebook_dir: None,
            default_url: None,
            ip: "127.0.0.1".to_owned(),
            port: 0,
            start_timeout: Duration::from_secs(60),
            http_timeout: Duration::from_secs(30),
            poll_interval: Some(Duration::from_secs(30)),
            poll_jitter: 0.1,
            consecutive_failure_limit: 0,
            debug: false,
            disable_user_config: false,
            mem_limit: None,
            mem_guarantee: None,
            cpu_limit: None,
            cpu_guarantee: None,
            oauth_client_allowed_scopes: Vec::new(),
            oauth_roles: Vec::new(),
            server_token_scopes: Vec::new(),
            hub_connect_url: None,
            options_form: None,
            options_from_form: OptionsFromForm::default(),
            apply_user_options: BTreeMap::new(),
            group_overrides: BTreeMap::new(),
            profile_list: Vec::new(),
            auth_state_hook: None,
            pre_spawn_hook: None,
            post_stop_hook: None,
        }
    }
}

/// `[LocalProcessSpawner]`: how servers are started, and how long a process has before the next signal.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalProcessSpawner {
    /// After SIGINT.
    pub interrupt_timeout: Duration,
    /// After SIGTERM.
    pub term_timeout: Duration,
    /// After SIGKILL.
    pub kill_timeout: Duration,
    /// The shell that runs the command, which it gets as one word.
    pub shell_cmd: Option<Vec<String>>,
}

impl Default for LocalProcessSpawner {
    fn default() -> Self {
        Self {
            interrupt_timeout: Duration::from_secs(30),
            term_timeout: Duration::from_secs(30),
            kill_timeout: Duration::from_secs(5),
            shell_cmd: None,
        }
    }
}

/// `[SimpleLocalProcessSpawner]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SimpleLocalProcessSpawner {
    /// Home of a user, with `{username}` filled in; always absolute.
    pub home_dir_template: String,
}

impl Default for SimpleLocalProcessSpawner {
    fn default() -> Self {
        Self {
            home_dir_template: "/tmp/{username}".to_owned(),
        }
    }
}

impl LocalProcessSpawner {
    /// What is run for `command`: itself, or the shell with the command as its last word.
    #[must_use]
    pub fn through_shell(&self, command: Vec<String>) -> Vec<String> {
        match &self.shell_cmd {
            None => command,
            Some(shell) => {
                let word = shell_words::join(command);
                shell.iter().cloned().chain([word]).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_gets_the_command_as_one_word() {
        let command = || vec!["run".to_owned(), "a b".to_owned(), "$HOME".to_owned()];
        let mut spawner = LocalProcessSpawner::default();
        assert_eq!(spawner.through_shell(command()), command());
        spawner.shell_cmd = Some(vec!["bash".into(), "-lc".into()]);
        assert_eq!(
            spawner.through_shell(command()),
            ["bash", "-lc", "run 'a b' '$HOME'"]
        );
    }
}
