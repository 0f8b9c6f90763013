//! The launcher on its own, for the tests of this crate. The hub has the same as its hidden subcommand `launch`.

use std::process::ExitCode;

fn main() -> ExitCode {
    services::process::launcher_main()
}
