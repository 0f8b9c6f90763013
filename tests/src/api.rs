//! The hub's REST API, with a token.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Client, Reply, eventually_some};

/// Longest wait for a server to be ready. JupyterLab imports a lot, and the machine may be busy.
const SPAWN: Duration = Duration::from_secs(90);

/// Calls paths below `…/hub/api`.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    prefix: String,
    token: String,
}

impl Api {
    /// Calls the API at `prefix` (for example `/hub/api`) with `token`.
    #[must_use]
    pub fn new(client: Client, prefix: &str, token: &str) -> Self {
        Self {
            client: client.token(token),
            prefix: prefix.to_owned(),
            token: token.to_owned(),
        }
    }

    /// The token it uses.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.client.get(&self.path(path)).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.client.post(&self.path(path), body).await
    }

    /// PUT of a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.client.put(&self.path(path), body).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.client.delete(&self.path(path)).await
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// Creates a user if it is not there.
    ///
    /// # Panics
    /// When the hub refuses for another reason.
    pub async fn ensure_user(&self, user: &str) {
        let reply = self.post(&format!("/users/{user}"), &json!({})).await;
        assert!([201, 409].contains(&reply.status), "{reply:#?}");
    }

    /// A user's model.
    pub async fn user(&self, user: &str) -> Value {
        self.get(&format!("/users/{user}")).await.expect(200).json()
    }

    /// The model of a user's default server, if it is active.
    pub async fn server(&self, user: &str) -> Option<Value> {
        self.user(user).await["servers"].get("").cloned()
    }

    /// Asks for a user's default server to be started, without waiting for it.
    ///
    /// # Panics
    /// When the hub refuses.
    pub async fn request_server(&self, user: &str) {
        self.ensure_user(user).await;
        let reply = self
            .post(&format!("/users/{user}/server"), &json!({}))
            .await;
        assert!([201, 202].contains(&reply.status), "no server: {reply:#?}");
    }

    /// Starts a user's default server, creating the user if needed, waits until it is ready and returns its model.
    pub async fn start_server(&self, user: &str) -> Value {
        self.request_server(user).await;
        self.ready_server(user).await
    }

    /// Waits until a user's default server is ready and returns its model.
    pub async fn ready_server(&self, user: &str) -> Value {
        let what = format!("{user}'s server is ready");
        eventually_some(SPAWN, &what, async || {
            self.server(user)
                .await
                .filter(|server| server["ready"] == true)
        })
        .await
    }

    /// Stops a user's default server and waits until it is gone.
    pub async fn stop_server(&self, user: &str) {
        let reply = self.delete(&format!("/users/{user}/server")).await;
        assert!(
            [202, 204].contains(&reply.status),
            "not stopped: {reply:#?}"
        );
        let what = format!("{user}'s server has stopped");
        eventually_some(SPAWN, &what, async || {
            self.server(user).await.is_none().then_some(())
        })
        .await;
    }

    /// The proxy's routes by path.
    pub async fn routes(&self) -> Value {
        self.get("/proxy").await.expect(200).json()
    }

    /// A new token of `user` with these scopes, or with all the user may do when there are none.
    pub async fn new_token(&self, user: &str, scopes: &[&str]) -> String {
        let mut body = json!({ "note": "e2e" });
        if !scopes.is_empty() {
            body["scopes"] = json!(scopes);
        }
        let reply = self.post(&format!("/users/{user}/tokens"), &body).await;
        reply.expect(201).json()["token"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    /// The same API with another token.
    #[must_use]
    pub fn with(&self, token: &str) -> Self {
        Self::new(self.client.clone(), &self.prefix, token)
    }
}
