//! The hub's own listener.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;

use anyhow::Context as _;
use axum::Router;
use hub_proxy::listener::SocketFile;
use hub_types::secret::random_urlsafe;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use super::lingering::Lingering;
use crate::config::BindUrl;
use crate::db::{Db, settings};
use crate::unix_sockets::{self, There};

/// Under which name the port is kept that "any free port" turned out to be. Servers and services that outlive the hub
/// know it from their environment, so the next start must take the same.
const PORT_SETTING: &str = "hub_port";

/// Where the hub takes connections.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Answers until `draining`, and then what is under way.
    pub(super) async fn serve(self, app: Router, draining: CancellationToken) -> io::Result<()> {
        let end = draining.cancelled_owned();
        match self {
            Self::Tcp(listener) => {
                let app = app.into_make_service_with_connect_info::<SocketAddr>();
                axum::serve(listener, app).with_graceful_shutdown(end).await
            }
            // Whoever is at the other end has no address.
            Self::Unix(listener, _file) => {
                let app = app.into_make_service();
                let listener = Lingering(listener);
                axum::serve(listener, app).with_graceful_shutdown(end).await
            }
        }
    }
}

/// Listens where the configuration says; port 0 takes the port of the last start, or any free one. `mode` is that of a
/// socket's file. Returns the port too: 0 for a socket.
///
/// # Errors
/// When the address is taken or not this machine's, with what to change.
pub(super) async fn bind(url: &BindUrl, mode: u32, db: &Db) -> anyhow::Result<(Listener, u16)> {
    if let Some(path) = &url.socket {
        let listener = on_socket(path, mode).await.with_context(|| {
            format!(
                "cannot listen on the socket {} of JupyterHub.hub_bind_url",
                path.display()
            )
        })?;
        return Ok((listener, 0));
    }
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
    Ok((Listener::Tcp(TcpListener::from_std(listener)?), port))
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

/// Listens at `path`, where a socket may lie that nobody listens on any more. Its file gets its name when it has its mode:
/// at no time can more connect than the mode lets in.
async fn on_socket(path: &Path, mode: u32) -> anyhow::Result<Listener> {
    match unix_sockets::look(path).await {
        There::Nothing | There::Dead => {}
        There::NoSocket => {
            anyhow::bail!("there is a file of that name which is no socket; move it away")
        }
        There::Alive => {
            anyhow::bail!("somebody listens there, or it is not ours: is another hub running?")
        }
    }
    let folder = path.parent().context("it is no path of a file")?;
    let private = folder.join(format!(".{}", random_urlsafe::<6>()));
    let made = std::fs::DirBuilder::new().mode(0o700).create(&private);
    made.with_context(|| format!("{} cannot be written", folder.display()))?;
    let listener = named(&private.join("s"), path, mode);
    std::fs::remove_dir_all(&private)?;
    let listener = listener?;
    listener.set_nonblocking(true)?;
    let file = SocketFile::of(path)?;
    Ok(Listener::Unix(UnixListener::from_std(listener)?, file))
}

fn named(first: &Path, path: &Path, mode: u32) -> io::Result<StdUnixListener> {
    let listener = StdUnixListener::bind(first)?;
    std::fs::set_permissions(first, std::fs::Permissions::from_mode(mode))?;
    std::fs::rename(first, path)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_socket_has_its_mode_and_goes_with_the_hub() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        let listener = on_socket(&path, 0o620).await.unwrap();
        assert_eq!(mode(&path), 0o620);
        UnixStream::connect(&path).unwrap();
        let refused = on_socket(&path, 0o600).await.unwrap_err().to_string();
        assert!(refused.contains("another hub"), "{refused}");
        assert_eq!(mode(&path), 0o620);
        drop(listener);
        // The private folder is gone as well.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// A hub that stops no longer listens, but has requests to finish: the next one takes the address over meanwhile.
    #[tokio::test]
    async fn a_hub_that_ends_leaves_the_socket_of_its_successor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        let Listener::Unix(first, file) = on_socket(&path, 0o600).await.unwrap() else {
            panic!("it is no socket");
        };
        drop(first);
        let successor = on_socket(&path, 0o600).await.unwrap();
        drop(file);
        UnixStream::connect(&path).unwrap();
        drop(successor);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_killed_hub_left_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        drop(StdUnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = on_socket(&path, 0o600).await.unwrap();
        UnixStream::connect(&path).unwrap();
        drop(listener);
        std::fs::write(&path, "mine").unwrap();
        assert!(on_socket(&path, 0o600).await.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert!(
            on_socket(&folder.path().join("no/hub.sock"), 0o600)
                .await
                .is_err()
        );
    }
}
