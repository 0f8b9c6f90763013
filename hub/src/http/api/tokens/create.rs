//! `POST /users/:name/tokens`: makes a token. The secret is in this answer and nowhere else.
//!
//! The caller comes with a token, a cookie, or (only here) with a name and password in the body.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::names::Username;
use hub_types::scope::{Catalogue, Scope};
use hub_types::secret::Token;
use hub_types::token::TokenModel;
use serde_json::{Map, Value};

use super::super::body::{is_nothing, object, python, quoted, shown};
use super::{holder, model};
use crate::auth::LoginForm;
use crate::auth::issue::{IssueError, Limit, MAX_SCOPES, TokenRequest, issue};
use crate::auth::login::{self, LoginError};
use crate::auth::rules::Settled;
use crate::db::roles;
use crate::domain::action::ManageTokens;
use crate::domain::authority::Authority;
use crate::domain::membership::may_make_admins;
use crate::domain::principal::{Credential, Granted, Principal};
use crate::domain::token::TokenOwner;
use crate::http::client_ip::ClientIp;
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, MaybeAuth, UserPath};
use crate::http::freshness;
use crate::state::AppState;

pub(in crate::http::api) async fn create(
    State(state): State<AppState>,
    MaybeAuth(caller): MaybeAuth,
    ClientIp(from): ClientIp,
    UserPath(name): UserPath,
    body: JsonBody,
) -> Result<(StatusCode, Json<TokenModel>), ApiError> {
    let fields = object(body.read()?, "Body must be a JSON dict or empty")?.unwrap_or_default();
    let (caller, settled) = match caller {
        Some(caller) => (caller, None),
        None => {
            let (caller, settled) = by_password(&state, &fields, from).await?;
            (caller, Some(settled))
        }
    };
    let granted = permission(&caller, &name)?;
    let holder = holder(&state, &name).await.map_err(|error| {
        // Only this looks like a refusal: a database that is away refuses nobody.
        match error.status() {
            StatusCode::NOT_FOUND => no_permission(&caller, &name),
            _ => error,
        }
    })?;
    // A token of an administrator makes an administrator of whoever has it: the scope alone is no promotion, and neither is
    // a narrow token of another administrator.
    let own = caller.owner.is(&holder.owner);
    if holder.user().is_some_and(|user| user.admin) && !own && !may_make_admins(&caller) {
        return Err(no_permission(&caller, &name));
    }
    let _settled = match settled {
        None => freshness::settled(&state, &holder).await?,
        held => held,
    };
    let request = TokenRequest {
        scopes: scopes(&state, &holder.catalogue, &fields).await?,
        expires_in: expires_in(&fields)?,
        note: note(&caller, &holder, &fields)?,
    };
    let limit = if own && matches!(caller.credential, Credential::Token { .. }) {
        Limit::Asker(caller.scopes())
    } else {
        Limit::Owner
    };
    make(&state, granted, (&holder, limit), request).await
}

/// Refused alike whether the user exists or not.
fn no_permission(caller: &Principal, name: &Username) -> ApiError {
    let kind = match caller.owner.user() {
        Some(_) => "User",
        None => "Service",
    };
    let name = shown(name.as_str());
    let text = format!("{kind} {name} not found or no permissions to generate tokens");
    ApiError::new(StatusCode::FORBIDDEN, text)
}

fn permission(caller: &Principal, name: &Username) -> Result<Granted<ManageTokens>, ApiError> {
    caller
        .require::<ManageTokens>(name.as_str().to_owned())
        .map_err(|_| no_permission(caller, name))
}

/// Who the name and password in `auth` belong to, and is not blocked while the second value lives. Never registers anybody.
async fn by_password(
    state: &AppState,
    fields: &Map<String, Value>,
    from: Option<IpAddr>,
) -> Result<(Principal, Settled), ApiError> {
    let refused = || ApiError::silent(StatusCode::FORBIDDEN);
    let text = |name: &str| {
        fields
            .get("auth")
            .and_then(|auth| auth.get(name))
            .and_then(Value::as_str)
    };
    // Whether there must be a password is for the authenticator to say.
    let (Some(username), password) = (text("username"), text("password").unwrap_or_default())
    else {
        return Err(refused());
    };
    let form = LoginForm {
        from,
        otp: text("otp").map(Token::from_config),
        ..LoginForm::new(username, password)
    };
    let checked = state.login.check_registered(&form).await;
    let user = checked.map_err(|error| match error {
        LoginError::Db(error) => error.into(),
        LoginError::Unavailable(error) => {
            tracing::error!("{error}");
            refused()
        }
        LoginError::Throttled(wait) => {
            login::log_failure(username, from, "too many failures");
            ApiError::too_many(wait)
        }
        LoginError::Refused(why) => {
            login::log_failure(username, from, &why);
            refused()
        }
    })?;
    let settled = state
        .login
        .settle(&user.name)
        .await
        .map_err(|_| refused())?;
    let found = state.identities.of_owner(TokenOwner::User(user.id)).await?;
    let who = found.ok_or_else(refused)?;
    // As good as a login: the password stands in for the cookie of a session that is never made.
    let credential = Credential::Cookie {
        session_id: String::new(),
    };
    let caller = Principal::new(who.owner, credential, who.held, who.groups);
    Ok((caller, settled))
}

