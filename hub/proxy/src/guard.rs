//! Between the socket and hyper: passes on only what can be read in one way.
//!
//! ```text
//! socket ─► [head?] ─ judge ─► hyper      head   complete and unambiguous, or refused (400, 408, 414, 431, 501…)
//!             ▲                           body   followed byte by byte, so that the next head is found where hyper
//!             └──── end of the body ◄──          will look for it
//! ```
//!
//! A head is handed over only after the previous answer is out, so that a refusal can never overtake an answer, and a
//! pipelined request never reaches a target early. After an upgrade the guard steps aside.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

pub(crate) mod body;
mod closing;
pub(crate) mod frames;
pub(crate) mod head;
pub(crate) mod link;

use body::Follower;
use closing::Closing;
use head::{HeadLimits, Refusal};
pub(crate) use link::{Answered, Link};

/// How long and how large things may be on the way in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardLimits {
    pub(crate) head: HeadLimits,
    /// From the first byte of a head (or from accepting the connection) to its end.
    pub(crate) head_time: Duration,
    /// How long an idle connection is kept for another request.
    pub(crate) keep_alive: Duration,
    /// Longest silence in both directions (`--timeout`).
    pub(crate) silence: Option<Duration>,
}

/// Empty lines before a request line that are skipped (RFC 9112 2.2 asks for one).
const MAX_EMPTY_LINES: u8 = 4;
/// Read size while collecting a head.
const HEAD_READ: usize = 4096;

/// What comes next on the way in.
#[derive(Debug)]
enum Phase {
    /// A head; the first `seen` bytes of the buffer hold no end of it.
    Head { seen: usize, empty_lines: u8 },
    /// The body of the request that was handed over last.
    Body(Follower),
}

const NEXT_HEAD: Phase = Phase::Head {
    seen: 0,
    empty_lines: 0,
};

/// Why waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expired {
    HeadTime,
    KeepAlive,
    Silence,
}

/// A connection of a client, guarded.
#[derive(Debug)]
pub(crate) struct Guard<S> {
    io: S,
    link: Arc<Link>,
    limits: GuardLimits,
    phase: Phase,
    /// Read from the socket, not yet handed over. Empty, and without memory, while nothing waits here.
    buf: BytesMut,
    /// How many bytes at the front of `buf` may be handed over.
    released: usize,
    /// Since when a head has been awaited; `None` while a request is being answered.
    waiting: Option<Instant>,
    last_io: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    closing: Closing,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    /// Guards `io`; `link` is shared with the service that answers.
    pub(crate) fn new(io: S, link: Arc<Link>, limits: GuardLimits) -> Self {
        Self {
            io,
            link,
            limits,
            phase: NEXT_HEAD,
            buf: BytesMut::new(),
            released: 0,
            waiting: None,
            last_io: Instant::now(),
            timer: None,
            closing: Closing::default(),
        }
    }

    /// Nothing more is read. A head is refused by the guard itself; once a request is being answered, its answer says so.
    fn refuse(&mut self, refusal: Refusal) {
        tracing::info!(
            status = refusal.status.as_u16(),
            "refused a request: {}",
            refusal.reason
        );
        self.link.refuse();
        let answer = matches!(self.phase, Phase::Head { .. }).then_some(refusal.status);
        self.closing.cut(answer);
    }

    /// Hands over released bytes.
    fn hand_over(&mut self, out: &mut ReadBuf<'_>) {
        let count = self.released.min(out.remaining());
        out.put_slice(&self.buf[..count]);
        self.buf.advance(count);
        self.released -= count;
        if self.buf.is_empty() {
            self.buf = BytesMut::new();
        }
    }

