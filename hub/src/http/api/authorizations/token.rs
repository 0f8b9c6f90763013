//! `GET /authorizations/token/:token`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use hub_types::secret::Token;
use serde_json::Value;

use super::{caller, found};
use crate::http::error::ApiError;
use crate::state::AppState;

pub(in crate::http::api) async fn token(
    State(state): State<AppState>,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let caller = caller(&state, &headers).await?;
    let owner = match Token::parse(&token) {
        Some(token) => state.identities.by_token(&token).await?,
        None => None,
    };
    let owner = owner.ok_or_else(|| ApiError::silent(StatusCode::NOT_FOUND))?;
    Ok(Json(found(&state, &caller, &owner).await?))
}

/// `GET /authorizations/token`, without a token to look up.
pub(in crate::http::api) async fn nameless(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<(), ApiError> {
    caller(&state, &headers).await?;
    Err(ApiError::silent(StatusCode::METHOD_NOT_ALLOWED))
}

/// `POST /authorizations/token`: how tokens were made before JupyterHub 2.
pub(in crate::http::api) async fn gone() -> ApiError {
    ApiError::not_found(
        "POST /hub/api/authorizations/token was removed in JupyterHub 2.0. Use POST /hub/api/users/:user/tokens instead.",
    )
}
