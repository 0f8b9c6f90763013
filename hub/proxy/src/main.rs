//! `hub-proxy`: the proxy as a program of its own.

use std::process::ExitCode;

use hub_types::env::ProcessEnv;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = match hub_proxy::cli::parse_from(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(hub_proxy::cli::exit_code(&error));
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "hub-proxy: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(hub_proxy::run(args, &ProcessEnv));
    // A name lookup that hangs must not hold up the exit.
    runtime.shutdown_background();
    code
}
