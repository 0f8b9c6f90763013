//! Which port a quickstart listens on.

use std::net::TcpListener;

use super::QuickstartError;
use crate::config::load::{Flag, Loaded};
use crate::config::problem::{Place, Problem};

/// How many ports are tried.
const TRIES: u16 = 100;

/// Whether somebody could listen there now.
pub(super) fn is_free(host: &str, port: u16) -> bool {
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    TcpListener::bind((host, port)).is_ok()
}

/// Moves on to the next free port when the configured one is taken, unless the command line asked for it.
///
/// # Errors
/// [`QuickstartError::NoPort`].
pub(super) fn settle(
    loaded: &mut Loaded,
    flags: &[Flag],
    is_free: &dyn Fn(&str, u16) -> bool,
) -> Result<(), QuickstartError> {
    let asked = flags.iter().any(|flag| {
        flag.class == "JupyterHub" && matches!(flag.name.as_str(), "port" | "bind_url")
    });
    let bind = &mut loaded.config.jupyterhub.bind_url;
    if asked || bind.port == 0 || is_free(&bind.host, bind.port) {
        // A port that was asked for and is taken is refused when the proxy starts, by name.
        return Ok(());
    }
    let (taken, last) = (bind.port, bind.port.saturating_add(TRIES));
    let Some(free) = (taken..=last).find(|port| *port != taken && is_free(&bind.host, *port))
    else {
        return Err(QuickstartError::NoPort { first: taken, last });
    };
    bind.port = free;
    let message = format!("port {taken} is taken, port {free} is used instead");
    loaded.warnings.push(Problem::new(&Place::Nowhere, message));
    Ok(())
}
