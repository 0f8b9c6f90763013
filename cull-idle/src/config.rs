//! The file of `--config`: settings for the flags, and rules.
//!
//! ```toml
//! [IdleCuller]            # the flags, in the names of jupyterhub-idle-culler's configuration
//! timeout = 3600
//!
//! [[rule]]                # the first rule that applies counts
//! groups = ["staff"]
//! timeout = "12h"
//! ```
//!
//! A file whose name ends in `.py` is jupyterhub-idle-culler's. Python is not run: plain assignments are understood, and
//! anything else is refused, because a hook that is passed over would let servers be stopped that it spares.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use clap::{CommandFactory as _, Parser as _};

use crate::cli::Args;
use crate::rules::Rule;

mod python;
mod rule;
mod tables;
#[cfg(test)]
mod tests;

/// What jupyterhub-idle-culler reads when nothing else is said.
const PYTHON_DEFAULT: &str = "idle_culler_config.py";

/// A file for `--config` with every setting and its default.
pub const TEMPLATE: &str = include_str!("config/template.toml");

/// What a file says.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// Its settings.
    pub flags: Args,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// Everything that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// `FILE:LINE: what is wrong, and what to write instead`; at least one.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Reads the file of `--config`, or the one that the Python culler reads by default, if it is there.
///
/// # Errors
/// Everything that is wrong with the file, with file, line and key.
pub fn read(path: Option<&Path>) -> Result<File, ConfigError> {
    let named = path.is_some();
    let path = path.unwrap_or(Path::new(PYTHON_DEFAULT));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if !named && is_nobodys(path, &error) => return Ok(File::default()),
        Err(error) => {
            let problem = format!("--config: cannot read {}: {error}", path.display());
            return Err(ConfigError {
                problems: vec![problem],
            });
        }
    };
    let python = path.extension().is_some_and(|extension| extension == "py");
    parse(&path.display().to_string(), &text, python)
}

/// Whether a file that nobody has named is not there, or is in a folder that is closed to us: a service with a user of its
/// own may begin in the hub's folder.
fn is_nobodys(path: &Path, error: &std::io::Error) -> bool {
    let folder_is_closed = || {
        let looked = std::fs::symlink_metadata(path);
        looked.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    };
    match error.kind() {
        ErrorKind::NotFound => true,
        ErrorKind::PermissionDenied => folder_is_closed(),
        _ => false,
    }
}

/// Reads the text of a file that messages call `name`.
fn parse(name: &str, text: &str, python: bool) -> Result<File, ConfigError> {
    let mut draft = Draft {
        name,
        text,
        file: File::default(),
        problems: Vec::new(),
    };
    if python {
        python::read(&mut draft);
    } else {
        tables::read(&mut draft);
    }
    if draft.problems.is_empty() {
        Ok(draft.file)
    } else {
        Err(ConfigError {
            problems: draft.problems,
        })
    }
}

/// A file that is being read.
struct Draft<'a> {
    name: &'a str,
    text: &'a str,
    file: File,
    problems: Vec<String>,
}

impl Draft<'_> {
    /// Notes what is wrong at a byte of the text.
    fn wrong(&mut self, at: usize, what: impl fmt::Display) {
        let line = self.line(at);
        self.problems.push(format!("{}:{line}: {what}", self.name));
    }

    /// The line of a byte of the text, from 1.
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    /// Takes a setting as its flag would be taken.
    fn set(&mut self, at: usize, key: &str, value: &str) {
        let known = settings();
        if !known.iter().any(|name| name == key) {
            let hint = did_you_mean(key, known.iter().map(String::as_str));
            return self.wrong(at, format_args!("[IdleCuller] has no {key}{hint}"));
        }
        let flag = format!("--{}={value}", key.replace('_', "-"));
        match Args::try_parse_from(["cull-idle", &flag]) {
            Ok(flags) => self.file.flags = flags.or(std::mem::take(&mut self.file.flags)),
            Err(error) => {
                let why = std::error::Error::source(&error)
                    .map_or_else(|| "not a value of it".to_owned(), ToString::to_string);
                self.wrong(at, format_args!("[IdleCuller] {key} = {value:?}: {why}"));
            }
        }
    }
}

/// The settings that a file may have: the flags that have a name in the class `IdleCuller`.
fn settings() -> Vec<String> {
    let command = Args::command();
    let aliases = command.get_arguments().flat_map(|argument| {
        let aliases = argument.get_all_aliases().unwrap_or_default();
        aliases
            .into_iter()
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    });
    aliases
        .filter_map(|alias| Some(alias.strip_prefix("IdleCuller.")?.to_owned()))
        .filter(|name| name != "config_file")
        .collect()
}

/// ` (did you mean …?)`, when one of the candidates is near enough to be what was meant.
fn did_you_mean<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let near = candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(text, candidate), candidate))
        .filter(|(distance, candidate)| distance * 3 <= candidate.len().max(3))
        .min();
    near.map_or_else(String::new, |(_, near)| format!("; did you mean {near}?"))
}
