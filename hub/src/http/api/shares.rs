//! With whom servers are shared: the owner's side. (The recipient's is [`shared`](super::shared), invitations are
//! [`share_codes`](super::share_codes).)

pub(in crate::http) mod grant;
pub(super) mod list;
pub(in crate::http) mod revoke;

use axum::http::StatusCode;
use hub_types::names::Username;
use hub_types::scope::Scope;
use hub_types::share::ShareModel;
use serde_json::{Map, Value};

use super::body::{object, python, quoted, shown};
use crate::db::{NewServer, Tx, servers, users};
use crate::domain::action::ShareAllServers;
use crate::domain::server::{Server, ServerRef};
use crate::domain::share::{MAX_SCOPES, Share};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, UserPath};
use crate::http::view;
use crate::state::AppState;

/// `POST`, `PATCH`, `DELETE /shares/:owner` and `/share-codes/:owner`: only a single server can be shared, 405.
pub(in crate::http::api) async fn server_required(
    Auth(caller): Auth,
    UserPath(owner): UserPath,
) -> Result<StatusCode, ApiError> {
    caller.require::<ShareAllServers>(owner.as_str().to_owned())?;
    Err(ApiError::silent(StatusCode::METHOD_NOT_ALLOWED))
}

/// A share on the wire.
pub(super) fn model(state: &AppState, share: &Share) -> ShareModel {
    view::share::share(&state.addresses, share)
}

fn no_such_server(at: &ServerRef) -> ApiError {
    let name = shown(&at.to_string());
    ApiError::not_found(format!("No such server: {name}"))
}

/// The server `at`. Every user has a default server; `None` while it has never been started or shared.
pub(super) async fn find_server(
    state: &AppState,
    at: &ServerRef,
) -> Result<Option<Server>, ApiError> {
    let db = state.db.read();
    match servers::find(db, at).await? {
        Some(server) => Ok(Some(server)),
        None if at.name.is_default() && users::find(db, at.user.as_str()).await?.is_some() => {
            Ok(None)
        }
        None => Err(no_such_server(at)),
    }
}

/// The same with a row, to which a share can belong.
pub(super) async fn server_row(tx: &Tx, at: &ServerRef) -> Result<Server, ApiError> {
    if let Some(server) = servers::find(&**tx, at).await? {
        return Ok(server);
    }
    let owner = users::find(&**tx, at.user.as_str()).await?;
    let owner = owner
        .filter(|_| at.name.is_default())
        .ok_or_else(|| no_such_server(at))?;
    let id = servers::insert(tx, owner.id, &at.name, &NewServer::default()).await?;
    let server = servers::get(&**tx, id).await?;
    server.ok_or_else(|| ApiError::internal("a server vanished while it was made"))
}

/// Whom a request names.
#[derive(Debug, PartialEq)]
pub(in crate::http) enum With {
    /// A user.
    User(Username),
    /// A group.
    Group(String),
}

/// What a body says of a share.
#[derive(Debug, PartialEq)]
struct ShareBody {
    with: With,
    scopes: Vec<Scope>,
}

impl ShareBody {
    fn read(body: Option<Value>) -> Result<Self, ApiError> {
        let fields = fields(body, &["user", "group", "scopes"])?;
        let name = |key: &str| match fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(name)) if !name.is_empty() => Ok(Some(name.clone())),
            Some(other) => Err(ApiError::bad_request(format!(
                "{key} must be a name, not {}",
                python(other)
            ))),
        };
        let with = match (name("user")?, name("group")?) {
            (Some(user), None) => With::User(Username::stored(user)),
            (None, Some(group)) => With::Group(group),
            (Some(_), Some(_)) => {
                let text = "Expected exactly one of `user` or `group`, not both.";
                return Err(ApiError::bad_request(text));
            }
            (None, None) => {
                let text = "Specify exactly one of `user` or `group`";
                return Err(ApiError::bad_request(text));
            }
        };
        Ok(Self {
            with,
            scopes: scopes(&fields)?,
        })
    }
}

