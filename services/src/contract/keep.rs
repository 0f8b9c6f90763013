//! What of the hub's own environment reaches a child.

use std::path::Path;

use hub_types::env::{self, EnvSource};

use super::{Env, set};

/// `Spawner.env_keep` of JupyterHub's generic spawner.
pub const GENERIC_ENV_KEEP: &[&str] = &["JUPYTERHUB_SINGLEUSER_APP"];

/// `Spawner.env_keep` of JupyterHub's local process spawners, also in force for managed services.
pub const LOCAL_ENV_KEEP: &[&str] = &[
    "CONDA_DEFAULT_ENV",
    "CONDA_ROOT",
    "JUPYTERHUB_SINGLEUSER_APP",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
];

/// The variables of `names` that `source` has; also those with an empty value.
#[must_use]
pub fn keep<S: AsRef<str>>(names: &[S], source: &dyn EnvSource) -> Env {
    names
        .iter()
        .map(AsRef::as_ref)
        .filter_map(|name| Some((name.to_owned(), source.get(name)?)))
        .collect()
}

/// Makes programs in `folder` reachable: puts it first on `PATH`, unless it is there already.
///
/// First, because the same name may mean something else further on.
pub fn put_on_path(env: &mut Env, folder: &Path) {
    let Some(folder) = folder.to_str().filter(|folder| !folder.contains(':')) else {
        return;
    };
    let path = match env.get(env::PATH) {
        Some(path) if path.split(':').any(|entry| entry == folder) => return,
        Some(path) if !path.is_empty() => format!("{folder}:{path}"),
        _ => format!("{folder}:{}", crate::process::DEFAULT_PATH),
    };
    set(env, env::PATH, path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_and_set_is_kept() {
        let source: Env = [("LANG", "C"), ("LC_ALL", ""), ("SECRET", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let kept = keep(LOCAL_ENV_KEEP, &source);
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["LANG", "LC_ALL"]);
        assert!(keep(GENERIC_ENV_KEEP, &source).is_empty());
    }

    #[test]
    fn path_gains_a_folder_once() {
        let default = crate::process::DEFAULT_PATH;
        for (before, after) in [
            (None, format!("/opt/hub:{default}")),
            (Some(""), format!("/opt/hub:{default}")),
            (Some("/bin"), "/opt/hub:/bin".to_owned()),
            (Some("/bin:/opt/hub"), "/bin:/opt/hub".to_owned()),
        ] {
            let mut env = Env::new();
            if let Some(path) = before {
                set(&mut env, "PATH", path);
            }
            put_on_path(&mut env, Path::new("/opt/hub"));
            assert_eq!(env["PATH"], after);
        }
    }
}
