//! `hub`: one binary that ships everything.

use std::process::ExitCode;

use hub::programs;
use hub::proxy_client::registry::ProxyClasses;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    programs::main(&ProxyClasses::default())
}
