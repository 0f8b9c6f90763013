//! `hub`: one binary that ships everything.

use std::process::ExitCode;

use hub::programs::{self, Plugins};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    programs::main(&Plugins::default())
}
