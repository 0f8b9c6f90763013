//! A hub that also knows `proxy_class = "haproxy"`.

use std::process::ExitCode;

use hub::programs;
use hub::proxy_client::registry::ProxyClasses;

fn main() -> ExitCode {
    programs::main(&ProxyClasses::default().with(haproxy::CLASS))
}
