//! Logins at a provider, by OAuth 2: the browser is sent there with a state that only it knows (`exchange`), comes back
//! with a code, the hub exchanges that for a token and asks whose it is (`outbound`), and what the provider says becomes a
//! person (`person`).
//!
//! * `flow`: the way there and back; `refresh`: whether it still holds;
//! * `settings`: what is known before anybody logs in;
//! * `discovery`, `id_token`: OpenID Connect;
//! * `turns`: how many are asked about at once;
//! * `github`, `gitlab`: who is in which organization or project;
//! * `refusal`: what people are told who do not come in.
//!
//! Names of settings, and what is kept of a login, are oauthenticator 17.4's.

mod discovery;
mod exchange;
mod flow;
mod github;
mod gitlab;
pub mod id_token;
mod outbound;
mod person;
mod refresh;
mod refusal;
mod settings;
mod turns;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use hub_types::names::Username;
use serde_json::Value;

use self::discovery::Discovery;
use self::exchange::TokenResponse;
use self::github::{GitHub, access};
use self::gitlab::GitLab;
use self::outbound::{Outbound, Trouble};
use self::person::Info;
use self::settings::{Endpoints, Settings};
use self::turns::Turns;
use super::page::{PageAnswer, PageRequest, Refused};
use super::system_users::SystemUsers;
use super::{AddUserError, AuthModel, AuthUnavailable, Authenticator, LoginForm, Refreshed, Way};
use crate::config::{Accounts, Config, GoogleOAuthenticator, Provider, TokenGoes};

/// Sends people away.
const BEGIN: &str = "oauth_login";
/// Where they come back.
const CALLBACK: &str = "oauth_callback";

/// What only some providers have.
#[derive(Debug)]
enum Vendor {
    Generic,
    Oidc(Discovery),
    GitHub(GitHub),
    GitLab(GitLab),
    Google,
}

/// People who log in at a provider.
#[derive(Debug)]
pub struct OAuthUsers {
    settings: Settings,
    vendor: Vendor,
    google: GoogleOAuthenticator,
    outbound: Outbound,
    turns: Turns,
    /// For the `Local…` classes.
    accounts: Option<SystemUsers>,
    begin: String,
}

impl OAuthUsers {
    /// By the configuration.
    #[must_use]
    pub fn new(config: &Config, provider: Provider, accounts: Accounts) -> Self {
        let vendor = match provider {
            Provider::Generic => Vendor::Generic,
            Provider::Google => Vendor::Google,
            Provider::GitHub => Vendor::GitHub(GitHub::new(config)),
            Provider::GitLab => Vendor::GitLab(GitLab::new(config)),
            Provider::Oidc => Vendor::Oidc(Discovery::new(
                config.oidc.issuer.as_deref().unwrap_or_default(),
            )),
        };
        Self {
            settings: Settings::new(config, provider, accounts),
            vendor,
            google: config.google.clone(),
            outbound: Outbound::new(!config.oauth.validate_server_cert),
            turns: Turns::default(),
            accounts: (accounts == Accounts::System).then(|| SystemUsers::new(config)),
            begin: config.jupyterhub.base_url().hub_path(BEGIN),
        }
    }

    async fn endpoints(&self) -> Result<Endpoints, Trouble> {
        let settings = &self.settings;
        let mut endpoints = match (&self.vendor, &settings.endpoints) {
            (Vendor::Oidc(discovery), _) => discovery.look(&self.outbound).await?.endpoints.clone(),
            (_, Some(known)) => return Ok(known.clone()),
            (_, None) => {
                return Err(Trouble::Senseless {
                    host: settings.service.clone(),
                    why: "no URLs in the configuration".to_owned(),
                });
            }
        };
        if settings.from_id_token {
            endpoints.userdata = None;
        }
        Ok(endpoints)
    }

    /// What the provider says of whoever has this token.
    async fn userdata(
        &self,
        endpoints: &Endpoints,
        token: &TokenResponse,
    ) -> Result<Info, Trouble> {
        let senseless = |why: &str| Trouble::Senseless {
            host: self.settings.service.clone(),
            why: why.to_owned(),
        };
        let url = endpoints.userdata.clone();
        let mut url = url.ok_or_else(|| senseless("no place to ask who somebody is"))?;
        let token = access(token).ok_or_else(|| senseless("no token"))?;
        let in_url = self.settings.token_goes == TokenGoes::Url;
        let params = &self.settings.userdata_params;
        if in_url || !params.is_empty() {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(params);
            if in_url {
                query.append_pair("access_token", token);
            }
        }
        let answer = self.outbound.get(&url, Some(token)).await?.success()?;
        match answer.json()? {
            Value::Object(info) => Ok(info),
            _ => Err(senseless("nothing about the person")),
        }
    }

