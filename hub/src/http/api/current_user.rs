//! `GET /hub/api/user`: who is this? The call with which every server and service checks a token.

use axum::extract::{FromRequestParts, OriginalUri, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hub_types::scope::{ScopeName, Target};
use serde::Serialize;
use serde_json::{Value, json};

use super::services::stored_service_model;
use super::users::{include_stopped, user_model};
use crate::domain::principal::{Credential, Owner, Principal};
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::MaybeAuth;
use crate::http::view::View;
use crate::state::AppState;

pub(super) async fn current_user(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response, ApiError> {
    let (answers, stopped) = (state.identities.answers(), include_stopped(&uri));
    let moment = answers.moment();
    let (mut parts, _) = request.into_parts();
    let MaybeAuth(caller) = MaybeAuth::from_request_parts(&mut parts, &state).await?;
    // A message of null, as JupyterHub's: clients tell this 403 from others by the status alone.
    let caller = caller.ok_or_else(|| ApiError::silent(StatusCode::FORBIDDEN))?;
    if let Some(body) = answers.get(&caller.credential, stopped, moment).await {
        return Ok(json(body));
    }
    let looking = caller.with_identify_scopes();
    let model = match &caller.owner {
        Owner::User(user) => match own_model(&state, &looking, user, stopped).await {
            Ok(model) => to_value(model)?,
            Err(error) if error.status() != StatusCode::SERVICE_UNAVAILABLE => return Err(error),
            Err(error) => {
                let last = answers.last(&caller.credential, stopped, moment).await;
                return last.map(json).ok_or(error);
            }
        },
        Owner::Service { id, name, admin } => {
            stored_service_model(&state, &looking, *id, name, *admin).await?
        }
    };
    let model = with_credential(model, &caller);
    let body = Bytes::from(serde_json::to_vec(&model).map_err(ApiError::internal)?);
    // How a service does is not in the database: nothing would tell that it changed.
    if caller.owner.user().is_some() {
        let kept = body.clone();
        answers
            .keep(&caller.credential, stopped, moment, kept)
            .await;
    }
    Ok(json(body))
}

fn json(body: Bytes) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

/// The model of the caller. When only the identity may be seen, what the credential's look-up brought suffices: no
/// database work for the common case of a service that checks a token again.
async fn own_model(
    state: &AppState,
    looking: &Principal,
    user: &User,
    include_stopped: bool,
) -> Result<impl Serialize + use<>, ApiError> {
    let more = [
        ScopeName::ReadUsers,
        ScopeName::ReadUsersActivity,
        ScopeName::ReadRolesUsers,
        ScopeName::ReadServers,
    ];
    if more
        .iter()
        .any(|scope| looking.scopes().reach(scope).is_some())
    {
        return user_model(state, looking, &user.name, include_stopped).await;
    }
    let view = View {
        caller: looking,
        addresses: &state.addresses,
        include_stopped,
        spawner: &*state.manager.spawner,
    };
    debug_assert!(looking.may(&ScopeName::ReadUsersName, Target::User(user.name.as_str())));
    view.user(user, &[], &[])
        .ok_or_else(|| ApiError::internal("the caller may not see their own name"))
}

fn to_value(model: impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(model).map_err(ApiError::internal)
}

/// Adds what the credential may do. Only what it really may: the identify scopes were lent for the look.
fn with_credential(mut model: Value, caller: &Principal) -> Value {
    let (token, session) = match &caller.credential {
        Credential::Cookie { .. } => (None, None),
        Credential::Token { id, session_id, .. } => (Some(id.to_string()), session_id.clone()),
    };
    model["scopes"] = json!(caller.scopes().to_strings());
    model["token_id"] = json!(token);
    model["session_id"] = json!(session);
    model
}
