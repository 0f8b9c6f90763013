//! `GET /users/:name/tokens`: those that have not expired, in the order of their last use.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{holder, model};
use crate::db::tokens;
use crate::domain::action::ReadTokens;
use crate::domain::token::ApiToken;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, UserPath};
use crate::state::AppState;

pub(in crate::http::api) async fn list(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
) -> Result<Json<Value>, ApiError> {
    caller.require::<ReadTokens>(name.as_str().to_owned())?;
    let holder = holder(&state, &name).await?;
    let mut tokens = tokens::of_owner(state.db.read(), holder.id(), state.clock.now()).await?;
    let last_use = |token: &ApiToken| state.identities.last_use(token.id, token.last_activity);
    tokens.sort_by_key(|token| (last_use(token).unwrap_or(token.created), token.id));
    let mut models = Vec::with_capacity(tokens.len());
    for token in &tokens {
        models.push(model(&state, &holder, token).await?);
    }
    Ok(Json(json!({ "api_tokens": models })))
}
