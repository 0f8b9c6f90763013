//! Why a program could not be started, said so that whoever reads it knows what to change.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Only a bare name is looked up: for a path, PATH would lead astray. What PATH is does not stand here: more people read
/// this than may know it.
fn not_found(program: &str) -> String {
    if program.contains('/') {
        format!("there is no program {program:?}; install it, or correct the path")
    } else {
        format!(
            "command not found: {program:?}; install it in a folder of PATH, give its full path, or correct PATH"
        )
    }
}

/// What went wrong inside the launcher; sent back over its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The plan names no program.
    #[error("the command is empty; give the program to run as its first element")]
    EmptyCommand,
    /// No such program.
    #[error("{}", not_found(program))]
    NotFound {
        /// The program as given.
        program: String,
        /// Where it was looked up.
        path: String,
    },
    /// The file is there but may not be run.
    #[error(
        "cannot execute {program:?}: permission denied for user id {uid}; make it (and the interpreter of its first line) executable and its folder accessible"
    )]
    NotExecutable {
        /// The program as found.
        program: String,
        /// Who tried.
        uid: u32,
    },
    /// Neither a binary of this machine nor a script with an interpreter line.
    #[error(
        "cannot execute {program:?}: not a program of this machine; a script needs a first line such as #!/bin/sh"
    )]
    NotAProgram {
        /// The program as found.
        program: String,
    },
    /// The interpreter or loader that the file names is missing, or another exec error.
    #[error("cannot execute {program:?}: {why}")]
    Exec {
        /// The program as found.
        program: String,
        /// The system's reason.
        why: String,
    },
    /// The working folder cannot be entered.
    #[error(
        "cannot enter the working folder {path:?} as user id {uid}: {why}; create it or change the setting"
    )]
    Cwd {
        /// The folder.
        path: PathBuf,
        /// Who tried.
        uid: u32,
        /// The system's reason.
        why: String,
    },
    /// The system user could not be assumed, or not completely.
    #[error(
        "cannot become user id {uid} ({step}: {why}); only root can start programs as other users"
    )]
    Identity {
        /// The wanted user.
        uid: u32,
        /// The step that failed, e.g. `setgroups`.
        step: String,
        /// The system's reason.
        why: String,
    },
    /// An argument or variable holds a zero byte, or a variable's name is not one.
    #[error(
        "{what} cannot be handed to a program: it contains a zero byte, or its name is empty or contains '='"
    )]
    BadString {
        /// Which one.
        what: String,
    },
    /// Preparing the process failed.
    #[error("cannot prepare the process ({step}): {why}")]
    Setup {
        /// The step that failed.
        step: String,
        /// The system's reason.
        why: String,
    },
}

impl Failure {
    /// The folders in which a bare name was looked up, for a log: `PATH` as it was.
    #[must_use]
    pub fn searched(&self) -> Option<&str> {
        match self {
            Self::NotFound { program, path } if !program.contains('/') => Some(path),
            _ => None,
        }
    }

    /// The same with what was searched, for whoever runs the hub.
    #[must_use]
    pub fn in_full(&self) -> String {
        match self.searched() {
            Some(path) => format!("{self} (PATH={path})"),
            None => self.to_string(),
        }
    }
}

/// Why [`super::hold`] or [`super::Held::release`] did not lead to a running program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The launcher itself does not start.
    #[error(
        "cannot start the launcher {path:?}: {source}; is the hub's own binary still in place?"
    )]
    Launcher {
        /// The launcher.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file for the output cannot be used.
    #[error("cannot write output to {path:?}: {why}")]
    Output {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The launcher went away before it ran the program.
    #[error("the launcher {path:?} ended before it ran the program; its output may say why")]
    LauncherDied {
        /// The launcher.
        path: PathBuf,
    },
    /// The program did not start in time.
    #[error(
        "the program did not start within {seconds} s; its working folder or file system may hang"
    )]
    Timeout {
        /// How long was waited.
        seconds: u64,
    },
    /// The launcher could not run the program.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The launcher's process cannot be inspected.
    #[error("cannot inspect process {pid}: {source}; is /proc mounted?")]
    Inspect {
        /// The process.
        pid: u32,
        /// The system's reason.
        source: io::Error,
    },
}
