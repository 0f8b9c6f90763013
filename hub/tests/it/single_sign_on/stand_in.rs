//! A stand-in for a provider: one small server that answers at the paths of GitHub (Enterprise), GitLab, Google and an
//! OpenID provider, as their documentation says. It is strict where they are: the client must show its id and secret, a
//! code works once and with the verifier of its challenge, a token must have been handed out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hub_types::secret::random_urlsafe;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

pub(crate) const CLIENT: &str = "the-hub";
pub(crate) const SECRET: &str = "the-hubs-secret";

/// What the stand-in knows, and how it behaves: tests change it.
pub(crate) struct World {
    /// What is said of whoever logs in.
    pub(crate) person: Value,
    /// What is granted, whatever is asked for.
    pub(crate) scope: String,
    /// Paths below the API under which somebody is a member, with what is said of them.
    pub(crate) members: BTreeMap<String, Value>,
    /// The person does not agree.
    pub(crate) denies: bool,
    /// Nothing but the login works.
    pub(crate) down: bool,
    /// Whether it has verified the address of whoever logs in, where it tells only when asked for addresses (GitHub).
    pub(crate) verified: bool,
    /// It takes codes, and never says what they are worth.
    pub(crate) hangs: bool,
    /// What ID tokens say beside, or otherwise.
    pub(crate) claims: Value,
    /// Whether it describes a place where one can ask who somebody is (OpenID Connect).
    pub(crate) has_userinfo: bool,
    /// Whether a refresh brings an ID token.
    pub(crate) proves_again: bool,
    /// Whether a login brings one that is none of OpenID Connect.
    pub(crate) proves: bool,
    /// Whether codes are worth something to those alone who asked for them (PKCE). If not, it knows nothing of that.
    pub(crate) pkce: bool,
    /// Whether a token must be shown in the URL.
    pub(crate) token_in_url: bool,
    /// What the form for a token must hold beside.
    pub(crate) token_wants: Option<(&'static str, &'static str)>,
    /// What the query must hold of whoever asks who somebody is.
    pub(crate) userdata_wants: Option<(&'static str, &'static str)>,
    /// The hub's time, for ID tokens.
    pub(crate) now: i64,
    /// The key that signs, and its name.
    key: (Ed25519KeyPair, String),
    /// Codes that were not redeemed yet: challenge, nonce, redirect URI.
    codes: BTreeMap<String, (String, Option<String>, String)>,
    pub(crate) tokens: BTreeSet<String>,
    pub(crate) refresh_tokens: BTreeSet<String>,
    /// Everything that was asked, as method and path.
    pub(crate) asked: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct StandIn {
    pub(crate) url: Url,
    world: Arc<Mutex<World>>,
}

fn new_key() -> Ed25519KeyPair {
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap()
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

fn json_of(status: u16, value: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (
        StatusCode::from_u16(status).unwrap(),
        kind,
        value.to_string(),
    )
        .into_response()
}

impl StandIn {
    pub(crate) async fn start(person: Value) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = World {
            person,
            scope: String::new(),
            members: BTreeMap::new(),
            denies: false,
            down: false,
            verified: true,
            hangs: false,
            claims: json!({}),
            has_userinfo: true,
            proves_again: false,
            proves: false,
            pkce: true,
            token_in_url: false,
            token_wants: None,
            userdata_wants: None,
            now: 0,
            key: (new_key(), "first".to_owned()),
            codes: BTreeMap::new(),
            tokens: BTreeSet::new(),
            refresh_tokens: BTreeSet::new(),
            asked: Vec::new(),
        };
        let stand_in = Self {
            url: url.parse().unwrap(),
            world: Arc::new(Mutex::new(world)),
        };
        let app = Router::new().fallback(answer).with_state(stand_in.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        stand_in
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.world.lock().unwrap())
    }

    pub(crate) fn issuer(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// Signs with another key from now on, and forgets the one before.
    pub(crate) fn rotate(&self) {
        self.change(|world| world.key = (new_key(), format!("{}-next", world.key.1)));
    }

    /// What a browser does that is sent here: the person logs in, and it is sent back. Where to.
    pub(crate) async fn visit(&self, url: &str) -> Url {
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let reply = browser.build().unwrap().get(url).send().await.unwrap();
        let status = reply.status();
        let to = reply.headers().get(header::LOCATION).cloned();
        let to = to.unwrap_or_else(|| panic!("{status} at {url}"));
        to.to_str().unwrap().parse().unwrap()
    }
}

async fn answer(
    State(stand_in): State<StandIn>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let issuer = stand_in.issuer();
    let path = uri.path().to_owned();
    let hangs = stand_in.change(|world| {
        world.asked.push(format!("{method} {path}"));
        world.hangs && path == "/token"
    });
    if hangs {
        std::future::pending::<()>().await;
    }
    let mut world = stand_in.world.lock().unwrap();
    let query = pairs(uri.query().unwrap_or_default());
    let form = pairs(std::str::from_utf8(&body).unwrap());
    match path.as_str() {
        "/login/oauth/authorize" | "/oauth/authorize" | "/o/oauth2/v2/auth" | "/authorize" => {
            world.authorize(&query)
        }
        _ if world.down => json_of(503, &json!({"message": "down for maintenance"})),
        // GitHub tells with 200 what is wrong.
        "/login/oauth/access_token" => world.token(&form, &headers, &issuer, 200),
        "/oauth/token" | "/oauth2/v4/token" | "/token" => {
            world.token(&form, &headers, &issuer, 400)
        }
        "/.well-known/openid-configuration" => {
            json_of(200, &described(&issuer, world.has_userinfo))
        }
        "/jwks" => json_of(
            200,
            &json!({"keys": [{"kty": "RSA", "n": 7}, world.public_key()]}),
        ),
        _ => world.api(&path, &headers, &query),
    }
}

fn described(issuer: &str, has_userinfo: bool) -> Value {
    let userinfo = has_userinfo.then(|| format!("{issuer}/me"));
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": userinfo,
        "jwks_uri": format!("{issuer}/jwks"),
    })
}

