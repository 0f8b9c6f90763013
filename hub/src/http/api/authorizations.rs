//! The look-ups of JupyterHub 0.7 and 0.8: who does this token or cookie belong to? For services of that time; today's
//! ask `GET /hub/api/user` with the visitor's own token.
//!
//! The caller must come with a token of its own. What is asked about is in the path, which the log never shows.

pub(super) mod cookie;
pub(super) mod token;

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::services::stored_service_model;
use super::users::{find, user_models};
use crate::domain::authority::identify;
use crate::domain::principal::{Owner, Principal};
use crate::http::error::ApiError;
use crate::http::extract::token_caller;
use crate::state::AppState;

/// Who asks: cookies do not count here.
async fn caller(state: &AppState, headers: &HeaderMap) -> Result<Principal, ApiError> {
    token_caller(state, headers)
        .await?
        .ok_or_else(|| ApiError::silent(StatusCode::FORBIDDEN))
}

/// The model of whoever was found: what the caller may read, and always who it is. (The clients of old that this is for
/// take a model without a name for nobody.)
async fn found(state: &AppState, caller: &Principal, found: &Principal) -> Result<Value, ApiError> {
    let caller = &caller.lent(identify(&found.owner));
    let mut model = match &found.owner {
        Owner::User(user) => {
            let user = find(state, &user.name).await?;
            let seen = user_models(state, caller, &[user], false).await?.pop();
            serde_json::to_value(seen.unwrap_or_default()).map_err(ApiError::internal)?
        }
        Owner::Service { id, name, admin } => {
            stored_service_model(state, caller, *id, name, *admin).await?
        }
    };
    model["kind"] = json!(found.owner.kind());
    model["name"] = json!(found.owner.name());
    model["admin"] = json!(found.owner.admin());
    if found.owner.user().is_some() {
        model["groups"] = json!(found.owner_groups());
    }
    Ok(model)
}
