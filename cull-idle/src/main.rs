//! The culler as a program of its own; `hub cull-idle` is the same.

use std::process::ExitCode;

use clap::Parser as _;
use hub_types::env::ProcessEnv;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cull_idle::run(cull_idle::cli::Args::parse(), &ProcessEnv).await
}
