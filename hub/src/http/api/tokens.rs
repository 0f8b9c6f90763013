//! A user's API tokens.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;

use hub_types::names::Username;
use hub_types::token::TokenModel;

use super::body::shown;
use crate::db::{oauth, servers, tokens, users};
use crate::domain::authority::{Authority, wants_server};
use crate::domain::token::{ApiToken, TokenId, TokenOwner};
use crate::http::error::ApiError;
use crate::http::view;
use crate::state::AppState;

/// The user called `name` with what they may do.
async fn holder(state: &AppState, name: &Username) -> Result<Authority, ApiError> {
    let no_such_user = || ApiError::not_found(format!("No such user: {}", shown(name.as_str())));
    let user = users::find(state.db.read(), name.as_str())
        .await?
        .ok_or_else(no_such_user)?;
    let found = state.identities.of_owner(TokenOwner::User(user.id)).await?;
    found.ok_or_else(no_such_user)
}

/// The token that `id` names, if it is the user's.
async fn find(state: &AppState, holder: &Authority, id: &str) -> Result<ApiToken, ApiError> {
    let now = state.clock.now();
    let token = match TokenId::parse(id) {
        Some(id) => tokens::get(state.db.read(), id).await?,
        None => None,
    };
    token
        .filter(|token| token.owner == holder.id() && token.valid_at(now))
        .ok_or_else(|| {
            let (id, name) = (shown(id), holder.owner.name());
            ApiError::not_found(format!("No such token {id} for user {name}"))
        })
}

/// The model of a token: its scopes are what it may really do.
async fn model(
    state: &AppState,
    holder: &Authority,
    token: &ApiToken,
) -> Result<TokenModel, ApiError> {
    let server = match token.server_id.filter(|_| wants_server(token)) {
        Some(id) => servers::get(state.db.read(), id).await?,
        None => None,
    };
    let scopes = holder.token(&token.scopes, server.as_ref().map(|server| &server.at));
    let client = match &token.client_id {
        Some(id) => {
            let client = oauth::find_client(state.db.read(), id).await?;
            Some(
                client
                    .map(|client| client.description)
                    .filter(|text| !text.is_empty())
                    .unwrap_or_else(|| id.clone()),
            )
        }
        None => None,
    };
    let mut model = view::token(token, &holder.owner, scopes.to_strings(), client.as_deref());
    model.last_activity = state.identities.last_use(token.id, token.last_activity);
    Ok(model)
}
