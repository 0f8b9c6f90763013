//! `POST /share-codes/:owner/:server`: makes a share code.

use axum::Json;
use axum::extract::State;
use hub_types::scope::Scope;
use hub_types::secret::{Token, random_urlsafe};
use hub_types::share::{ShareCodeModel, ShareCodeSecret};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::super::body::python;
use super::super::shares::grant::shareable;
use super::super::shares::{fields, find_server, scopes, server_row};
use crate::db::{NewShareCode, share_codes};
use crate::domain::action::ShareServer;
use crate::domain::principal::{Granted, Owner, Principal};
use crate::domain::share::{MAX_SHARE_CODES, ShareCode, Shareable, SharedScopes, code_expiry};
use crate::domain::token::TokenOwner;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody, ServerPath};
use crate::http::view;
use crate::state::AppState;

pub(in crate::http::api) async fn create(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    body: JsonBody,
) -> Result<Json<ShareCodeModel>, ApiError> {
    let granted = caller.require::<ShareServer>(at)?;
    let fields = fields(body.read()?, &["scopes", "expires_in"])?;
    let asked = scopes(&fields)?;
    let life = expires_in(&fields)?;
    let (made, code) = make(&state, &caller, granted, &asked, life).await?;
    Ok(Json(model(&state, &made, &code)))
}

/// Makes an invitation that lasts so many seconds (a day when nobody says); no scopes means to enter the server.
pub(in crate::http) async fn make(
    state: &AppState,
    caller: &Principal,
    granted: Granted<ShareServer>,
    scopes: &[Scope],
    expires_in: Option<i64>,
) -> Result<(ShareCode, Token), ApiError> {
    let at = granted.subject();
    let expires = code_expiry(expires_in, state.clock.now())
        .map_err(|error| ApiError::bad_request(error.to_string()))?;
    let scopes = SharedScopes::asked(scopes, at)
        .map_err(|error| ApiError::bad_request(error.to_string()))?;
    let what = shareable(caller, &granted, scopes)?;
    find_server(state, at).await?;
    let code = Token::from_config(random_urlsafe::<32>());
    let made = store(state, granted, caller, &code, &what, expires).await?;
    tracing::info!(
        audit = true,
        "{} makes share code {} for server {}: {}",
        caller.owner.name(),
        made.id,
        made.server.at,
        made.scopes.texts(&made.server.at).join(" ")
    );
    Ok((made, code))
}

/// The field `expires_in`: a whole number, as `3600.0` too, or the digits of one.
fn expires_in(fields: &Map<String, Value>) -> Result<Option<i64>, ApiError> {
    let Some(value) = fields.get("expires_in") else {
        return Ok(None);
    };
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.map(Some).ok_or_else(|| {
        let text = format!(
            "expires_in must be a number of seconds, not {}",
            python(value)
        );
        ApiError::bad_request(text)
    })
}

/// A number without a fraction, of those that are exact.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = number.fract() == 0.0 && number.abs() <= EXACT;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be whole and small"
    )]
    whole.then_some(number as i64)
}

async fn store(
    state: &AppState,
    granted: Granted<ShareServer>,
    caller: &Principal,
    code: &Token,
    what: &Shareable,
    expires: chrono::DateTime<chrono::Utc>,
) -> Result<ShareCode, ApiError> {
    let maker = match &caller.owner {
        Owner::User(user) => TokenOwner::User(user.id),
        Owner::Service { id, .. } => TokenOwner::Service(*id),
    };
    let tx = state.db.write().await?;
    let server = server_row(&tx, granted.subject()).await?;
    let now = state.clock.now();
    if share_codes::count(&*tx, server.id, now).await? >= MAX_SHARE_CODES {
        return Err(ApiError::bad_request(format!(
            "The server has {MAX_SHARE_CODES} share codes already; take some back, or wait until they end"
        )));
    }
    let new = NewShareCode {
        hash: code.hash(),
        server: server.id,
        maker,
        expires,
    };
    let made = share_codes::insert(&tx, &new, what, now).await?;
    tx.commit().await?;
    Ok(made)
}

/// The path of the page that accepts an invitation.
pub(in crate::http) fn accept_path(state: &AppState, code: &Token) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("code", code.expose())
        .finish();
    format!("{}?{query}", state.addresses.base.hub_path("accept-share"))
}

fn model(state: &AppState, made: &ShareCode, code: &Token) -> ShareCodeModel {
    let addresses = &state.addresses;
    let accept_url = accept_path(state, code);
    let secret = ShareCodeSecret {
        code: code.expose().to_owned(),
        full_accept_url: addresses.full_url(&accept_url),
        accept_url,
    };
    ShareCodeModel {
        secret: Some(secret),
        ..view::share::share_code(addresses, made)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lives() {
        let read = |value: Value| expires_in(json!({"expires_in": value}).as_object().unwrap());
        assert_eq!(expires_in(&Map::new()).unwrap(), None);
        assert_eq!(read(json!(60)).unwrap(), Some(60));
        assert_eq!(read(json!("3600")).unwrap(), Some(3600));
        assert_eq!(read(json!(3600.0)).unwrap(), Some(3600));
        assert_eq!(read(json!(-1)).unwrap(), Some(-1));
        for bad in [
            json!(null),
            json!(true),
            json!(60.5),
            json!(1e30),
            json!("notanumber"),
            json!([60]),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
