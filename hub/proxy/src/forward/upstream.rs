//! Connections to targets: a pool of them, with bounds on waiting and on memory.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::rt::ReadBufCursor;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use crate::forward::body::RequestBody;
use crate::target::UNIX_SCHEME;
use crate::tls;

/// A client for targets.
pub(crate) type Upstream = Client<Connector, RequestBody>;

/// Longest wait for a target to accept a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than the 5 s after which node and uvicorn close an idle connection, so that we rarely meet a closing one.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept per target.
const POOL_PER_TARGET: usize = 32;
/// Most that is buffered per connection and direction, in bytes; also the limit of a response head.
pub(crate) const BUFFER: usize = 64 * 1024;

/// Builds the pooled client; `tls` is for `https` targets.
pub(crate) fn client(tls: tls::connect::Connector) -> Upstream {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_keepalive(Some(Duration::from_secs(60)));
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_PER_TARGET)
        .http1_max_buf_size(BUFFER)
        .set_host(false)
        .build(Connector { http, tls })
}

/// Connects to `http:` and `https:` URIs by TCP, and to `unix:` URIs (hex path as authority) by UNIX domain socket.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    http: HttpConnector,
    tls: tls::connect::Connector,
}

type Connecting = Pin<Box<dyn Future<Output = io::Result<UpstreamStream>> + Send>>;

impl Service<Uri> for Connector {
    type Response = UpstreamStream;
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
                    Ok(UpstreamStream::Tcp(stream))
                });
            }
            let tls = self.tls.clone();
            return Box::pin(async move {
                let stream = connecting.await.map_err(io::Error::other)?.into_inner();
                let shaking = tls.connect(uri.host().unwrap_or_default(), stream);
                let stream = tokio::time::timeout(CONNECT_TIMEOUT, shaking).await??;
                Ok(UpstreamStream::Tls(Box::new(TokioIo::new(stream))))
            });
        }
        Box::pin(async move {
            let path = hex::decode(uri.host().unwrap_or_default()).map_err(io::Error::other)?;
            let path = String::from_utf8(path).map_err(io::Error::other)?;
            let stream = tokio::time::timeout(CONNECT_TIMEOUT, UnixStream::connect(path)).await??;
            Ok(UpstreamStream::Unix(TokioIo::new(stream)))
        })
    }
}

/// A connection to a target.
#[derive(Debug)]
pub(crate) enum UpstreamStream {
    Tcp(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
    Unix(TokioIo<UnixStream>),
}

impl Connection for UpstreamStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            UpstreamStream::Tcp($stream) => $call,
            UpstreamStream::Tls($stream) => $call,
            UpstreamStream::Unix($stream) => $call,
        }
    };
}

impl hyper::rt::Read for UpstreamStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl hyper::rt::Write for UpstreamStream {
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
        either!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
