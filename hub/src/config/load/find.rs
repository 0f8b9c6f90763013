//! Which file is read.

use std::path::{Path, PathBuf};

/// Our file.
pub const TOML_FILE: &str = "hub.toml";
/// JupyterHub's file.
pub const PYTHON_FILE: &str = "jupyterhub_config.py";

/// The file to read, if any, and how to say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file, as it is called in messages: relative to the folder unless it was given otherwise.
    pub file: Option<PathBuf>,
    /// One line for the log.
    pub origin: String,
}

/// `-f FILE`, else `hub.toml`, else `jupyterhub_config.py`, else nothing.
#[must_use]
pub fn find(given: Option<&Path>, folder: &Path) -> Found {
    let there = |name: &str| folder.join(name).exists();
    decide(given, there(TOML_FILE), there(PYTHON_FILE))
}

fn decide(given: Option<&Path>, toml: bool, python: bool) -> Found {
    let read = |file: &Path, more: &str| Found {
        file: Some(file.to_owned()),
        origin: format!("Configuration: {}{more}", file.display()),
    };
    match (given, toml, python) {
        (Some(file), _, _) => read(file, ""),
        (None, true, false) => read(Path::new(TOML_FILE), ""),
        (None, true, true) => read(
            Path::new(TOML_FILE),
            &format!(" ({PYTHON_FILE} beside it is not read)"),
        ),
        (None, false, true) => read(Path::new(PYTHON_FILE), ""),
        (None, false, false) => Found {
            file: None,
            origin: format!(
                "Configuration: defaults and flags only, there is no {TOML_FILE} or {PYTHON_FILE} here"
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_is_read() {
        for (given, toml, python, file, origin) in [
            (
                Some("x.json"),
                true,
                true,
                Some("x.json"),
                "Configuration: x.json",
            ),
            (
                None,
                true,
                false,
                Some("hub.toml"),
                "Configuration: hub.toml",
            ),
            (
                None,
                true,
                true,
                Some("hub.toml"),
                "Configuration: hub.toml (jupyterhub_config.py beside it is not read)",
            ),
            (
                None,
                false,
                false,
                None,
                "Configuration: defaults and flags only, there is no hub.toml or jupyterhub_config.py here",
            ),
            (
                None,
                false,
                true,
                Some("jupyterhub_config.py"),
                "Configuration: jupyterhub_config.py",
            ),
        ] {
            let found = decide(given.map(Path::new), toml, python);
            assert_eq!(found.file.as_deref(), file.map(Path::new));
            assert_eq!(found.origin, origin);
        }
    }
}
