//! What a client brings to `…/oauth2/token`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Parameters;
use super::authorize::{PLAIN, S256, is_verifier};

/// Every parameter of a token request: none of them may be in the URL.
pub const PARAMETERS: &[&str] = &[
    "grant_type",
    "code",
    "redirect_uri",
    "client_id",
    "client_secret",
    "code_verifier",
    "scope",
];

/// How much the clocks of two hubs may differ.
const SKEW: TimeDelta = TimeDelta::seconds(5);

/// Why a code is not exchanged. Source: wire contract 2.5.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Anything but `authorization_code`.
    #[error("")]
    UnsupportedGrantType,
    /// Unknown client, or wrong secret: which one is not said.
    #[error("")]
    InvalidClient,
    /// A grant type that exists, but that no client may use: `refresh_token`.
    #[error("")]
    UnauthorizedClient,
    /// Something is missing, doubled, or elsewhere than it must be.
    #[error("{0}")]
    InvalidRequest(String),
    /// The code is unknown, used, expired, of another client, or its verifier is wrong.
    #[error("")]
    InvalidGrant,
}

impl TokenError {
    fn request(text: impl Into<String>) -> Self {
        Self::InvalidRequest(text.into())
    }

    /// The error code of RFC 6749 section 5.2.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            TokenError::UnsupportedGrantType => "unsupported_grant_type",
            TokenError::InvalidClient => "invalid_client",
            TokenError::UnauthorizedClient => "unauthorized_client",
            TokenError::InvalidRequest(_) => "invalid_request",
            TokenError::InvalidGrant => "invalid_grant",
        }
    }
}

/// Who asks for a token, and how they prove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client<'a> {
    /// The name.
    pub id: &'a str,
    /// The secret.
    pub secret: &'a str,
}

/// A token request. The secret is still to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRequest<'a> {
    /// Who asks.
    pub client: Client<'a>,
    /// What for. Only for a client that has proved who it is.
    pub grant: Grant<'a>,
}

/// What a token is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant<'a> {
    /// A code.
    Code(CodeRequest<'a>),
    /// More than one code. (JupyterHub takes the last one.)
    Codes,
    /// A refresh token, which nobody has.
    Refresh,
}

impl<'a> Grant<'a> {
    /// The code that is to be exchanged.
    ///
    /// # Errors
    /// What an authenticated client is told: RFC 6749 section 5.2 calls a repeated parameter `invalid_request`.
    pub fn code(self) -> Result<CodeRequest<'a>, TokenError> {
        match self {
            Grant::Code(request) => Ok(request),
            Grant::Codes => Err(TokenError::request("Duplicate code parameter.")),
            Grant::Refresh => Err(TokenError::UnauthorizedClient),
        }
    }
}

/// A code that is to be exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRequest<'a> {
    /// Who asks.
    pub client_id: &'a str,
    /// The code.
    pub code: &'a str,
    /// Where the code was sent.
    pub redirect_uri: Option<&'a str>,
    /// PKCE verifier.
    pub verifier: Option<&'a str>,
}

/// Reads a token request from its body; `in_url` are the parameters of its URL.
///
/// # Errors
/// What the client is told.
pub fn read<'a>(body: &'a Parameters, in_url: &Parameters) -> Result<TokenRequest<'a>, TokenError> {
    if in_url.any(PARAMETERS) {
        return Err(TokenError::request("URL query parameters are not allowed"));
    }
    let others: Vec<_> = PARAMETERS
        .iter()
        .filter(|name| **name != "code")
        .copied()
        .collect();
    if let Some(name) = body.repeated(&others) {
        return Err(TokenError::request(format!("Duplicate {name} parameter.")));
    }
    let value = |name: &str| {
        let missing = || TokenError::request(format!("Missing {name} parameter."));
        body.get(name).ok_or_else(missing)
    };
    let code = match body.get("grant_type") {
        Some("authorization_code") => Some(value("code")?),
        Some("refresh_token") => {
            body.get("refresh_token")
                .ok_or_else(|| TokenError::request("Missing refresh token parameter."))?;
            None
        }
        _ => return Err(TokenError::UnsupportedGrantType),
    };
    let client = Client {
        id: body.get("client_id").ok_or(TokenError::InvalidClient)?,
        secret: body.get("client_secret").ok_or(TokenError::InvalidClient)?,
    };
    let grant = match code {
        None => Grant::Refresh,
        Some(_) if body.repeated(&["code"]).is_some() => Grant::Codes,
        Some(code) => Grant::Code(CodeRequest {
            client_id: client.id,
            code,
            redirect_uri: body.get("redirect_uri"),
            verifier: body.get("code_verifier"),
        }),
    };
    Ok(TokenRequest { client, grant })
}

/// A code as it was issued.
#[derive(Debug, Clone, Copy)]
pub struct IssuedCode<'a> {
    /// For which client.
    pub client_id: &'a str,
    /// Where it was sent.
    pub redirect_uri: &'a str,
    /// PKCE challenge and its method.
    pub challenge: Option<(&'a str, &'a str)>,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

/// Whether an authenticated client may exchange a code that was not used before.
///
/// # Errors
/// What the client is told.
pub fn check(
    request: &CodeRequest<'_>,
    issued: &IssuedCode<'_>,
    now: DateTime<Utc>,
) -> Result<(), TokenError> {
    // A clock that was set back must not revive a code either.
    let alive = now < issued.expires && now >= issued.created - SKEW;
    if request.client_id != issued.client_id || !alive {
        return Err(TokenError::InvalidGrant);
    }
    match request.redirect_uri {
        Some(uri) if uri == issued.redirect_uri => {}
        Some(_) => return Err(TokenError::request("Mismatching redirect URI.")),
        None => return Err(TokenError::request("Missing redirect_uri parameter.")),
    }
    match (issued.challenge, request.verifier) {
        (None, None) => Ok(()),
        // RFC 9700 section 2.1.1: somebody has stripped the challenge from the authorization request.
        (None, Some(_)) => Err(TokenError::InvalidGrant),
        (Some(_), None) => Err(TokenError::request("Code verifier required.")),
        (Some((challenge, method)), Some(verifier)) if proves(verifier, challenge, method) => {
            Ok(())
        }
        (Some(_), Some(_)) => Err(TokenError::InvalidGrant),
    }
}

/// Whether the challenge was made of this verifier (RFC 7636 section 4). That `plain` is allowed was decided when the code
/// was made.
fn proves(verifier: &str, challenge: &str, method: &str) -> bool {
    if !is_verifier(verifier) {
        return false;
    }
    let made = match method {
        S256 => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())),
        PLAIN => verifier.to_owned(),
        _ => return false,
    };
    made.as_bytes().ct_eq(challenge.as_bytes()).into()
}

#[cfg(test)]
mod tests;
