//! The programs of this crate on their own, for its tests. The hub has the same as subcommands of its binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some(services::process::LAUNCH) => services::process::launcher_main(),
        Some("whoami") => services::whoami::run(),
        Some("forward-auth") => services::forward_auth::run(std::env::args_os().skip(1)),
        Some("demo-server") => services::demo::run(),
        Some("worker") => services::kit::worker(async |hub, shutdown| {
            tracing::info!("the hub is JupyterHub {}", hub.api_root().await?.version);
            shutdown.asked().await;
            Ok(())
        }),
        _ => ExitCode::from(64),
    }
}
