//! A hub that also knows `proxy_class = "haproxy"`.

use std::process::ExitCode;

use hub::programs::{self, Plugins};
use hub::proxy_client::registry::ProxyClasses;

fn main() -> ExitCode {
    programs::main(&Plugins {
        proxies: ProxyClasses::default().with(haproxy::CLASS),
        ..Plugins::default()
    })
}
