//! Doubles of a spawner, a proxy and an authenticator: nothing leaves this process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::http::StatusCode;
use hub::auth::registry::AuthenticatorClass;
use hub::auth::{AuthModel, AuthUnavailable, Authenticator, LoginForm};
use hub::config::PerServer;
use hub::domain::server::ServerRef;
use hub::domain::user::UserId;
use hub::proxy_client::{KnownRoute, ProxyClient, ProxyError, Route, Routes};
use hub::spawner::{self, Placed, SpawnError, Spawner, StartContext};
use hub_types::secret::Token;
use serde_json::{Value, json};
use tokio::sync::watch;

/// What the next start does.
#[derive(Debug, Clone, Default)]
pub(crate) enum Behaviour {
    /// Answers HTTP at once.
    #[default]
    Answers,
    /// Runs, but never answers.
    Hangs,
    /// Cannot be started.
    Fails(String),
}

/// A double of a spawner: a server is a listener of this process.
#[derive(Debug, Default)]
pub(crate) struct SpawnerDouble {
    pub(crate) behaviour: Mutex<Behaviour>,
    running: Mutex<BTreeMap<String, watch::Sender<bool>>>,
    /// How often each server was started.
    starts: Mutex<BTreeMap<String, usize>>,
    ran_twice: AtomicBool,
    /// What every server has written.
    pub(crate) output: Mutex<Vec<String>>,
    /// What the last start was told: options and settings.
    told: Mutex<Option<(Value, PerServer)>>,
    /// Servers that were deleted for good, or are just being.
    pub(crate) deleted: Mutex<Vec<String>>,
    /// Servers that got another name, or are just getting it: the old one and the new one.
    pub(crate) renamed: Mutex<Vec<(String, String)>>,
    /// Servers that neither stop nor get another name nor are done away with before they are let go.
    held: watch::Sender<BTreeSet<String>>,
    /// The token of the last start's server.
    token: Mutex<Option<Token>>,
}

impl SpawnerDouble {
    pub(crate) fn next(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    pub(crate) fn starts(&self) -> BTreeMap<String, usize> {
        self.starts.lock().unwrap().clone()
    }

    /// The token of the server that was started last.
    pub(crate) fn token(&self) -> Token {
        self.token.lock().unwrap().clone().unwrap()
    }

    /// What the last start was told.
    pub(crate) fn told(&self) -> (Value, PerServer) {
        self.told.lock().unwrap().clone().unwrap()
    }

    /// How many servers run.
    pub(crate) fn running(&self) -> usize {
        self.running.lock().unwrap().len()
    }

    /// Ends a server (`alice/gpu`) without telling anybody.
    pub(crate) fn kill(&self, server: &str) {
        let stop = self.running.lock().unwrap().remove(server);
        stop.unwrap().send_replace(true);
    }

    /// Whether a server was ever started while it ran.
    pub(crate) fn ran_twice(&self) -> bool {
        self.ran_twice.load(Ordering::SeqCst)
    }

    /// Holds up the stop of a server (`alice/gpu`), and what is done when it gets another name or is deleted for good.
    pub(crate) fn hold(&self, server: &str) {
        self.held.send_modify(|held| {
            held.insert(server.to_owned());
        });
    }

    /// Ends that.
    pub(crate) fn let_go(&self, server: &str) {
        self.held.send_modify(|held| {
            held.remove(server);
        });
    }

    async fn free(&self, server: &str) {
        let mut held = self.held.subscribe();
        held.wait_for(|held| !held.contains(server)).await.unwrap();
    }

    fn stopped(&self, state: &Value) -> Option<watch::Receiver<bool>> {
        let running = self.running.lock().unwrap();
        running
            .get(state["server"].as_str().unwrap_or_default())
            .map(watch::Sender::subscribe)
    }
}

#[async_trait]
impl Spawner for SpawnerDouble {
    fn name(&self) -> &'static str {
        "double"
    }

