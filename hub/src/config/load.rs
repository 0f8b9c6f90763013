//! From files and flags to a [`Config`]: read, look every name up in the trait table, fill in, check.
//!
//! Reading files is thin and lives here; everything else is a function of text. All problems are gathered before any is
//! reported, so that one start shows all of them.

mod apply;
mod check;
mod file_json;
mod file_python;
mod file_toml;
mod find;
pub(in crate::config) mod flags;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hub_types::env::EnvSource;

use super::Config;
use super::node::Entry;
use super::problem::{ConfigError, Place, Problem};
use super::traits::Class;

pub use find::{Found, PYTHON_FILE, TOML_FILE, find};
pub use flags::Flag;

/// The classes that a hub was built with beside its own: what `proxy_class`, `authenticator_class` and `spawner_class` may
/// say, and the section that goes with it, which is taken as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnClasses {
    /// Proxies.
    pub proxies: BTreeMap<String, String>,
    /// Authenticators.
    pub authenticators: BTreeMap<&'static str, &'static str>,
    /// Spawners.
    pub spawners: BTreeMap<String, String>,
}

impl OwnClasses {
    /// Whether a section belongs to one of them.
    pub(crate) fn have(&self, section: &str) -> bool {
        let mut texts = self.proxies.values().chain(self.spawners.values());
        texts.any(|own| own == section) || self.authenticators.values().any(|own| *own == section)
    }
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sources {
    /// `-f FILE`.
    pub file: Option<PathBuf>,
    /// Flags that set traits; they win over the file.
    pub flags: Vec<Flag>,
    /// Classes beside the built-in ones.
    pub classes: OwnClasses,
}

/// A configuration that was read, and what is to be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What does not stop the hub and should be known.
    pub warnings: Vec<Problem>,
    /// One line for the log: which file was read.
    pub origin: String,
    /// Class, trait and place of everything that was set, for `--show-config`.
    pub set: Vec<(String, String, Place)>,
    /// What a Python file printed while it was evaluated, for whoever started the hub: it may hold secrets.
    pub printed: String,
}

/// A section as written: a class and what is set in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    pub(crate) class: String,
    pub(crate) place: Place,
    pub(crate) entries: Vec<Entry>,
}

/// Reads the configuration; `folder` is where a file is looked for without `-f`, and where relative paths count from.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(sources: &Sources, folder: &Path, env: &dyn EnvSource) -> Result<Loaded, ConfigError> {
    let folder = &absolute(folder);
    let found = find(sources.file.as_deref(), folder);
    let mut printed = String::new();
    let loaded = load_found(sources, &found, folder, env, &mut printed);
    match loaded {
        Ok(loaded) => Ok(Loaded {
            printed,
            origin: found.origin,
            ..loaded
        }),
        Err(error) => Err(ConfigError { printed, ..error }),
    }
}

fn load_found(
    sources: &Sources,
    found: &Found,
    folder: &Path,
    env: &dyn EnvSource,
    printed: &mut String,
) -> Result<Loaded, ConfigError> {
    let written = match &found.file {
        Some(file) if is_python(file) => {
            let evaluated = file_python::evaluate(file, folder, file_python::Limits::default())?;
            *printed = evaluated.printed;
            Some(Written::python(file, folder, &evaluated.answer)?)
        }
        Some(file) => Some(Written::text(file, &read(file, folder)?)?),
        None => None,
    };
    let literal = written.as_ref().and_then(|written| written.literal.clone());
    let mut loaded = settle(written, &sources.flags, folder, env, &sources.classes)?;
    let open: Vec<Problem> = files(&loaded)
        .into_iter()
        .filter_map(|file| {
            let metadata = std::fs::metadata(folder.join(&file)).ok()?;
            let mode = metadata.permissions().mode();
            readable_secrets(&file, mode, &loaded, literal.as_ref())
        })
        .collect();
    loaded.warnings.extend(open);
    sort(&mut loaded.warnings, found.file.as_deref());
    Ok(loaded)
}

/// The files in which something was set: that of the configuration, and what it has read.
fn files(loaded: &Loaded) -> BTreeSet<PathBuf> {
    let places = loaded.set.iter().map(|(_, _, place)| place);
    let named = places.filter_map(|place| match place {
        Place::Line(file, _) | Place::File(file) => Some(file.to_path_buf()),
        _ => None,
    });
    named.collect()
}

fn is_python(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "py")
}

/// A file as it was read.
struct Written {
    file: PathBuf,
    sections: Vec<Section>,
    warnings: Vec<Problem>,
    problems: Vec<Problem>,
    /// Names of the settings whose values stand in it; `None`: all of them.
    literal: Option<BTreeSet<String>>,
}

impl Written {
    /// A file that is text, by its ending.
    fn text(file: &Path, text: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            file: file.to_owned(),
            sections: sections(file, text)?,
            warnings: Vec::new(),
            problems: Vec::new(),
            literal: None,
        })
    }

    /// A Python file that answered when it was evaluated.
    fn python(file: &Path, folder: &Path, answer: &[u8]) -> Result<Self, ConfigError> {
        let python = file_python::sections(file, folder, answer)?;
        Ok(Self {
            file: file.to_owned(),
            sections: python.sections,
            warnings: python.warnings,
            problems: python.problems,
            literal: Some(python.literal),
        })
    }
}

