//! What the guard of a connection and the service that answers on it know of each other.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;

use crate::admission::Admitted;

/// Shared state of one connection.
#[derive(Debug, Default)]
pub(crate) struct Link {
    handed_over: AtomicUsize,
    answered: AtomicUsize,
    tunnel: AtomicBool,
    refused: AtomicBool,
    waker: AtomicWaker,
    /// The place of this connection among those that are admitted.
    _admitted: Option<Admitted>,
}

impl Link {
    /// For a connection that was admitted.
    pub(crate) fn new(admitted: Admitted) -> Self {
        Self {
            _admitted: Some(admitted),
            ..Self::default()
        }
    }

    /// The guard passed one more head to hyper.
    pub(crate) fn handed_over(&self) {
        self.handed_over.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether a request is being answered; if so, the task of `cx` is woken when the answer is out.
    pub(crate) fn is_answering(&self, cx: &Context<'_>) -> bool {
        if self.answered.load(Ordering::Acquire) >= self.handed_over.load(Ordering::Acquire) {
            return false;
        }
        self.waker.register(cx.waker());
        self.answered.load(Ordering::Acquire) < self.handed_over.load(Ordering::Acquire)
    }

    /// Whether any request of this connection was answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire) > 0
    }

    /// Returns once nothing was asked or answered for `limit`. For HTTP/2, where requests overlap.
    pub(crate) async fn idle(&self, limit: Duration) {
        loop {
            poll_fn(|cx| match self.is_answering(cx) {
                true => Poll::Pending,
                false => Poll::Ready(()),
            })
            .await;
            let asked = self.handed_over.load(Ordering::Acquire);
            tokio::time::sleep(limit).await;
            if self.handed_over.load(Ordering::Acquire) == asked {
                return;
            }
        }
    }

    /// From now on all bytes belong to a tunnel. Called before the 101 goes out.
    pub(crate) fn become_tunnel(&self) {
        self.tunnel.store(true, Ordering::Release);
    }

    /// Whether the guard has to step aside.
    pub(crate) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Acquire)
    }

    /// The guard refused what the client sent.
    pub(crate) fn refuse(&self) {
        self.refused.store(true, Ordering::Release);
    }

    /// Whether the guard refused what the client sent: the present answer has to say so, if it has not started.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }
}

/// Held by the body of an answer; dropping it tells the guard that the answer is out.
#[derive(Debug)]
pub(crate) struct Answered(Arc<Link>);

impl Answered {
    /// For the answer to the request that was handed over last.
    pub(crate) fn on(link: Arc<Link>) -> Self {
        Self(link)
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::AcqRel);
        self.0.waker.wake();
    }
}
