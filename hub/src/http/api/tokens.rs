//! A user's API tokens.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;

use hub_types::names::Username;
use hub_types::scope::{Filter, FilterKind};
use hub_types::token::TokenModel;

use super::body::shown;
use crate::db::{oauth, servers, tokens, users};
use crate::domain::principal::Owner;
use crate::domain::role::{Bearer, expand_token};
use crate::domain::token::{ApiToken, TokenId, TokenOwner};
use crate::domain::user::{Groups, User};
use crate::http::error::ApiError;
use crate::http::view;
use crate::state::AppState;
use hub_types::scope::ScopeSet;
use std::sync::Arc;

/// Whose tokens are looked at, and what the owner may do.
struct Holder {
    user: User,
    owner: Owner,
    held: ScopeSet,
    groups: Arc<Groups>,
}

/// The user called `name` with what they may do.
async fn holder(state: &AppState, name: &Username) -> Result<Holder, ApiError> {
    let no_such_user = || ApiError::not_found(format!("No such user: {}", shown(name.as_str())));
    let user = users::find(state.db.read(), name.as_str())
        .await?
        .ok_or_else(no_such_user)?;
    let found = state.identities.of_owner(TokenOwner::User(user.id)).await?;
    let (owner, held, groups) = found.ok_or_else(no_such_user)?;
    Ok(Holder {
        user,
        owner,
        held,
        groups,
    })
}

/// The token that `id` names, if it is the user's.
async fn find(state: &AppState, holder: &Holder, id: &str) -> Result<ApiToken, ApiError> {
    let now = state.clock.now();
    let token = match TokenId::parse(id) {
        Some(id) => tokens::get(state.db.read(), id).await?,
        None => None,
    };
    token
        .filter(|token| token.owner == TokenOwner::User(holder.user.id) && token.valid_at(now))
        .ok_or_else(|| {
            let id = shown(id);
            ApiError::not_found(format!(
                "No such token {} for user {}",
                id, holder.user.name
            ))
        })
}

/// The model of a token: its scopes are what it may really do.
async fn model(
    state: &AppState,
    holder: &Holder,
    token: &ApiToken,
) -> Result<TokenModel, ApiError> {
    let of_server = token
        .scopes
        .iter()
        .any(|scope| matches!(scope.filter, Filter::Own(FilterKind::Server)));
    let server = match token.server_id.filter(|_| of_server) {
        Some(id) => servers::get(state.db.read(), id).await?,
        None => None,
    };
    let server = server
        .as_ref()
        .map(|server| (server.at.user.as_str(), server.at.name.as_str()));
    let bearer = Bearer {
        user: Some(holder.user.name.as_str()),
        service: None,
        server,
    };
    let scopes =
        expand_token(&token.scopes, bearer, &holder.held).intersect(&holder.held, &*holder.groups);
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
    Ok(view::token(
        token,
        &holder.owner,
        scopes.to_strings(),
        client.as_deref(),
    ))
}
