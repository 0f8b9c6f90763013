//! Where everything is, once "any free port" has become a number.

use hub_types::paths::BaseUrl;

/// The addresses in force. Fixed for the life of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The base URL of the deployment.
    pub base: BaseUrl,
    /// Origin under which people reach the proxy, e.g. `http://127.0.0.1:8000`.
    pub public_origin: String,
    /// Origin of `public_url`, when it is configured: then absolute links and `Secure` follow it, else the request.
    pub configured_public_origin: Option<String>,
    /// Origin where this hub listens, as the proxy reaches it, e.g. `http://127.0.0.1:8081`.
    pub hub_origin: String,
    /// URL of the API as servers and services reach it, e.g. `http://127.0.0.1:8081/hub/api`.
    pub api_url: String,
}
