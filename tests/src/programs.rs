//! Our own programs, as cargo built them next to the test that runs, or those in the folder that `E2E_PROGRAMS` names.

use std::path::PathBuf;

use hub_types::env::{EnvSource as _, ProcessEnv};

/// Folder of the built programs, for example `target/debug`.
#[must_use]
pub fn folder() -> PathBuf {
    if let Some(folder) = ProcessEnv.get("E2E_PROGRAMS") {
        return folder.into();
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    // The test is target/debug/deps/it-…, the programs are one folder up.
    let deps = test.parent().expect("the test lies in a folder");
    deps.parent()
        .expect("the deps folder lies in a folder")
        .to_owned()
}

/// Path of one of our programs, for example `hub`.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    let path = folder().join(name);
    assert!(
        path.exists(),
        "{} is not built: use `tests/run`, or `cargo build --workspace --bins` first",
        path.display()
    );
    path
}
