//! The command line of `hub`: what was typed, as a [`Command`].
//!
//! Flags and their short forms are JupyterHub's. Any trait is a flag too, `--Class.trait=value`; clap cannot declare
//! those, so they are taken out before it looks (`traits`).
//!
//! To add a subcommand: a variant in `args` with its help, one in [`Command`], and the line that joins them.

mod args;
mod traits;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser as _;

use crate::config::load::{OwnClasses, Sources};
use crate::quickstart::Options;
use args::{Cli, Sub};

/// Exit code for a wrong command line or configuration (`EX_USAGE` of sysexits).
pub const EXIT_USAGE: u8 = 64;
/// Exit code when the hub could not start although it was told well.
pub const EXIT_FAILURE: u8 = 1;

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Run the hub.
    Serve(Sources),
    /// Write a new configuration file.
    GenerateConfig(NewFile),
    /// Print the configuration that is in force.
    ShowConfig {
        /// Where it comes from.
        sources: Sources,
        /// As JSON instead of TOML.
        json: bool,
    },
    /// Read the configuration, look for what it names, and say what is wrong.
    CheckConfig(Sources),
    /// Print help on every trait.
    HelpAll,
    /// Print the reference page of every trait.
    Reference,
    /// Make an API token and print it.
    Token {
        /// For whom; `None`: the system user who runs this.
        user: Option<String>,
        /// Where the configuration comes from, which names the database.
        sources: Sources,
    },
    /// Bring the database of an older hub up to date.
    UpgradeDb {
        /// Whether there is a backup of a database on a server.
        yes: bool,
        /// Where the configuration comes from, which names the database.
        sources: Sources,
    },
    /// Print the description of the REST API.
    OpenApi {
        /// Prefix of every URL.
        base_url: String,
    },
    /// Set up a folder where there is none yet, and run the hub in it.
    Quickstart(Options),
    /// `hub proxy …`: the proxy's own arguments.
    Proxy(Vec<OsString>),
    /// `hub cull-idle …`: the culler's own arguments.
    CullIdle(Vec<OsString>),
    /// `hub whoami …`: the service's own arguments.
    Whoami(Vec<OsString>),
    /// `hub forward-auth …`: the service's own arguments.
    ForwardAuth(Vec<OsString>),
    /// `hub demo-server …`: the server's own arguments.
    DemoServer(Vec<OsString>),
    /// Make the hash of a password and print it.
    HashPassword,
    /// `hub pam`: asks PAM one question for the hub.
    Pam,
    /// `hub launch …`: waits until the hub has noted the process, then becomes the command.
    Launch(Vec<OsString>),
}

impl Command {
    /// Lets the configuration name classes beside the built-in ones.
    pub fn knows(&mut self, own: OwnClasses) {
        match self {
            Self::Serve(sources)
            | Self::CheckConfig(sources)
            | Self::ShowConfig { sources, .. }
            | Self::UpgradeDb { sources, .. }
            | Self::Token { sources, .. } => sources.classes = own,
            Self::Quickstart(options) => options.classes = own,
            _ => {}
        }
    }
}

/// A configuration file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Where; `-` means standard output.
    pub path: PathBuf,
    /// Whether a file that is there is replaced.
    pub overwrite: bool,
}

/// A command line that asks for nothing to be done: help, the version, or a mistake.
#[derive(Debug)]
pub struct Exit(clap::Error);

impl Exit {
    /// What to end with: 0 after help, [`EXIT_USAGE`] after a mistake.
    #[must_use]
    pub fn code(&self) -> u8 {
        if self.0.use_stderr() { EXIT_USAGE } else { 0 }
    }

    /// Prints help to standard output, mistakes to standard error.
    pub fn print(&self) {
        // Nobody is left to be told when even this cannot be printed.
        let _ = self.0.print();
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Reads the arguments of the process, its own name first.
///
/// # Errors
/// When help or the version was asked for, and when the arguments are wrong.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, Exit> {
    let split = traits::split(args);
    let cli = Cli::try_parse_from(&split.rest).map_err(Exit)?;
    Ok(command(cli, split.flags))
}

fn command(cli: Cli, mut flags: Vec<crate::config::load::Flag>) -> Command {
    match cli.command {
        Some(Sub::Token { user, common }) => Command::Token {
            user,
            sources: common.sources(flags),
        },
        Some(Sub::CheckConfig { common }) => Command::CheckConfig(common.sources(flags)),
        Some(Sub::UpgradeDb { yes, common }) => Command::UpgradeDb {
            yes,
            sources: common.sources(flags),
        },
        Some(Sub::Openapi { base_url }) => Command::OpenApi { base_url },
        Some(Sub::Quickstart(quickstart)) => Command::Quickstart(quickstart.options(flags)),
        Some(Sub::Proxy(raw)) => Command::Proxy(raw.args),
        Some(Sub::CullIdle(raw)) => Command::CullIdle(raw.args),
        Some(Sub::Whoami(raw)) => Command::Whoami(raw.args),
        Some(Sub::ForwardAuth(raw)) => Command::ForwardAuth(raw.args),
        Some(Sub::DemoServer(raw)) => Command::DemoServer(raw.args),
        Some(Sub::HashPassword) => Command::HashPassword,
        Some(Sub::Pam) => Command::Pam,
        Some(Sub::Launch(raw)) => Command::Launch(raw.args),
        None if cli.serve.help_all => Command::HelpAll,
        None if cli.serve.reference => Command::Reference,
        None if cli.serve.generate_config => Command::GenerateConfig(NewFile {
            path: cli.serve.common.config.unwrap_or_else(|| "hub.toml".into()),
            overwrite: cli.serve.yes,
        }),
        None => {
            let json = cli.serve.show_config_json;
            let show = cli.serve.show_config || json;
            flags.splice(0..0, cli.serve.flags());
            let sources = cli.serve.common.sources(flags);
            if show {
                Command::ShowConfig { sources, json }
            } else {
                Command::Serve(sources)
            }
        }
    }
}

#[cfg(test)]
mod tests;
