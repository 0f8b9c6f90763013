//! [`Resolve`]: the one seam between "a credential" and "who is that". The hub's client implements it; tests replace it.

use std::future::Future;
use std::pin::Pin;

use hub_types::identity::Identity;
use hub_types::secret::Token;

use crate::client::{ClientError, HubClient};

/// A future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is asked about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Lookup {
    /// A token, of the hub's or of OAuth.
    Token(Token),
    /// A cookie that the hub set for services (JupyterHub 0.7 and 0.8).
    Cookie {
        /// Name of the cookie, e.g. `jupyterhub-services`.
        name: String,
        /// Its value.
        value: Token,
    },
}

/// Finds out who a credential belongs to. `Ok(None)` means that the hub has said "unknown"; an error, that it has not
/// said anything.
pub trait Resolve: Send + Sync + 'static {
    /// Asks.
    fn resolve<'a>(
        &'a self,
        lookup: &'a Lookup,
    ) -> BoxFuture<'a, Result<Option<Identity>, ClientError>>;
}

impl Resolve for HubClient {
    fn resolve<'a>(
        &'a self,
        lookup: &'a Lookup,
    ) -> BoxFuture<'a, Result<Option<Identity>, ClientError>> {
        Box::pin(async move {
            match lookup {
                Lookup::Token(token) => self.whoami(token).await,
                Lookup::Cookie { name, value } => self.whoami_by_cookie(name, value).await,
            }
        })
    }
}