impl World {
    fn authorize(&mut self, query: &BTreeMap<String, String>) -> Response {
        let of = |name: &str| query.get(name).cloned().unwrap_or_default();
        let challenged = match self.pkce {
            true => of("code_challenge_method") == "S256",
            false => !query.keys().any(|name| name.starts_with("code_challenge")),
        };
        let right = of("client_id") == CLIENT
            && of("response_type") == "code"
            && challenged
            && of("state").len() >= 32;
        if !right {
            return json_of(400, &json!({"error": "invalid_request"}));
        }
        let mut to = Url::parse(&of("redirect_uri")).unwrap();
        let mut answer = to.query_pairs_mut();
        answer.append_pair("state", &of("state"));
        if self.denies {
            answer.append_pair("error", "access_denied");
            answer.append_pair("error_description", "<b>The resource owner denied it</b>");
        } else {
            let code = random_urlsafe::<16>();
            answer.append_pair("code", &code);
            let nonce = query.get("nonce").cloned();
            self.codes
                .insert(code, (of("code_challenge"), nonce, of("redirect_uri")));
        }
        drop(answer);
        (StatusCode::FOUND, [(header::LOCATION, to.to_string())]).into_response()
    }

    fn token(
        &mut self,
        form: &BTreeMap<String, String>,
        headers: &HeaderMap,
        issuer: &str,
        refused: u16,
    ) -> Response {
        let of = |name: &str| form.get(name).cloned().unwrap_or_default();
        let basic = format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(format!("{CLIENT}:{SECRET}"))
        );
        let by_header = headers
            .get(header::AUTHORIZATION)
            .is_some_and(|value| *value == *basic);
        let by_form = of("client_id") == CLIENT && of("client_secret") == SECRET;
        if !(by_header || by_form) {
            return json_of(refused, &json!({"error": "invalid_client"}));
        }
        if self
            .token_wants
            .is_some_and(|(name, value)| of(name) != value)
        {
            return json_of(refused, &json!({"error": "invalid_request"}));
        }
        let nonce = match of("grant_type").as_str() {
            "authorization_code" => {
                let verifier = of("code_verifier");
                let challenge = match self.pkce {
                    true => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
                    false => verifier,
                };
                match self.codes.remove(&of("code")) {
                    Some((meant, nonce, to)) if meant == challenge && to == of("redirect_uri") => {
                        nonce
                    }
                    _ => return json_of(refused, &json!({"error": "bad_verification_code"})),
                }
            }
            "refresh_token" if self.refresh_tokens.remove(&of("refresh_token")) => None,
            _ => return json_of(refused, &json!({"error": "invalid_grant"})),
        };
        let (token, refresh) = (random_urlsafe::<24>(), random_urlsafe::<24>());
        self.tokens.insert(token.clone());
        self.refresh_tokens.insert(refresh.clone());
        let mut said = json!({
            "access_token": token,
            "token_type": "bearer",
            "scope": self.scope,
            "refresh_token": refresh,
        });
        let renewed = self.proves_again && of("grant_type") == "refresh_token";
        if nonce.is_some() || renewed || self.proves {
            said["id_token"] = self.id_token(issuer, nonce.as_deref()).into();
        }
        json_of(200, &said)
    }

    fn id_token(&self, issuer: &str, nonce: Option<&str>) -> String {
        let mut claims = json!({
            "iss": issuer, "aud": CLIENT, "sub": self.person["sub"],
            "iat": self.now, "exp": self.now + 300,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        for (name, value) in self.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({"alg": "EdDSA", "kid": self.key.1});
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = self.key.0.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn public_key(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.0.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.key.1, "x": x})
    }

    /// Answers whoever shows a token that was handed out.
    fn api(&self, path: &str, headers: &HeaderMap, query: &BTreeMap<String, String>) -> Response {
        let shown = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let in_header = shown.and_then(|value| value.strip_prefix("Bearer "));
        let token = match self.token_in_url {
            true => query.get("access_token").map(String::as_str),
            false => in_header,
        };
        if !token.is_some_and(|token| self.tokens.contains(token)) {
            return json_of(401, &json!({"message": "Bad credentials"}));
        }
        let of = |name: &str| query.get(name).map_or("", String::as_str);
        let page = of("page");
        match path {
            "/api/v3/user" | "/api/v4/user" | "/oauth2/v1/userinfo" | "/me" => {
                let wants = self.userdata_wants;
                match wants.is_some_and(|(name, value)| of(name) != value) {
                    true => json_of(400, &json!({"message": "What do you want?"})),
                    false => json_of(200, &self.person),
                }
            }
            "/api/v3/user/emails" => json_of(
                200,
                &json!([
                    {"email": "old@ship.example", "primary": false, "verified": true},
                    {"email": "mal@ship.example", "primary": true, "verified": self.verified},
                ]),
            ),
            "/api/v3/user/teams" if page.is_empty() => {
                let host = headers[header::HOST].to_str().unwrap();
                let next = format!("<http://{host}/api/v3/user/teams?page=2>; rel=\"next\"");
                let mut first = json_of(200, &json!([{"slug": "crew"}]));
                first
                    .headers_mut()
                    .insert(header::LINK, next.parse().unwrap());
                first
            }
            "/api/v3/user/teams" => json_of(200, &json!([{"slug": "pilots"}])),
            _ if self.hides(path) => {
                // Nobody is to follow it: the token would be known there.
                let to = format!("http://elsewhere.invalid{path}");
                (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
            }
            _ => match self.members.get(path) {
                Some(Value::Null) => StatusCode::NO_CONTENT.into_response(),
                Some(said) => json_of(200, said),
                None => json_of(404, &json!({"message": "Not Found"})),
            },
        }
    }

    /// Whether it sends on to the public members of an organization, as GitHub does with whoever shows no token with the
    /// scope for others, and with whoever is none of them.
    fn hides(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let of_organization = matches!(parts[..], ["", "api", "v3", "orgs", _, "members", _]);
        let sees = self.scope.split(' ').any(|scope| scope == "read:org");
        of_organization && !(sees && self.members.contains_key(path))
    }
}
