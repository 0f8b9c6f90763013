//! The OAuth provider: a browser gets a code, a client a token. Numbers are those of the security cases; cases with a test of their own are in `security::oauth`.

mod authorize;
mod token;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hub::db::{OAuthClient, oauth};
use hub_types::secret::Token;
use sha2::{Digest as _, Sha256};

use crate::harness::{Browser, Call, Hub, Reply, WHOAMI_TOKEN};

pub(crate) const AUTHORIZE: &str = "/hub/api/oauth2/authorize";
pub(crate) const TOKEN: &str = "/hub/api/oauth2/token";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const SERVER_CALLBACK: &str = "/user/alice/oauth_callback";
pub(crate) const SERVICE_CALLBACK: &str = "/services/whoami/oauth_callback";

pub(crate) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// The parameters of a request as our servers and services make it.
pub(crate) fn usual<'a>(
    client: &'a str,
    callback: &'a str,
    challenge: &'a str,
) -> Vec<(&'a str, &'a str)> {
    vec![
        ("client_id", client),
        ("redirect_uri", callback),
        ("response_type", "code"),
        ("state", "s1"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]
}

pub(crate) fn authorize<'a>(hub: &'a Hub, browser: &Browser, pairs: &[(&str, &str)]) -> Call<'a> {
    hub.request("GET", &format!("{AUTHORIZE}?{}", query(pairs)))
        .browser(browser)
}

/// A running server of alice, whose OAuth secret is replaced by a known one.
pub(crate) async fn running_server(hub: &Hub) -> &'static str {
    const SECRET: &str = "server-secret-0001";
    let me = hub.token("alice", &["inherit"]).await;
    hub.call(&me, "POST", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(201);
    let tx = hub.state.db.write().await.unwrap();
    let client = oauth::find_client(&*tx, "jupyterhub-user-alice")
        .await
        .unwrap()
        .unwrap();
    let client = OAuthClient {
        secret_hash: Some(Token::from_config(SECRET).hash()),
        ..client
    };
    oauth::put_client(&tx, &client).await.unwrap();
    tx.commit().await.unwrap();
    SECRET
}

/// A code for alice's own server.
pub(crate) async fn server_code(hub: &Hub, browser: &Browser) -> String {
    let challenge = challenge();
    let reply = authorize(
        hub,
        browser,
        &usual("jupyterhub-user-alice", SERVER_CALLBACK, &challenge),
    )
    .send()
    .await;
    reply.expect(302).location_argument("code").unwrap()
}

/// The fields with which a client redeems `code`.
pub(crate) fn redemption<'a>(code: &'a str, secret: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", "jupyterhub-user-alice"),
        ("client_secret", secret),
        ("code", code),
        ("redirect_uri", SERVER_CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

/// Confirms the consent page for the service `whoami`; returns the code.
pub(crate) async fn service_code(hub: &Hub, browser: &Browser, scopes: &[&str]) -> String {
    let reply = send_consent(hub, browser, scopes).await;
    reply.location_argument("code").unwrap()
}

/// Sends the form of the consent page for the service `whoami`; where it leads.
pub(crate) async fn send_consent(hub: &Hub, browser: &Browser, scopes: &[&str]) -> Reply {
    let challenge = challenge();
    let path = format!(
        "{AUTHORIZE}?{}",
        query(&usual("service-whoami", SERVICE_CALLBACK, &challenge))
    );
    let mut fields = vec![("_xsrf", browser.xsrf.as_str())];
    fields.extend(scopes.iter().map(|scope| ("scopes", *scope)));
    let reply = hub
        .request("POST", &path)
        .browser(browser)
        .form(&fields)
        .send()
        .await;
    reply.expect(302)
}

pub(crate) async fn redeem_service(hub: &Hub, code: &str) -> Reply {
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "service-whoami"),
        ("client_secret", WHOAMI_TOKEN),
        ("code", code),
        ("redirect_uri", SERVICE_CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    hub.request("POST", TOKEN).form(&fields).send().await
}
