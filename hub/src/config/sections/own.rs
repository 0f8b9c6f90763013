//! `[hub]`: what only this hub has.

/// `[hub]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Whether the OAuth provider takes PKCE challenges of the method `plain`, which whoever sees the first request can
    /// answer (RFC 9700 section 2.1.1). For clients that know nothing better.
    pub oauth_allow_plain_pkce: bool,
}