    /// Who it is here, and by which rule they may come in.
    async fn person(&self, token: &TokenResponse, mut info: Info) -> Result<AuthModel, Refused> {
        let settings = &self.settings;
        let trouble = |error: Trouble| refusal::trouble(&settings.service, &error);
        if let Vendor::GitHub(github) = &self.vendor {
            let completed = github.complete(&self.outbound, token, &mut info);
            completed.await.map_err(trouble)?;
        }
        let name = person::name(settings, &self.google, &info)?;
        let mut state = person::state(settings, token, &info);
        if let Vendor::GitHub(github) = &self.vendor {
            let added = github.add_teams(&self.outbound, token, &mut state);
            added.await.map_err(trouble)?;
        }
        let key = settings.groups_key.as_deref();
        let groups = key.map(|key| person::groups(key, &state));
        let admin = person::admin(settings, groups.as_ref());
        let allowed = match self.has_rules() {
            false => None,
            true if person::allowed(settings, token, groups.as_ref()) => Some(true),
            true => Some(self.is_member(token, &info).await.map_err(trouble)?),
        };
        Ok(AuthModel {
            name,
            admin,
            allowed,
            groups,
            user_info: None,
            auth_state: settings.kept.then_some(Value::Object(state)),
        })
    }

    /// Whether anything that the provider says could allow somebody whom nothing else does.
    fn has_rules(&self) -> bool {
        let settings = &self.settings;
        let of_vendor = match &self.vendor {
            Vendor::GitHub(github) => github.allows_somebody(),
            Vendor::GitLab(gitlab) => gitlab.allows_somebody(),
            Vendor::Generic | Vendor::Oidc(_) | Vendor::Google => false,
        };
        let of_all = !(settings.allowed_scopes.is_empty()
            && settings.allowed_groups.is_empty()
            && settings.admin_groups.is_empty());
        (of_vendor || of_all) && !settings.allow_all
    }

    async fn is_member(&self, token: &TokenResponse, info: &Info) -> Result<bool, Trouble> {
        match &self.vendor {
            Vendor::GitHub(github) => github.allows(&self.outbound, token, info).await,
            Vendor::GitLab(gitlab) => gitlab.allows(&self.outbound, token, info).await,
            Vendor::Generic | Vendor::Oidc(_) | Vendor::Google => Ok(false),
        }
    }
}

/// Who a token from the provider itself says it is. Source: oauthenticator 17.4's `userdata_from_id_token`.
fn from_id_token(token: &TokenResponse, own: &str) -> Result<Info, String> {
    let id = token.get("id_token").and_then(Value::as_str);
    let id =
        id.ok_or("no ID token, which userdata_from_id_token wants; is \"openid\" in scope?")?;
    let info = id_token::unchecked(id).map_err(|error| error.to_string())?;
    let for_us = match info.get("aud") {
        Some(Value::Array(all)) => all.iter().any(|one| one == own),
        Some(one) => one == own,
        None => false,
    };
    match for_us {
        true => Ok(info),
        false => Err("an ID token for somebody else than this hub".to_owned()),
    }
}

#[async_trait]
impl Authenticator for OAuthUsers {
    fn class(&self) -> &'static str {
        self.settings.class
    }

    fn way(&self) -> Way {
        Way::Elsewhere {
            service: self.settings.service.clone(),
            url: self.begin.clone(),
        }
    }

    fn says_groups(&self) -> bool {
        true
    }

    fn refreshes(&self) -> bool {
        self.settings.kept
    }

    /// Nobody types anything here.
    async fn authenticate(
        &self,
        _name: &str,
        _form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        Ok(None)
    }

    async fn allows(&self, name: &Username) -> Result<bool, AuthUnavailable> {
        match &self.accounts {
            Some(users) => users.is_allowed(name.as_str()).await,
            None => Ok(false),
        }
    }

    async fn may_add_user(&self, name: &Username) -> Result<(), AddUserError> {
        match &self.accounts {
            Some(users) => users.may_have(name.as_str()).await,
            None => Ok(()),
        }
    }

    async fn add_user(&self, name: &Username) -> Result<(), AddUserError> {
        match &self.accounts {
            Some(users) => users.ensure(name.as_str()).await,
            None => Ok(()),
        }
    }

    async fn refresh_with(
        &self,
        name: &Username,
        state: Option<&Value>,
        now: DateTime<Utc>,
    ) -> Result<Refreshed, AuthUnavailable> {
        let busy = |_| AuthUnavailable("too many are asked about at once".to_owned());
        let _turn = self.turns.refresh().await.map_err(busy)?;
        self.refreshed(name, state, now).await
    }

    fn pages(&self) -> &'static [&'static str] {
        &[BEGIN, CALLBACK]
    }

    fn login_of<'a>(&self, request: &'a PageRequest) -> Option<&'a str> {
        let comes_back = request.page == CALLBACK;
        request.argument("state").filter(|_| comes_back)
    }

    async fn page(&self, request: &PageRequest) -> PageAnswer {
        let answered = match request.page.as_str() {
            BEGIN => self.begin(request).await,
            CALLBACK => self.callback(request).await,
            other => Err(Refused::not_found(other)),
        };
        answered.unwrap_or_else(PageAnswer::Refused)
    }

    fn logout_redirect_url(&self) -> Option<String> {
        self.settings.logout.as_ref().map(ToString::to_string)
    }
}