/// The fields of a body, of which only these are known.
pub(super) fn fields(body: Option<Value>, known: &[&str]) -> Result<Map<String, Value>, ApiError> {
    let fields = object(body, "Body must be a JSON object")?.unwrap_or_default();
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(ApiError::bad_request(format!(
            "Extra inputs are not permitted: {}; known are {}",
            quoted(key),
            known.join(", ")
        ))),
        None => Ok(fields),
    }
}

/// The field `scopes`; absent, null and empty are the same.
pub(super) fn scopes(fields: &Map<String, Value>) -> Result<Vec<Scope>, ApiError> {
    let not_a_list = |value: &Value| {
        ApiError::bad_request(format!(
            "scopes must be a list of strings or null, not {}",
            python(value)
        ))
    };
    let items = match fields.get("scopes") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(not_a_list(other)),
    };
    if items.len() > MAX_SCOPES {
        let text = format!("scopes must be at most {MAX_SCOPES}");
        return Err(ApiError::bad_request(text));
    }
    let parse = |item: &Value| {
        let text = item.as_str().ok_or_else(|| not_a_list(item))?;
        text.parse::<Scope>().map_err(|_| {
            let text = format!("Scope {} for share does not exist", quoted(text));
            ApiError::bad_request(text)
        })
    };
    items.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies() {
        let user = |scopes: &[&str]| ShareBody {
            with: With::User(Username::stored("bob")),
            scopes: scopes.iter().map(|text| text.parse().unwrap()).collect(),
        };
        for (body, expected) in [
            (json!({"user": "bob"}), user(&[])),
            (
                json!({"user": "bob", "group": null, "scopes": null}),
                user(&[]),
            ),
            (json!({"user": "bob", "scopes": []}), user(&[])),
            (
                json!({"user": "bob", "scopes": ["servers", "read:servers!server=alice/"]}),
                user(&["servers", "read:servers!server=alice/"]),
            ),
            (
                json!({"group": "lab"}),
                ShareBody {
                    with: With::Group("lab".to_owned()),
                    scopes: Vec::new(),
                },
            ),
        ] {
            assert_eq!(
                ShareBody::read(Some(body.clone())).unwrap(),
                expected,
                "{body}"
            );
        }
    }

    #[test]
    fn bad_bodies() {
        let one_of = "Specify exactly one of `user` or `group`";
        for (body, message) in [
            (json!(null), one_of),
            (json!({}), one_of),
            (json!({"user": null}), one_of),
            (
                json!({"user": "a", "group": "b"}),
                "Expected exactly one of `user` or `group`, not both.",
            ),
            (json!({"user": ""}), "user must be a name, not ''"),
            (json!({"group": ["x"]}), "group must be a name, not ['x']"),
            (
                json!({"user": "a", "expires_in": 60}),
                "Extra inputs are not permitted: 'expires_in'; known are user, group, scopes",
            ),
            (json!(["user"]), "Body must be a JSON object"),
            (json!("user"), "Body must be a JSON object"),
            (
                json!({"user": "a", "scopes": "servers"}),
                "scopes must be a list of strings or null, not 'servers'",
            ),
            (
                json!({"user": "a", "scopes": [1]}),
                "scopes must be a list of strings or null, not 1",
            ),
            (
                json!({"user": "a", "scopes": ["nope"]}),
                "Scope 'nope' for share does not exist",
            ),
            (
                json!({"user": "a", "scopes": ["servers!planet=mars"]}),
                "Scope 'servers!planet=mars' for share does not exist",
            ),
            (
                json!({"user": "a", "scopes": vec!["servers"; 257]}),
                "scopes must be at most 256",
            ),
        ] {
            let error = ShareBody::read(Some(body.clone())).unwrap_err();
            assert_eq!(error.message(), Some(message), "{body}");
        }
    }
}
