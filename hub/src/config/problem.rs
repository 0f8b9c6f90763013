//! What is wrong with a configuration: each problem names file, line and key, and all of them are reported at once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of a file, counted from 1.
    Line(Arc<Path>, usize),
    /// A file as a whole.
    File(Arc<Path>),
    /// A flag, as typed (without its value).
    Flag(Arc<str>),
    /// A variable of the environment.
    Env(&'static str),
    /// Nowhere: a default, or something that is missing.
    Nowhere,
}

impl Place {
    /// By which places are sorted for a reader: lines of the configuration's file `own`, those of other files, then whole
    /// files, and what is written nowhere.
    pub(crate) fn order(&self, own: Option<&Path>) -> (u8, PathBuf, usize) {
        match self {
            Self::Line(file, line) => {
                let other = own != Some(&**file);
                (u8::from(other), file.to_path_buf(), *line)
            }
            Self::File(file) => (2, file.to_path_buf(), 0),
            Self::Flag(_) | Self::Env(_) => (3, PathBuf::new(), 0),
            Self::Nowhere => (4, PathBuf::new(), 0),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(file, line) => write!(f, "{}:{line}", file.display()),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Flag(flag) => f.write_str(flag),
            Self::Env(name) => write!(f, "${name}"),
            Self::Nowhere => Ok(()),
        }
    }
}

/// One thing that is wrong, or that deserves a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub place: Place,
    /// What is wrong, with the key, and what to write instead.
    pub message: String,
}

impl Problem {
    /// A problem at a place.
    #[must_use]
    pub fn new(place: &Place, message: impl Into<String>) -> Self {
        Self {
            place: place.clone(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place != Place::Nowhere {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)
    }
}

/// Why the hub cannot start with this configuration: every problem that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
    /// What a Python file printed before: for whoever started the hub, it may hold secrets.
    pub printed: String,
}

impl ConfigError {
    /// An error with one problem.
    #[must_use]
    pub fn one(place: &Place, message: impl Into<String>) -> Self {
        Self::of(vec![Problem::new(place, message)])
    }

    /// An error with these problems.
    #[must_use]
    pub fn of(problems: Vec<Problem>) -> Self {
        Self {
            problems,
            printed: String::new(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] => write!(f, "{problem}"),
            problems => {
                write!(f, "{} problems in the configuration:", problems.len())?;
                problems
                    .iter()
                    .try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// The candidate that is spelled most like `text`, if any is near enough to be what was meant.
#[must_use]
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let score = strsim::damerau_levenshtein(&text, &candidate.to_ascii_lowercase());
            (score, candidate)
        })
        .filter(|(score, candidate)| *score * 3 <= candidate.len().max(3))
        .min_by_key(|(score, _)| *score)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_is_one_line_and_several_are_a_list() {
        let file: Arc<Path> = Path::new("hub.toml").into();
        let mut error = ConfigError::one(&Place::Line(file, 12), "[JupyterHub] x is wrong");
        assert_eq!(error.to_string(), "hub.toml:12: [JupyterHub] x is wrong");
        error
            .problems
            .push(Problem::new(&Place::Flag("--port".into()), "no"));
        assert_eq!(
            error.to_string(),
            "2 problems in the configuration:\n  hub.toml:12: [JupyterHub] x is wrong\n  --port: no"
        );
    }

    #[test]
    fn suggestions_are_near_or_absent() {
        let names = ["bind_url", "db_url", "allow_all"];
        assert_eq!(nearest("bind_ulr", names), Some("bind_url"));
        assert_eq!(nearest("BIND_URL", names), Some("bind_url"));
        assert_eq!(nearest("colour", names), None);
    }
}
