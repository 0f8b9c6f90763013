//! `POST /hub/api/oauth2/token`: a client exchanges a code for a token. Its secret is in the body; nothing else counts.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use hub_types::secret::{Token, TokenHash};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use crate::bus::Event;
use crate::db::{CodeOutcome, NewTokenRow, OAuthClient, RedeemedCode, Tx, oauth, sessions, tokens};
use crate::db::{servers, services};
use crate::domain::oauth::Parameters;
use crate::domain::oauth::redeem::{CodeRequest, IssuedCode, TokenError, check, read};
use crate::domain::token::TokenOwner;
use crate::http::error::ApiError;
use crate::http::extract::{RawBody, token_caller};
use crate::http::xsrf::XsrfError;
use crate::state::AppState;
use hub_types::scope::{ScopeName, Target};

/// Answers that carry a token, or say something of one, stay out of caches (RFC 6749 section 5.1).
const NO_STORE: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
];

/// Why there is no token.
enum Failure {
    Told(TokenError),
    Api(ApiError),
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Failure::Told(error)
    }
}

impl From<crate::db::DbError> for Failure {
    fn from(error: crate::db::DbError) -> Self {
        Failure::Api(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = match self {
            Failure::Told(error) => error,
            Failure::Api(error) => return (NO_STORE, error).into_response(),
        };
        let mut body = json!({ "error": error.code() });
        let description = error.to_string();
        if !description.is_empty() {
            body["error_description"] = json!(description);
        }
        if error == TokenError::InvalidClient {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_client\"")];
            return (StatusCode::UNAUTHORIZED, NO_STORE, challenge, Json(body)).into_response();
        }
        (StatusCode::BAD_REQUEST, NO_STORE, Json(body)).into_response()
    }
}

