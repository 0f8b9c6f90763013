//! What a browser brings to `…/oauth2/authorize`.

use super::Parameters;

/// Why a request is refused with a page of the hub: the client, or where it wants to be sent, cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// A parameter that must be trusted came twice.
    #[error("Duplicate {0} parameter.")]
    Repeated(&'static str),
    /// No client.
    #[error("Missing client_id parameter.")]
    NoClient,
    /// A client that is not registered.
    #[error("Invalid client_id parameter value.")]
    UnknownClient,
    /// Neither sent nor registered.
    #[error("Missing redirect URI.")]
    NoRedirect,
    /// Not exactly the registered one.
    #[error("Mismatching redirect URI.")]
    OtherRedirect,
}

/// Why a request is refused by an error that the client is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A parameter came twice.
    #[error("Duplicate {0} parameter.")]
    Repeated(&'static str),
    /// No `response_type`.
    #[error("Missing response_type parameter.")]
    NoResponseType,
    /// Anything but `code`.
    #[error("")]
    ResponseType,
    /// `plain`, no method (which means `plain`), or an unknown one.
    #[error("Transform algorithm not supported.")]
    Transform,
    /// A method without a challenge, or a challenge that no S256 gives.
    #[error("Code challenge required.")]
    Challenge,
    /// Unknown scopes, too many, or more than the client may ask for.
    #[error("")]
    Scope,
    /// The user said no.
    #[error("")]
    Denied,
}

impl Refused {
    /// The error code of RFC 6749 section 4.1.2.1.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Refused::Repeated(_)
            | Refused::NoResponseType
            | Refused::Transform
            | Refused::Challenge => "invalid_request",
            Refused::ResponseType => "unsupported_response_type",
            Refused::Scope => "invalid_scope",
            Refused::Denied => "access_denied",
        }
    }

    /// What is added to the redirect: `error`, perhaps `error_description`, and the client's `state`.
    #[must_use]
    pub fn location(self, redirect_uri: &str, state: Option<&str>) -> String {
        let description = self.to_string();
        let mut pairs = vec![("error", self.code())];
        if !description.is_empty() {
            pairs.push(("error_description", &description));
        }
        pairs.extend(state.map(|state| ("state", state)));
        super::with_query(redirect_uri, &pairs)
    }
}

/// The client that a request names.
///
/// # Errors
/// When none is named, or two, or when it is not clear what would be sent where.
pub fn client_id(parameters: &Parameters) -> Result<&str, Untrusted> {
    let once = ["client_id", "redirect_uri", "scope", "state"];
    if let Some(name) = parameters.repeated(&once) {
        return Err(Untrusted::Repeated(name));
    }
    parameters.get("client_id").ok_or(Untrusted::NoClient)
}

/// Where the browser is sent back to: exactly the registered URI, byte for byte, which is also the default.
///
/// # Errors
/// When it is another one, or there is none.
pub fn redirect_uri<'a>(
    parameters: &Parameters,
    registered: &'a str,
) -> Result<&'a str, Untrusted> {
    match parameters.get("redirect_uri") {
        Some(asked) if asked != registered => Err(Untrusted::OtherRedirect),
        // Sent, but empty: JupyterHub does not take that for "the usual one".
        None if parameters.any(&["redirect_uri"]) => Err(Untrusted::OtherRedirect),
        _ if registered.is_empty() => Err(Untrusted::NoRedirect),
        _ => Ok(registered),
    }
}

/// The client's `state`.
#[must_use]
pub fn state(parameters: &Parameters) -> Option<&str> {
    parameters.get("state")
}

/// What the administrator demands of PKCE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PkceRules {
    /// No request without a challenge.
    pub required: bool,
    /// The method `plain` is good enough.
    pub plain: bool,
}

/// A PKCE challenge (RFC 7636).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What the verifier must prove.
    pub value: String,
    /// `S256` or `plain`.
    pub method: &'static str,
}

/// The methods of RFC 7636 section 4.2.
pub const S256: &str = "S256";
/// The verifier itself is the challenge.
pub const PLAIN: &str = "plain";

/// Checks everything but the scopes, for a client and redirect that can be trusted. Returns the challenge.
///
/// # Errors
/// What the client is told.
pub fn check(parameters: &Parameters, rules: PkceRules) -> Result<Option<Challenge>, Refused> {
    let once = ["response_type", "code_challenge", "code_challenge_method"];
    if let Some(name) = parameters.repeated(&once) {
        return Err(Refused::Repeated(name));
    }
    match parameters.get("response_type") {
        Some("code") => {}
        None if !parameters.any(&["response_type"]) => return Err(Refused::NoResponseType),
        _ => return Err(Refused::ResponseType),
    }
    if parameters.any(&["scope"]) && parameters.get("scope").is_none() {
        return Err(Refused::Scope);
    }
    match (
        parameters.get("code_challenge"),
        parameters.get("code_challenge_method"),
    ) {
        (None, None) if rules.required => Err(Refused::Challenge),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Refused::Challenge),
        (Some(challenge), Some(S256)) if is_s256(challenge) => Ok(Some(Challenge {
            value: challenge.to_owned(),
            method: S256,
        })),
        (Some(_), Some(S256)) => Err(Refused::Challenge),
        // No method means plain.
        (Some(challenge), None | Some(PLAIN)) if rules.plain && is_verifier(challenge) => {
            Ok(Some(Challenge {
                value: challenge.to_owned(),
                method: PLAIN,
            }))
        }
        (Some(_), None | Some(PLAIN)) if rules.plain => Err(Refused::Challenge),
        (Some(_), _) => Err(Refused::Transform),
    }
}

