//! Connections of a unix socket that stay a moment after their last answer.
//!
//! Whoever writes to a unix socket whose other end is closed is told so (`EPIPE`) even when there is nothing left to write.
//! Node's HTTP client ends each request with such an empty write: configurable-http-proxy then gives its visitor a 503 instead
//! of the hub's answer, which lies there unread, when the hub was faster. So the hub says that it has ended, and closes when
//! the other end has, too. (nginx calls that a lingering close.)

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream, unix::SocketAddr};
use tokio::time::{Sleep, sleep};

/// How long the other end may take to close.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes connections that linger.
#[derive(Debug)]
pub(super) struct Lingering(pub(super) UnixListener);

impl Listener for Lingering {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        let end = End::Open;
        (Connection { stream, end }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// How far the end of a connection has come.
#[derive(Debug)]
enum End {
    Open,
    /// We have ended; the other end has this long.
    Ours(Pin<Box<Sleep>>),
}

/// A connection of a unix socket.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    end: End,
}

impl Connection {
    /// Reads, and forgets, what still comes, until there is no more or the time is over.
    fn poll_other_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let End::Ours(patience) = &mut self.end
            && patience.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(());
        }
        let mut bytes = [0; 1024];
        loop {
            let mut read = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read)) {
                Ok(()) if !read.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.end, End::Open) {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.end = End::Ours(Box::pin(sleep(PATIENCE)));
        }
        self.poll_other_end(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    /// A server that answers everything with "here", and a connection to it whose answer has been read to its end.
    async fn answered(folder: &Path) -> UnixStream {
        let path = folder.join("s");
        let listener = Lingering(UnixListener::bind(&path).unwrap());
        let app = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut stream = UnixStream::connect(&path).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
        stream
    }

    #[tokio::test]
    async fn whoever_has_the_answer_may_still_write() {
        let folder = tempfile::tempdir().unwrap();
        let mut stream = answered(folder.path()).await;
        stream.write_all(b"more").await.unwrap();
    }

    /// Time stands still but for the patience: it runs out by itself.
    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut stream = answered(folder.path()).await;
        let begin = Instant::now();
        while stream.write_all(b"more").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
        assert!(begin.elapsed() <= PATIENCE * 2, "{:?}", begin.elapsed());
    }
}