pub(super) async fn token(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: RawBody,
) -> Response {
    let in_url = Parameters::new(
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned(),
    );
    let answer = async {
        no_foreign_page(&state, &headers)
            .await
            .map_err(Failure::Api)?;
        // As a form, whatever it says it is; what is none has no parameters.
        let body = body.read().map_err(Failure::Api)?;
        let body = Parameters::new(form_urlencoded::parse(&body).into_owned());
        exchange(&state, &headers, &body, &in_url).await
    };
    match answer.await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

/// Clients are programs: a page that sends a form here (browsers say so by `Origin`) is none, unless it has a token.
async fn no_foreign_page(state: &AppState, headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key(header::ORIGIN) && token_caller(state, headers).await?.is_none() {
        return Err(XsrfError::Missing(Method::POST).into());
    }
    Ok(())
}

/// Whether the client shows its secret in a header too, which this provider does not read: two ways are one too many.
fn has_basic(headers: &HeaderMap) -> bool {
    headers.get_all(header::AUTHORIZATION).iter().any(|value| {
        value
            .as_bytes()
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "))
    })
}

async fn exchange(
    state: &AppState,
    headers: &HeaderMap,
    body: &Parameters,
    in_url: &Parameters,
) -> Result<Response, Failure> {
    let request = read(body, in_url)?;
    if has_basic(headers) {
        return Err(TokenError::InvalidClient.into());
    }
    let client = oauth::find_client(state.db.read(), request.client.id).await?;
    let client = client.ok_or(TokenError::InvalidClient)?;
    if !authentic(state, &client, request.client.secret).await? {
        return Err(TokenError::InvalidClient.into());
    }
    let request = request.grant.code()?;
    let code = Token::parse(request.code)
        .ok_or(TokenError::InvalidGrant)?
        .hash();
    match oauth::look_at_code(state.db.read(), code).await? {
        CodeOutcome::Unknown => Err(TokenError::InvalidGrant.into()),
        CodeOutcome::Replayed => Err(replayed(state, &client, code).await?),
        CodeOutcome::Fresh(issued) => {
            may_redeem(state, &request, &client, &issued).await?;
            redeem(state, &client, code, issued).await
        }
    }
}

/// Checks a client's secret: the API token of the server or service.
async fn authentic(state: &AppState, client: &OAuthClient, secret: &str) -> Result<bool, Failure> {
    let Some(secret) = Token::parse(secret) else {
        return Ok(false);
    };
    if let Some(expected) = client.secret_hash {
        return Ok(secret
            .hash()
            .to_hex()
            .as_bytes()
            .ct_eq(expected.to_hex().as_bytes())
            .into());
    }
    // A service whose token stands in the configuration.
    let Some(service) = client.service_id else {
        return Ok(false);
    };
    let rows = tokens::of_owner(
        state.db.read(),
        TokenOwner::Service(service),
        state.clock.now(),
    )
    .await?;
    Ok(rows
        .iter()
        .any(|row| state.identities.is_configured(&secret, row.id)))
}

/// Whether the code is good, and the user may still enter what the client is.
async fn may_redeem(
    state: &AppState,
    request: &CodeRequest<'_>,
    client: &OAuthClient,
    issued: &RedeemedCode,
) -> Result<(), Failure> {
    let facts = IssuedCode {
        client_id: &issued.client_id,
        redirect_uri: &issued.redirect_uri,
        challenge: issued
            .challenge
            .as_ref()
            .map(|(challenge, method)| (challenge.as_str(), method.as_str())),
        created: issued.created,
        expires: issued.expires,
    };
    check(request, &facts, state.clock.now())?;
    let found = state
        .identities
        .of_owner(TokenOwner::User(issued.user_id))
        .await?;
    let who = found.ok_or(TokenError::InvalidGrant)?;
    let may = |scope: ScopeName, target: Target<'_>| who.held.allows(&scope, target, &*who.groups);
    let allowed = match (client.server_id, client.service_id) {
        (Some(id), _) => servers::get(state.db.read(), id)
            .await?
            .is_some_and(|server| {
                let target = Target::Server(server.at.user.as_str(), server.at.name.as_str());
                may(ScopeName::AccessServers, target)
            }),
        (None, Some(id)) => services::get(state.db.read(), id)
            .await?
            .is_some_and(|service| {
                may(
                    ScopeName::AccessServices,
                    Target::Service(service.name.as_str()),
                )
            }),
        (None, None) => false,
    };
    if allowed {
        Ok(())
    } else {
        Err(TokenError::InvalidGrant.into())
    }
}

/// Uses the code and makes the token, both or neither: of many who try at once one wins.
async fn redeem(
    state: &AppState,
    client: &OAuthClient,
    code: TokenHash,
    issued: RedeemedCode,
) -> Result<Response, Failure> {
    let now = state.clock.now();
    let life = TimeDelta::from_std(state.config.jupyterhub.oauth_token_expires_in)
        .unwrap_or(TimeDelta::days(14));
    let tx = state.db.write().await?;
    if !session_lives(&tx, &issued, now).await? {
        return Err(TokenError::InvalidGrant.into());
    }
    if !oauth::consume_code(&tx, code, now).await? {
        drop(tx);
        return Err(replayed(state, client, code).await?);
    }
    let secret = Token::generate();
    let mut scopes: Vec<String> = issued.scopes.iter().map(ToString::to_string).collect();
    scopes.sort();
    let row = NewTokenRow {
        hash: Some(secret.hash()),
        owner: TokenOwner::User(issued.user_id),
        server_id: None,
        client_id: Some(client.id.clone()),
        code_hash: Some(code),
        session_id: issued.session_id,
        scopes: issued.scopes,
        note: String::new(),
        expires: Some(now + life),
    };
    tokens::insert(&tx, &row, now).await?;
    tx.commit().await?;
    let body = json!({
        "access_token": secret.expose(),
        "expires_in": life.num_seconds(),
        "token_type": "Bearer",
        "scope": scopes.join(" "),
    });
    Ok((NO_STORE, Json(body)).into_response())
}

/// Whether the browser session that the code belongs to has not ended meanwhile: a logout in another tab must not be
/// undone by a login that was under way.
async fn session_lives(
    tx: &Tx,
    issued: &RedeemedCode,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<bool, Failure> {
    match &issued.session_id {
        Some(id) => Ok(sessions::get(&**tx, id, now).await?.is_some()),
        None => Ok(true),
    }
}

/// A code was used twice: whoever has it may be somebody else, so what it gave is taken back (RFC 6749 section 4.1.2).
async fn replayed(
    state: &AppState,
    client: &OAuthClient,
    code: TokenHash,
) -> Result<Failure, Failure> {
    let tx = state.db.write().await?;
    let revoked = tokens::revoke_of_code(&tx, code).await?;
    tx.commit_and_tell(&state.bus, [Event::Identities]).await?;
    tracing::warn!(audit = true, client = %client.id, revoked, "an OAuth code was used twice; its tokens are revoked");
    Ok(TokenError::InvalidGrant.into())
}
