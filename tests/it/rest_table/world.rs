//! Two hubs with the same people, groups, roles, services, servers, tokens and shares: one is the real JupyterHub.

use std::fmt::Write as _;

use e2e::{Api, Client, Reply, Stack, eventually, programs};
use futures_util::{StreamExt as _, stream};
use hub_types::secret::Token;
use reqwest::Method;
use serde_json::{Value, json};

use super::callers::{ADMIN, Caller, GROUP_ADMIN, GROUP_ADMIN_SCOPES, HOLDER, STRANGER, USER_ROLE};
use super::scopes::SCOPES;
use super::targets::Target;

/// Calls under way at a time, at each hub.
pub(super) const AT_ONCE: usize = 6;

/// The token of the service `web`, which is also its secret as an OAuth client.
pub(super) const WEB_TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// Somebody with whom many servers are shared.
const TAKER: &str = "taker";

/// Tokens of two more services.
const ASKS_TOKEN: &str = "1f1e2d3c4b5a69788796a5b4c3d2e1f0";
const CLOSED_TOKEN: &str = "2f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// One hub with everything in it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) stack: Stack,
    client: Client,
    /// The objects of each caller, in the callers' order.
    pub(super) targets: Vec<Target>,
    /// What each caller shows in its `Authorization` header.
    tokens: Vec<Option<String>>,
}

/// A request before it is known to whom.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Below `/hub/api`, or from the root when it begins with `/hub/`.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
}

impl World {
    /// Sends a request with a caller's credentials; names in braces are those of the caller's objects.
    pub(super) async fn ask(&self, caller: usize, request: &Request) -> Reply {
        self.ask_as(
            self.tokens[caller].as_deref(),
            &self.targets[caller],
            request,
        )
        .await
    }

    /// Sends a request with a token; names in braces are those of `target`.
    pub(super) async fn ask_as(
        &self,
        token: Option<&str>,
        target: &Target,
        request: &Request,
    ) -> Reply {
        let path = target.fill(&request.path);
        let path = if path.starts_with("/hub/") {
            path
        } else {
            format!("/hub/api{path}")
        };
        let mut call = self.client.request(request.method.clone(), &path);
        if let Some(token) = token {
            call = call.header("authorization", format!("token {token}"));
        }
        for (name, value) in &request.headers {
            call = call.header(name.as_str(), target.fill(value));
        }
        if let Some(body) = &request.body {
            let body = match std::str::from_utf8(body) {
                Ok(text) => target.fill(text).into_bytes(),
                Err(_) => body.clone(),
            };
            call = call.body(body);
        }
        self.client.send(call).await
    }

    /// The token of a caller.
    pub(super) fn token(&self, caller: usize) -> Option<&str> {
        self.tokens[caller].as_deref()
    }
}

/// Starts our hub and the real one with the same content: objects for the given callers, and more users, each with a
/// group, a token and a server that does not run. `more` says of each whether there are shares, too.
pub(super) async fn both(callers: &[Caller], more: &[bool]) -> (World, World) {
    let web = answering_service().await;
    let secrets = Secrets::default();
    let start = async |python: bool| {
        let builder =
            Stack::builder().config(&config(callers.len() + more.len(), callers, &web, &secrets));
        let builder = if python {
            builder.python_hub()
        } else {
            builder
        };
        seeded(builder.start().await, callers, more, &secrets).await
    };
    tokio::join!(start(true), start(false))
}

/// Tokens that stand in the configuration, the same at both hubs.
struct Secrets {
    service: String,
    everything: String,
    admin: String,
}

impl Default for Secrets {
    fn default() -> Self {
        let new = || Token::generate().expose().to_owned();
        Self {
            service: new(),
            everything: new(),
            admin: new(),
        }
    }
}

/// A service that answers, so that neither hub waits for it. It lives as long as the test.
async fn answering_service() -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = connection.read(&mut [0; 4096]).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = connection.write_all(answer).await;
            });
        }
    });
    format!("http://{address}")
}

