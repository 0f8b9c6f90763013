//! Whether the programs are there that starts and stops run. Else users would be the first to learn that one is missing.

use std::path::{Path, PathBuf};

use hub_types::env::{EnvSource, PATH};
use services::contract::{LOCAL_ENV_KEEP, keep};
use services::process::{Failure, resolve};

use super::search_path;
use crate::config::Config;

/// The setting that names a server's program.
const CMD: &str = "[Spawner] cmd";

/// The programs that are not there: a line each, with the setting first.
///
/// No more than warnings: the users of the spawner `local` may have a PATH of their own, and programs can be installed later.
#[must_use]
pub fn missing(config: &Config, env: &dyn EnvSource, launcher: &Path) -> Vec<String> {
    let servers = of_servers(config, env, launcher).into_iter();
    let servers = servers.filter_map(|(setting, found)| {
        let why = found.err()?;
        // A shell has profiles, functions and words of its own; a path is a path for it, too.
        let bare = matches!(&why, Failure::NotFound { program, .. } if !program.contains('/'));
        let shell = setting == CMD && config.local_spawner.shell_cmd.is_some();
        let then = if bare && shell {
            "no server can start, unless shell_cmd finds what the hub does not"
        } else {
            "no server can start"
        };
        Some(format!("{setting}: {then}: {}", why.in_full()))
    });
    servers.chain(missing_hooks(config, env)).collect()
}

/// The programs of users' servers that the hub finds, each with its setting: what is run, and what that runs.
#[must_use]
pub fn found(
    config: &Config,
    env: &dyn EnvSource,
    launcher: &Path,
) -> Vec<(&'static str, PathBuf)> {
    let all = of_servers(config, env, launcher).into_iter();
    all.filter_map(|(setting, found)| Some((setting, found.ok()?)))
        .collect()
}

/// The programs of users' servers, as they will be looked for: on the PATH that servers get.
fn of_servers(
    config: &Config,
    env: &dyn EnvSource,
    launcher: &Path,
) -> Vec<(&'static str, Result<PathBuf, Failure>)> {
    let path = search_path::of_servers(config, env, launcher).map(|(_, path)| path);
    let shell = config.local_spawner.shell_cmd.as_ref();
    let shell = shell.map(|shell| ("[LocalProcessSpawner] shell_cmd", shell));
    let commands = shell.into_iter().chain([(CMD, &config.spawner.cmd)]);
    commands
        .map(|(setting, command)| (setting, look_up(command, path.as_deref())))
        .collect()
}

/// Hooks get another PATH than servers: the hub's own, whatever the configuration says.
fn missing_hooks(config: &Config, env: &dyn EnvSource) -> Vec<String> {
    let spawner = &config.spawner;
    let kept = keep(LOCAL_ENV_KEEP, env);
    let path = kept.get(PATH).map(String::as_str);
    let hooks = [
        (
            "auth_state_hook",
            &spawner.auth_state_hook,
            "no server can start",
        ),
        (
            "pre_spawn_hook",
            &spawner.pre_spawn_hook,
            "no server can start",
        ),
        (
            "post_stop_hook",
            &spawner.post_stop_hook,
            "nothing runs after a stop",
        ),
    ];
    let missing = hooks.into_iter().filter_map(|(name, command, then)| {
        let why = look_up(command.as_ref()?, path).err()?;
        Some(format!("[Spawner] {name}: {then}: {}", why.in_full()))
    });
    missing.collect()
}

fn look_up(command: &[String], path: Option<&str>) -> Result<PathBuf, Failure> {
    resolve(command.first().map_or("", String::as_str), path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    /// What is said of a configuration in which `change` is all that is wrong.
    fn said(change: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut config = Config::default();
        config.spawner.cmd = words(&["sh"]);
        change(&mut config);
        let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        missing(&config, &env, Path::new("/usr/bin/hub"))
    }

    fn assert_starts(said: &[String], starts: &[&str]) {
        assert_eq!(said.len(), starts.len(), "{said:#?}");
        for (line, start) in said.iter().zip(starts) {
            assert!(line.starts_with(start), "{line}");
        }
    }

    #[test]
    fn programs_of_servers() {
        assert_starts(&said(|_| {}), &[]);
        assert_starts(
            &said(|config| config.spawner.cmd = words(&["no-such-server"])),
            &["[Spawner] cmd: no server can start: command not found: \"no-such-server\""],
        );
        assert_starts(
            &said(|config| config.local_spawner.shell_cmd = Some(words(&["no-such-shell"]))),
            &[
                "[LocalProcessSpawner] shell_cmd: no server can start: command not found: \"no-such-shell\"",
            ],
        );
    }

    #[test]
    fn what_a_shell_runs_is_looked_for_as_well() {
        let through_a_shell = |cmd: &str| {
            said(|config| {
                config.local_spawner.shell_cmd = Some(words(&["sh", "-l", "-c"]));
                config.spawner.cmd = words(&[cmd]);
            })
        };
        assert_starts(&through_a_shell("sh"), &[]);
        assert_starts(
            &through_a_shell("/nowhere/server"),
            &["[Spawner] cmd: no server can start: there is no program \"/nowhere/server\""],
        );
        assert_starts(
            &through_a_shell("no-such-server"),
            &[
                "[Spawner] cmd: no server can start, unless shell_cmd finds what the hub does not: command not found: ",
            ],
        );
    }

    #[test]
    fn the_path_is_that_of_servers() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a-server");
        std::os::unix::fs::symlink("/bin/sh", &program).unwrap();
        let a_server = |config: &mut Config| {
            config.spawner.cmd = words(&["a-server"]);
            config.spawner.pre_spawn_hook = Some(words(&["a-server"]));
            let path = folder.path().display().to_string();
            config.spawner.environment = [("PATH".to_owned(), path)].into();
        };
        assert_starts(
            &said(a_server),
            &["[Spawner] pre_spawn_hook: no server can start: command not found: \"a-server\""],
        );
    }

    #[test]
    fn hooks() {
        let hook = || Some(words(&["no-such-hook", "--quick"]));
        for (change, start) in [
            (
                (|config, hook| config.spawner.auth_state_hook = hook)
                    as fn(&mut Config, Option<Vec<String>>),
                "[Spawner] auth_state_hook: no server can start: command not found: \"no-such-hook\"",
            ),
            (
                |config, hook| config.spawner.pre_spawn_hook = hook,
                "[Spawner] pre_spawn_hook: no server can start: command not found: \"no-such-hook\"",
            ),
            (
                |config, hook| config.spawner.post_stop_hook = hook,
                "[Spawner] post_stop_hook: nothing runs after a stop: command not found: \"no-such-hook\"",
            ),
        ] {
            assert_starts(&said(|config| change(config, hook())), &[start]);
            assert_starts(&said(|config| change(config, Some(words(&["sh"])))), &[]);
        }
    }
}
