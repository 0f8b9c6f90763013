//! The rules of a spec.

use std::collections::BTreeMap;
use std::fmt;

use hub_types::names::ServiceName;
use hub_types::secret::{MAX_TOKEN_LEN, MIN_TOKEN_LEN};
use url::Url;

use super::ServiceSpec;

/// Something to say about one key of one service: an error, or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The service.
    pub service: String,
    /// The key, e.g. `oauth_client_id`.
    pub key: &'static str,
    /// What is wrong and what to do.
    pub why: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {:?}: {}: {}", self.service, self.key, self.why)
    }
}

impl std::error::Error for Remark {}

/// Checks every spec, and that no two claim the same name or OAuth client id. Gives the warnings.
///
/// # Errors
/// Everything that is wrong, in the order of the specs.
pub fn validate_all(specs: &[ServiceSpec]) -> Result<Vec<Remark>, Vec<Remark>> {
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    let mut names: BTreeMap<&str, ()> = BTreeMap::new();
    let mut clients: BTreeMap<String, &str> = BTreeMap::new();
    for spec in specs {
        match spec.validate() {
            Ok(more) => warnings.extend(more),
            Err(more) => errors.extend(more),
        }
        if names.insert(&spec.name, ()).is_some() {
            errors.push(spec.remark("name", "there are two services of this name; rename one"));
        } else if let Some(other) = clients.insert(spec.client_id(), &spec.name) {
            let why = format!("service {other:?} has the same OAuth client id; give each its own");
            errors.push(spec.remark("oauth_client_id", why));
        }
    }
    if errors.is_empty() {
        Ok(warnings)
    } else {
        Err(errors)
    }
}

impl ServiceSpec {
    /// Checks the spec. Gives the warnings.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(&self) -> Result<Vec<Remark>, Vec<Remark>> {
        let mut errors = Vec::new();
        let mut wrong = |key, why: String| errors.push(self.remark(key, why));
        if let Err(error) = ServiceName::new(&self.name) {
            wrong(
                "name",
                format!("{error}; use letters, digits, '-', '_', '.' and '~'"),
            );
        }
        if self.cookie_auth && self.url.is_none() {
            let why = "needs a url: the cookie goes to the service's own path";
            wrong("cookie_auth", why.to_owned());
        }
        if let Some(url) = &self.url
            && let Err(why) = check_url(url, self.is_managed())
        {
            wrong("url", why);
        }
        if !self.oauth_roles.is_empty() {
            wrong(
                "oauth_roles",
                "was removed; list scopes in oauth_client_allowed_scopes instead".into(),
            );
        }
        if let Some(token) = &self.api_token {
            let length = token.expose().len();
            if !(MIN_TOKEN_LEN..=MAX_TOKEN_LEN).contains(&length) {
                wrong(
                    "api_token",
                    format!(
                        "must have {MIN_TOKEN_LEN} to {MAX_TOKEN_LEN} characters, not {length}; `openssl rand -hex 32` makes a good one"
                    ),
                );
            }
        }
        if self.timeout == 0 {
            wrong("timeout", "must be at least 1 (seconds)".into());
        }
        if self
            .oauth_client_id
            .as_ref()
            .is_some_and(|id| !id.starts_with("service-"))
        {
            wrong(
                "oauth_client_id",
                format!("must start with 'service-', e.g. 'service-{}'", self.name),
            );
        }
        if let Some(uri) = &self.oauth_redirect_uri
            && !uri.starts_with('/')
            && Url::parse(uri).is_err()
        {
            wrong(
                "oauth_redirect_uri",
                format!("{uri:?} is neither a URL nor a path that starts with '/'"),
            );
        }
        self.check_command(&mut wrong);
        if errors.is_empty() {
            Ok(self.warnings())
        } else {
            Err(errors)
        }
    }

    fn check_command(&self, wrong: &mut impl FnMut(&'static str, String)) {
        if self
            .command
            .first()
            .is_some_and(|program| program.trim().is_empty())
        {
            wrong(
                "command",
                "its first element is the program to run; it must not be empty".into(),
            );
        }
        for (key, given) in [
            ("cwd", self.cwd.is_some()),
            ("environment", !self.environment.is_empty()),
            ("user", self.user.is_some()),
        ] {
            if given && !self.is_managed() {
                wrong(
                    key,
                    "only means something with a command; the hub does not run this service".into(),
                );
            }
        }
        for (name, value) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                wrong("environment", format!("{name:?} cannot be a variable"));
            }
        }
    }

    fn warnings(&self) -> Vec<Remark> {
        let mut warnings = Vec::new();
        if self.admin {
            warnings.push(self.remark(
                "admin",
                "is deprecated; give the service a role with the scopes it needs in load_roles",
            ));
        }
        if !self.is_managed() && self.api_token.is_none() {
            warnings.push(self.remark(
                "api_token",
                "is not set: the hub neither runs this service nor knows a token of it, so it cannot ask the hub who a user is",
            ));
        }
        warnings
    }

    fn remark(&self, key: &'static str, why: impl Into<String>) -> Remark {
        Remark {
            service: self.name.clone(),
            key,
            why: why.into(),
        }
    }
}

fn check_url(text: &str, managed: bool) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| {
        format!("{text:?} is not a URL ({error}); write e.g. http://127.0.0.1:9999")
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(format!(
            "{text:?} must start with http:// or https:// and name a host"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or password; use api_token".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{text:?} must not have a query or fragment"));
    }
    if url.port() == Some(0) && !managed {
        return Err("port 0 asks the hub to choose a port, but the hub does not run this service; give its real port".into());
    }
    Ok(())
}
