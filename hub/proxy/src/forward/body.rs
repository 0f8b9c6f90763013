//! Bodies on their way through: streamed with back-pressure, counted as activity, with the trailers that may pass.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::activity::Toucher;
use crate::forward::h2c::Use;
use crate::forward::trailers::{self, Passing};
use crate::guard::Answered;
use crate::observe::Observation;

/// What went on between client and target, seen from both directions; ends a wait that takes too long.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    sent: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
}

impl Progress {
    /// Whether request data went to the target since the last call.
    pub(crate) fn take_sent(&self) -> bool {
        self.sent.swap(false, Ordering::Relaxed)
    }

    /// Whether reading the request body failed: then the client, not the target, is to blame.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

/// A request body on its way to the target.
#[derive(Debug)]
pub(crate) struct RequestBody(Option<Passed>);

#[derive(Debug)]
struct Passed {
    body: Incoming,
    toucher: Toucher,
    progress: Progress,
    trailers: Passing,
}

impl RequestBody {
    /// Passes on `body` and those of its trailers that `trailers` says; every chunk of it counts as activity.
    pub(crate) fn new(
        body: Incoming,
        toucher: Toucher,
        progress: Progress,
        trailers: Passing,
    ) -> Self {
        Self(Some(Passed {
            body,
            toucher,
            progress,
            trailers,
        }))
    }

    /// The `Trailer` header that announces what is passed on after the body.
    pub(crate) fn announcement(&self) -> Option<HeaderValue> {
        match &self.0.as_ref()?.trailers {
            Passing::Announced(names) => trailers::announcement(names),
            Passing::None | Passing::Any => None,
        }
    }

    /// No body at all.
    pub(crate) fn empty() -> Self {
        Self(None)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(passed) = &mut self.0 else {
            return Poll::Ready(None);
        };
        match ready!(Pin::new(&mut passed.body).poll_frame(cx)) {
            Some(Ok(frame)) if frame.is_data() => {
                passed.toucher.touch();
                passed.progress.sent.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                passed.progress.broken.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(error)))
            }
            Some(Ok(frame)) => Poll::Ready(passed.trailers.frame(frame).map(Ok)),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|passed| passed.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map_or(SizeHint::with_exact(0), |passed| passed.body.size_hint())
    }
}

/// Where the bytes of an answer come from.
#[derive(Debug)]
enum Source {
    /// From us.
    Own(Option<Bytes>),
    /// From a target.
    Target(Incoming),
}

/// The body of an answer to a client.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    source: Source,
    /// Touched once, when the answer is complete.
    toucher: Option<Toucher>,
    silence: Option<Silence>,
    trailers: Passing,
    observation: Option<Box<Observation>>,
    /// The place in a shared connection to the target.
    using: Option<Arc<Use>>,
    /// Dropped last, when hyper is done with the body.
    _answered: Option<Answered>,
}

impl ResponseBody {
    /// A body of our own; may be empty.
    pub(crate) fn own(bytes: impl Into<Bytes>) -> Self {
        let bytes = Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty());
        Self {
            source: Source::Own(bytes),
            toucher: None,
            silence: None,
            trailers: Passing::None,
            observation: None,
            using: None,
            _answered: None,
        }
    }

    /// The body of a target's answer. `toucher` is told when all of it went to the client; `silence` is the longest
    /// wait for the next chunk.
    pub(crate) fn relayed(
        body: Incoming,
        toucher: Option<Toucher>,
        silence: Option<Duration>,
    ) -> Self {
        let silence = silence.map(|limit| Silence {
            limit,
            timer: Box::pin(tokio::time::sleep(limit)),
            waiting: false,
        });
        Self {
            source: Source::Target(body),
            toucher,
            silence,
            trailers: Passing::None,
            observation: None,
            using: None,
            _answered: None,
        }
    }

    /// Passes on trailers, too.
    pub(crate) fn with_trailers(mut self, trailers: Passing) -> Self {
        self.trailers = trailers;
        self
    }

    /// Gives up the place in a shared connection once this answer is out.
    pub(crate) fn using(mut self, using: Option<Arc<Use>>) -> Self {
        self.using = using;
        self
    }

    /// Reports to the guard when this answer is out.
    pub(crate) fn reporting(mut self, answered: Answered) -> Self {
        self._answered = Some(answered);
        self
    }

    /// Counts the bytes, and reports when this answer is out.
    pub(crate) fn observed(mut self, observation: Box<Observation>) -> Self {
        self.observation = Some(observation);
        self
    }

    fn complete(&mut self) {
        if let Some(toucher) = self.toucher.take() {
            toucher.touch();
        }
    }
}

/// The longest wait for the next chunk of a target. A slow client does not count as a silent target.
#[derive(Debug)]
struct Silence {
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    waiting: bool,
}

impl Silence {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if !self.waiting {
            self.waiting = true;
            self.timer.as_mut().reset(Instant::now() + self.limit);
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the target went silent",
        ))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        let next = match &mut this.source {
            Source::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Target(body) => Pin::new(body).poll_frame(cx),
        };
        match next {
            Poll::Pending => match &mut this.silence {
                Some(silence) => silence.poll(cx).map(|error| Some(Err(error))),
                None => Poll::Pending,
            },
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                if let Some(silence) = &mut this.silence {
                    silence.waiting = false;
                }
                if let Some((seen, data)) = this.observation.as_mut().zip(frame.data_ref()) {
                    seen.bytes += data.len() as u64;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(io::Error::other(error)))),
            Poll::Ready(Some(Ok(frame))) => {
                this.complete();
                Poll::Ready(this.trailers.frame(frame).map(Ok))
            }
            Poll::Ready(None) => {
                this.complete();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(bytes) => bytes.is_none(),
            Source::Target(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Source::Target(body) => body.size_hint(),
        }
    }
}

impl Drop for ResponseBody {
    /// hyper does not ask on after the last byte of a known length, so completeness shows only here.
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.complete();
        }
    }
}