    async fn start(&self, context: StartContext<'_>) -> Result<(), SpawnError> {
        let options = Value::from(context.user_options.clone());
        *self.told.lock().unwrap() = Some((options, context.settings.clone()));
        *self.token.lock().unwrap() = Some(context.contract.token.clone());
        let behaviour = self.behaviour.lock().unwrap().clone();
        if let Behaviour::Fails(why) = behaviour {
            return Err(SpawnError::Failed(why));
        }
        if let Some(text) = context.user_options.get("tell").and_then(Value::as_str) {
            context.progress.tell(255, text).await;
            let html = format!("<em>{text}</em>");
            context.progress.tell_html(60, text, &html).await;
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("http://{}", listener.local_addr().unwrap());
        let key = context.server.to_string();
        context
            .commit
            .commit(&Placed {
                state: json!({ "server": key, "for the hub alone": true }),
                target,
            })
            .await?;
        let (stop, mut stopped) = watch::channel(false);
        *self.starts.lock().unwrap().entry(key.clone()).or_default() += 1;
        if self.running.lock().unwrap().insert(key, stop).is_some() {
            self.ran_twice.store(true, Ordering::SeqCst);
        }
        let app = match behaviour {
            Behaviour::Hangs => Router::new().fallback(std::future::pending::<StatusCode>),
            _ => Router::new().fallback(|| async { StatusCode::OK }),
        };
        tokio::spawn(async move {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => {}
                _ = axum::serve(listener, app).into_future() => {}
            }
        });
        Ok(())
    }

    async fn poll(&self, state: &Value) -> spawner::Poll {
        match self.stopped(state) {
            Some(_) => spawner::Poll::Running,
            None => spawner::Poll::Exited("is gone".into()),
        }
    }

    async fn wait(&self, state: &Value) -> String {
        if let Some(mut stopped) = self.stopped(state) {
            // The sender is dropped when the server is stopped: that is an end, too.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }
        "is gone".into()
    }

    async fn stop(&self, state: &Value, _now: bool) -> Result<(), SpawnError> {
        let server = state["server"].as_str().unwrap_or_default();
        self.free(server).await;
        let stop = self.running.lock().unwrap().remove(server);
        if let Some(stop) = stop {
            stop.send_replace(true);
        }
        Ok(())
    }

    fn shown_state(&self, state: &Value) -> Value {
        json!({ "server": state["server"] })
    }

    async fn output_tail(&self, _state: &Value, _lines: usize) -> Vec<String> {
        self.output.lock().unwrap().clone()
    }

    async fn rename(
        &self,
        old: &ServerRef,
        new: &ServerRef,
        _owner: UserId,
    ) -> Result<(), SpawnError> {
        if let Some(status) = new.name.as_str().strip_prefix("no-") {
            return Err(SpawnError::Refused {
                status: status.parse().unwrap(),
                message: format!("The volume of {old} cannot be renamed"),
            });
        }
        if new.name.as_str() == "fails" {
            let why = "cannot rename /var/log/hub: Permission denied (os error 13)";
            return Err(SpawnError::Failed(why.to_owned()));
        }
        let names = (old.to_string(), new.to_string());
        self.renamed.lock().unwrap().push(names);
        self.free(&old.to_string()).await;
        Ok(())
    }

    async fn delete_forever(&self, server: &ServerRef, _owner: UserId) -> Result<(), SpawnError> {
        self.deleted.lock().unwrap().push(server.to_string());
        self.free(&server.to_string()).await;
        Ok(())
    }
}

/// Where a proxy was moved to: API address and token.
pub(crate) type Moved = (Option<String>, Option<Token>);

/// A double of a proxy: a table.
#[derive(Debug, Default)]
pub(crate) struct ProxyDouble(pub(crate) Mutex<Routes>, pub(crate) Mutex<Vec<Moved>>);

#[async_trait]
impl ProxyClient for ProxyDouble {
    async fn add(&self, route: &Route) -> Result<(), ProxyError> {
        let known = KnownRoute {
            route: route.clone(),
            last_activity: None,
        };
        let mut routes = self.0.lock().unwrap();
        routes.insert(route.routespec.clone(), known);
        Ok(())
    }

    async fn delete(&self, routespec: &str) -> Result<(), ProxyError> {
        self.0.lock().unwrap().remove(routespec);
        Ok(())
    }

    async fn routes(&self) -> Result<Routes, ProxyError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn move_to(&self, api_url: Option<String>, token: Option<Token>) -> bool {
        self.1.lock().unwrap().push((api_url, token));
        true
    }
}

/// A double of an authenticator: every password is right, and one that is a table in JSON is what is said of the person.
#[derive(Debug)]
struct Telling;

/// The class of the double, for `JupyterHub.authenticator_class`.
pub(crate) const TELLING: AuthenticatorClass = AuthenticatorClass {
    name: "telling",
    section: "Telling",
    build: |_| Ok(std::sync::Arc::new(Telling)),
};

#[async_trait]
impl Authenticator for Telling {
    fn class(&self) -> &'static str {
        "telling"
    }

    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        let said: Option<Value> = serde_json::from_str(form.password.expose()).ok();
        Ok(Some(AuthModel {
            name: name.to_owned(),
            user_info: said.filter(Value::is_object),
            ..AuthModel::default()
        }))
    }
}
