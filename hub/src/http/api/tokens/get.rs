//! `GET /users/:name/tokens/:id`.

use axum::Json;
use axum::extract::State;
use hub_types::token::TokenModel;

use super::{find, holder, model};
use crate::domain::action::ReadTokens;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, TokenPath, UserPath};
use crate::state::AppState;

pub(in crate::http::api) async fn get(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
    TokenPath(id): TokenPath,
) -> Result<Json<TokenModel>, ApiError> {
    caller.require::<ReadTokens>(name.as_str().to_owned())?;
    let holder = holder(&state, &name).await?;
    let token = find(&state, &holder, &id).await?;
    Ok(Json(model(&state, &holder, &token).await?))
}
