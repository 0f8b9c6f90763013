//! `POST /bulk/users`: one thing for many users in one request. Ours: JupyterHub wants a request for each.
//!
//! Every item is what its own request would be: same permissions, same conditions, same answer. One that fails holds up no
//! other.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use hub_types::names::{ServerName, Username};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{PartialSchema as _, ToSchema};

use super::{groups, servers, users};
use crate::domain::principal::Principal;
use crate::domain::server::ServerRef;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, IfInactiveSince, JsonBody, ServerPath, UserPath};
use crate::http::openapi::schemas::Models;
use crate::state::AppState;

/// Most users in one request.
const MAX_USERS: usize = 1_000;
/// How many are worked on at the same time: starts and stops wait for processes.
const AT_ONCE: usize = 16;

/// What to do.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    /// `POST /users/:user`.
    Create,
    /// `DELETE /users/:user`.
    Delete,
    /// `POST /users/:user/server`.
    Start,
    /// `DELETE /users/:user/server`.
    Stop,
    /// `POST /groups/:group/users`.
    AddToGroup,
    /// `DELETE /groups/:group/users`.
    RemoveFromGroup,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    #[schema(inline)]
    action: Action,
    /// Names of users.
    #[schema(max_items = 1_000)]
    users: Vec<String>,
    /// For the two actions with groups.
    group: Option<String>,
}

/// What became of one user.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = BulkItem)]
pub(super) struct Item {
    /// The name, as it was given.
    user: String,
    /// The status that its own request would have got.
    status: u16,
    /// Why not, when it is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// What became of all users, in the order of the request.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = BulkResults)]
pub(super) struct Results {
    /// One for each user.
    results: Vec<Item>,
}

/// The schema of the body.
pub(super) fn request_schema() -> Value {
    serde_json::to_value(Request::schema()).unwrap_or_default()
}

/// Adds what is only used here.
pub(super) fn add_models(all: &mut Models) {
    all.add(&Item::default(), &[]);
    all.add(&Results::default(), &[]);
}

pub(super) async fn users(
    State(state): State<AppState>,
    Auth(caller): Auth,
    body: JsonBody,
) -> Result<Json<Results>, ApiError> {
    let body = body.read()?;
    let body = body.ok_or_else(|| ApiError::bad_request("need JSON body"))?;
    let request: Request =
        serde_json::from_value(body).map_err(|error| ApiError::bad_request(error.to_string()))?;
    if request.users.len() > MAX_USERS {
        let text = format!("At most {MAX_USERS} users in one request");
        return Err(ApiError::bad_request(text));
    }
    let group = match request.action {
        Action::AddToGroup | Action::RemoveFromGroup => request
            .group
            .ok_or_else(|| ApiError::bad_request("Must specify the group"))?,
        _ => String::new(),
    };
    let items = request.users.into_iter().map(|user| {
        let (state, caller, group) = (state.clone(), caller.clone(), group.clone());
        async move {
            let done = one(state, caller, request.action, &user, group).await;
            let (status, message) = match done {
                Ok(status) => (status.as_u16(), None),
                Err(error) => (
                    error.status().as_u16(),
                    error.message().map(ToOwned::to_owned),
                ),
            };
            Item {
                user,
                status,
                message,
            }
        }
    });
    let results = futures_util::stream::iter(items)
        .buffered(AT_ONCE)
        .collect()
        .await;
    Ok(Json(Results { results }))
}

/// One user, by the handler of the single request.
async fn one(
    state: AppState,
    caller: Principal,
    action: Action,
    user: &str,
    group: String,
) -> Result<StatusCode, ApiError> {
    let name = Username::stored(user);
    let (state, auth) = (State(state), Auth(caller));
    let server = ServerPath(ServerRef::new(name.clone(), ServerName::default_server()));
    let members = || JsonBody::of(Some(json!({ "users": [user] })));
    let status = |response: Response| response.status();
    Ok(match action {
        Action::Create => {
            let nothing = JsonBody::of(None);
            let made = users::create::create_one(state, auth, UserPath(name), nothing).await?;
            status(made.into_response())
        }
        Action::Delete => {
            let always = IfInactiveSince(None);
            users::delete::delete(state, auth, UserPath(name), always).await?
        }
        Action::Start => {
            status(servers::start::start(state, auth, server, JsonBody::of(None)).await?)
        }
        Action::Stop => {
            let always = IfInactiveSince(None);
            status(servers::stop::stop(state, auth, server, always, JsonBody::of(None)).await?)
        }
        Action::AddToGroup => {
            let done = groups::members::add(state, auth, Path(group), members()).await?;
            status(done.into_response())
        }
        Action::RemoveFromGroup => {
            let done = groups::members::remove(state, auth, Path(group), members()).await?;
            status(done.into_response())
        }
    })
}
