//! `hub`: one binary that ships everything.

use std::process::ExitCode;

use hub::cli::{self, Command};
use hub::programs;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Installed before anything can open a TLS connection; an error only says that somebody was faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(exit) => {
            exit.print();
            // `hub proxy`'s own mistakes are judged by the proxy; these are the hub's.
            return ExitCode::from(exit.code());
        }
    };
    match command {
        // Before any runtime: between fork and exec there must be one thread.
        Command::Launch(_) => services::process::launcher_main(),
        Command::Serve(sources) => programs::serve(&sources),
        Command::Quickstart(options) => programs::quickstart(&options),
        Command::Token { user, sources } => programs::token(user, &sources),
        Command::GenerateConfig(file) => programs::generate_config(&file),
        Command::ShowConfig { sources, json } => programs::show_config(&sources, json),
        Command::HelpAll => programs::help_all(),
        Command::OpenApi { base_url } => programs::openapi(&base_url),
        Command::Proxy(args) => programs::proxy(args),
        Command::CullIdle(args) => programs::cull_idle(args),
        Command::Whoami(_) => services::whoami::run(),
        Command::ForwardAuth(args) => programs::forward_auth(args),
        Command::DemoServer(_) => services::demo::run(),
    }
}
