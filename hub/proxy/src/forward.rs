//! Forwards one request: choose the route, rewrite the headers, send, stream the answer back.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use hub_types::redact;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity::Toucher;
use crate::error_page::{self, ErrorPages};
use crate::guard::Link;
use crate::observe::{Observer, Taken};
use crate::select::{self, Nowhere, Selection};
use crate::table::{Route, Table};

pub(crate) mod body;
pub(crate) mod forwarded;
pub(crate) mod headers;
pub(crate) mod upgrade;
pub(crate) mod upstream;

use body::{Progress, RequestBody, ResponseBody};
use forwarded::Trusted;
use headers::{Length, LocationRewrite, Origin};
use upstream::Upstream;

/// The exact request target of the health check.
const HEALTH: &str = "/_chp_healthz";

/// How often a request is sent again because a kept connection had died. A target that restarts has closed all of its
/// connections, and the pool has noticed most of that by itself.
const RETRIES: usize = 3;

/// How requests are changed on their way to the target.
#[derive(Debug, Clone)]
pub(crate) struct ForwardOptions {
    pub(crate) x_forward: bool,
    /// Proxies in front of us; with such a list nobody else's `X-Forwarded-*` are passed on.
    pub(crate) trusted: Option<Trusted>,
    pub(crate) prepend_path: bool,
    pub(crate) include_prefix: bool,
    pub(crate) change_origin: bool,
    pub(crate) rewrite: LocationRewrite,
    pub(crate) custom_headers: Vec<(HeaderName, HeaderValue)>,
    /// Longest silence of a target.
    pub(crate) proxy_timeout: Option<Duration>,
}

/// What forwarding needs; one per proxy.
#[derive(Debug)]
pub(crate) struct Forwarder {
    pub(crate) table: Arc<Table>,
    pub(crate) upstream: Upstream,
    pub(crate) options: ForwardOptions,
    pub(crate) pages: ErrorPages,
    pub(crate) observer: Arc<Observer>,
    pub(crate) tunnels: TaskTracker,
    /// Ends the tunnels.
    pub(crate) closing: CancellationToken,
}

