//! A proxy in this process, targets for it, and a client.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hub_proxy::config::Config;
use hub_proxy::listener::{Bind, Listener};
use hub_proxy::{Certificates, Listeners, Proxy, cli};
use hub_types::clock::{Clock as _, FakeClock};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "s3cret";

/// Longest wait for anything; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Fails the test when `future` takes too long.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it happens in time")
}

/// Retries until `check` says yes.
pub(crate) async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !check().await {
        assert!(tokio::time::Instant::now() < end, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) type TestBody = UnsyncBoxBody<Bytes, std::io::Error>;

pub(crate) fn full(bytes: impl Into<Bytes>) -> TestBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(crate) fn empty() -> TestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Sends a request on a connection of its own; the answer's body is still to be read.
pub(crate) async fn send(to: SocketAddr, request: Request<TestBody>) -> Response<Incoming> {
    let stream = soon(TcpStream::connect(to)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    soon(sender.send_request(request)).await.unwrap()
}

/// Sends a request and reads the whole answer.
pub(crate) async fn fetch(to: SocketAddr, request: Request<TestBody>) -> Reply {
    let (parts, body) = send(to, request).await.into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    Reply {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

/// Sends bytes as they are and reads until the other side closes.
pub(crate) async fn raw(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = soon(TcpStream::connect(to)).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is an end like any other.
    let _ = soon(stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A proxy with a clock that stands still.
pub(crate) struct TestProxy {
    pub(crate) public: SocketAddr,
    pub(crate) api: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) clock: FakeClock,
    pub(crate) certificates: Certificates,
    stop: CancellationToken,
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn address(listener: &Listener) -> SocketAddr {
    listener
        .url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap()
}

fn variables(env: &[(&str, &str)]) -> BTreeMap<String, String> {
    env.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

impl TestProxy {
    /// Starts a proxy with command line `options`.
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::start_in(&[], options).await
    }

    /// Starts a proxy with these variables in its environment, and the token.
    pub(crate) async fn start_in(env: &[(&str, &str)], options: &[&str]) -> Self {
        let args =
            cli::parse_from(std::iter::once("hub-proxy").chain(options.iter().copied())).unwrap();
        let env = variables(&[&[("CONFIGPROXY_AUTH_TOKEN", TOKEN)], env].concat());
        let clock = FakeClock::at("2026-11-22T03:31:47.762Z".parse().unwrap());
        let config = Config::from_args(&args, &env).unwrap();
        let proxy = Proxy::new(config, Arc::new(clock.clone())).unwrap();
        let here = Bind::Tcp("127.0.0.1".to_owned(), 0);
        let listeners = Listeners {
            public: Listener::bind(&here).await.unwrap(),
            api: Listener::bind(&here).await.unwrap(),
            redirect: None,
            metrics: Some(Listener::bind(&here).await.unwrap()),
        };
        let (public, api) = (address(&listeners.public), address(&listeners.api));
        let metrics = address(listeners.metrics.as_ref().unwrap());
        let certificates = proxy.certificates();
        let stop = CancellationToken::new();
        tokio::spawn(proxy.run(listeners, stop.clone()));
        Self {
            public,
            api,
            metrics,
            clock,
            certificates,
            stop,
        }
    }

    /// Why a proxy with `options` does not start.
    pub(crate) fn refuses(options: &[&str]) -> String {
        Self::refuses_in(&[], options)
    }

    /// Why a proxy with these variables in its environment does not start.
    pub(crate) fn refuses_in(env: &[(&str, &str)], options: &[&str]) -> String {
        let args =
            cli::parse_from(std::iter::once("hub-proxy").chain(options.iter().copied())).unwrap();
        let config = Config::from_args(&args, &variables(env)).unwrap();
        let clock = Arc::new(FakeClock::at(DateTime::default()));
        format!("{:#}", Proxy::new(config, clock).unwrap_err())
    }

    /// Starts a proxy with one route.
    pub(crate) async fn with_route(path: &str, target: &Target) -> Self {
        let proxy = Self::start(&[]).await;
        proxy.route(path, &target.url()).await;
        proxy
    }

    /// Adds a route.
    pub(crate) async fn route(&self, path: &str, target: &str) {
        let reply = self
            .call(
                "POST",
                &format!("/api/routes{path}"),
                &json!({"target": target}).to_string(),
            )
            .await;
        assert_eq!(reply.status, 201, "{reply:?}");
    }

    /// Calls the API with the token.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "api")
            .header("authorization", format!("token {TOKEN}"))
            .body(full(body.to_owned()));
        fetch(self.api, request.unwrap()).await
    }

    /// `GET path` from the public listener.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        fetch(self.public, get(path)).await
    }

    /// Last use of a route, as the API shows it.
    pub(crate) async fn last_activity(&self, route: &str) -> DateTime<Utc> {
        let reply = self.call("GET", "/api/routes", "").await;
        reply.json()[route]["last_activity"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Lets a second pass, runs `step`, and says whether the route was used meanwhile.
    pub(crate) async fn uses<F: Future>(&self, route: &str, step: F) -> (F::Output, bool) {
        self.clock.advance(TimeDelta::seconds(1));
        let output = soon(step).await;
        let last = self.last_activity(route).await;
        (output, last == self.clock.now())
    }
}

/// A `GET` request.
pub(crate) fn get(path: &str) -> Request<TestBody> {
    Request::get(path)
        .header("host", "front:8000")
        .body(empty())
        .unwrap()
}

/// A server that the proxy forwards to.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Target {
    /// A server that answers with `answer`.
    pub(crate) async fn start<F, A>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<TestBody>> + Send + 'static,
    {
        Self::accepting(move |stream| {
            let answer = answer.clone();
            async move {
                let service = service_fn(move |request| {
                    let answer = answer.clone()(request);
                    async { Ok::<_, Infallible>(answer.await) }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        })
        .await
    }

    /// A server that does what it likes with each connection.
    pub(crate) async fn accepting<F, A>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> A + Send + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self { address, task }
    }

    /// A server that answers with its name, and with what it was asked.
    pub(crate) async fn named(name: &'static str) -> Self {
        Self::start(move |request| async move {
            let (parts, body) = request.into_parts();
            let body = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes)
                .unwrap_or_default();
            let headers: Vec<_> = parts
                .headers
                .iter()
                .map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(v.as_bytes())))
                .collect();
            let seen = json!({
                "name": name,
                "method": parts.method.as_str(),
                "url": parts.uri.to_string(),
                "headers": headers,
                "body": String::from_utf8_lossy(&body),
            });
            Response::new(full(seen.to_string()))
        })
        .await
    }

    /// A server that reads everything, remembers it, and answers each connection with `answer` after the first bytes.
    pub(crate) async fn recording(answer: &'static [u8]) -> (Self, Arc<Mutex<Vec<u8>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let target = Self::accepting(move |mut stream| {
            let log = log.clone();
            async move {
                let mut space = [0; 4096];
                let mut answered = false;
                while let Ok(count @ 1..) = stream.read(&mut space).await {
                    log.lock().unwrap().extend_from_slice(&space[..count]);
                    if !answered && stream.write_all(answer).await.is_err() {
                        return;
                    }
                    answered = true;
                }
            }
        })
        .await;
        (target, seen)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// An address that nobody listens on.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
