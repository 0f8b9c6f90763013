//! Fuzzes the control API.
#![no_main]

use hub_proxy_fuzz::world::World;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static WORLD: World = World::start();
}

fuzz_target!(|input: &[u8]| WORLD.with(|world| hub_proxy_fuzz::api::exercise(world, input)));