/// Whether `text` may be a verifier: 43 to 128 unreserved characters (RFC 7636 section 4.1).
pub(super) fn is_verifier(text: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// Whether `text` looks like 32 bytes in unpadded URL-safe base64.
fn is_s256(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(query: &str) -> Parameters {
        Parameters::new(url::form_urlencoded::parse(query.as_bytes()).into_owned())
    }

    #[test]
    fn redirects_match_byte_for_byte() {
        let registered = "/user/alice/oauth_callback";
        for good in ["", "redirect_uri=%2Fuser%2Falice%2Foauth_callback"] {
            assert_eq!(
                redirect_uri(&parameters(good), registered),
                Ok(registered),
                "{good}"
            );
        }
        for bad in [
            "",
            "/user/alice/oauth_callback/",
            "/user/alice/oauth_callback?x",
            "/user/alice/oauth_callback#f",
            "/user/alice/../alice/oauth_callback",
            "/user/Alice/oauth_callback",
            "/user%2falice/oauth_callback",
            "//user/alice/oauth_callback",
            "http://h/user/alice/oauth_callback",
            "javascript:alert(1)",
            " /user/alice/oauth_callback",
        ] {
            let parameters = Parameters::new([("redirect_uri".to_owned(), bad.to_owned())]);
            assert_eq!(
                redirect_uri(&parameters, registered),
                Err(Untrusted::OtherRedirect),
                "{bad}"
            );
        }
        assert_eq!(
            redirect_uri(&parameters(""), ""),
            Err(Untrusted::NoRedirect)
        );
    }

    #[test]
    fn clients() {
        assert_eq!(client_id(&parameters("client_id=a")), Ok("a"));
        assert_eq!(client_id(&parameters("")), Err(Untrusted::NoClient));
        assert_eq!(
            client_id(&parameters("client_id=a&client_id=a")),
            Err(Untrusted::Repeated("client_id"))
        );
        let twice = parameters("client_id=a&redirect_uri=x&redirect_uri=x");
        assert_eq!(client_id(&twice), Err(Untrusted::Repeated("redirect_uri")));
        let twice = parameters("client_id=a&state=x&state=y");
        assert_eq!(client_id(&twice), Err(Untrusted::Repeated("state")));
    }

    #[test]
    fn requests() {
        let challenge = "3hCa-_0123456789012345678901234567890123456";
        assert_eq!(challenge.len(), 43);
        let s256 =
            format!("response_type=code&code_challenge={challenge}&code_challenge_method=S256");
        let strict = PkceRules {
            required: true,
            plain: false,
        };
        let given = |method| {
            Ok(Some(Challenge {
                value: challenge.to_owned(),
                method,
            }))
        };
        assert_eq!(check(&parameters(&s256), strict), given(S256));
        let lax = PkceRules::default();
        assert_eq!(check(&parameters("response_type=code"), lax), Ok(None));
        let plain = PkceRules {
            plain: true,
            ..PkceRules::default()
        };
        let request = format!("response_type=code&code_challenge={challenge}");
        for method in ["", "&code_challenge_method=plain"] {
            let request = parameters(&format!("{request}{method}"));
            assert_eq!(check(&request, plain), given(PLAIN));
            assert_eq!(check(&request, lax), Err(Refused::Transform));
        }
        let short = parameters("response_type=code&code_challenge=short");
        assert_eq!(check(&short, plain), Err(Refused::Challenge));
        for (query, expected) in [
            ("", Refused::NoResponseType),
            ("response_type=token", Refused::ResponseType),
            ("response_type=code+token", Refused::ResponseType),
            (
                "response_type=code&response_type=code",
                Refused::Repeated("response_type"),
            ),
            ("response_type=", Refused::ResponseType),
            ("response_type=code&scope=", Refused::Scope),
            ("response_type=code", Refused::Challenge),
            (
                "response_type=code&code_challenge_method=S256",
                Refused::Challenge,
            ),
            (
                "response_type=code&code_challenge_method=S256&code_challenge=short",
                Refused::Challenge,
            ),
            (
                "response_type=code&code_challenge_method=plain&code_challenge=x",
                Refused::Transform,
            ),
            (
                "response_type=code&code_challenge_method=none&code_challenge=x",
                Refused::Transform,
            ),
            ("response_type=code&code_challenge=x", Refused::Transform),
        ] {
            assert_eq!(check(&parameters(query), strict), Err(expected), "{query}");
        }
    }

    #[test]
    fn errors_in_redirects() {
        for (error, state, expected) in [
            (
                Refused::ResponseType,
                Some("s"),
                "/cb?error=unsupported_response_type&state=s",
            ),
            (
                Refused::NoResponseType,
                Some("s"),
                "/cb?error=invalid_request&error_description=Missing+response_type+parameter.&state=s",
            ),
            (Refused::Scope, None, "/cb?error=invalid_scope"),
            (
                Refused::Transform,
                Some("s"),
                "/cb?error=invalid_request&error_description=Transform+algorithm+not+supported.&state=s",
            ),
        ] {
            assert_eq!(error.location("/cb", state), expected);
        }
    }
}
