//! `POST /users/:name/tokens`: makes a token. The secret is in this answer and nowhere else.
//!
//! The caller comes with a token, a cookie, or (only here) with a name and password in the body.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hub_types::names::Username;
use hub_types::scope::{Scope, ScopeName, ScopeSet};
use hub_types::secret::Token;
use hub_types::token::TokenModel;
use serde_json::{Map, Value};

use super::super::body::{object, python, quoted, shown};
use super::{Holder, holder, model};
use crate::auth::LoginForm;
use crate::auth::issue::MAX_SCOPES;
use crate::auth::login;
use crate::db::{NewTokenRow, roles, tokens, users};
use crate::domain::action::ManageTokens;
use crate::domain::principal::{Credential, Granted, Principal};
use crate::domain::role::{Bearer, TOKEN_ROLE, expand_token};
use crate::domain::token::{MAX_NOTE, TokenOwner, expiry};
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, MaybeAuth, UserPath};
use crate::state::AppState;

pub(in crate::http::api) async fn create(
    State(state): State<AppState>,
    MaybeAuth(caller): MaybeAuth,
    UserPath(name): UserPath,
    JsonBody(body): JsonBody<Value>,
) -> Result<(StatusCode, Json<TokenModel>), ApiError> {
    let fields = object(body, "Body must be a JSON dict or empty")?.unwrap_or_default();
    let caller = match caller {
        Some(caller) => caller,
        None => by_password(&state, &fields).await?,
    };
    let granted = permission(&caller, &name)?;
    let holder = holder(&state, &name)
        .await
        .map_err(|_| no_permission(&caller, &name))?;
    let wanted = Wanted::read(&state, &caller, &holder, &fields).await?;
    make(&state, granted, &holder, wanted).await
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

/// Who the name and password in `auth` belong to. Never registers anybody.
async fn by_password(state: &AppState, fields: &Map<String, Value>) -> Result<Principal, ApiError> {
    let refused = || ApiError::silent(StatusCode::FORBIDDEN);
    let text = |name: &str| {
        fields
            .get("auth")
            .and_then(|auth| auth.get(name))
            .and_then(Value::as_str)
    };
    let (Some(username), Some(password)) = (text("username"), text("password")) else {
        return Err(refused());
    };
    let known = users::find(
        state.db.read(),
        &login::policy(&state.config).normalise(username),
    )
    .await?;
    if known.is_none() {
        return Err(refused());
    }
    let form = LoginForm {
        username: username.to_owned(),
        password: Token::from_config(password),
    };
    let user = state.login.check(&form).await.map_err(|error| {
        tracing::warn!("token request by password refused: {error}");
        refused()
    })?;
    let found = state.identities.of_owner(TokenOwner::User(user.id)).await?;
    let (owner, scopes, groups) = found.ok_or_else(refused)?;
    // As good as a login: the password stands in for the cookie of a session that is never made.
    Ok(Principal::new(
        owner,
        Credential::Cookie {
            session_id: String::new(),
        },
        scopes,
        groups,
    ))
}

/// What was asked for, checked.
struct Wanted {
    note: String,
    scopes: Vec<Scope>,
    expires: Option<chrono::DateTime<chrono::Utc>>,
}

impl Wanted {
    async fn read(
        state: &AppState,
        caller: &Principal,
        holder: &Holder,
        fields: &Map<String, Value>,
    ) -> Result<Self, ApiError> {
        let scopes = scopes(state, caller, holder, fields).await?;
        let max = state
            .config
            .jupyterhub
            .token_expires_in_max_seconds
            .map_or(0, |max| max.as_secs());
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let expires_in = match fields.get("expires_in") {
            None | Some(Value::Null) => None,
            Some(Value::Number(number)) if number.is_i64() => number.as_i64(),
            Some(other) => {
                let text = format!(
                    "token expires_in must be null or integer, not {}",
                    python(other)
                );
                return Err(ApiError::bad_request(text));
            }
        };
        let expires = expiry(expires_in, max, state.clock.now())
            .map_err(|error| ApiError::bad_request(error.to_string()))?;
        Ok(Self {
            note: note(caller, holder, fields)?,
            scopes,
            expires,
        })
    }
}

fn note(
    caller: &Principal,
    holder: &Holder,
    fields: &Map<String, Value>,
) -> Result<String, ApiError> {
    match fields.get("note") {
        Some(Value::String(note)) if note.chars().count() > MAX_NOTE => Err(ApiError::bad_request(
            format!("token note must be at most {MAX_NOTE} characters"),
        )),
        Some(Value::String(note)) if !note.is_empty() => Ok(note.clone()),
        None | Some(Value::Null | Value::String(_)) if caller.owner.is(&holder.owner) => {
            Ok("Requested via api".to_owned())
        }
        None | Some(Value::Null | Value::String(_)) => Ok(format!(
            "Requested via api by {} {}",
            caller.owner.kind(),
            caller.owner.name()
        )),
        Some(other) => Err(ApiError::bad_request(format!(
            "token note must be a string, not {}",
            python(other)
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

/// The scopes of the new token: those asked for, those of the roles asked for, or those of the role `token`; never more
/// than the owner holds, nor (when a token of the owner asks) than that token itself holds: security case 48.
async fn scopes(
    state: &AppState,
    caller: &Principal,
    holder: &Holder,
    fields: &Map<String, Value>,
) -> Result<Vec<Scope>, ApiError> {
    let own_token =
        caller.owner.is(&holder.owner) && matches!(caller.credential, Credential::Token { .. });
    let limit = if own_token {
        caller.scopes()
    } else {
        &holder.held
    };
    let narrow = !limit.includes(&holder.held, &*holder.groups);
    let asked = match (list(fields, "scopes")?, list(fields, "roles")?) {
        (Some(_), Some(roles)) if !roles.is_empty() => {
            let text = "Can only assign one of roles or scopes when creating tokens.";
            return Err(ApiError::bad_request(text));
        }
        (Some(scopes), _) => parse(&scopes)?,
        (None, Some(names)) => of_roles(state, &names).await?,
        (None, None) if narrow => return Ok(limit.iter().collect()),
        (None, None) => of_roles(state, &[TOKEN_ROLE.to_owned()]).await?,
    };
    let missing = missing(&asked, limit, narrow, holder);
    if missing.is_empty() {
        return Ok(asked);
    }
    let whose = if narrow { "this token of User" } else { "User" };
    let text = format!(
        "Not assigning requested scopes {} not held by {whose} {}",
        missing.join(","),
        holder.user.name
    );
    Err(ApiError::bad_request(text))
}

fn parse(texts: &[String]) -> Result<Vec<Scope>, ApiError> {
    let mut scopes = Vec::new();
    for text in texts {
        let unknown = |_| {
            ApiError::bad_request(format!(
                "\"Scope {} for token does not exist\"",
                quoted(text)
            ))
        };
        let scope: Scope = text.parse().map_err(unknown)?;
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

/// Those of the asked scopes that `limit` does not cover, as texts.
fn missing(asked: &[Scope], limit: &ScopeSet, narrow: bool, holder: &Holder) -> Vec<String> {
    let bearer = Bearer {
        user: Some(holder.user.name.as_str()),
        ..Bearer::default()
    };
    let mut missing = Vec::new();
    for scope in asked {
        let covered = if scope.name == ScopeName::Inherit {
            !narrow
        } else {
            limit.includes(
                &expand_token(std::slice::from_ref(scope), bearer, &holder.held),
                &*holder.groups,
            )
        };
        if !covered {
            missing.push(scope.to_string());
        }
    }
    missing
}

async fn make(
    state: &AppState,
    _granted: Granted<ManageTokens>,
    holder: &Holder,
    wanted: Wanted,
) -> Result<(StatusCode, Json<TokenModel>), ApiError> {
    let secret = Token::generate();
    let row = NewTokenRow {
        hash: Some(secret.hash()),
        owner: TokenOwner::User(holder.user.id),
        server_id: None,
        client_id: None,
        code_hash: None,
        session_id: None,
        scopes: wanted.scopes,
        note: wanted.note,
        expires: wanted.expires,
    };
    let tx = state.db.write().await?;
    let token = tokens::insert(&tx, &row, state.clock.now()).await?;
    tx.commit().await?;
    tracing::info!("token {} made for user {}", token.id, holder.user.name);
    let mut model = model(state, holder, &token).await?;
    model.token = Some(secret.expose().to_owned());
    Ok((StatusCode::CREATED, Json(model)))
}
