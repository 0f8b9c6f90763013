//! Proxies by name: what `JupyterHub.proxy_class` can be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use hub_types::secret::Token;
use serde_json::{Map, Value};

use super::chp::{ChpClient, Endpoint, Keys, RETRY_FOR};
use super::process::{ProxyDeps, ProxyProcess};
use super::{ProxyClient, ProxyRunner, several};
use crate::config::{CONFIGURABLE_HTTP_PROXY, Config};
use crate::db::Db;
use crate::spawner::child::DebugEnv;

/// What a proxy is built from. It does not show itself: its settings may hold secrets.
#[derive(Clone)]
pub struct ProxyContext {
    /// What the hub was told.
    pub config: Arc<Config>,
    /// What stands in the class's own section of the configuration.
    pub settings: Map<String, Value>,
    /// Where a process is recorded.
    pub db: Db,
    /// The hub's environment.
    pub env: Arc<dyn DebugEnv>,
    /// The hub's own binary.
    pub launcher: PathBuf,
    /// The hub's folder, for files.
    pub data: PathBuf,
    /// Base of the hub's error pages, e.g. `http://127.0.0.1:8081/hub/error`.
    pub error_target: String,
    /// The secret between hub and proxy: the configured one, else derived from the cookie secret.
    pub token: Token,
}

/// A proxy, ready to be used.
#[derive(Debug)]
pub struct Built {
    /// Who changes its routes: several when there are several proxies with the same routes.
    pub clients: Vec<Arc<dyn ProxyClient>>,
    /// Who starts and stops it; none when somebody else does.
    pub runner: Option<Arc<dyn ProxyRunner>>,
}

/// Why a proxy cannot be built, in one line that names the setting.
pub type BuildError = Box<dyn std::error::Error + Send + Sync>;

/// Builds a proxy; nothing is started yet.
pub type Build = fn(&ProxyContext) -> Result<Built, BuildError>;

/// A kind of proxy.
#[derive(Debug, Clone, Copy)]
pub struct ProxyClass {
    /// What `JupyterHub.proxy_class` says, e.g. `haproxy`.
    pub name: &'static str,
    /// Its section of the configuration, e.g. `HAProxy`. Everything in it is handed over as it is.
    pub section: &'static str,
    /// Makes one.
    pub build: Build,
}

/// The kinds of proxy that a hub knows beside its own.
#[derive(Debug, Clone, Default)]
pub struct ProxyClasses(Vec<ProxyClass>);

impl ProxyClasses {
    /// Adds a kind.
    #[must_use]
    pub fn with(mut self, class: ProxyClass) -> Self {
        self.0.push(class);
        self
    }

    /// Names and sections, for who reads the configuration.
    #[must_use]
    pub fn sections(&self) -> BTreeMap<String, String> {
        let names = self.0.iter();
        names
            .map(|class| (class.name.to_owned(), class.section.to_owned()))
            .collect()
    }

    /// What stands in the section of the class in use.
    #[must_use]
    pub fn settings(&self, config: &Config) -> Map<String, Value> {
        let name = &config.jupyterhub.proxy_class;
        let class = self.0.iter().find(|class| class.name == name);
        class
            .and_then(|class| config.plugged.0.get(class.section))
            .cloned()
            .unwrap_or_default()
    }

    /// Builds the proxy that the configuration names, which was checked to be one of these or our own.
    ///
    /// # Errors
    /// When its settings are wrong.
    pub fn build(&self, context: &ProxyContext) -> Result<Built, BuildError> {
        let wanted = &context.config.jupyterhub.proxy_class;
        let built = match self.0.iter().find(|class| class.name == wanted) {
            Some(class) => (class.build)(context)?,
            None if wanted == CONFIGURABLE_HTTP_PROXY => configurable_http_proxy(context)?,
            None => return Err(format!("[JupyterHub] proxy_class '{wanted}' is not known").into()),
        };
        // Without one, every change of routes would succeed and lead nowhere.
        if built.clients.is_empty() {
            return Err(
                format!("[JupyterHub] proxy_class '{wanted}' gave no proxy to drive").into(),
            );
        }
        Ok(built)
    }
}

/// Everything that speaks configurable-http-proxy's API: our own proxy, or the one of `ConfigurableHTTPProxy.command`.
fn configurable_http_proxy(context: &ProxyContext) -> Result<Built, BuildError> {
    let proxy = &context.config.proxy;
    let others = &proxy.api_url.others;
    // One of several must not be waited for while others answer.
    let retry_for = if others.is_empty() {
        RETRY_FOR
    } else {
        several::RETRY_FOR
    };
    let keys = match context.config.jupyterhub.subdomain_host {
        Some(_) => Keys::Hosts,
        None => Keys::Paths,
    };
    let client = |address: &crate::config::BindUrl| {
        let endpoint = Endpoint {
            url: address.local_origin(address.port),
            token: context.token.clone(),
        };
        let client = ChpClient::new(endpoint, retry_for)?;
        let client = client.concurrency(proxy.concurrency).keys(keys);
        Ok::<_, reqwest::Error>(Arc::new(client))
    };
    let first = client(&proxy.api_url.first)?;
    let runner = proxy.should_start.then(|| {
        let deps = ProxyDeps {
            db: context.db.clone(),
            config: Arc::clone(&context.config),
            env: Arc::clone(&context.env),
            client: Arc::clone(&first),
            launcher: context.launcher.clone(),
            data: context.data.clone(),
            error_target: context.error_target.clone(),
        };
        Arc::new(ProxyProcess::new(deps)) as Arc<dyn ProxyRunner>
    });
    let mut clients: Vec<Arc<dyn ProxyClient>> = vec![first];
    for address in others {
        clients.push(client(address)?);
    }
    Ok(Built { clients, runner })
}

#[cfg(test)]
mod tests {
    use hub_types::env::ProcessEnv;

    use super::*;
    use crate::config::DbUrl;

    #[tokio::test]
    async fn a_class_that_gives_no_proxy_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.jupyterhub.proxy_class = "none".into();
        let context = ProxyContext {
            config: Arc::new(config),
            settings: Map::new(),
            db: Db::open(&DbUrl::Sqlite(folder.path().join("db")))
                .await
                .unwrap(),
            env: Arc::new(ProcessEnv),
            launcher: PathBuf::new(),
            data: PathBuf::new(),
            error_target: String::new(),
            token: Token::generate(),
        };
        let class = ProxyClass {
            name: "none",
            section: "None",
            build: |_| {
                Ok(Built {
                    clients: Vec::new(),
                    runner: None,
                })
            },
        };
        let error = ProxyClasses::default().with(class).build(&context);
        assert!(error.unwrap_err().to_string().contains("gave no proxy"));
    }
}
