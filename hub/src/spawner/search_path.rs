//! The PATH of servers: whoever may put a program into one of its folders, or says what a relative one means, has others run
//! it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hub_types::env::{EnvSource, PATH};
use services::contract::{keep, put_on_path};

use crate::config::{Config, SpawnerClass};

/// The right of everybody to write.
const ALL_WRITE: u32 = 0o002;
/// In a folder with this bit nobody renames what is somebody else's.
const STICKY: u32 = 0o1000;

/// What can be said against the PATH that servers get: a line for each doubtful folder, with the setting first.
///
/// Said and not refused: the hub itself looks for servers' programs in absolute folders only, and what users run then is
/// theirs. Whose a folder is, and which group may write to it, the administrator has chosen; that everybody may, hardly. What
/// a spawner of somebody else's gives its servers is not known here.
#[must_use]
pub fn doubts(config: &Config, env: &dyn EnvSource, launcher: &Path) -> Vec<String> {
    if matches!(config.jupyterhub.spawner_class, SpawnerClass::Own(_)) {
        return Vec::new();
    }
    let Some((setting, path)) = of_servers(config, env, launcher) else {
        return Vec::new();
    };
    let doubts = path.split(':').filter_map(doubt);
    doubts
        .map(|doubt| format!("{setting}: PATH of servers holds {doubt}"))
        .collect()
}

/// The PATH that servers are started with, and the setting that it comes from.
pub(super) fn of_servers(
    config: &Config,
    env: &dyn EnvSource,
    launcher: &Path,
) -> Option<(&'static str, String)> {
    if let Some(path) = config.spawner.environment.get(PATH) {
        return Some(("[Spawner] environment", path.clone()));
    }
    let mut kept = keep(&config.spawner.env_keep, env);
    if let Some(folder) = launcher.parent() {
        put_on_path(&mut kept, folder);
    }
    Some(("[Spawner] env_keep", kept.remove(PATH)?))
}

fn doubt(folder: &str) -> Option<String> {
    if !folder.starts_with('/') {
        return Some(format!(
            "{folder:?}, which is relative: programs are then looked for in whatever folder somebody works in; write it from \
             the root, or leave it out"
        ));
    }
    let open = open_to_all(Path::new(folder))?;
    Some(format!(
        "{folder}, and everybody on this machine may write to {0}: who puts a program there has others run it; chmod o-w {0}, \
         or leave the folder out",
        open.display()
    ))
}

/// Where everybody may make a program that is found in `folder`, or put another folder in its place: by its name, and where
/// links lead.
fn open_to_all(folder: &Path) -> Option<PathBuf> {
    let end = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    [folder, &end].into_iter().find_map(open_on_the_way)
}

fn open_on_the_way(folder: &Path) -> Option<PathBuf> {
    let mode = |step: &Path| Some(fs::metadata(step).ok()?.permissions().mode());
    let mut steps = folder
        .ancestors()
        .filter_map(|step| Some((step, mode(step)?)));
    // A folder that is not there can be made in the first one above that is.
    let (nearest, mode) = steps.next()?;
    if mode & ALL_WRITE != 0 {
        return Some(nearest.to_owned());
    }
    let open = steps.find(|(_, mode)| mode & (ALL_WRITE | STICKY) == ALL_WRITE);
    open.map(|(step, _)| step.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::symlink;

    use super::*;

    fn of(config: &Config, path: &str) -> Vec<String> {
        let env = BTreeMap::from([("PATH".to_owned(), path.to_owned())]);
        doubts(config, &env, Path::new("/usr/bin/hub"))
    }

    #[test]
    fn folders_that_others_may_change_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        for (folder, mode) in [
            ("mine", 0o755),
            ("mine/bin", 0o755),
            ("group", 0o775),
            ("open", 0o777),
            ("open/bin", 0o755),
            ("sticky", 0o1777),
            ("sticky/bin", 0o755),
        ] {
            fs::create_dir(at(folder)).unwrap();
            fs::set_permissions(at(folder), fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink(at("open/bin"), at("mine/link")).unwrap();
        let config = Config::default();
        for (folder, open) in [
            ("mine/bin", None),
            ("mine/not-there", None),
            ("group", None),
            ("open", Some("open")),
            ("open/bin", Some("open")),
            ("mine/link", Some("open")),
            ("sticky", Some("sticky")),
            ("sticky/bin", None),
            ("sticky/not-there/bin", Some("sticky")),
        ] {
            let said = of(&config, &format!("/usr/bin:{}", at(folder)));
            let start = open.map(|open| {
                format!(
                    "[Spawner] env_keep: PATH of servers holds {}, and everybody on this machine may write to {}: ",
                    at(folder),
                    at(open)
                )
            });
            assert_eq!(
                said.len(),
                usize::from(open.is_some()),
                "{folder}: {said:?}"
            );
            let starts = said.iter().zip(start);
            for (line, start) in starts {
                assert!(line.starts_with(&start), "{folder}: {line}");
            }
        }
    }

    #[test]
    fn relative_folders_are_named_with_their_setting() {
        let mut config = Config::default();
        for path in ["bin:/usr/bin", "/usr/bin:", "/usr/bin::/bin", "./x", "."] {
            let said = of(&config, path);
            assert_eq!(said.len(), 1, "{path}: {said:?}");
            assert!(
                said[0].contains("\", which is relative: "),
                "{path}: {said:?}"
            );
        }
        config.spawner.env_keep.clear();
        assert!(of(&config, "bin").is_empty(), "servers do not get it");
        let path = ("PATH".to_owned(), "tools:/usr/bin".to_owned());
        config.spawner.environment.extend([path]);
        let said = of(&config, "/usr/bin");
        let start = "[Spawner] environment: PATH of servers holds \"tools\", ";
        assert!(said.len() == 1 && said[0].starts_with(start), "{said:?}");
        config.jupyterhub.spawner_class = SpawnerClass::Own("unshare".to_owned());
        assert!(of(&config, "bin").is_empty());
    }
}
