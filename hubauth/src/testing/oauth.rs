//! The fake hub's OAuth provider: code flow with PKCE, no consent page. Statuses and bodies are wire contract 2's.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hub_types::identity::Kind;
use hub_types::secret::{Token, random_urlsafe};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Shared;
use super::people::identity;
use crate::credential::session_id;

/// A registered client.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) secret: Token,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
}

/// A code that waits to be exchanged.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    client_id: String,
    user: String,
    challenge: String,
    session: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Authorize {
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    response_type: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
}

/// `GET /hub/api/oauth2/authorize`.
pub(super) async fn authorize(
    State(hub): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(asked): Query<Authorize>,
) -> Response {
    let mut world = hub.world();
    let Some(user) = world.visitor.clone() else {
        return redirect("/hub/login?next=%2Fhub%2Fapi%2Foauth2%2Fauthorize");
    };
    let Some(client) = world.clients.get(&asked.client_id) else {
        return (
            StatusCode::BAD_REQUEST,
            "Invalid client_id parameter value.",
        )
            .into_response();
    };
    if client.redirect_uri != asked.redirect_uri {
        return (StatusCode::BAD_REQUEST, "Mismatching redirect URI.").into_response();
    }
    if asked.response_type != "code" || asked.code_challenge_method != "S256" {
        return redirect(&format!(
            "{}?error=invalid_request&state={}",
            asked.redirect_uri, asked.state
        ));
    }
    let known = session_id(&headers).to_owned();
    let session = if known.is_empty() {
        random_urlsafe::<16>()
    } else {
        known
    };
    let code = random_urlsafe::<20>();
    let grant = Grant {
        client_id: asked.client_id,
        user,
        challenge: asked.code_challenge,
        session: session.clone(),
    };
    world.codes.insert(code.clone(), grant);
    let mut reply = redirect(&format!(
        "{}?code={code}&state={}",
        asked.redirect_uri, asked.state
    ));
    if let Ok(cookie) = format!("jupyterhub-session-id={session}; HttpOnly; Path=/").parse() {
        reply.headers_mut().append(header::SET_COOKIE, cookie);
    }
    reply
}

fn redirect(location: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, location.to_owned())]).into_response()
}

#[derive(Debug, Deserialize)]
pub(super) struct Exchange {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    code_verifier: String,
}

/// `POST /hub/api/oauth2/token`.
pub(super) async fn token(State(hub): State<Arc<Shared>>, Form(asked): Form<Exchange>) -> Response {
    let mut world = hub.world();
    if asked.grant_type != "authorization_code" {
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let client = world.clients.get(&asked.client_id).cloned();
    let Some(client) = client.filter(|client| client.secret.expose() == asked.client_secret) else {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client");
    };
    if asked.redirect_uri != client.redirect_uri {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request");
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(asked.code_verifier.as_bytes()));
    let good = |grant: &Grant| grant.client_id == asked.client_id && grant.challenge == challenge;
    if !world.codes.get(&asked.code).is_some_and(good) {
        return refuse(StatusCode::BAD_REQUEST, "invalid_grant");
    }
    let Some(grant) = world.codes.remove(&asked.code) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    let token = random_urlsafe::<22>();
    let mut identity = identity(Kind::User, &grant.user, &[], &[&client.scope]);
    if let Some(groups) = world
        .users
        .get(&grant.user)
        .and_then(|user| user.groups.clone())
    {
        identity.groups = groups;
    }
    identity.session_id = Some(grant.session);
    world.tokens.insert(token.clone(), identity);
    let body = json!({
        "access_token": token,
        "expires_in": 1_209_600,
        "token_type": "Bearer",
        "scope": client.scope,
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

fn refuse(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}
