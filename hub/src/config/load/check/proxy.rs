//! What must fit together about the proxy.

use hub_types::env::{CONFIGPROXY_AUTH_TOKEN, EnvSource};
use hub_types::secret::Token;

use super::super::OwnClasses;
use super::super::apply::State;
use crate::config::problem::nearest;
use crate::config::{CONFIGURABLE_HTTP_PROXY, Config};

/// Takes the token from the environment where none is set, and checks.
pub(super) fn check(
    config: &mut Config,
    state: &mut State,
    env: &dyn EnvSource,
    classes: &OwnClasses,
) {
    let proxy = &mut config.proxy;
    if proxy.auth_token.is_none() {
        proxy.auth_token = env
            .get_nonempty(CONFIGPROXY_AUTH_TOKEN)
            .map(Token::from_config);
    }
    if config.jupyterhub.ssl_key.is_some() && config.jupyterhub.ssl_cert.is_none() {
        let message = "needs a certificate: give its file as ssl_cert";
        state.problem("JupyterHub", "ssl_key", message);
    }
    match config.jupyterhub.proxy_class.as_str() {
        CONFIGURABLE_HTTP_PROXY => configurable(config, state),
        other if !classes.proxies.contains_key(other) => unknown(other, state, classes),
        _ => {}
    }
}

fn configurable(config: &Config, state: &mut State) {
    let (class, proxy) = ("ConfigurableHTTPProxy", &config.proxy);
    if proxy.should_start {
        if !proxy.api_url.others.is_empty() {
            let message = "names several proxies, and the hub can start only one: start them yourself, and write \
                           should_start = false";
            state.problem(class, "api_url", message);
        }
        return;
    }
    let running = "= false means that a proxy runs already: give its";
    if proxy.auth_token.is_none() {
        let message = format!(
            "{running} token as [ConfigurableHTTPProxy] auth_token or ${CONFIGPROXY_AUTH_TOKEN}"
        );
        state.problem("Proxy", "should_start", message);
    }
    if proxy.api_url.iter().any(|url| url.port == 0) {
        let message = format!("{running} API's port in [ConfigurableHTTPProxy] api_url");
        state.problem("Proxy", "should_start", message);
    }
}

fn unknown(name: &str, state: &mut State, classes: &OwnClasses) {
    let there: Vec<&str> = classes.proxies.keys().map(String::as_str).collect();
    let there = [&[CONFIGURABLE_HTTP_PROXY], &there[..]].concat();
    let hint = nearest(name, there.iter().copied())
        .map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
    let message = format!(
        "= \"{name}\" is not known; this hub has \"{}\"{hint}",
        there.join("\", \"")
    );
    state.problem("JupyterHub", "proxy_class", message);
}
