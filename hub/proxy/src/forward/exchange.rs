//! Sends a request to its target and waits for the head of the answer; sends it again when a kept connection had died.

use std::error::Error as _;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::header::{CONTENT_LENGTH, HOST, HeaderValue, TE, TRAILER};
use http::uri::Authority;
use http::{Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::ResponseFuture;

use crate::forward::body::{Progress, RequestBody};
use crate::forward::headers::{self, Length, Origin};
use crate::forward::{Forwarder, h2c, trailers, upstream};
use crate::select::Selection;

/// How often a request is sent again because a kept connection had died. A target that restarts has closed all of its
/// connections, and the pool has noticed most of that by itself.
const RETRIES: usize = 3;

/// Why a target gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{}", chain(.0))]
    Client(#[from] hyper_util::client::legacy::Error),
    #[error(transparent)]
    Http2(#[from] h2c::Failed),
    #[error("cannot build the request for the target: {0}")]
    Request(#[from] http::Error),
    #[error("the target did not answer within the proxy timeout")]
    Silent,
    #[error("the target switched protocols without being asked")]
    Switched,
    #[error("the target answered 101 but did not switch to WebSocket")]
    HalfSwitched,
}

impl Failure {
    /// Whether a kept connection was at its end before it brought a byte of an answer.
    fn is_stale(&self) -> bool {
        match self {
            Self::Client(error) => upstream::is_stale(error),
            Self::Http2(h2c::Failed::Http { stale, .. }) => *stale,
            _ => false,
        }
    }
}

/// An error with all of its causes. None of them holds anything of a request.
fn chain(error: &hyper_util::client::legacy::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// A request under way, until the head of its answer is there. Small: a request is large, and a future that holds one
/// holds it twice.
enum Exchange {
    Http1(ResponseFuture),
    Http2(Pin<Box<dyn Future<Output = Result<Response<Incoming>, Failure>> + Send>>),
}

impl Future for Exchange {
    type Output = Result<Response<Incoming>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Http1(answer) => Pin::new(answer).poll(cx).map_err(Failure::from),
            Self::Http2(answer) => answer.as_mut().poll(cx),
        }
    }
}

impl Forwarder {
    /// Sends a request to its target and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        request: Request<RequestBody>,
        selection: &Selection,
        origin: Origin,
        upgrade: bool,
        progress: &Progress,
    ) -> Result<Response<Incoming>, Failure> {
        let request = self.outgoing(request, selection, origin, upgrade)?;
        let begin = Instant::now();
        // A WebSocket is opened by HTTP/1.1, whatever else the target speaks.
        let h2c = selection.route.target.h2c().filter(|_| !upgrade);
        let mut again = repeatable(&request);
        let mut answer = self.head(self.exchange(request, h2c), progress).await;
        let metrics = &self.observer.metrics;
        for _ in 0..RETRIES {
            let stale = matches!(&answer, Err(failure) if failure.is_stale());
            let Some(request) = again.take().filter(|_| stale) else {
                break;
            };
            metrics.retries.add();
            again = repeatable(&request);
            answer = self.head(self.exchange(request, h2c), progress).await;
        }
        if answer.is_ok() {
            metrics.target.observe(begin.elapsed());
        }
        answer
    }

    /// Waits for the head of the answer, no longer than the target may be silent.
    async fn head(
        &self,
        mut exchange: Exchange,
        progress: &Progress,
    ) -> Result<Response<Incoming>, Failure> {
        let Some(limit) = self.options.proxy_timeout else {
            return exchange.await;
        };
        loop {
            match tokio::time::timeout(limit, &mut exchange).await {
                Ok(answer) => return answer,
                Err(_) if progress.take_sent() => {}
                Err(_) => return Err(Failure::Silent),
            }
        }
    }

    /// Starts to send.
    fn exchange(&self, request: Request<RequestBody>, h2c: Option<&Authority>) -> Exchange {
        let Some(target) = h2c.cloned() else {
            return Exchange::Http1(self.upstream.request(request));
        };
        let pool = self.h2c.clone();
        Exchange::Http2(Box::pin(async move {
            let (mut answer, using) = pool.request(&target, request).await?;
            answer.extensions_mut().insert(Arc::new(using));
            Ok(answer)
        }))
    }

    /// The request as the target gets it.
    fn outgoing(
        &self,
        request: Request<RequestBody>,
        selection: &Selection,
        origin: Origin,
        upgrade: bool,
    ) -> Result<Request<RequestBody>, http::Error> {
        let target = &selection.route.target;
        let (mut parts, body) = request.into_parts();
        parts.uri = target.uri(
            &selection.path,
            parts.uri.query(),
            self.options.prepend_path,
        )?;
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        let trailers_wanted = target.h2c().is_some() && trailers::are_wanted(&parts.headers);
        let trusted = self.options.trusted.as_ref();
        let forwarded = self.options.x_forward.then_some((origin, trusted));
        let length = match body.is_end_stream() {
            true => Length::None,
            false if parts.headers.contains_key(CONTENT_LENGTH) => Length::Known,
            false => Length::Unknown,
        };
        headers::to_target(
            &mut parts.headers,
            &parts.method,
            length,
            forwarded,
            upgrade,
        );
        if let Some(names) = body.announcement().filter(|_| length == Length::Unknown) {
            parts.headers.insert(TRAILER, names);
        }
        if trailers_wanted {
            parts
                .headers
                .insert(TE, HeaderValue::from_static("trailers"));
        }
        if self.options.change_origin || !parts.headers.contains_key(HOST) {
            parts.headers.insert(HOST, target.host.clone());
        }
        for (name, value) in &self.options.custom_headers {
            parts.headers.insert(name, value.clone());
        }
        Ok(Request::from_parts(parts, body))
    }
}

/// A second copy of a request that may be sent twice: idempotent (RFC 9110 9.2.2), and without a body.
fn repeatable(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let method = request.method();
    if !method.is_idempotent() || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(RequestBody::empty());
    *copy.method_mut() = method.clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}