/// Life in seconds: a whole number or nothing.
fn expires_in(fields: &Map<String, Value>) -> Result<Option<i64>, ApiError> {
    match fields.get("expires_in") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) if number.is_i64() => Ok(number.as_i64()),
        Some(other) => Err(ApiError::bad_request(format!(
            "token expires_in must be null or integer, not {}",
            python(other)
        ))),
    }
}

fn note(
    caller: &Principal,
    holder: &Authority,
    fields: &Map<String, Value>,
) -> Result<String, ApiError> {
    match fields.get("note") {
        Some(Value::String(note)) if !note.is_empty() => Ok(note.clone()),
        Some(Value::Number(note)) if note.as_f64() != Some(0.0) => Ok(note.to_string()),
        other if other.is_none_or(is_nothing) => Ok(if caller.owner.is(&holder.owner) {
            "Requested via api".to_owned()
        } else {
            format!(
                "Requested via api by {} {}",
                caller.owner.kind(),
                caller.owner.name()
            )
        }),
        other => Err(ApiError::bad_request(format!(
            "token note must be a string, not {}",
            python(other.unwrap_or(&Value::Null))
        ))),
    }
}

fn list(fields: &Map<String, Value>, key: &str) -> Result<Option<Vec<String>>, ApiError> {
    let bad = |value: &Value| {
        ApiError::bad_request(format!(
            "token {key} must be null or a list of strings, not {}",
            python(value)
        ))
    };
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value @ Value::Array(items)) => {
            if items.len() > MAX_SCOPES {
                return Err(ApiError::bad_request(format!(
                    "token {key} must be at most {MAX_SCOPES}"
                )));
            }
            let texts = items.iter().map(|item| {
                item.as_str()
                    .map(ToOwned::to_owned)
                    .ok_or_else(|| bad(value))
            });
            texts.collect::<Result<Vec<_>, _>>().map(Some)
        }
        Some(other) => Err(bad(other)),
    }
}

/// The scopes that are asked for, by their names or as those of roles; none to leave it to the role `token`.
async fn scopes(
    state: &AppState,
    catalogue: &Catalogue,
    fields: &Map<String, Value>,
) -> Result<Option<Vec<Scope>>, ApiError> {
    match (list(fields, "scopes")?, list(fields, "roles")?) {
        (Some(_), Some(_)) => {
            let text = "Can only assign one of roles or scopes when creating tokens.";
            Err(ApiError::bad_request(text))
        }
        (Some(scopes), _) => parse(&scopes, catalogue).map(Some),
        (None, Some(names)) => of_roles(state, &names).await.map(Some),
        (None, None) => Ok(None),
    }
}

fn parse(texts: &[String], catalogue: &Catalogue) -> Result<Vec<Scope>, ApiError> {
    let mut scopes = Vec::new();
    for text in texts {
        let unknown = |_| {
            ApiError::bad_request(format!(
                "\"Scope {} for token does not exist\"",
                quoted(text)
            ))
        };
        let scope = catalogue.parse(text).map_err(unknown)?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

async fn of_roles(state: &AppState, names: &[String]) -> Result<Vec<Scope>, ApiError> {
    let table = roles::all(state.db.read()).await?;
    let mut scopes: Vec<Scope> = Vec::new();
    for name in names {
        let role = table.get(name);
        let role = role.ok_or_else(|| {
            ApiError::bad_request(format!("\"Role {} does not exist\"", quoted(name)))
        })?;
        scopes.extend(role.scopes.iter().cloned());
    }
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}

async fn make(
    state: &AppState,
    granted: Granted<ManageTokens>,
    (holder, limit): (&Authority, Limit<'_>),
    request: TokenRequest,
) -> Result<(StatusCode, Json<TokenModel>), ApiError> {
    let longest = state.config.jupyterhub.longest_token();
    let now = state.clock.now();
    let (token, secret) = issue(&state.db, &granted, (holder, limit), request, longest, now)
        .await
        .map_err(|error| match error {
            IssueError::Db(error) => error.into(),
            other => ApiError::bad_request(other.to_string()),
        })?;
    tracing::info!("token {} made for user {}", token.id, holder.owner.name());
    let mut model = model(state, holder, &token).await?;
    model.token = Some(secret.expose().to_owned());
    Ok((StatusCode::CREATED, Json(model)))
}
