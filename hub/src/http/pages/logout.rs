//! Logging out: the session ends for the hub, its servers and its services.

use std::time::Instant;

use axum::http::StatusCode;
use axum::response::Response;

use super::context::{PageUser, Visitor, add_cookie, found};
use super::error_page::PageError;
use super::form::{Form, RawForm};
use crate::db::servers;
use crate::domain::action::StopServer;
use crate::domain::lifecycle::ServerState;
use crate::domain::principal::Granted;
use crate::render::pages::LogoutPage;
use crate::spawner::manager::StopRequest;

/// `GET /hub/logout`. Whoever is not logged in is just sent to the login page.
///
/// A link on another site can end a session, but nobody else's, and nothing more (security case 40).
pub(super) async fn logout(visitor: Visitor) -> Result<Response, PageError> {
    let begin = Instant::now();
    let done = end(&visitor).await;
    visitor.state.metrics.logout(begin.elapsed());
    done
}

async fn end(visitor: &Visitor) -> Result<Response, PageError> {
    let (Some(principal), Some(session)) = (&visitor.principal, visitor.session_id()) else {
        return Ok(found(&visitor.base().hub_path("login")));
    };
    visitor.state.login.end(session).await?;
    tracing::info!("User logged out: {}", principal.owner.name());
    gone(visitor).await
}

/// `POST /hub/logout`: ends all sessions of the visitor, in every browser.
pub(super) async fn everywhere(user: PageUser, form: RawForm) -> Result<Response, PageError> {
    if form.check(&user)? == Form::Stale {
        return super::token::stale(&user).await;
    }
    let Some(own) = user.principal.owner.user() else {
        return Err(PageError::forbidden("Services have no sessions."));
    };
    user.state.login.end_all(own.id).await?;
    tracing::info!("User logged out everywhere: {}", own.name);
    gone(&user.visitor).await
}

/// The way out, once the session has ended: cookies are cleared, servers stopped if the configuration says so.
async fn gone(visitor: &Visitor) -> Result<Response, PageError> {
    let elsewhere = visitor.state.authenticator.logout_redirect_url();
    let servers_stop = visitor.state.config.jupyterhub.shutdown_on_logout;
    let mut response = if let Some(url) = elsewhere {
        found(&url)
    } else if visitor.state.config.authenticator.auto_login {
        // The login page would log them in again at once.
        let stranger = visitor.stranger();
        let page = LogoutPage {
            chrome: stranger.chrome(),
            servers_stop,
        };
        stranger.page(StatusCode::OK, &page)?
    } else {
        found(&visitor.base().hub_path("login"))
    };
    for cookie in visitor
        .cookie_style()
        .cleared(&visitor.state.managed.with_cookies())
    {
        add_cookie(response.headers_mut(), &cookie.to_string());
    }
    if servers_stop {
        stop_all(visitor).await?;
    }
    Ok(response)
}

/// Begins to stop every server of the visitor, without waiting.
async fn stop_all(visitor: &Visitor) -> Result<(), PageError> {
    let Some(user) = visitor
        .principal
        .as_ref()
        .and_then(|principal| principal.owner.user())
    else {
        return Ok(());
    };
    for server in servers::of_users(visitor.state.db.read(), &[user.id]).await? {
        if matches!(server.state, ServerState::Ready | ServerState::Spawning) {
            let granted = Granted::<StopServer>::by_hub(server.at.clone(), "shutdown_on_logout");
            if let Err(error) = visitor
                .state
                .manager
                .stop(granted, StopRequest::default(), std::time::Duration::ZERO)
                .await
            {
                tracing::warn!("cannot stop {} at logout: {error}", server.at);
            }
        }
    }
    Ok(())
}