fn config(targets: usize, callers: &[Caller], web: &str, secrets: &Secrets) -> String {
    let hub = programs::path("hub").display().to_string();
    // A token of scope `(no_scope)` can only be made for who holds that.
    let mut all = vec!["(no_scope)"];
    all.extend(SCOPES.iter().map(|(name, _)| *name));
    let mut text = format!(
        "[JupyterHub]\nallow_named_servers = true\n[Spawner]\ncmd = [{hub:?}, 'demo-server']\nargs = []\n\
         [[JupyterHub.services]]\nname = 'plain'\napi_token = '{}'\n\
         [[JupyterHub.services]]\nname = 'everything'\napi_token = '{}'\n\
         [[JupyterHub.services]]\nname = 'root'\nadmin = true\napi_token = '{}'\n\
         [[JupyterHub.services]]\nname = 'web'\nurl = '{web}'\napi_token = '{WEB_TOKEN}'\noauth_no_confirm = true\n\
         info = {{ about = 'a web page' }}\n\
         [[JupyterHub.services]]\nname = 'asks'\nurl = '{web}'\napi_token = '{ASKS_TOKEN}'\noauth_client_allowed_scopes = ['read:users!user']\n\
         [[JupyterHub.services]]\nname = 'closed'\nurl = '{web}'\napi_token = '{CLOSED_TOKEN}'\n\
         [[JupyterHub.load_roles]]\nname = 'user'\n\
         scopes = {USER_ROLE:?}\n\
         [[JupyterHub.load_roles]]\nname = 'everything'\nusers = ['{HOLDER}']\nservices = ['everything', 'e2e']\n\
         scopes = {all:?}\n",
        secrets.service, secrets.everything, secrets.admin
    );
    if let Some(number) = callers.iter().position(|one| *one == Caller::GroupAdmin) {
        let group = Target::new(number).group;
        let scopes: Vec<_> = GROUP_ADMIN_SCOPES
            .iter()
            .map(|scope| format!("{scope}!group={group}"))
            .collect();
        let _ = write!(
            text,
            "[[JupyterHub.load_roles]]\nname = 'group-admin'\nusers = ['{GROUP_ADMIN}']\nscopes = {scopes:?}\n"
        );
    }
    text.push_str("[JupyterHub.load_groups]\n");
    let _ = writeln!(
        text,
        "everybody = {{ users = ['{STRANGER}', 'guest', 'owner'], properties = {{ kind = 'all' }} }}"
    );
    let _ = writeln!(text, "takers = {{ users = ['{TAKER}'] }}");
    for number in 0..targets {
        let Target { user, group, .. } = Target::new(number);
        let _ = writeln!(text, "{group} = {{ users = ['{user}'] }}");
    }
    text
}

async fn seeded(stack: Stack, callers: &[Caller], more: &[bool], secrets: &Secrets) -> World {
    let api = stack.api();
    let put = Request {
        method: Method::PUT,
        ..Request::default()
    };
    let mut world = World {
        client: stack.client(),
        stack,
        targets: Vec::new(),
        tokens: Vec::new(),
    };
    let owner = world.server(&api, "owner", put.method).await;
    owner.expect(201);
    let cookie = world.login_cookie().await;
    let seeds: Vec<_> = stream::iter(0..callers.len() + more.len())
        .map(|number| target(&world, &api, number, &cookie))
        .buffered(AT_ONCE)
        .collect()
        .await;
    // One after the other: lists show them in the order in which they were made.
    let (of_callers, others) = seeds.split_at(callers.len());
    for target in of_callers {
        share(&api, target).await;
        share_own(&api, target, STRANGER).await;
    }
    let others = others.iter().zip(more);
    let others: Vec<_> = others
        .filter_map(|(target, more)| more.then_some(target))
        .collect();
    for target in &others {
        share(&api, target).await;
    }
    stream::iter(others)
        .for_each_concurrent(AT_ONCE, |target| share_own(&api, target, TAKER))
        .await;
    let tokens: Vec<_> = stream::iter(callers.iter().zip(&seeds))
        .map(|(caller, target)| token(&api, caller, target, secrets))
        .buffered(AT_ONCE)
        .collect()
        .await;
    world.tokens = tokens;
    world
        .tokens
        .resize(seeds.len(), Some(api.token().to_owned()));
    world.targets = seeds;
    // A request is activity of whose token it is: from here on everybody has been active.
    let hello = Request {
        path: "/user".to_owned(),
        ..Request::default()
    };
    for caller in 0..callers.len() {
        world.ask(caller, &hello).await;
        // Looking up a token is a use of it, too.
        let target = &world.targets[caller];
        world.ask_as(Some(&target.token), target, &hello).await;
    }
    world
}

