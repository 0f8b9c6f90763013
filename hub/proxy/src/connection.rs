//! One connection from its first byte to its end: TLS, then HTTP/1.1 or HTTP/2, answered by a service.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderValue, STRICT_TRANSPORT_SECURITY};
use http::{Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::acme::answers;
use crate::admission::Admitted;
use crate::api::Api;
use crate::error_page;
use crate::forward::body::ResponseBody;
use crate::forward::headers::Origin;
use crate::forward::{Forwarder, upstream};
use crate::guard::{Answered, Guard, GuardLimits, Link, frames};
use crate::listener::Stream;
use crate::observe::metrics::Metrics;
use crate::redirect::Redirect;
use crate::table::Table;
use crate::tls::accept::Acceptor;

/// Requests that one HTTP/2 connection may have open.
const STREAMS: u32 = 100;
/// Header lines that hyper has room for without being told.
const HEADERS: usize = 100;
/// What an HTTP/2 client may send ahead, per request and in all, in bytes.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// How often a silent HTTP/2 client is asked whether it is there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(60);
const PING_ANSWER: Duration = Duration::from_secs(20);

const PROMETHEUS: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Who answers.
#[derive(Debug, Clone)]
pub(crate) enum Service {
    /// Targets, for everybody.
    Public(Arc<Forwarder>),
    /// The REST API, for the hub.
    Api(Arc<Api>),
    /// The same URL with `https`.
    Redirect(Arc<Redirect>),
    /// Prometheus' page.
    Metrics(Arc<MetricsPage>),
}

/// What the page of metrics shows.
#[derive(Debug)]
pub(crate) struct MetricsPage {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) table: Arc<Table>,
    pub(crate) tunnels: TaskTracker,
}

impl MetricsPage {
    fn answer(&self, uri: &Uri) -> Response<ResponseBody> {
        if uri.path() != "/metrics" {
            return error_page::plain(StatusCode::NOT_FOUND);
        }
        let page = self.metrics.page(self.table.len(), self.tunnels.len());
        error_page::with_body(StatusCode::OK, PROMETHEUS, page)
    }
}

/// What all connections of one listener have in common.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) service: Service,
    pub(crate) tls: Option<Acceptor>,
    pub(crate) limits: GuardLimits,
    /// `Strict-Transport-Security` of every answer.
    pub(crate) hsts: Option<HeaderValue>,
    /// Tells connections to finish.
    pub(crate) finish: CancellationToken,
}

impl Door {
    /// Serves one connection to its end.
    pub(crate) async fn serve(
        self: Arc<Self>,
        stream: Stream,
        peer: Option<IpAddr>,
        admitted: Admitted,
    ) {
        let link = Arc::new(Link::new(admitted));
        match &self.tls {
            None => self.http1(stream, peer, link).await,
            // Boxed, so that connections without TLS need not hold the memory for it.
            Some(tls) => Box::pin(self.encrypted(tls, stream, peer, link)).await,
        }
    }

    async fn encrypted(
        &self,
        tls: &Acceptor,
        stream: Stream,
        peer: Option<IpAddr>,
        link: Arc<Link>,
    ) {
        let Some(shaken) = self.finish.run_until_cancelled(tls.accept(stream)).await else {
            return;
        };
        match shaken {
            Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                self.http2(stream, peer, link).await;
            }
            // An ACME authority has seen what it came for.
            Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(answers::ALPN) => {}
            Ok(stream) => self.http1(stream, peer, link).await,
            Err(error) => tracing::debug!("a TLS handshake failed: {error}"),
        }
    }

    async fn http1<S>(&self, stream: S, peer: Option<IpAddr>, link: Arc<Link>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(Guard::new(stream, link.clone(), self.limits));
        let answer = service_fn(|request| {
            let link = link.clone();
            async move { Ok::<_, Infallible>(self.answer(request, link, peer).await) }
        });
        let mut builder = http1::Builder::new();
        builder.max_buf_size(upstream::BUFFER);
        if self.limits.head.headers > HEADERS {
            // Room for so many is cleared for each request; the guard has counted them before.
            builder.max_headers(self.limits.head.headers);
        }
        let connection = builder.serve_connection(io, answer).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let result = tokio::select! {
            result = &mut connection => result,
            () = self.finish.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!("a connection ended: {error}");
        }
    }

    async fn http2<S>(&self, stream: S, peer: Option<IpAddr>, link: Arc<Link>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (service, limits, hsts) = (self.service.clone(), self.limits, self.hsts.clone());
        let answers = link.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            answers.handed_over();
            let answered = Answered::on(answers.clone());
            let (service, hsts) = (service.clone(), hsts.clone());
            async move {
                let answer = match frames::judge(request, &limits.head) {
                    Ok(request) => service.answer(request, &Arc::default(), peer, true).await,
                    Err(refusal) => frames::refuse(refusal),
                };
                Ok::<_, Infallible>(with_hsts(answer, hsts).map(|body| body.reporting(answered)))
            }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(upstream::BUFFER)
            .max_header_list_size(u32::try_from(limits.head.bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER)
            .serve_connection(TokioIo::new(stream), answer);
        let mut connection = std::pin::pin!(connection);
        let result = tokio::select! {
            result = &mut connection => result,
            () = async { tokio::select! {
                () = self.finish.cancelled() => {}
                () = link.idle(limits.keep_alive) => {}
            } } => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!("an HTTP/2 connection ended: {error}");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        link: Arc<Link>,
        peer: Option<IpAddr>,
    ) -> Response<ResponseBody> {
        let tls = self.tls.is_some();
        let answer = self.service.clone().answer(request, &link, peer, tls).await;
        with_hsts(answer, self.hsts.clone()).map(|body| body.reporting(Answered::on(link)))
    }
}

impl Service {
    async fn answer(
        self,
        request: Request<Incoming>,
        link: &Arc<Link>,
        peer: Option<IpAddr>,
        tls: bool,
    ) -> Response<ResponseBody> {
        match self {
            Self::Public(forwarder) => {
                if let Some(answer) = Forwarder::health(&request) {
                    return answer;
                }
                let observation = forwarder.observer.begin(&request, peer);
                let origin = Origin { peer, tls };
                observation.follow(forwarder.answer(request, link, origin).await)
            }
            // Boxed for the sake of the public listener, whose futures have the same size.
            Self::Api(api) => Box::pin(api.answer(request)).await,
            Self::Metrics(page) => page.answer(request.uri()),
            Self::Redirect(redirect) => redirect.answer(request.uri(), request.headers()),
        }
    }
}

/// Ours replaces a target's: the whole name is served from here.
fn with_hsts(
    mut answer: Response<ResponseBody>,
    hsts: Option<HeaderValue>,
) -> Response<ResponseBody> {
    if let Some(value) = hsts {
        answer
            .headers_mut()
            .insert(STRICT_TRANSPORT_SECURITY, value);
    }
    answer
}
