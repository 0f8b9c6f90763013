//! `hub quickstart`: a folder with everything that a first hub needs, in one command.
//!
//! The first run makes the folder and a `hub.toml` in it, which belongs to whoever runs it from then on: later runs
//! read it and never write it. What the file says is decided in `first`, which port is used in `port`, what is printed
//! in `welcome`; only [`prepare`] touches the machine.

mod file;
mod first;
mod port;
mod welcome;

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use hub_types::env::EnvSource;

use crate::config::load::{Flag, Loaded, OwnClasses, TOML_FILE, assemble};
use crate::config::problem::{ConfigError, Place, Problem};
use file::write_private;
pub use first::Logins;
use first::{FirstRun, Machine};

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The folder; a relative one counts from the working folder.
    pub folder: PathBuf,
    /// Name of the administrator, on the first run.
    pub admin: Option<String>,
    /// Flags that set traits; they win over the file.
    pub flags: Vec<Flag>,
    /// Classes beside the built-in ones.
    pub classes: OwnClasses,
}

/// A folder that is ready, and how to run the hub in it.
#[derive(Debug)]
pub struct Prepared {
    /// The folder, absolute. Paths of the configuration count from it: see [`Prepared::enter`].
    pub folder: PathBuf,
    /// The configuration to serve.
    pub loaded: Loaded,
    /// The passwords, when this run has made them.
    pub logins: Option<Logins>,
    /// The configuration file, as the user would call it.
    file: PathBuf,
    /// Whether `jupyterhub-singleuser` is on the PATH.
    singleuser: bool,
}

impl Prepared {
    /// Makes the folder the working folder, so that relative paths of the configuration lie in it.
    ///
    /// # Errors
    /// When the folder cannot be entered.
    pub fn enter(&self) -> io::Result<()> {
        std::env::set_current_dir(&self.folder)
    }
}

/// Why there is no folder to run in.
#[derive(Debug, thiserror::Error)]
pub enum QuickstartError {
    /// The folder or the file could not be made.
    #[error("cannot make {path}: {source}; choose another folder with --data")]
    Make {
        /// What was to be made.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file of an earlier run cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The name given with `--admin`.
    #[error("--admin: '{name}' cannot be a user: {why}")]
    Admin {
        /// The name.
        name: String,
        /// Why not.
        why: hub_types::names::InvalidName,
    },
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// All ports that were tried are taken.
    #[error("no port from {first} to {last} is free; choose one with --port")]
    NoPort {
        /// The first that was tried.
        first: u16,
        /// The last.
        last: u16,
    },
}

impl QuickstartError {
    /// The exit code that fits.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Admin { .. } => crate::cli::EXIT_USAGE,
            Self::Make { .. } | Self::Read { .. } | Self::NoPort { .. } => crate::cli::EXIT_FAILURE,
        }
    }
}

/// Makes the folder and its `hub.toml` unless they are there, reads the configuration and settles the port.
///
/// # Errors
/// See [`QuickstartError`]. Nothing half-written is left behind.
pub fn prepare(options: &Options, env: &dyn EnvSource) -> Result<Prepared, QuickstartError> {
    prepare_on(options, env, &Machine::this(env), &port::is_free)
}

fn prepare_on(
    options: &Options,
    env: &dyn EnvSource,
    machine: &Machine,
    is_free: &dyn Fn(&str, u16) -> bool,
) -> Result<Prepared, QuickstartError> {
    let file = options.folder.join(TOML_FILE);
    let folder = make_folder(&options.folder)?;
    let path = folder.join(TOML_FILE);
    let mut logins = None;
    if !path.exists() {
        let first = FirstRun::new(options.admin.as_deref(), machine)?;
        write_private(&path, &first.hub_toml()).map_err(make_error(&path))?;
        logins = Some(first.logins);
    }
    let text = std::fs::read_to_string(&path).map_err(|source| QuickstartError::Read {
        path: file.clone(),
        source,
    })?;
    let mut loaded = assemble(
        Some((&file, &text)),
        &options.flags,
        &folder,
        env,
        &options.classes,
    )?;
    loaded.origin = format!("Configuration: {}", file.display());
    loaded.config.source = Some(path);
    if logins.is_none() && options.admin.is_some() {
        let message = format!(
            "counts on the first run only; edit admin_users in {}",
            file.display()
        );
        let place = Place::Flag("--admin".into());
        loaded.warnings.push(Problem::new(&place, message));
    }
    port::settle(&mut loaded, &options.flags, is_free)?;
    Ok(Prepared {
        folder,
        loaded,
        logins,
        file,
        singleuser: machine.singleuser,
    })
}

fn make_error(path: &Path) -> impl FnOnce(io::Error) -> QuickstartError {
    let path = path.to_owned();
    |source| QuickstartError::Make { path, source }
}

/// Makes the folder, for its owner only, and gives its absolute path.
fn make_folder(folder: &Path) -> Result<PathBuf, QuickstartError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| folder.canonicalize())
        .map_err(make_error(folder))
}

#[cfg(test)]
mod tests;