/// Why a target gave no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}", chain(.0))]
    Client(#[from] hyper_util::client::legacy::Error),
    #[error("cannot build the request for the target: {0}")]
    Request(#[from] http::Error),
    #[error("the target did not answer within the proxy timeout")]
    Silent,
    #[error("the target switched protocols without being asked")]
    Switched,
    #[error("the target answered 101 but did not switch to WebSocket")]
    HalfSwitched,
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

impl Forwarder {
    /// Answers a request of the public listener.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        link: &Arc<Link>,
        origin: Origin,
    ) -> Response<ResponseBody> {
        if request
            .uri()
            .path_and_query()
            .is_some_and(|target| target == HEALTH)
        {
            return error_page::with_body(
                StatusCode::OK,
                HeaderValue::from_static("application/json"),
                r#"{"status":"OK"}"#,
            );
        }
        let host = match select::host_of(request.uri(), request.headers()) {
            Ok(host) => host,
            Err(error) => return self.nowhere(error, &request).await,
        };
        let include = self.options.include_prefix;
        let metrics = &self.observer.metrics;
        let begin = Instant::now();
        let selection = select::select(&self.table, request.uri(), host.as_ref(), include);
        metrics.find_target_for_req.observe(begin.elapsed());
        let selection = match selection {
            Ok(selection) => selection,
            Err(error) => return self.nowhere(error, &request).await,
        };
        tracing::debug!(
            "{} {} to route {}",
            request.method(),
            redact::target(request.uri().path()),
            selection.route.key
        );
        if let Some(host) = host.filter(|_| request.uri().authority().is_some()) {
            request.headers_mut().insert(HOST, host);
        }
        let no_body = request.body().is_end_stream();
        let mut answer = if upgrade::is_handshake(
            request.method(),
            request.version(),
            request.headers(),
            no_body,
        ) {
            metrics.requests_ws.add();
            self.upgrade(request, &selection, origin, link).await
        } else {
            metrics.requests_web.add();
            self.plain(request, &selection, origin, link).await
        };
        if self.observer.log.is_on() {
            answer.extensions_mut().insert(Taken(selection.route));
        }
        answer
    }

    /// A request without a route, or with a target that cannot be routed.
    async fn nowhere(&self, error: Nowhere, request: &Request<Incoming>) -> Response<ResponseBody> {
        if error != Nowhere::NoRoute {
            tracing::info!("400 {}: {error}", request.method());
            return error_page::plain(StatusCode::BAD_REQUEST);
        }
        tracing::warn!(
            "404 {} {}: no route",
            request.method(),
            redact::target(request.uri().path())
        );
        let no_body = request.body().is_end_stream();
        if upgrade::is_handshake(
            request.method(),
            request.version(),
            request.headers(),
            no_body,
        ) {
            return empty(StatusCode::NOT_FOUND);
        }
        self.pages
            .page(&self.upstream, StatusCode::NOT_FOUND, url_of(request.uri()))
            .await
    }

    async fn plain(
        &self,
        request: Request<Incoming>,
        selection: &Selection,
        origin: Origin,
        link: &Link,
    ) -> Response<ResponseBody> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let client_host = request.headers().get(HOST).cloned();
        let toucher = Toucher::new(selection.route.activity.clone(), &self.observer);
        let progress = Progress::default();
        let (parts, body) = request.into_parts();
        let body = RequestBody::new(body, toucher.clone(), progress.clone());
        let request = Request::from_parts(parts, body);
        match self
            .send(request, selection, origin, false, &progress)
            .await
        {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                self.failed(&Failure::Switched, &method, &uri, &selection.route)
                    .await
            }
            Ok(response) => self.relay(
                response,
                &selection.route,
                Some(toucher),
                client_host.as_ref(),
            ),
            Err(_) if link.is_refused() || progress.is_broken() => {
                // The client broke off or sent a malformed body; the target is not to blame.
                let mut response = error_page::plain(StatusCode::BAD_REQUEST);
                response
                    .headers_mut()
                    .insert(http::header::CONNECTION, HeaderValue::from_static("close"));
                response
            }
            Err(failure) => self.failed(&failure, &method, &uri, &selection.route).await,
        }
    }

    /// Sends a request to its target and waits for the head of the answer.
    async fn send(
        &self,
        request: Request<RequestBody>,
        selection: &Selection,
        origin: Origin,
        upgrade: bool,
        progress: &Progress,
    ) -> Result<Response<Incoming>, Failure> {
        let request = self.outgoing(request, selection, origin, upgrade)?;
        let begin = Instant::now();
        let mut again = repeatable(&request);
        let mut answer = self.head(request, progress).await;
        let metrics = &self.observer.metrics;
        for _ in 0..RETRIES {
            let stale = matches!(&answer, Err(Failure::Client(error)) if upstream::is_stale(error));
            let Some(request) = again.take().filter(|_| stale) else {
                break;
            };
            metrics.retries.add();
            again = repeatable(&request);
            answer = self.head(request, progress).await;
        }
        if answer.is_ok() {
            metrics.target.observe(begin.elapsed());
        }
        answer
    }

    /// Waits for the head of the answer, no longer than the target may be silent.
    async fn head(
        &self,
        request: Request<RequestBody>,
        progress: &Progress,
    ) -> Result<Response<Incoming>, Failure> {
        let mut answer = std::pin::pin!(self.upstream.request(request));
        let Some(limit) = self.options.proxy_timeout else {
            return Ok(answer.await?);
        };
        loop {
            match tokio::time::timeout(limit, &mut answer).await {
                Ok(answer) => return Ok(answer?),
                Err(_) if progress.take_sent() => {}
                Err(_) => return Err(Failure::Silent),
            }
        }
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
        if self.options.change_origin || !parts.headers.contains_key(HOST) {
            parts.headers.insert(HOST, target.host.clone());
        }
        for (name, value) in &self.options.custom_headers {
            parts.headers.insert(name, value.clone());
        }
        Ok(Request::from_parts(parts, body))
    }

    /// The target's answer as the client gets it. A success counts as activity once it is complete.
    fn relay(
        &self,
        response: Response<Incoming>,
        route: &Route,
        toucher: Option<Toucher>,
        client_host: Option<&HeaderValue>,
    ) -> Response<ResponseBody> {
        let (mut parts, body) = response.into_parts();
        headers::to_client(&mut parts.headers);
        let rewrite = &self.options.rewrite;
        headers::rewrite_location(
            rewrite,
            parts.status,
            &mut parts.headers,
            &route.target,
            client_host,
        );
        parts.version = Version::HTTP_11;
        let toucher = toucher.filter(|_| parts.status.as_u16() < 300);
        let body = ResponseBody::relayed(body, toucher, self.options.proxy_timeout);
        Response::from_parts(parts, body)
    }

    /// The answer when the target gave none.
    async fn failed(
        &self,
        failure: &Failure,
        method: &http::Method,
        uri: &http::Uri,
        route: &Route,
    ) -> Response<ResponseBody> {
        tracing::error!(
            "503 {method} {} (route {}): {failure}",
            redact::target(uri.path()),
            route.key
        );
        self.pages
            .page(&self.upstream, StatusCode::SERVICE_UNAVAILABLE, url_of(uri))
            .await
    }

    /// A WebSocket handshake: becomes a tunnel when, and only when, the target switches.
    async fn upgrade(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        selection: &Selection,
        origin: Origin,
        link: &Arc<Link>,
    ) -> Response<ResponseBody> {
        let uri = request.uri().clone();
        let client_host = request.headers().get(HOST).cloned();
        let client = hyper::upgrade::on(&mut request);
        let toucher = Toucher::new(selection.route.activity.clone(), &self.observer);
        let request = request.map(|_| RequestBody::empty());
        let failure = match self
            .send(request, selection, origin, true, &Progress::default())
            .await
        {
            Ok(response) if response.status() != StatusCode::SWITCHING_PROTOCOLS => {
                let mut response =
                    self.relay(response, &selection.route, None, client_host.as_ref());
                // Some clients send frames without waiting for the answer; they must not be read as requests.
                response
                    .headers_mut()
                    .insert(http::header::CONNECTION, HeaderValue::from_static("close"));
                return response;
            }
            Ok(response) if headers::is_websocket_switch(response.headers()) => {
                return self.switch(response, client, toucher, link);
            }
            Ok(_) => Failure::HalfSwitched,
            Err(failure) => failure,
        };
        tracing::error!(
            "503 GET {} (WebSocket, route {}): {failure}",
            redact::target(uri.path()),
            selection.route.key
        );
        empty(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// Starts the tunnel and passes on the target's 101.
    fn switch(
        &self,
        mut response: Response<Incoming>,
        client: OnUpgrade,
        toucher: Toucher,
        link: &Arc<Link>,
    ) -> Response<ResponseBody> {
        let target = hyper::upgrade::on(&mut response);
        link.become_tunnel();
        let (closing, link) = (self.closing.clone(), link.clone());
        self.tunnels.spawn(async move {
            // The link holds the place of this connection among those that are admitted.
            let _link = link;
            let carry = async {
                let (client, target) =
                    tokio::try_join!(client, target).map_err(std::io::Error::other)?;
                upgrade::tunnel(TokioIo::new(client), TokioIo::new(target), || {
                    toucher.touch();
                })
                .await
            };
            match closing.run_until_cancelled(carry).await {
                Some(Err(error)) => tracing::debug!("a WebSocket ended: {error}"),
                Some(Ok(())) | None => tracing::debug!("a WebSocket ended"),
            }
        });
        let (mut parts, _) = response.into_parts();
        parts.extensions.clear();
        headers::to_client(&mut parts.headers);
        parts.headers.insert(
            http::header::CONNECTION,
            HeaderValue::from_static("Upgrade"),
        );
        parts
            .headers
            .insert(http::header::UPGRADE, HeaderValue::from_static("websocket"));
        Response::from_parts(parts, ResponseBody::own(""))
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

/// Failed WebSocket handshakes get no page: no browser would show it.
fn empty(status: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::own(""));
    *response.status_mut() = status;
    response
}

/// Path and query of a request target.
fn url_of(uri: &http::Uri) -> &str {
    uri.path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str)
}
