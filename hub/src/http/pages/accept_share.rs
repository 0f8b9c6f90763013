//! `/hub/accept-share?code=…`: an invitation to somebody's server. Source: wire contract 6; security cases 21, 23, 52, 55.
//!
//! A code is worth what its maker may still give: one that was made by somebody who has lost the permission since, or
//! who was a guest of that server and is none any more, is as good as expired.

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::secret::Token;

use super::context::{PageUser, found};
use super::error_page::PageError;
use super::form::{Form, RawForm, STALE};
use crate::bus::Event;
use crate::db::{share_codes, shares};
use crate::domain::lifecycle::ServerState;
use crate::domain::share::{Recipient, Share, ShareCode, Shareable};
use crate::domain::user::User;
use crate::render::pages::{AcceptSharePage, Called, ScopeDescription};

/// The longest code that an error shows, in characters: one of ours has 43.
const SHOWN: usize = 64;

/// A code that works, with the evidence that it does.
struct Invitation {
    code: ShareCode,
    what: Shareable,
}

fn visitor(user: &PageUser) -> Result<&User, PageError> {
    let owner = user.principal.owner.user();
    owner.ok_or_else(|| PageError::forbidden("Nothing can be shared with services."))
}

fn no_code() -> PageError {
    PageError::new(StatusCode::BAD_REQUEST, "Missing argument code")
        .with_hint("Open the whole link that you were sent.")
}

/// What a code stands for. One look-up by hash, whatever was shown; what is too long is not even hashed.
async fn invitation(user: &PageUser, code: &str) -> Result<Option<Invitation>, PageError> {
    let (state, now) = (&user.state, user.state.clock.now());
    let Some(code) = Token::parse(code) else {
        return Ok(None);
    };
    let Some(code) = share_codes::find(state.db.read(), code.hash(), now).await? else {
        return Ok(None);
    };
    let Some(maker) = state.identities.of_owner(code.maker).await? else {
        return Ok(None);
    };
    let scopes = code.scopes.clone();
    match scopes.granted_by(&maker.held, &*maker.groups, &code.server.at) {
        Ok(what) => Ok(Some(Invitation { code, what })),
        Err(error) => {
            tracing::warn!("share code {} no longer works: {error}", code.id);
            Ok(None)
        }
    }
}

/// Where to go afterwards: `next` of this host, else the server.
fn destination(user: &PageUser, next: Option<&str>, code: &ShareCode) -> String {
    let at = &code.server.at;
    let query = user.argument("next");
    let next = user.next(next.or(query.as_deref()));
    next.unwrap_or_else(|| user.state.addresses.server_url(at))
}

/// `GET`: who shares what.
pub(super) async fn ask(user: PageUser) -> Result<Response, PageError> {
    let code = user.argument("code").ok_or_else(no_code)?;
    show(&user, code, StatusCode::OK, None).await
}

async fn show(
    user: &PageUser,
    code: String,
    status: StatusCode,
    error: Option<&str>,
) -> Result<Response, PageError> {
    let not_found = || {
        PageError::new(StatusCode::NOT_FOUND, "Share not found or expired")
            .with_hint("Ask whoever sent you the link for a new one.")
    };
    let invitation = invitation(user, &code).await?.ok_or_else(not_found)?;
    if invitation.code.server.user_id == visitor(user)?.id {
        return Err(PageError::forbidden("You can't share with yourself!"));
    }
    let page = AcceptSharePage {
        error_message: error.map(ToOwned::to_owned),
        ..page(user, code, &invitation)
    };
    user.page(status, &page)
}

fn page(user: &PageUser, code: String, invitation: &Invitation) -> AcceptSharePage {
    let server = &invitation.code.server;
    let describe = |scope: hub_types::scope::Scope| ScopeDescription {
        scope: scope.to_string(),
        description: scope.name.description().to_owned(),
        filter: None,
    };
    let called = |name: &str| Called {
        name: name.to_owned(),
    };
    AcceptSharePage {
        chrome: user.chrome(),
        code,
        owner: called(server.at.user.as_str()),
        spawner: called(server.at.name.as_str()),
        spawner_ready: server.state == ServerState::Ready,
        spawner_url: user.state.addresses.server_url(&server.at),
        scope_descriptions: invitation
            .what
            .scopes()
            .on(&server.at)
            .map(describe)
            .collect(),
        next_url: destination(user, None, &invitation.code),
        error_message: None,
    }
}

/// `POST`: accepted.
pub(super) async fn accept(user: PageUser, form: RawForm) -> Result<Response, PageError> {
    let in_url = user.argument("code");
    let code = form
        .field("code")
        .or(in_url.as_deref())
        .ok_or_else(no_code)?;
    if form.check(&user)? == Form::Stale {
        return show(&user, code.to_owned(), StatusCode::FORBIDDEN, Some(STALE)).await;
    }
    let unknown = || {
        let shown: String = code.chars().take(SHOWN).collect();
        let text = format!("Invalid share code: {shown}");
        PageError::new(StatusCode::BAD_REQUEST, text)
            .with_hint("Ask whoever sent you the link for a new one.")
    };
    let invitation = invitation(&user, code).await?.ok_or_else(unknown)?;
    let own = visitor(&user)?;
    if invitation.code.server.user_id == own.id {
        let text = "You can't share with yourself!";
        return Err(PageError::new(StatusCode::BAD_REQUEST, text));
    }
    exchange(&user, own, &invitation)
        .await?
        .ok_or_else(unknown)?;
    Ok(found(&destination(
        &user,
        form.field("next"),
        &invitation.code,
    )))
}

/// Makes the share and counts the code; `None` when the code was taken back a moment ago.
async fn exchange(
    user: &PageUser,
    own: &User,
    invitation: &Invitation,
) -> Result<Option<Share>, PageError> {
    let (state, now) = (&user.state, user.state.clock.now());
    let (code, with) = (&invitation.code, Recipient::User(own.id));
    let tx = state.db.write().await?;
    if share_codes::get(&*tx, code.id, now).await?.is_none() {
        return Ok(None);
    }
    let share = shares::grant(&tx, code.server.id, with, &invitation.what, now).await?;
    share_codes::count_exchange(&tx, code.id, now).await?;
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    tracing::info!(
        audit = true,
        "{} accepts share code {} for server {}: {}",
        own.name,
        code.id,
        share.server.at,
        share.scopes.texts(&share.server.at).join(" ")
    );
    Ok(Some(share))
}
