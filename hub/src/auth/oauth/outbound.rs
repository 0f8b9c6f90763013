//! What is asked of a provider: bounded in time and size (and in number, by `turns`). No URL with its query, and nothing
//! that was sent or answered, gets into an error.

use std::time::Duration;

use oauth2::{HttpRequest, HttpResponse};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, LINK};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::Url;

/// How long a provider may take to be reached.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest answer, in bytes.
const LONGEST: usize = 1 << 20;

/// Why there is no answer, or none that is worth anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// Nobody answers.
    #[error("{host} does not answer: {why}")]
    Silent { host: String, why: String },
    /// It cannot show that it is who it should be.
    #[error(
        "{host} shows a certificate that is not trusted ({why}): add its authority to those of this machine, or to the file that SSL_CERT_FILE names, or, only to try things out, set [OAuthenticator] validate_server_cert = false"
    )]
    Untrusted { host: String, why: String },
    /// The answer is not a success.
    #[error("{host} answers with status {status}")]
    Status { host: String, status: u16 },
    /// The answer makes no sense.
    #[error("{host} answers with {why}")]
    Senseless { host: String, why: String },
}

impl Trouble {
    /// Whether the provider says that the token is not good (any more). Of others than that nothing follows: GitHub says
    /// 403 to whoever asks too often, and something in between may say anything.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status: 401, .. })
    }
}

/// An answer, read to its end.
pub(super) struct Answer {
    host: String,
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// The answer, if it is a success.
    pub(super) fn success(self) -> Result<Self, Trouble> {
        match self.status.is_success() {
            true => Ok(self),
            false => Err(Trouble::Status {
                host: self.host,
                status: self.status.as_u16(),
            }),
        }
    }

    /// What it says.
    pub(super) fn json(&self) -> Result<Value, Trouble> {
        serde_json::from_slice(&self.body).map_err(|_| Trouble::Senseless {
            host: self.host.clone(),
            why: "what is no JSON".to_owned(),
        })
    }

    /// Where the list goes on (RFC 8288).
    pub(super) fn next(&self) -> Option<Url> {
        let links = self.headers.get_all(LINK).iter();
        links
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .find_map(|link| {
                let (url, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
                let mut parameters = parameters.split(';').map(str::trim);
                parameters
                    .any(|one| one == "rel=\"next\"" || one == "rel=next")
                    .then_some(url)
            })
            .and_then(|url| Url::parse(url).ok())
    }
}

/// Asks providers.
#[derive(Debug)]
pub(super) struct Outbound {
    /// Or why there is none.
    http: Result<Client, String>,
}

impl Outbound {
    /// `trusting` takes any certificate.
    pub(super) fn new(trusting: bool) -> Self {
        // Does nothing where a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let built = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("JupyterHub")
            .tls_danger_accept_invalid_certs(trusting)
            .build();
        Self {
            http: built.map_err(|error| describe(&error)),
        }
    }

    /// Asks with GET, showing an access token.
    pub(super) async fn get(&self, url: &Url, token: Option<&str>) -> Result<Answer, Trouble> {
        let mut request = http::Request::get(url.as_str()).header(ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let host = host(url);
        let request = request.body(Vec::new()).map_err(|_| Trouble::Senseless {
            host: host.clone(),
            why: "a token or URL that cannot be sent".to_owned(),
        })?;
        self.send(host, request).await
    }

    async fn send(&self, host: String, request: HttpRequest) -> Result<Answer, Trouble> {
        let silent = |why: String| Trouble::Silent {
            host: host.clone(),
            why,
        };
        let http = self.http.as_ref().map_err(|why| silent(why.clone()))?;
        let request =
            reqwest::Request::try_from(request).map_err(|error| silent(describe(&error)))?;
        let sent = http.execute(request).await;
        let mut reply = sent.map_err(|error| match untrusted(&error) {
            Some(why) => Trouble::Untrusted {
                host: host.clone(),
                why,
            },
            None => silent(describe(&error)),
        })?;
        let mut body = Vec::new();
        while let Some(part) = reply
            .chunk()
            .await
            .map_err(|error| silent(describe(&error)))?
        {
            if body.len() + part.len() > LONGEST {
                return Err(Trouble::Senseless {
                    host,
                    why: "more than 1 MiB".to_owned(),
                });
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer {
            status: reply.status(),
            headers: reply.headers().clone(),
            body,
            host,
        })
    }

    /// Carries a request of the crate `oauth2`.
    pub(super) async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, Trouble> {
        let host = request.uri().host().unwrap_or("the provider").to_owned();
        let answer = self.send(host.clone(), request).await?;
        let mut response = http::Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// What is wrong with the certificate, if that is what is wrong.
fn untrusted(error: &reqwest::Error) -> Option<String> {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(rustls::Error::InvalidCertificate(why)) = cause.downcast_ref() {
            return Some(why.to_string());
        }
        // An error of the system shows the cause of the one that it wraps, not that one.
        let wrapped = cause.downcast_ref::<std::io::Error>();
        cause = match wrapped.and_then(std::io::Error::get_ref) {
            Some(wrapped) => wrapped,
            None => cause.source()?,
        };
    }
}

/// What went wrong, without the URL: it may hold a token.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match cause.is::<reqwest::Error>() {
        true => "the request failed".to_owned(),
        false => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_list_goes_on() {
        let next = |line: &str| {
            let headers = [(LINK, line.parse().unwrap())].into_iter().collect();
            let answer = Answer {
                host: "a".into(),
                status: StatusCode::OK,
                headers,
                body: Vec::new(),
            };
            answer.next().map(|url| url.to_string())
        };
        let last = "<https://a.example/x?page=9>; rel=\"last\"";
        let both = format!("{last}, <https://a.example/x?page=2>; title=\"b\"; rel=\"next\"");
        assert_eq!(next(&both).as_deref(), Some("https://a.example/x?page=2"));
        for nothing in [last, "", "<x>; rel=\"next\"", "https://a; rel=next"] {
            assert_eq!(next(nothing), None, "{nothing}");
        }
    }
}
