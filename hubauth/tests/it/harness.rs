//! A service behind the SDK, a fake hub, and a browser that sees both on one host, as behind the proxy.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hubauth::testing::FakeHub;
use hubauth::{HubAuthConfig, HubOAuth, HubUser, XsrfToken};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Where the service under test lives.
pub(crate) const PREFIX: &str = "/services/demo/";

/// Waits until `condition` holds, at most ten seconds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .unwrap_or_else(|_| panic!("not within ten seconds: {what}"));
}

/// Serves a router on a free port.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A hub and a service.
pub(crate) struct Site {
    pub(crate) hub: FakeHub,
    pub(crate) auth: HubOAuth,
    service: SocketAddr,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// The service: front page, a page that changes something, a page for everybody.
pub(crate) fn demo(auth: &HubOAuth) -> Router {
    let hello = |user: HubUser| async move { format!("hello {}", user.name) };
    let form = |user: HubUser, xsrf: Option<XsrfToken>| async move {
        format!(
            "{} {}",
            user.name,
            xsrf.map(|xsrf| xsrf.0).unwrap_or_default()
        )
    };
    let app = Router::new()
        .route("/", get(hello).post(hello))
        .route("/form", get(form))
        .route("/deep/page", get(hello))
        .route(
            "/change",
            post(|user: HubUser| async move { format!("changed by {}", user.name) }),
        )
        .route(
            "/echo",
            post(|_: HubUser, body: String| async move { body }),
        )
        .layer(auth.layer())
        .merge(auth.callback_routes())
        .merge(auth.logout_routes());
    auth.mount(app)
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::with(|config| config).await
    }

    pub(crate) async fn with(change: impl FnOnce(HubAuthConfig) -> HubAuthConfig) -> Self {
        let hub = FakeHub::start().await.unwrap();
        let auth = HubOAuth::new(change(hub.config("demo").unwrap())).unwrap();
        let service = serve(demo(&auth)).await;
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self {
            hub,
            auth,
            service,
            http,
        }
    }

    /// Sends a request to the hub or the service, by its path, as the proxy would.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Reply {
        let path = request.uri().path_and_query().unwrap().to_string();
        let origin = if path.starts_with("/hub/") {
            self.hub.origin()
        } else {
            format!("http://{}", self.service)
        };
        *request.uri_mut() = format!("{origin}{path}").parse().unwrap();
        request
            .headers_mut()
            .entry(header::HOST)
            .or_insert("site.test".parse().unwrap());
        let (parts, body) = self.http.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply(Response::from_parts(
            parts,
            String::from_utf8_lossy(&body).into_owned(),
        ))
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(request(Method::GET, path, headers)).await
    }
}

pub(crate) fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::default()).unwrap()
}

/// A reply with its body read.
#[derive(Debug)]
pub(crate) struct Reply(pub(crate) Response<String>);

impl Reply {
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status()
    }

    pub(crate) fn body(&self) -> &str {
        self.0.body()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    pub(crate) fn location(&self) -> &str {
        self.headers()
            .get(header::LOCATION)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    pub(crate) fn set_cookies(&self) -> Vec<cookie::Cookie<'_>> {
        self.headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|value| cookie::Cookie::parse(value.to_str().unwrap()).unwrap())
            .collect()
    }
}

/// A browser: keeps cookies by name and path, and follows redirects when told to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Browser {
    jar: BTreeMap<(String, String), String>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The `Cookie` header for a path, longest path first (RFC 6265 5.4).
    fn cookies(&self, path: &str) -> String {
        let mut pairs: Vec<_> = self
            .jar
            .iter()
            .filter(|((_, scope), _)| path.starts_with(scope.as_str()))
            .collect();
        pairs.sort_by_key(|((_, scope), _)| std::cmp::Reverse(scope.len()));
        pairs
            .iter()
            .map(|((name, _), value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    pub(crate) fn set(&mut self, name: &str, path: &str, value: &str) {
        self.jar
            .insert((name.to_owned(), path.to_owned()), value.to_owned());
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.jar.keys().map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.jar
            .iter()
            .find(|((key, _), _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn keep(&mut self, reply: &Reply) {
        for cookie in reply.set_cookies() {
            let key = (
                cookie.name().to_owned(),
                cookie.path().unwrap_or("/").to_owned(),
            );
            if cookie
                .max_age()
                .is_some_and(cookie::time::SignedDuration::is_zero)
            {
                self.jar.remove(&key);
            } else {
                self.jar.insert(key, cookie.value().to_owned());
            }
        }
    }

    /// One request, with cookies sent and kept.
    pub(crate) async fn send(&mut self, site: &Site, mut request: Request<Full<Bytes>>) -> Reply {
        let cookies = self.cookies(request.uri().path());
        if !cookies.is_empty() {
            request
                .headers_mut()
                .insert(header::COOKIE, cookies.parse().unwrap());
        }
        let reply = site.send(request).await;
        self.keep(&reply);
        reply
    }

    /// One navigation, without following redirects.
    pub(crate) async fn get(&mut self, site: &Site, path: &str) -> Reply {
        self.send(
            site,
            request(
                Method::GET,
                path,
                &[("accept", "text/html"), ("sec-fetch-mode", "navigate")],
            ),
        )
        .await
    }

    /// A navigation to its end.
    pub(crate) async fn open(&mut self, site: &Site, path: &str) -> Reply {
        let mut reply = self.get(site, path).await;
        for _ in 0..10 {
            if !reply.status().is_redirection() {
                return reply;
            }
            let next = reply.location().to_owned();
            reply = self.get(site, &next).await;
        }
        panic!("too many redirects, the last to {}", reply.location());
    }
}

/// Runs a future with a limit, so that a test that hangs fails.
pub(crate) async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), future)
        .await
        .expect("it takes too long")
}
