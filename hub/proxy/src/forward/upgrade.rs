//! WebSocket tunnels: bytes both ways once the target itself has switched protocols.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{CONNECTION, HeaderMap, UPGRADE};
use http::{Method, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::forward::headers::has_token;

/// How long the second half of a tunnel may go on after the first has ended. A closed WebSocket has nothing left to
/// say; without this bound a peer that never closes would keep both sockets for ever.
const HALF_CLOSED: Duration = Duration::from_secs(1);
/// Read size; on the stack, so that an idle tunnel holds no buffer.
const CHUNK: usize = 16 * 1024;

/// Whether a request is a WebSocket handshake: `GET`, HTTP/1.1, no body, both upgrade headers (RFC 6455 4.1).
///
/// Anything else that asks for an upgrade is answered as the plain request it also is (RFC 9110 7.8).
pub(crate) fn is_handshake(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
    no_body: bool,
) -> bool {
    *method == Method::GET
        && version == Version::HTTP_11
        && no_body
        && has_token(headers, &CONNECTION, "upgrade")
        && headers.get_all(UPGRADE).iter().count() == 1
        && has_token(headers, &UPGRADE, "websocket")
}

/// Carries bytes between `client` and `target` until both are done or one fails. `on_client` is called for every chunk
/// that the client sends, `on_target` for every one of the target's.
pub(crate) async fn tunnel<C, T>(
    mut client: C,
    mut target: T,
    mut on_client: impl FnMut(),
    mut on_target: impl FnMut(),
) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (mut up, mut down) = (Pipe::default(), Pipe::default());
    let mut grace = None;
    poll_fn(|cx| {
        let up_done = up
            .poll(cx, &mut client, &mut target, &mut on_client)?
            .is_ready();
        let down_done = down
            .poll(cx, &mut target, &mut client, &mut on_target)?
            .is_ready();
        match (up_done, down_done) {
            (true, true) => Poll::Ready(Ok(())),
            (false, false) => Poll::Pending,
            _ => {
                let timer = grace.get_or_insert_with(|| Box::pin(tokio::time::sleep(HALF_CLOSED)));
                timer.as_mut().poll(cx).map(Ok)
            }
        }
    })
    .await
}

/// One direction. Memory is held only while the receiving side is slower than the sending one.
#[derive(Debug, Default)]
struct Pipe {
    /// Read, but not yet written from `at` on.
    stalled: Vec<u8>,
    at: usize,
    unflushed: bool,
    ended: bool,
    done: bool,
}

impl Pipe {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        on_bytes: &mut dyn FnMut(),
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        while !self.done {
            ready!(self.write_stalled(cx, to))?;
            if self.ended {
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.done = true;
                break;
            }
            let mut space = [MaybeUninit::uninit(); CHUNK];
            let mut read = ReadBuf::uninit(&mut space);
            match Pin::new(&mut *from).poll_read(cx, &mut read) {
                Poll::Pending => {
                    if self.unflushed {
                        ready!(Pin::new(&mut *to).poll_flush(cx))?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
                Poll::Ready(result) => result?,
            }
            if read.filled().is_empty() {
                self.ended = true;
                continue;
            }
            on_bytes();
            self.write(cx, to, read.filled())?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes `bytes`; what cannot be written now is kept.
    fn write<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
        bytes: &[u8],
    ) -> io::Result<()> {
        self.unflushed = true;
        let written = match Pin::new(to).poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(count) => count?,
            Poll::Pending => 0,
        };
        if written < bytes.len() {
            self.stalled = bytes[written..].to_vec();
            self.at = 0;
        }
        Ok(())
    }

    fn write_stalled<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<io::Result<()>> {
        while self.at < self.stalled.len() {
            let count = ready!(Pin::new(&mut *to).poll_write(cx, &self.stalled[self.at..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.at += count;
        }
        self.stalled = Vec::new();
        self.at = 0;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[test]
    fn handshakes() {
        let headers = |connection: &'static str, upgrade: &'static str| {
            HeaderMap::from_iter([
                (CONNECTION, HeaderValue::from_static(connection)),
                (UPGRADE, HeaderValue::from_static(upgrade)),
            ])
        };
        let good = headers("keep-alive, Upgrade", "websocket");
        assert!(is_handshake(&Method::GET, Version::HTTP_11, &good, true));
        assert!(!is_handshake(&Method::POST, Version::HTTP_11, &good, true));
        assert!(!is_handshake(&Method::GET, Version::HTTP_10, &good, true));
        assert!(!is_handshake(&Method::GET, Version::HTTP_11, &good, false));
        for (connection, upgrade) in [("close", "websocket"), ("upgrade", "h2c"), ("upgrade", "")] {
            assert!(!is_handshake(
                &Method::GET,
                Version::HTTP_11,
                &headers(connection, upgrade),
                true
            ));
        }
    }

    #[tokio::test]
    async fn carries_more_than_the_buffers_hold_and_tells_of_each_side() {
        let (client, client_far) = duplex(1000);
        let (target, target_far) = duplex(700);
        let (mut count, mut back) = (0, 0);
        let far = async move {
            let (mut client_read, mut client_write) = tokio::io::split(client_far);
            let (mut target_read, mut target_write) = tokio::io::split(target_far);
            let sent: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
            let send = async {
                client_write.write_all(&sent).await.unwrap();
                client_write.shutdown().await.unwrap();
            };
            let mut received = Vec::new();
            let receive = async {
                target_read.read_to_end(&mut received).await.unwrap();
                target_write.write_all(b"bye").await.unwrap();
                target_write.shutdown().await.unwrap();
            };
            let mut answer = String::new();
            tokio::join!(send, receive, async {
                client_read.read_to_string(&mut answer).await.unwrap()
            });
            assert_eq!((received == sent, answer.as_str()), (true, "bye"));
        };
        let (result, ()) = tokio::join!(tunnel(client, target, || count += 1, || back += 1), far);
        result.unwrap();
        assert!(count > 0 && back > 0);
    }

    #[tokio::test]
    async fn a_half_closed_tunnel_ends() {
        let (client, client_far) = duplex(10);
        let (target, _target_far) = duplex(10);
        drop(client_far);
        tunnel(client, target, || (), || ()).await.unwrap();
    }
}
