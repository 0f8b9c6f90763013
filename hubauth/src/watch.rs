//! [`LoginWatch`]: whether a visitor's login still holds, for connections that outlive the request that opened them.

use std::sync::Arc;
use std::time::Duration;

use crate::access::Access;
use crate::auth::HubAuth;
use crate::cache::CacheUse;
use crate::resolve::Lookup;

/// Longest time between two looks.
const LONGEST: Duration = Duration::from_secs(300);

/// Time between two looks where nothing is cached: every look asks the hub.
const UNCACHED: Duration = Duration::from_secs(30);

/// Why a connection should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginEnd {
    /// The hub does not know the visitor's credential any more: logged out, revoked, or expired.
    Unknown,
    /// The visitor may not enter any more.
    NotAllowed,
}

/// In the extensions of a request that opens a WebSocket: tells when the login with which it was opened has ended.
///
/// A request is checked when it comes; a WebSocket lives for days. Whoever serves one waits for both:
///
/// ```
/// use hubauth::LoginWatch;
/// # async fn talk() {}
/// # async fn close() {}
///
/// async fn socket(watch: LoginWatch) {
///     tokio::select! {
///         () = talk() => {}
///         _ = watch.ended() => close().await,
///     }
/// }
/// # drop(socket);
/// ```
#[derive(Clone)]
pub struct LoginWatch(Arc<Watched>);

impl std::fmt::Debug for LoginWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginWatch(…)")
    }
}

struct Watched {
    auth: HubAuth,
    access: Access,
    session: String,
    credential: Lookup,
}

impl LoginWatch {
    pub(crate) fn new(auth: HubAuth, access: Access, session: &str, credential: Lookup) -> Self {
        Self(Arc::new(Watched {
            auth,
            access,
            session: session.to_owned(),
            credential,
        }))
    }

    /// Waits until the login has ended; notices it as late as a page would, one life of the cache later at most (every look
    /// asks the hub). A hub that is away ends nothing: it did not say so.
    pub async fn ended(&self) -> LoginEnd {
        let max_age = self.0.auth.config().cache_max_age;
        let pause = if max_age.is_zero() {
            UNCACHED
        } else {
            max_age.clamp(Duration::from_secs(1), LONGEST)
        };
        loop {
            tokio::time::sleep(pause).await;
            if let Some(end) = self.ask(CacheUse::Skip).await {
                return end;
            }
        }
    }

    /// Whether the login has ended, as far as is known now.
    pub async fn look(&self) -> Option<LoginEnd> {
        self.ask(CacheUse::Normal).await
    }

    async fn ask(&self, cache: CacheUse) -> Option<LoginEnd> {
        let Watched {
            auth,
            access,
            session,
            credential,
        } = &*self.0;
        match auth.look_up(session, credential, cache).await {
            Ok(Some(user)) if access.decide(&user).is_allowed() => None,
            Ok(Some(_)) => Some(LoginEnd::NotAllowed),
            Ok(None) => Some(LoginEnd::Unknown),
            Err(error) => {
                tracing::warn!(%error, "cannot ask whether a login still holds");
                None
            }
        }
    }
}