/// A warning when others on this machine can read the passwords and tokens that stand in a file of the configuration.
fn readable_secrets(
    file: &Path,
    mode: u32,
    loaded: &Loaded,
    literal: Option<&BTreeSet<String>>,
) -> Option<Problem> {
    let here = |place: &Place| matches!(place, Place::Line(at, _) if **at == *file);
    let any = loaded.set.iter().any(|(class, name, place)| {
        here(place)
            && literal.is_none_or(|names| names.contains(name))
            && holds_secret(class, name, &loaded.config)
    });
    (any && mode & 0o077 != 0).then(|| {
        let message = format!(
            "holds passwords or tokens, and others on this machine may read it: chmod 600 {}",
            file.display()
        );
        Problem::new(&Place::File(file.into()), message)
    })
}

/// Whether a setting that was set holds a secret.
fn holds_secret(class: &str, name: &str, config: &Config) -> bool {
    let hub = &config.jupyterhub;
    match name {
        "services" => hub
            .services
            .iter()
            .any(|service| service.api_token.is_some()),
        "service_tokens" => !hub.service_tokens.is_empty(),
        "api_tokens" => !hub.api_tokens.is_empty(),
        "db_url" => hub.db_url.to_string().contains("[secret]"),
        _ => Class::find(class)
            .and_then(|class| class.find_trait(name))
            .and_then(|(_, row)| row.access())
            .is_some_and(|access| access.secret && (access.show)(config).is_some()),
    }
}

/// `folder` as an absolute path; an empty one is the working folder.
fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(Path::new(".").join(folder)).unwrap_or_else(|_| folder.to_owned())
}

/// The same from a file's text; touches no file. `folder` is absolute.
///
/// # Errors
/// Everything that is wrong with it.
pub fn assemble(
    file: Option<(&Path, &str)>,
    flags: &[Flag],
    folder: &Path,
    env: &dyn EnvSource,
    classes: &OwnClasses,
) -> Result<Loaded, ConfigError> {
    let written = match file {
        Some((path, text)) => Some(Written::text(path, text)?),
        None => None,
    };
    settle(written, flags, folder, env, classes)
}

/// From what was read to a configuration.
fn settle(
    written: Option<Written>,
    flags: &[Flag],
    folder: &Path,
    env: &dyn EnvSource,
    classes: &OwnClasses,
) -> Result<Loaded, ConfigError> {
    let mut layers = Vec::new();
    let mut config = Config::default();
    let (mut warnings, mut problems) = (Vec::new(), Vec::new());
    if let Some(written) = written {
        layers.push(written.sections);
        config.source = Some(written.file);
        (warnings, problems) = (written.warnings, written.problems);
    }
    let file = config.source.clone();
    layers.push(flags.iter().map(flags::section).collect());
    for section in layers.iter_mut().flatten() {
        // JupyterHub is traitlets' Application, whose settings are its own.
        if section.class == "Application" {
            "JupyterHub".clone_into(&mut section.class);
        }
    }
    let mut state = apply::apply(&mut config, &layers, classes);
    state.problems.append(&mut problems);
    check::finish(&mut config, &mut state, folder, env, classes);
    if state.problems.is_empty() {
        warnings.append(&mut state.warnings);
        sort(&mut warnings, file.as_deref());
        Ok(Loaded {
            config,
            warnings,
            origin: String::new(),
            printed: String::new(),
            set: state
                .set
                .into_iter()
                .map(|(key, node)| (key.0, key.1, node.place))
                .collect(),
        })
    } else {
        sort(&mut state.problems, file.as_deref());
        state.problems.dedup();
        Err(ConfigError::of(state.problems))
    }
}

/// Lines of the configuration's own file in their order, then those of files that it has read, then everything else.
fn sort(problems: &mut [Problem], own: Option<&Path>) {
    problems.sort_by_key(|problem| problem.place.order(own));
}

/// The sections of a file, by its ending.
fn sections(path: &Path, text: &str) -> Result<Vec<Section>, ConfigError> {
    let shared: Arc<Path> = path.into();
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending.unwrap_or("") {
        "toml" => file_toml::sections(&shared, text),
        "json" => file_json::sections(&shared, text),
        _ => Err(ConfigError::one(
            &Place::File(shared),
            "is not a configuration file: its name must end in .toml, .json or .py",
        )),
    }
}

fn read(file: &Path, folder: &Path) -> Result<String, ConfigError> {
    let place = Place::File(file.into());
    let bytes = std::fs::read(folder.join(file))
        .map_err(|error| ConfigError::one(&place, format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let place = Place::Line(file.into(), line);
        ConfigError::one(&place, "is not UTF-8; save the file as UTF-8")
    })
}

#[cfg(test)]
mod tests;
