//! Forwards one request: choose the route, rewrite the headers, send, stream the answer back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, TRAILER};
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use hub_types::redact;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity::Toucher;
use crate::error_page::{self, ErrorPages};
use crate::guard::Link;
use crate::observe::{Observer, Taken};
use crate::select::{self, Nowhere, Selection};
use crate::table::{Route, Table};

pub(crate) mod body;
mod exchange;
pub(crate) mod forwarded;
pub(crate) mod h2c;
pub(crate) mod headers;
pub(crate) mod trailers;
pub(crate) mod upgrade;
pub(crate) mod upstream;
mod websocket;

use body::{Progress, RequestBody, ResponseBody};
use exchange::Failure;
use forwarded::Trusted;
use headers::{LocationRewrite, Origin};
use trailers::Passing;
use upstream::Upstream;

/// The exact request target of the health check.
const HEALTH: &str = "/_chp_healthz";

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
    pub(crate) websocket_activity: WebSocketActivity,
}

/// Which bytes of a WebSocket count as activity of its route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum WebSocketActivity {
    /// Those of the client, as configurable-http-proxy has it.
    #[default]
    Client,
    /// Those of the target as well.
    Both,
}

/// What forwarding needs; one per proxy.
#[derive(Debug)]
pub(crate) struct Forwarder {
    pub(crate) table: Arc<Table>,
    pub(crate) upstream: Upstream,
    pub(crate) h2c: h2c::Pool,
    pub(crate) options: ForwardOptions,
    pub(crate) pages: ErrorPages,
    pub(crate) observer: Arc<Observer>,
    pub(crate) tunnels: TaskTracker,
    /// Ends the tunnels.
    pub(crate) closing: CancellationToken,
}

/// What the answer needs to know of the request.
#[derive(Debug)]
struct Client {
    host: Option<HeaderValue>,
    version: Version,
    /// Whether trailers are wanted.
    trailers: bool,
}

impl Client {
    fn of<B>(request: &Request<B>) -> Self {
        Self {
            host: request.headers().get(HOST).cloned(),
            version: request.version(),
            trailers: trailers::are_wanted(request.headers()),
        }
    }
}

impl Forwarder {
    /// The answer to the health check, if `request` is one. It is neither counted nor logged.
    pub(crate) fn health(request: &Request<Incoming>) -> Option<Response<ResponseBody>> {
        let target = request.uri().path_and_query()?;
        (target == HEALTH).then(|| {
            error_page::with_body(
                StatusCode::OK,
                HeaderValue::from_static("application/json"),
                r#"{"status":"OK"}"#,
            )
        })
    }

    /// Answers a request of the public listener.
    ///
    /// What is rare is boxed on the way: every connection holds, and every request copies, as many bytes as the largest
    /// way through here needs.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        link: &Arc<Link>,
        origin: Origin,
    ) -> Response<ResponseBody> {
        let metrics = &self.observer.metrics;
        let no_body = request.body().is_end_stream();
        let handshake = upgrade::is_handshake(
            request.method(),
            request.version(),
            request.headers(),
            no_body,
        );
        // Before a route is looked for, as configurable-http-proxy counts.
        if handshake {
            metrics.requests_ws.add();
        } else {
            metrics.requests_web.add();
        }
        let host = match select::host_of(request.uri(), request.headers()) {
            Ok(host) => host,
            Err(error) => return Box::pin(self.nowhere(error, &request)).await,
        };
        let include = self.options.include_prefix;
        let begin = Instant::now();
        let selection = select::select(&self.table, request.uri(), host.as_ref(), include);
        metrics.find_target_for_req.observe(begin.elapsed());
        let selection = match selection {
            Ok(selection) => selection,
            Err(error) => return Box::pin(self.nowhere(error, &request)).await,
        };
        tracing::debug!(
            "{} {} to route {}",
            request.method(),
            redact::target(request.uri().path()),
            selection.route.key
        );
        let speaks_h2c = selection.route.target.h2c().is_some();
        if speaks_h2c && host.as_ref().is_some_and(|host| !h2c::is_authority(host)) {
            return Box::pin(self.nowhere(Nowhere::Host, &request)).await;
        }
        if let Some(host) = host.filter(|_| request.uri().authority().is_some()) {
            request.headers_mut().insert(HOST, host);
        }
        let mut answer = if handshake {
            Box::pin(self.websocket(request, &selection, origin, link)).await
        } else {
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
            .page(
                &self.upstream,
                &self.h2c,
                StatusCode::NOT_FOUND,
                url_of(request.uri()),
            )
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
        let client = Client::of(&request);
        let toucher = Toucher::new(selection.route.activity.clone(), &self.observer);
        let progress = Progress::default();
        let (parts, body) = request.into_parts();
        let announced = trailers::announced(&parts.headers, &self.options.custom_headers);
        let trailers = Passing::only(announced);
        let body = RequestBody::new(body, toucher.clone(), progress.clone(), trailers);
        let request = Request::from_parts(parts, body);
        match self
            .send(request, selection, origin, false, &progress)
            .await
        {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let failed = self.failed(&Failure::Switched, &method, &uri, &selection.route);
                Box::pin(failed).await
            }
            Ok(response) => self.relay(response, &selection.route, Some(toucher), &client),
            Err(_) if link.is_refused() || progress.is_broken() => {
                // The client broke off or sent a malformed body; the target is not to blame.
                let mut response = error_page::plain(StatusCode::BAD_REQUEST);
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
                response
            }
            Err(failure) => Box::pin(self.failed(&failure, &method, &uri, &selection.route)).await,
        }
    }

    /// The target's answer as the client gets it. A success counts as activity once it is complete.
    fn relay(
        &self,
        response: Response<Incoming>,
        route: &Route,
        toucher: Option<Toucher>,
        client: &Client,
    ) -> Response<ResponseBody> {
        let (mut parts, body) = response.into_parts();
        let using = parts.extensions.remove::<Arc<h2c::Use>>();
        let announced = match client.trailers {
            false => Vec::new(),
            true => trailers::announced(&parts.headers, &[]),
        };
        headers::to_client(&mut parts.headers);
        if let Some(names) = trailers::announcement(&announced) {
            parts.headers.insert(TRAILER, names);
        }
        let trailers = match client.version {
            Version::HTTP_2 if client.trailers => Passing::Any,
            _ => Passing::only(announced),
        };
        let rewrite = &self.options.rewrite;
        headers::rewrite_location(
            rewrite,
            parts.status,
            &mut parts.headers,
            &route.target,
            client.host.as_ref(),
        );
        parts.version = Version::HTTP_11;
        let toucher = toucher.filter(|_| parts.status.as_u16() < 300);
        let body = ResponseBody::relayed(body, toucher, self.options.proxy_timeout)
            .with_trailers(trailers)
            .using(using);
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
            .page(
                &self.upstream,
                &self.h2c,
                StatusCode::SERVICE_UNAVAILABLE,
                url_of(uri),
            )
            .await
    }
}

/// Failed WebSocket handshakes get no page: no browser would show it.
fn empty(status: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::own(""));
    *response.status_mut() = status;
    // Some clients send frames without waiting for the answer; they must not be read as requests.
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// Path and query of a request target.
fn url_of(uri: &http::Uri) -> &str {
    uri.path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str)
}
