//! What hub and launcher say to each other over the launcher's socket, one line each.
//!
//! ```text
//! hub → launcher   {the plan as JSON}      at once
//! launcher → hub   held                    own session made, plan understood
//! hub → launcher   go                      after the record is committed; a closed socket instead means: do nothing
//! launcher → hub   exec                    right before the program replaces the launcher
//! launcher → hub   {the failure as JSON}   only when it did not; a closed socket instead means: it runs
//! ```

/// The launcher waits.
pub(super) const HELD: &str = "held";
/// The launcher may run the program.
pub(super) const GO: &str = "go";
/// The launcher is about to become the program.
pub(super) const EXEC: &str = "exec";
