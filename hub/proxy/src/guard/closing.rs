//! The end of a connection: an answer to a refused request, then a close that lets the client read it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::error_page::ALONE;
use crate::guard::head::FORWARDED;

/// How long unread input is drained, so that the kernel does not cut off our answer with a reset.
const LINGER: Duration = Duration::from_secs(2);
/// How much of it.
const LINGER_BYTES: usize = 1024 * 1024;

/// How far closing has come.
#[derive(Debug, Default)]
enum Step {
    #[default]
    Open,
    /// Writing the answer to a refused request, of which the first `usize` bytes are out.
    Answer(Vec<u8>, usize),
    /// Shutting down our side.
    Shutdown,
    /// Reading what is left until the client closes.
    Linger(Pin<Box<Sleep>>, usize),
    Closed,
}

/// Closing of one connection.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    cut: bool,
    answer: Option<StatusCode>,
    step: Step,
}

impl Closing {
    /// Nothing more is read from the client; the connection ends with `answer`, if there is one.
    pub(crate) fn cut(&mut self, answer: Option<StatusCode>) {
        self.cut = true;
        self.answer = answer;
    }

    /// Whether nothing more is to be read.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Writes the answer if there is one to give, shuts down, and drains `unread` input for a moment.
    pub(crate) fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        unread: bool,
    ) -> Poll<io::Result<()>> {
        loop {
            match &mut self.step {
                Step::Open => {
                    let answer = self.answer.map(answer);
                    self.step = answer.map_or(Step::Shutdown, |bytes| Step::Answer(bytes, 0));
                }
                Step::Answer(bytes, at) => {
                    if *at == bytes.len() {
                        self.step = Step::Shutdown;
                        continue;
                    }
                    *at += ready!(Pin::new(&mut *io).poll_write(cx, &bytes[*at..]))?;
                }
                Step::Shutdown => {
                    ready!(Pin::new(&mut *io).poll_shutdown(cx))?;
                    let linger = unread || self.cut;
                    self.step = if linger {
                        Step::Linger(Box::pin(tokio::time::sleep(LINGER)), 0)
                    } else {
                        Step::Closed
                    };
                }
                Step::Linger(timer, drained) => {
                    let mut space = [0; 4096];
                    let mut read = ReadBuf::new(&mut space);
                    let over = timer.as_mut().poll(cx).is_ready() || *drained > LINGER_BYTES;
                    if over
                        || ready!(Pin::new(&mut *io).poll_read(cx, &mut read)).is_err()
                        || read.filled().is_empty()
                    {
                        self.step = Step::Closed;
                    } else {
                        *drained += read.filled().len();
                    }
                }
                Step::Closed => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// The whole answer to a refused request.
fn answer(status: StatusCode) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or("Refused");
    let code = status.as_u16();
    let allow = match status {
        StatusCode::METHOD_NOT_ALLOWED => format!("allow: {FORWARDED}\r\n"),
        _ => String::new(),
    };
    let alone: String = ALONE
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "HTTP/1.1 {code} {reason}\r\n{allow}{alone}content-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: \
         close\r\n\r\n{reason}",
        reason.len()
    )
    .into_bytes()
}
