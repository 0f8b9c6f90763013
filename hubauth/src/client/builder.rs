//! How to reach a hub: address, token, time-outs, certificates.

use std::sync::Arc;
use std::time::Duration;

use hub_types::clock::{Clock, SystemClock};
use hub_types::secret::Token;
use hub_types::socket_url;
use url::Url;

use super::{ClientError, HubClient, Inner, Retries, clock, error, pace, tls};
use crate::config::TlsFiles;

/// How to reach a hub; made by [`HubClient::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct HubClientBuilder {
    api_url: String,
    token: Option<Token>,
    tls: Option<TlsFiles>,
    clock: Arc<dyn Clock>,
    connect_timeout: Duration,
    lookup_timeout: Duration,
    request_timeout: Duration,
    slow_timeout: Duration,
    retries: Retries,
    user_agent: String,
}

impl HubClientBuilder {
    /// The token to call with; needed for everything but [`HubClient::api_root`] and [`HubClient::whoami`].
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Certificates for internal TLS (`JUPYTERHUB_SSL_*`).
    pub fn tls_files(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }

    /// The clock with which [`HubClient::clock_offset`] compares the hub's; the system's by default.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Longest time for a connection to be made; 2 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Longest time for "who is this?"; 4 s by default, because a visitor waits for it.
    pub fn lookup_timeout(mut self, timeout: Duration) -> Self {
        self.lookup_timeout = timeout;
        self
    }

    /// Longest time for an ordinary call; 20 s by default (JupyterHub's own clients wait as long).
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Longest time for starting, stopping and deleting; 60 s by default (the hub itself answers 202 after ten).
    pub fn slow_timeout(mut self, timeout: Duration) -> Self {
        self.slow_timeout = timeout;
        self
    }

    /// Which calls are made again, and when; three tries and waits of 10 s at most by default.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// What this program calls itself in the hub's log; `hubauth/VERSION` by default.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Builds the client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Setup`] when the URL is neither an `http(s)` URL nor that of a unix socket, or a TLS file cannot be read.
    pub fn build(self) -> Result<HubClient, ClientError> {
        let setup = |reason: String| ClientError::Setup {
            url: shown(&self.api_url),
            reason,
        };
        let url = Url::parse(self.api_url.trim_end_matches('/'))
            .map_err(|error| setup(format!("{error}; expected http://HOST:PORT/hub/api")))?;
        let socket = socket_url::split(url.as_str()).map(|(path, _)| path);
        if socket.is_none() && (!matches!(url.scheme(), "http" | "https") || !url.has_host()) {
            return Err(setup(
                "expected http://HOST:PORT/hub/api, or http+unix://%2Fpath%2Fof%2Fsocket/hub/api"
                    .to_owned(),
            ));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(setup(
                "it must not contain a user, a password or a query".to_owned(),
            ));
        }
        let tls = tls::client_config(url.scheme() == "https", self.tls.as_ref()).map_err(setup)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(self.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(self.user_agent);
        #[cfg(unix)]
        if let Some(path) = socket {
            builder = builder.unix_socket(path);
        }
        #[cfg(not(unix))]
        if socket.is_some() {
            return Err(setup("unix sockets are there on Unix only".to_owned()));
        }
        let http = builder.build().map_err(|error| ClientError::Setup {
            url: self.api_url.clone(),
            reason: error::chain(&error),
        })?;
        Ok(HubClient(Arc::new(Inner {
            http,
            api_url: url,
            token: self.token,
            offset: clock::Offset::default(),
            clock: self.clock,
            lookup_timeout: self.lookup_timeout,
            request_timeout: self.request_timeout,
            slow_timeout: self.slow_timeout,
            retries: self.retries,
            pace: pace::Pace::default(),
        })))
    }
}

/// A URL as messages may show it: what stands before an `@`, or in a query, may be a password.
fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        (None, Some((_, host))) => format!("…@{host}"),
        _ => url.to_owned(),
    }
}

impl HubClient {
    /// Starts to describe a client of the hub whose API is at `api_url`: `http://127.0.0.1:8081/hub/api`, or
    /// `http+unix://%2Fsrv%2Fhub.sock/hub/api` for one that listens on a unix socket.
    pub fn builder(api_url: impl Into<String>) -> HubClientBuilder {
        HubClientBuilder {
            api_url: api_url.into(),
            token: None,
            tls: None,
            clock: Arc::new(SystemClock),
            connect_timeout: Duration::from_secs(2),
            lookup_timeout: Duration::from_secs(4),
            request_timeout: Duration::from_secs(20),
            slow_timeout: Duration::from_secs(60),
            retries: Retries::default(),
            user_agent: concat!("hubauth/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