/// The objects of that number.
async fn target(world: &World, api: &Api, number: usize, cookie: &str) -> Target {
    let mut target = Target::new(number);
    let user = target.user.clone();
    world.server(api, &user, Method::PUT).await.expect(201);
    let path = format!("/users/{user}/tokens");
    let token = api.post(&path, &json!({"note": "spare"})).await;
    let token = token.expect(201).json();
    // JupyterHub makes the row of a default server when it first looks at its user.
    api.user(&user).await;
    target.token_id = text(&token, "id");
    target.token = text(&token, "token");
    cookie.clone_into(&mut target.cookie);
    target
}

/// Shares with a target.
async fn share(api: &Api, target: &Target) {
    let Target { user, group, .. } = target;
    for body in [json!({"user": user}), json!({"group": group})] {
        api.post("/shares/owner/box", &body).await.expect(200);
    }
}

/// Shares what belongs to a target: with somebody, and with whoever has the code.
async fn share_own(api: &Api, target: &Target, recipient: &str) {
    let user = &target.user;
    for (path, body) in [
        (format!("/shares/{user}/box"), json!({"user": recipient})),
        (format!("/share-codes/{user}/box"), json!({})),
    ] {
        api.post(&path, &body).await.expect(200);
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().expect("a text").to_owned()
}

async fn token(api: &Api, caller: &Caller, target: &Target, secrets: &Secrets) -> Option<String> {
    let made = async |user: &str, scopes: &[&str]| Some(api.new_token(user, scopes).await);
    match caller {
        Caller::Anonymous => None,
        Caller::UnknownToken => Some("0123456789abcdef0123456789abcdef".to_owned()),
        Caller::User => made(&target.user, &[]).await,
        Caller::OtherUser => made(STRANGER, &[]).await,
        Caller::GroupAdmin => made(GROUP_ADMIN, &[]).await,
        Caller::Service => Some(secrets.service.clone()),
        Caller::ServiceWithAll => Some(secrets.everything.clone()),
        Caller::AdminService => Some(secrets.admin.clone()),
        Caller::Admin => made(ADMIN, &[]).await,
        Caller::Token(scope) => made(HOLDER, &[&target.fill(scope)]).await,
    }
}

impl World {
    /// Waits until none of a user's servers is on its way anywhere.
    pub(super) async fn settled(&self, user: &str) {
        let api = self.stack.api();
        let limit = std::time::Duration::from_secs(90);
        let what = format!("{user}'s servers are where they are going");
        eventually(limit, &what, async || {
            let user = api.user(user).await;
            let servers = user["servers"].as_object().expect("servers");
            servers.values().all(|server| server["pending"].is_null())
        })
        .await;
    }

    /// Makes a server called `box`, without starting it.
    async fn server(&self, api: &Api, user: &str, method: Method) -> Reply {
        let request = Request {
            method,
            path: format!("/users/{user}/servers/box"),
            ..Request::default()
        };
        self.ask_as(Some(api.token()), &Target::default(), &request)
            .await
    }

    /// The login cookie of somebody, escaped for a URL.
    async fn login_cookie(&self) -> String {
        let mut visitor = self.stack.visitor();
        visitor.login(STRANGER, "x").await;
        let cookie = visitor.jar.get("jupyterhub-hub-login", "/hub/");
        let value = &cookie.expect("a login cookie").value;
        url::form_urlencoded::byte_serialize(value.trim_matches('"').as_bytes()).collect()
    }
}
