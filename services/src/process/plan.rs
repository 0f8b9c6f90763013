//! What is to be run, as whom, and where its output goes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::descriptors;

/// Every server and service has it, and each another one.
const MARK: &str = "JUPYTERHUB_CLIENT_ID";

/// Everything the launcher needs to know. It travels over a socket, never in arguments or environment: it holds tokens.
#[derive(Clone, Serialize, Deserialize)]
pub struct LaunchPlan {
    /// The program and its arguments. A program without a slash is looked up on `PATH` of [`LaunchPlan::env`].
    pub argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Working folder, entered as the user of [`LaunchPlan::run_as`]; the hub's own when `None`.
    pub cwd: Option<PathBuf>,
    /// The system user to become; the hub's own when `None`.
    pub run_as: Option<RunAs>,
    /// File mode creation mask; the hub's own when `None`.
    pub umask: Option<u32>,
    /// Soft limit of open files; the launcher's own when `None`. What [`super::give_children_descriptors`] was told.
    #[serde(default)]
    pub descriptors: Option<u64>,
    /// File that standard output and error are appended to; created with mode 0600.
    pub output: PathBuf,
}

impl LaunchPlan {
    /// A plan with an empty environment, run as the hub's user in the hub's folder.
    #[must_use]
    pub fn new(argv: Vec<String>, output: PathBuf) -> Self {
        Self {
            argv,
            env: BTreeMap::new(),
            cwd: None,
            run_as: None,
            umask: None,
            descriptors: descriptors::given(),
            output,
        }
    }

    /// The variable by which processes are known that the program starts and leaves behind: whose server or service
    /// they belong to.
    pub(super) fn mark(&self) -> Option<String> {
        let value = self.env.get(MARK)?;
        Some(format!("{MARK}={value}"))
    }
}

impl fmt::Debug for LaunchPlan {
    /// Shows the names of the variables, not their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaunchPlan")
            .field("argv", &self.argv)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("cwd", &self.cwd)
            .field("run_as", &self.run_as)
            .field("umask", &self.umask)
            .field("descriptors", &self.descriptors)
            .field("output", &self.output)
            .finish()
    }
}

/// The identity of a system user, looked up before anything is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups: exactly these, none of the hub's own.
    pub groups: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_values() {
        let mut plan = LaunchPlan::new(vec!["sh".into()], "/tmp/x".into());
        plan.env
            .insert("JUPYTERHUB_API_TOKEN".into(), "s3cret".into());
        let shown = format!("{plan:?}");
        assert!(shown.contains("JUPYTERHUB_API_TOKEN"));
        assert!(!shown.contains("s3cret"));
    }
}
