//! A hub that also knows `spawner_class = "unshare"`.

use std::process::ExitCode;

use hub::programs::{self, Plugins};
use hub::spawner::registry::SpawnerClasses;

fn main() -> ExitCode {
    programs::main(&Plugins {
        spawners: SpawnerClasses::default().with(unshare::CLASS),
        ..Plugins::default()
    })
}
