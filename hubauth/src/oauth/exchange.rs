//! The hub's two OAuth endpoints, spoken with the `oauth2` crate: authorize URL, and token for code.

use hub_types::secret::Token;
use hub_types::socket_url;
use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RequestTokenError,
    TokenResponse as _, TokenUrl,
};
use url::Url;

use crate::client::{ClientError, HubClient};
use crate::config::{ConfigError, HubAuthConfig};
use crate::resolve::BoxFuture;

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Stands in for the host when browsers reach the hub on this service's own: the crate wants full URLs.
const SAME_HOST: &str = "http://same-host.invalid";

/// Where the hub authorizes, and where it gives tokens.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: Client,
    callback: String,
    same_host: bool,
    token_url: String,
}

/// A token, as the hub gave it for a code.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Granted {
    /// The token.
    pub token: Token,
    /// How long it works, as far as the hub said.
    pub expires_in: Option<std::time::Duration>,
}

impl Endpoint {
    pub(super) fn for_config(config: &HubAuthConfig) -> Result<Self, ConfigError> {
        let malformed = |name, error: url::ParseError| ConfigError::Malformed {
            name,
            reason: error.to_string(),
            remedy: "It is scheme://host[:port]",
        };
        let url = config.authorize_url();
        let same_host = url.starts_with('/');
        let host = if same_host { SAME_HOST } else { "" };
        let authorize = AuthUrl::new(format!("{host}{url}"))
            .map_err(|error| malformed("JUPYTERHUB_HOST", error))?;
        let token_url = config.token_url();
        // The path of a socket is no host that the crate can send to; it need not, see `forward`.
        let socket = |url: &str| socket_url::split(url).map(|(path, _)| path);
        if socket(&token_url) != socket(&config.api_url) {
            return Err(ConfigError::Malformed {
                name: "oauth_token_url",
                reason: "it is not at the socket of the API, or the API is at one and it is not"
                    .to_owned(),
                remedy: "Both go through the same unix socket, or neither through any",
            });
        }
        let sendable = socket_url::through(&token_url).map(|(_, url)| url);
        let token = TokenUrl::new(sendable.unwrap_or_else(|| token_url.clone()))
            .map_err(|error| malformed("JUPYTERHUB_API_URL", error))?;
        let client = BasicClient::new(ClientId::new(config.client_id.clone()))
            .set_client_secret(ClientSecret::new(config.api_token.expose().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(authorize)
            .set_token_uri(token);
        Ok(Self {
            client,
            callback: config.callback_url.clone(),
            same_host,
            token_url,
        })
    }

    /// Where to send the browser. `redirect_uri` may be a path, which the crate's own type refuses, so it goes along as
    /// an extra parameter.
    pub(super) fn authorize_url(&self, state: &str, challenge: PkceCodeChallenge) -> String {
        let state = CsrfToken::new(state.to_owned());
        let (url, _) = self
            .client
            .authorize_url(|| state)
            .set_pkce_challenge(challenge)
            .add_extra_param("redirect_uri", self.callback.clone())
            .url();
        if self.same_host {
            path_and_query(&url)
        } else {
            url.into()
        }
    }

    /// Exchanges a code for a token (wire contract 2.5).
    ///
    /// Boxed, and with nothing borrowed: the compiler cannot see that the crate's generic future may change threads when
    /// it holds references.
    pub(super) fn token(
        &self,
        hub: &HubClient,
        code: AuthorizationCode,
        verifier: &Token,
    ) -> BoxFuture<'static, Result<Granted, ClientError>> {
        let (client, hub, callback) = (self.client.clone(), hub.clone(), self.callback.clone());
        let url = self.token_url.clone();
        let verifier = PkceCodeVerifier::new(verifier.expose().to_owned());
        Box::pin(async move {
            let http = {
                let url = url.clone();
                move |request: HttpRequest| {
                    let (hub, url) = (hub.clone(), url.clone());
                    async move { hub.forward(&url, request).await }
                }
            };
            let request = client
                .exchange_code(code)
                .set_pkce_verifier(verifier)
                .add_extra_param("redirect_uri", callback);
            let reply = request
                .request_async(&http)
                .await
                .map_err(|error| explain(url, error))?;
            Ok(Granted {
                token: Token::from_config(reply.access_token().secret().as_str()),
                expires_in: reply.expires_in(),
            })
        })
    }
}

fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn explain(
    url: String,
    error: RequestTokenError<
        ClientError,
        oauth2::StandardErrorResponse<oauth2::basic::BasicErrorResponseType>,
    >,
) -> ClientError {
    match error {
        RequestTokenError::Request(error) => error,
        other => ClientError::BadReply {
            url,
            reason: match other {
                RequestTokenError::Parse(..) => "the reply is no token".to_owned(),
                _ => "the reply is an OAuth error with status 200".to_owned(),
            },
        },
    }
}

impl HubClient {
    /// Sends a request of the `oauth2` crate. Errors of the hub come back as ours, with its description.
    async fn forward(&self, url: &str, request: HttpRequest) -> Result<HttpResponse, ClientError> {
        let (parts, body) = request.into_parts();
        let reply = self.post_form(url, parts.headers, body).await?;
        Ok(reply.map(|body| body.to_vec()))
    }
}
