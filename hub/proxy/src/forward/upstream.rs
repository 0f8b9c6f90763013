//! Connections to targets: a pool of them, with bounds on waiting and on memory.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::Scheme;
use http::{Extensions, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use crate::forward::body::RequestBody;
use crate::pieces::{self, SMALL};
use crate::target::UNIX_SCHEME;
use crate::tls;

/// A client for targets.
pub(crate) type Upstream = Client<Connector, RequestBody>;

/// Longest wait for a target to accept a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than the 5 s after which node and uvicorn close an idle connection, so that we rarely meet a closing one.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept per target. Far more than a notebook server needs, but all pages of the hub come from one target;
/// with fewer than there are requests at once, each would open a connection of its own.
const POOL_PER_TARGET: usize = 512;
/// Most that is buffered per connection and direction, in bytes; also the limit of a response head.
pub(crate) const BUFFER: usize = 64 * 1024;

/// Builds the pooled client; `tls` is for `https` targets.
pub(crate) fn client(tls: tls::connect::Connector) -> Upstream {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_PER_TARGET)
        .http1_max_buf_size(BUFFER)
        .set_host(false)
        .build(Connector::new(tls))
}

/// Connects to `http:` and `https:` URIs by TCP, and to `unix:` URIs (hex path as authority) by UNIX domain socket.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    http: HttpConnector,
    tls: tls::connect::Connector,
}

impl Connector {
    pub(crate) fn new(tls: tls::connect::Connector) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(60)));
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self { http, tls }
    }
}

type Connecting = Pin<Box<dyn Future<Output = io::Result<TokioIo<UpstreamStream>>> + Send>>;

impl Service<Uri> for Connector {
    type Response = TokioIo<UpstreamStream>;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.http.poll_ready(cx).map_err(io::Error::other)
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        if uri.scheme_str() != Some(UNIX_SCHEME) {
            let connecting = self.http.call(uri.clone());
            if uri.scheme() != Some(&Scheme::HTTPS) {
                return Box::pin(async {
                    let stream = connecting.await.map_err(io::Error::other)?;
                    Ok(Socket::Tcp(stream.into_inner()).into())
                });
            }
            let tls = self.tls.clone();
            return Box::pin(async move {
                let stream = connecting.await.map_err(io::Error::other)?.into_inner();
                let shaking = tls.connect(uri.host().unwrap_or_default(), stream);
                let stream = tokio::time::timeout(CONNECT_TIMEOUT, shaking).await??;
                Ok(Socket::Tls(Box::new(stream)).into())
            });
        }
        Box::pin(async move {
            let path = hex::decode(uri.host().unwrap_or_default()).map_err(io::Error::other)?;
            let path = String::from_utf8(path).map_err(io::Error::other)?;
            let stream = tokio::time::timeout(CONNECT_TIMEOUT, UnixStream::connect(path)).await??;
            Ok(Socket::Unix(stream).into())
        })
    }
}

/// What is known of a connection to a target: whether a failed request may be sent again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life(Arc<Lived>);

#[derive(Debug, Default)]
struct Lived {
    /// Requests that were followed by an answer and by another request.
    answered: AtomicUsize,
    /// Something was read since something was written.
    heard: AtomicBool,
}

impl Life {
    fn wrote(&self) {
        if self.0.heard.swap(false, Ordering::Relaxed) {
            self.0.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) {
        self.0.heard.store(true, Ordering::Relaxed);
    }

    /// Whether the connection had served a request before, and died without a byte of an answer to the present one.
    pub(crate) fn died_waiting(&self) -> bool {
        self.0.answered.load(Ordering::Relaxed) > 0 && !self.0.heard.load(Ordering::Relaxed)
    }
}

/// Whether `error` is the end of a kept connection that the target had closed before it saw the request, as far as
/// anybody can tell from here (RFC 9112 9.3.1).
pub(crate) fn is_stale(error: &hyper_util::client::legacy::Error) -> bool {
    let Some(info) = error.connect_info() else {
        return false;
    };
    let mut extensions = Extensions::new();
    info.get_extras(&mut extensions);
    extensions.get::<Life>().is_some_and(Life::died_waiting)
}

/// A connection to a target.
#[derive(Debug)]
pub(crate) struct UpstreamStream {
    socket: Socket,
    life: Life,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl From<Socket> for TokioIo<UpstreamStream> {
    fn from(socket: Socket) -> Self {
        let life = Life::default();
        Self::new(UpstreamStream { socket, life })
    }
}

impl Connection for UpstreamStream {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.life.clone())
    }
}

macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().socket {
            Socket::Tcp($stream) => $call,
            Socket::Tls($stream) => $call,
            Socket::Unix($stream) => $call,
        }
    };
}

impl AsyncRead for UpstreamStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let this = self.as_mut();
        let result = either!(this, stream => Pin::new(stream).poll_read(cx, buf));
        // The end of input is no byte of an answer.
        if buf.filled().len() > before {
            self.life.read();
        }
        result
    }
}

impl AsyncWrite for UpstreamStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.life.wrote();
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
        if let Some(bytes) = pieces::joined(bufs, &mut space) {
            return self.poll_write(cx, bytes);
        }
        self.life.wrote();
        either!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
