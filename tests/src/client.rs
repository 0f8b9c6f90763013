//! Plain HTTP: one request, one reply, no redirects followed, no cookies kept.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use url::Url;

/// Longest wait for a whole reply. Spawns that are waited for take seconds, on a busy machine tens of them.
const TIMEOUT: Duration = Duration::from_secs(90);

/// How long an unused connection is kept. Proxies end those that were idle for five seconds, and whoever sends a request at that
/// very moment gets no answer.
const IDLE: Duration = Duration::from_secs(2);

/// Sends requests to one origin.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    origin: Url,
    headers: HeaderMap,
}

/// Finds every host at one address.
#[derive(Debug)]
struct Always(Ipv4Addr);

impl Resolve for Always {
    fn resolve(&self, _: Name) -> Resolving {
        let found: Addrs = Box::new(std::iter::once(SocketAddr::from((self.0, 0))));
        Box::pin(std::future::ready(Ok(found)))
    }
}

/// A reply that has been read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// What was asked for.
    pub url: Url,
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub body: String,
}

impl Client {
    /// A client without credentials. Paths are resolved against `origin`.
    ///
    /// # Panics
    /// When `origin` is not a URL.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self::with(reqwest::Client::builder(), origin)
    }

    /// The same for hosts that no DNS knows: each is at `ip`.
    ///
    /// # Panics
    /// When `origin` is not a URL.
    #[must_use]
    pub fn at(ip: Ipv4Addr, origin: &str) -> Self {
        Self::with(reqwest::Client::builder().dns_resolver(Always(ip)), origin)
    }

    fn with(builder: reqwest::ClientBuilder, origin: &str) -> Self {
        // Only the first caller installs it; the others find the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = builder
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .pool_idle_timeout(IDLE)
            .build()
            .expect("a plain client");
        let origin = Url::parse(origin).unwrap_or_else(|error| panic!("{origin}: {error}"));
        Self {
            http,
            origin,
            headers: HeaderMap::new(),
        }
    }

    /// The same client sending one more header with every request.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// The same client with `Authorization: token …`.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header(
            AUTHORIZATION.as_str().to_owned().leak(),
            &format!("token {token}"),
        )
    }

    /// The same client asking for pages, as browsers do.
    #[must_use]
    pub fn html(self) -> Self {
        self.header(
            ACCEPT.as_str().to_owned().leak(),
            "text/html,application/xhtml+xml,*/*;q=0.8",
        )
    }

    /// The absolute URL of a path (or of a URL).
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        self.origin
            .join(path)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A request that still can be changed; finish it with [`Client::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, self.url(path))
            .headers(self.headers.clone())
    }

    /// Sends a request and reads the whole reply.
    ///
    /// # Panics
    /// When there is no reply.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        self.try_send(request)
            .await
            .unwrap_or_else(|error| panic!("no reply: {error:?}"))
    }

    /// Sends a request; an error when there is no reply.
    ///
    /// # Errors
    /// What went wrong below HTTP.
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Reply, reqwest::Error> {
        let reply = request.send().await?;
        Ok(Reply {
            url: reply.url().clone(),
            status: reply.status().as_u16(),
            headers: reply.headers().clone(),
            body: reply.text().await?,
        })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// GET; an error when there is no reply.
    ///
    /// # Errors
    /// What went wrong below HTTP.
    pub async fn try_get(&self, path: &str) -> Result<Reply, reqwest::Error> {
        self.try_send(self.request(Method::GET, path)).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// PUT of a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// DELETE without a body.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }
}

impl Reply {
    /// This reply, if its status is the expected one.
    ///
    /// # Panics
    /// When it is not; the message shows the reply.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "unexpected status: {self:#?}");
        self
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Where a redirect leads, as it was sent.
    ///
    /// # Panics
    /// When this is not a redirect.
    #[must_use]
    pub fn location(&self) -> &str {
        assert!(
            (300..400).contains(&self.status),
            "not a redirect: {self:#?}"
        );
        self.header(LOCATION.as_str())
            .unwrap_or_else(|| panic!("no location: {self:#?}"))
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of a hidden form field of this name, with HTML entities of quotes resolved.
    #[must_use]
    pub fn hidden_field(&self, name: &str) -> Option<String> {
        self.hidden_fields()
            .into_iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value)
    }

    /// All hidden form fields of a page.
    #[must_use]
    pub fn hidden_fields(&self) -> Vec<(String, String)> {
        let input = regex::Regex::new(r"(?s)<input\b[^>]*>").expect("a pattern");
        input
            .find_iter(&self.body)
            .map(|found| found.as_str())
            .filter(|tag| attribute(tag, "type").as_deref() == Some("hidden"))
            .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?)))
            .collect()
    }
}

/// The value of an attribute of one HTML tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let pattern = format!(r#"(?s)\s{name}\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))"#);
    let found = regex::Regex::new(&pattern)
        .expect("a pattern")
        .captures(tag)?;
    let value = (1..4).find_map(|group| found.get(group))?.as_str();
    let decoded = value
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_fields_are_found_whatever_their_form() {
        let reply = Reply {
            url: Url::parse("http://localhost/").unwrap(),
            status: 200,
            headers: HeaderMap::new(),
            body:
                "<input type=\"hidden\" name=\"_xsrf\" value=\"a&amp;b\"/>\n<input name='scopes' \
                   type='hidden' value='x!user=\"1\"'><input type=text name=q value=1>"
                    .to_owned(),
        };
        assert_eq!(
            reply.hidden_fields(),
            [
                ("_xsrf".to_owned(), "a&b".to_owned()),
                ("scopes".to_owned(), "x!user=\"1\"".to_owned())
            ]
        );
    }
}
