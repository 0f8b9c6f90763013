//! The hub's own listener.

use std::net::{TcpListener as StdListener, ToSocketAddrs as _};

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::config::BindUrl;
use crate::db::{Db, settings};

/// Under which name the port is kept that "any free port" turned out to be. Servers and services that outlive the hub
/// know it from their environment, so the next start must take the same.
const PORT_SETTING: &str = "hub_port";

/// Listens where the configuration says; port 0 takes the port of the last start, or any free one.
///
/// # Errors
/// When the address is taken or not this machine's, with what to change.
pub(super) async fn bind(url: &BindUrl, db: &Db) -> anyhow::Result<(TcpListener, u16)> {
    let listener = if url.port == 0 {
        let last = settings::get(db.read(), PORT_SETTING)
            .await?
            .and_then(|port| port.parse().ok())
            .unwrap_or(0);
        match open(&url.host, last) {
            Ok(listener) => listener,
            Err(_) => open(&url.host, 0)?,
        }
    } else {
        open(&url.host, url.port).with_context(|| {
            format!(
                "cannot listen on {}: is another hub running? Choose another address with JupyterHub.hub_bind_url (0 as port: any free one)",
                url.listen_addr()
            )
        })?
    };
    let port = listener.local_addr()?.port();
    let tx = db.write().await?;
    settings::set(&tx, PORT_SETTING, &port.to_string()).await?;
    tx.commit().await?;
    listener.set_nonblocking(true)?;
    Ok((TcpListener::from_std(listener)?, port))
}

fn open(host: &str, port: u16) -> anyhow::Result<StdListener> {
    let host = if host.is_empty() { "::" } else { host };
    let mut last = None;
    for address in (host, port)
        .to_socket_addrs()
        .with_context(|| format!("{host} is no address of this machine"))?
    {
        match StdListener::bind(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    // Machines without IPv6 have no `::`.
    if host == "::" {
        return Ok(StdListener::bind(("0.0.0.0", port))?);
    }
    Err(last.map_or_else(|| anyhow::anyhow!("{host} has no address"), Into::into))
}
