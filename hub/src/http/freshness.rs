//! Whether the login of a caller still holds, and what becomes of requests when it does not. Source: JupyterHub's
//! `refresh_auth`.
//!
//! The own browser is sent to the login page. Tokens, and what others do with the user's servers, go on with what was known,
//! unless `auth_refresh_strict`: nobody could log in on their behalf.

use axum::http::StatusCode;
use hub_types::names::Username;

use crate::auth::login::LoginError;
use crate::auth::rules::Settled;
use crate::db::{DbError, users};
use crate::domain::authority::Authority;
use crate::domain::principal::{Credential, Principal};
use crate::http::error::ApiError;
use crate::state::AppState;

/// Whether the request of a caller goes on.
///
/// # Errors
/// When the database is away.
pub async fn goes_on(state: &AppState, caller: &Principal) -> Result<bool, DbError> {
    let Some(user) = caller.owner.user() else {
        return Ok(true);
    };
    let strict = || {
        state
            .login
            .rules()
            .now()
            .config
            .authenticator
            .auth_refresh_strict
    };
    match caller.credential {
        Credential::Cookie { .. } => state.login.still_holds(user, false).await,
        Credential::Token { .. } if strict() => state.login.still_holds(user, false).await,
        Credential::Token { .. } => Ok(true),
    }
}

/// What is about to be done with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It starts.
    Spawn,
    /// It stops.
    Stop,
}

/// Checks the login of the owner of a server before something is done with it, if the configuration wants that. Nothing
/// starts for who is blocked, whoever asks.
///
/// # Errors
/// 403 when the owner is blocked or has to log in first, or the database is away.
pub async fn before(
    state: &AppState,
    caller: &Principal,
    owner: &Username,
    deed: Deed,
) -> Result<(), ApiError> {
    // Nobody is taken for blocked of whom that cannot be said now.
    if deed == Deed::Spawn && state.login.is_blocked(owner).await.unwrap_or(false) {
        let text = format!("{owner} is blocked: nothing is started for them.");
        return Err(ApiError::new(StatusCode::FORBIDDEN, text));
    }
    let rules = state.login.rules().now();
    let settings = &rules.config.authenticator;
    let wanted = match deed {
        Deed::Spawn => settings.refresh_pre_spawn,
        Deed::Stop => settings.refresh_pre_stop,
    };
    if !wanted {
        return Ok(());
    }
    let Some(user) = users::find(state.db.read(), owner.as_str()).await? else {
        return Ok(());
    };
    if state.login.still_holds(&user, true).await? {
        return Ok(());
    }
    let own = caller.owner.user().is_some_and(|own| own.id == user.id);
    let own_browser = own && matches!(caller.credential, Credential::Cookie { .. });
    if own_browser || settings.auth_refresh_strict {
        let text = format!("auth has expired for {owner}, login again");
        return Err(ApiError::new(StatusCode::FORBIDDEN, text));
    }
    Ok(())
}

/// Keeps the rules as they are while a token is made for somebody: one that was asked for while they were being blocked must
/// not outlive that. `None` for services. Not for who holds a [`Settled`] already.
///
/// # Errors
/// 403 when they are blocked, 503 when that cannot be said now.
pub async fn settled(state: &AppState, holder: &Authority) -> Result<Option<Settled>, ApiError> {
    let Some(user) = holder.user() else {
        return Ok(None);
    };
    match state.login.settle(&user.name).await {
        Ok(settled) => Ok(Some(settled)),
        Err(LoginError::Refused(_) | LoginError::Throttled(_)) => {
            let text = format!("{} is blocked: no token is made for them.", user.name);
            Err(ApiError::new(StatusCode::FORBIDDEN, text))
        }
        Err(LoginError::Unavailable(error)) => {
            tracing::error!("no token for {}: {error}", user.name);
            Err(ApiError::not_ready("Nobody can say who that is now."))
        }
        Err(LoginError::Db(error)) => Err(error.into()),
    }
}
