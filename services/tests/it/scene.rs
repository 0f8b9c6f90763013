//! A folder, plans that run in it, and waiting for a fact.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use services::process::{LaunchError, LaunchPlan, Running, hold};
use tempfile::TempDir;

/// The binary of this crate with the launcher and the bundled programs.
pub(crate) fn launcher() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bundled"))
}

/// A temporary folder for one test.
pub(crate) struct Scene {
    dir: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A plan whose output goes to `log` in the folder.
    pub(crate) fn plan(&self, argv: &[&str]) -> LaunchPlan {
        let argv = argv.iter().map(|&arg| arg.to_owned()).collect();
        let mut plan = LaunchPlan::new(argv, self.path("log"));
        plan.env.insert("PATH".into(), "/usr/bin:/bin".into());
        plan
    }

    pub(crate) fn sh(&self, script: &str) -> LaunchPlan {
        self.plan(&["sh", "-c", script])
    }

    pub(crate) async fn run(&self, plan: &LaunchPlan) -> Result<Running, LaunchError> {
        hold(launcher(), plan).await?.release().await
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

/// Waits until `fact` gives something, at most 20 s.
pub(crate) async fn eventually<T>(what: &str, mut fact: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = fact() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
