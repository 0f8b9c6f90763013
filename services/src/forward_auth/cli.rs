//! Arguments, and the site they describe.

use std::sync::Arc;

use hub_types::env::{EnvSource, JUPYTERHUB_OAUTH_CALLBACK_URL};
use hubauth::config::{DefaultAccess, XsrfCheck};
use hubauth::{Access, ConfigError, HubAuthConfig, HubOAuth};
use url::Url;

use super::identity::Identities;
use super::{Inner, Site, rule};
use crate::kit::ServiceEnv;

/// Puts any web application behind the hub's login: answers nginx's auth_request, Traefik's ForwardAuth and Caddy's
/// forward_auth. Run it as a service of the hub; what it needs to know of the hub is in JUPYTERHUB_* variables.
///
/// Without --group, --user and --admin, whoever may access this service (scope access:services!service=NAME) may enter.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "hub forward-auth", version)]
pub struct Args {
    /// The site to protect, as browsers see it: a host of its own, or a path on one that it shares.
    #[arg(long, value_name = "https://HOST/PATH/")]
    pub site: Url,

    /// Let members of this group in; may be repeated.
    #[arg(long = "group", value_name = "NAME")]
    pub groups: Vec<String>,

    /// Let this user in; may be repeated.
    #[arg(long = "user", value_name = "NAME")]
    pub users: Vec<String>,

    /// Let administrators of the hub in.
    #[arg(long)]
    pub admin: bool,

    /// Let services of the hub in too, not people only. X-Hub-User names them as it names people: the application must look
    /// at X-Hub-Kind.
    #[arg(long)]
    pub services: bool,

    /// What the headers that name the visitor begin with: X-Hub-User, X-Hub-Groups, X-Hub-Kind, X-Hub-Admin.
    #[arg(long, value_name = "TEXT", default_value = "X-Hub-")]
    pub header_prefix: String,
}

/// Why a site cannot be protected so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// The URL of the site.
    #[error(
        "--site={0}: it is https://HOST/ or https://HOST/PATH/, without user, query and fragment"
    )]
    Site(String),
    /// The names of the headers.
    #[error(
        "--header-prefix={0}: letters, digits and hyphens, beginning with a letter, and no header of HTTP itself"
    )]
    HeaderPrefix(String),
    /// Nothing says who may enter.
    #[error(
        "JUPYTERHUB_SERVICE_NAME is not set: it says which service of the hub this is, and so who may enter"
    )]
    Nameless,
    /// The callback does not lead here.
    #[error(
        "JUPYTERHUB_OAUTH_CALLBACK_URL={callback} does not lead to this service: its path must be {expected}"
    )]
    Callback {
        /// What is configured.
        callback: String,
        /// What its path should be.
        expected: String,
    },
    /// What the environment says of the hub.
    #[error(transparent)]
    Hub(#[from] ConfigError),
}

impl Site {
    /// The site that the arguments and the environment describe.
    ///
    /// # Errors
    /// [`SiteError`].
    pub fn new(args: &Args, service: &ServiceEnv, env: &impl EnvSource) -> Result<Self, SiteError> {
        let site = site(&args.site)?;
        let config = config(HubAuthConfig::from_env(env)?, service, &site, env)?;
        if config.access == DefaultAccess::AnyUser {
            return Err(SiteError::Nameless);
        }
        let hub = HubOAuth::new(config)?;
        let mut access = hub.auth().access().clone();
        if let Some(narrower) = rule::any_of(&args.groups, &args.users, args.admin) {
            access = access.and(narrower);
        }
        if !args.services {
            access = access.and(Access::people());
        }
        let identities = Identities::with_prefix(&args.header_prefix)
            .ok_or_else(|| SiteError::HeaderPrefix(args.header_prefix.clone()))?;
        Ok(Self(Arc::new(Inner {
            hub,
            path: site.path().to_owned(),
            prefix: service.prefix.clone(),
            access,
            identities,
        })))
    }
}

