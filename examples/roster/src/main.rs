//! A hub that also knows `authenticator_class = "roster"`.

use std::process::ExitCode;

use hub::auth::registry::AuthenticatorClasses;
use hub::programs::{self, Plugins};

fn main() -> ExitCode {
    programs::main(&Plugins {
        authenticators: AuthenticatorClasses::default().with(roster::CLASS),
        ..Plugins::default()
    })
}