    /// More bytes from the socket into the buffer. `Ok(0)` is the end of input.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); HEAD_READ];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
        self.buf.extend_from_slice(read.filled());
        self.progress();
        Poll::Ready(Ok(read.filled().len()))
    }

    fn progress(&mut self) {
        if self.limits.silence.is_some() {
            self.last_io = Instant::now();
        }
    }

    /// Waits for a head and releases it. Ready with `true` at the end of input.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.link.is_answering(cx) {
            // Nothing is released before the answer is out; only a client that goes away is noticed, also when it has sent
            // something ahead.
            self.waiting = None;
            while self.buf.len() < self.limits.head.bytes {
                if ready!(self.fill(cx))? == 0 {
                    return Poll::Ready(Ok(true));
                }
            }
            return Poll::Pending;
        }
        self.waiting.get_or_insert_with(Instant::now);
        loop {
            match self.judge_head() {
                Ok(true) => return Poll::Ready(Ok(false)),
                Ok(false) => {}
                Err(refusal) => {
                    self.refuse(refusal);
                    return Poll::Ready(Ok(true));
                }
            }
            let first = self.buf.is_empty();
            if ready!(self.fill(cx))? == 0 {
                return Poll::Ready(Ok(true));
            }
            if first && self.link.has_answered() {
                self.waiting = Some(Instant::now());
            }
        }
    }

    /// Releases the head at the front of the buffer, if it is complete.
    fn judge_head(&mut self) -> Result<bool, Refusal> {
        let Phase::Head { seen, empty_lines } = &mut self.phase else {
            return Ok(false);
        };
        while self.buf.starts_with(b"\r\n") {
            if *empty_lines == MAX_EMPTY_LINES {
                return Err(Refusal::bad("empty lines instead of a request"));
            }
            *empty_lines += 1;
            *seen = 0;
            self.buf.advance(2);
        }
        let Some(end) = head::find_end(&self.buf, *seen, &self.limits.head)? else {
            *seen = self.buf.len();
            return Ok(false);
        };
        let framing = head::judge(&self.buf[..end], &self.limits.head)?;
        self.released = end;
        self.link.handed_over();
        self.waiting = None;
        self.phase = Follower::start(framing).map_or(NEXT_HEAD, Phase::Body);
        Ok(true)
    }

    /// Passes on bytes of a body, from the buffer or straight from the socket into `out`.
    fn poll_body(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Phase::Body(follower) = &mut self.phase else {
            return Poll::Ready(Ok(()));
        };
        let before = out.filled().len();
        let judged = if self.buf.is_empty() {
            ready!(Pin::new(&mut self.io).poll_read(cx, out))?;
            let fresh = &out.filled()[before..];
            let judged = follower.advance(fresh);
            if let Ok((taken, _)) = judged {
                self.buf.extend_from_slice(&fresh[taken..]);
                out.set_filled(before + taken);
            }
            judged
        } else {
            let judged = follower.advance(&self.buf);
            if let Ok((taken, _)) = judged {
                self.released = taken;
                self.hand_over(out);
            }
            judged
        };
        self.progress();
        match judged {
            Ok((_, true)) => self.phase = NEXT_HEAD,
            Ok((_, false)) => {}
            Err(refusal) => {
                out.set_filled(before);
                self.refuse(refusal);
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    refusal.reason,
                )));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Which time limit ends the present waiting, and when.
    fn deadline(&self) -> Option<(Instant, Expired)> {
        let silence = self
            .limits
            .silence
            .map(|limit| (self.last_io + limit, Expired::Silence));
        let head = self.waiting.map(|since| {
            if self.buf.is_empty() && self.link.has_answered() {
                (since + self.limits.keep_alive, Expired::KeepAlive)
            } else {
                (since + self.limits.head_time, Expired::HeadTime)
            }
        });
        silence.into_iter().chain(head).min_by_key(|(at, _)| *at)
    }

    /// Ready when a time limit is over; else the task is woken when it will be.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        loop {
            let Some((at, why)) = self.deadline() else {
                return Poll::Pending;
            };
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            if timer.deadline() > at || timer.is_elapsed() {
                timer.as_mut().reset(at);
            }
            // A timer that was set for an earlier time is left to run: on waking it is set anew.
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= at {
                return Poll::Ready(why);
            }
        }
    }

    /// The end of waiting: end of input for hyper, with an answer of our own when the client was half-way.
    fn expire(&mut self, why: Expired) -> io::Result<()> {
        match why {
            Expired::KeepAlive => Ok(()),
            Expired::HeadTime => {
                if !self.buf.is_empty() {
                    self.refuse(Refusal::new(
                        http::StatusCode::REQUEST_TIMEOUT,
                        "request head took too long",
                    ));
                }
                Ok(())
            }
            Expired::Silence => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the connection was silent too long",
            )),
        }
    }

    fn poll_read_guarded(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.link.is_tunnel() {
                if self.buf.is_empty() {
                    return Pin::new(&mut self.io).poll_read(cx, out);
                }
                self.released = self.buf.len();
            }
            if self.released > 0 {
                self.hand_over(out);
                return Poll::Ready(Ok(()));
            }
            if matches!(self.phase, Phase::Body(_)) {
                return self.poll_body(cx, out);
            }
            if ready!(self.poll_head(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_cut() {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(result) = this.poll_read_guarded(cx, out) {
            return Poll::Ready(result);
        }
        if this.link.is_tunnel() {
            return Poll::Pending;
        }
        let why = ready!(this.poll_expired(cx));
        Poll::Ready(this.expire(why))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.io).poll_write(cx, bytes))?;
        this.progress();
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let unread = !this.buf.is_empty() || matches!(this.phase, Phase::Body(_));
        this.closing
            .poll(&mut this.io, cx, unread && !this.link.is_tunnel())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))?;
        this.progress();
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
#[path = "guard/guard_tests.rs"]
mod tests;