/// The site's URL, its path ending with a slash.
fn site(url: &Url) -> Result<Url, SiteError> {
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain {
        let mut shown = url.clone();
        // A password is not shown again.
        let _ = shown.set_password(None);
        shown.set_query(None);
        return Err(SiteError::Site(shown.to_string()));
    }
    let mut site = url.clone();
    if !site.path().ends_with('/') {
        site.set_path(&format!("{}/", url.path()));
    }
    Ok(site)
}

/// A login here is one for the whole site: its cookie goes to the site's path, and a visitor comes back to anywhere in it.
fn config(
    config: HubAuthConfig,
    service: &ServiceEnv,
    site: &Url,
    env: &impl EnvSource,
) -> Result<HubAuthConfig, SiteError> {
    let mut callback = config.callback_url.clone();
    // A hub on another host has to be told which host to come back to.
    if !config.hub_host.is_empty() && env.get_nonempty(JUPYTERHUB_OAUTH_CALLBACK_URL).is_none() {
        callback = site
            .join(&callback)
            .map_or(callback, |absolute| absolute.to_string());
    }
    let expected = format!("{}oauth_callback", service.prefix);
    let config = config
        .with_service_prefix(site.path())
        .with_callback_url(callback)
        .with_public_url(site.clone())
        .with_xsrf(XsrfCheck::Origin);
    if config.callback_path() != expected {
        return Err(SiteError::Callback {
            callback: config.callback_url,
            expected,
        });
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser as _;

    use super::*;

    fn made(args: &[&str], env: &[(&str, &str)]) -> Result<HubAuthConfig, SiteError> {
        let mut all: BTreeMap<String, String> = [
            ("JUPYTERHUB_API_TOKEN", "t"),
            ("JUPYTERHUB_SERVICE_NAME", "docs"),
            ("JUPYTERHUB_SERVICE_PREFIX", "/_hub/"),
            ("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1:9090"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        all.extend(env.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())));
        let args = Args::try_parse_from(std::iter::once(&"forward-auth").chain(args)).unwrap();
        let service = ServiceEnv::from_env(&all).unwrap();
        Site::new(&args, &service, &all).map(|site| site.0.hub.config().clone())
    }

    #[test]
    fn where_a_login_leads() {
        let same = made(&["--site=https://example.com/docs"], &[]).unwrap();
        assert_eq!(
            (same.service_prefix.as_str(), same.callback_url.as_str()),
            ("/docs/", "/_hub/oauth_callback")
        );
        let host = ("JUPYTERHUB_HOST", "https://hub.example.com");
        let other = made(&["--site=https://docs.example.com"], &[host]).unwrap();
        assert_eq!(
            other.callback_url,
            "https://docs.example.com/_hub/oauth_callback"
        );
        let told = (
            "JUPYTERHUB_OAUTH_CALLBACK_URL",
            "https://x/_hub/oauth_callback",
        );
        let told = made(&["--site=https://docs.example.com"], &[host, told]).unwrap();
        assert_eq!(told.callback_url, "https://x/_hub/oauth_callback");
        assert_eq!(
            told.public_origin().as_deref(),
            Some("https://docs.example.com")
        );
    }

    #[test]
    fn what_cannot_be_meant() {
        for (args, env, expected) in [
            ("--site=ftp://x/", None, "--site="),
            ("--site=https://u@x/", None, "--site="),
            ("--site=https://x/?a", None, "--site="),
            ("--header-prefix=", None, "--header-prefix="),
            ("--header-prefix=X_Hub_", None, "--header-prefix="),
            (
                "--admin",
                Some(("JUPYTERHUB_OAUTH_CALLBACK_URL", "/elsewhere/cb")),
                "must be /_hub/oauth_callback",
            ),
            ("--admin", Some(("JUPYTERHUB_API_TOKEN", "")), "API_TOKEN"),
        ] {
            let mut all = vec![args];
            if !args.starts_with("--site") {
                all.push("--site=https://x/");
            }
            let env: Vec<_> = env.into_iter().collect();
            let error = made(&all, &env).unwrap_err().to_string();
            assert!(error.contains(expected), "{args}: {error}");
        }
    }
}
