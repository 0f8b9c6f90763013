//! Listening sockets: TCP on one or on all interfaces (IPv4 and IPv6 by one socket), or a UNIX domain socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::pieces::{self, SMALL};

const BACKLOG: i32 = 1024;
/// After so much silence the kernel asks whether a client is there at all: those that vanished would keep their tunnels.
const KEEP_ALIVE: TcpKeepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// An address or host name and a port. The empty name means all interfaces; port 0 means any free one.
    Tcp(String, u16),
    /// A UNIX domain socket.
    Unix(PathBuf),
}

impl std::fmt::Display for Bind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(host, port) if host.is_empty() => write!(f, "port {port} of all interfaces"),
            Self::Tcp(host, port) => write!(f, "{host} port {port}"),
            Self::Unix(path) => write!(f, "socket {}", path.display()),
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A UNIX domain socket; its file is removed when the listener is dropped.
    Unix(UnixListener, SocketFile),
}

/// The file of a UNIX domain socket, removed on drop unless it is another's by then: whoever takes the address over does so
/// as soon as nobody listens, while the process before may still have requests to finish.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    /// The socket that lies at `path` now.
    ///
    /// # Errors
    /// When nothing does.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

/// Device and number of a file.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = std::fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|there| there == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Listener {
    /// Binds and listens.
    ///
    /// # Errors
    /// When the address is taken, not ours, or no address at all; the message names it.
    pub async fn bind(bind: &Bind) -> anyhow::Result<Self> {
        match bind {
            Bind::Unix(path) => bind_unix(path).with_context(|| format!("cannot listen on {bind}")),
            Bind::Tcp(host, port) => {
                let std = bind_tcp(host, *port).await.with_context(|| {
                    format!("cannot listen on {bind}; choose another address or port, or stop what uses it")
                })?;
                Ok(Self::Tcp(TcpListener::from_std(std)?))
            }
        }
    }

    /// The URL at which a process on this machine reaches the listener: all interfaces become the loopback address.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_as("http")
    }

    /// The same with `https`, for a listener that speaks TLS.
    #[must_use]
    pub fn url_as(&self, scheme: &str) -> String {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(addr) if addr.ip().is_unspecified() => {
                    format!("{scheme}://127.0.0.1:{}", addr.port())
                }
                Ok(addr) => format!("{scheme}://{addr}"),
                Err(_) => format!("{scheme}://unknown"),
            },
            Self::Unix(_, file) => {
                let path = file.path.to_string_lossy();
                let host = percent_encoding::utf8_percent_encode(
                    &path,
                    percent_encoding::NON_ALPHANUMERIC,
                );
                format!("{scheme}+unix://{host}")
            }
        }
    }

    /// The port, unless it is a UNIX domain socket.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|addr| addr.port()),
            Self::Unix(..) => None,
        }
    }

    /// Whether only processes of this machine can connect.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .is_ok_and(|addr| addr.ip().to_canonical().is_loopback()),
            Self::Unix(..) => true,
        }
    }

    /// The next connection, and who is at its other end (`None` for a UNIX domain socket).
    pub(crate) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Failing here means that the client is gone already, which reading will show.
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_tcp_keepalive(&KEEP_ALIVE);
                Ok((Stream::Tcp(stream), Some(peer.ip().to_canonical())))
            }
            Self::Unix(listener, _) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }
}

/// Tries all addresses that `host` stands for, IPv4 first unless it means all interfaces.
async fn bind_tcp(host: &str, port: u16) -> io::Result<std::net::TcpListener> {
    let mut addresses: Vec<SocketAddr> = if host.is_empty() {
        vec![
            (Ipv6Addr::UNSPECIFIED, port).into(),
            (Ipv4Addr::UNSPECIFIED, port).into(),
        ]
    } else {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut found: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        found
    };
    addresses.dedup();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match listen(address, host.is_empty()) {
            Ok(listener) => return Ok(listener),
            // Taken on IPv6 must not mean half a success on IPv4.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen(address: SocketAddr, dual_stack: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!dual_stack)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Listens on `path`; a socket file that nobody listens on any more is replaced.
fn bind_unix(path: &Path) -> anyhow::Result<Listener> {
    let stale = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket())
        && std::os::unix::net::UnixStream::connect(path).is_err();
    if stale {
        std::fs::remove_file(path).context("cannot remove the old socket")?;
    }
    let listener = UnixListener::bind(path)?;
    Ok(Listener::Unix(listener, SocketFile::of(path)?))
}

/// A connection of either kind.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut space = [0; SMALL];
        match pieces::joined(bufs, &mut space) {
            Some(bytes) => self.poll_write(cx, bytes),
            None => either!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
