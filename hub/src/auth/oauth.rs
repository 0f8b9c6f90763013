//! Logins at a provider, by OAuth 2: the browser is sent there with a state that only it knows ([`exchange`]), comes back
//! with a code, the hub exchanges that for a token and asks whose it is ([`outbound`]), and what the provider says becomes a
//! person ([`person`]).
//!
//! * [`settings`]: what is known before anybody logs in;
//! * [`discovery`], [`id_token`]: OpenID Connect;
//! * [`github`], [`gitlab`]: who is in which organization or project;
//! * [`refusal`]: what people are told who do not come in.
//!
//! Names of settings, and what is kept of a login, are oauthenticator 17.4's.

mod discovery;
mod exchange;
mod github;
mod gitlab;
pub mod id_token;
mod outbound;
mod person;
mod refresh;
mod refusal;
mod settings;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use hub_types::names::Username;
use hub_types::secret::{Token, random_urlsafe};
use serde_json::{Value, json};
use url::Url;

use self::discovery::Discovery;
use self::exchange::{Login, TokenResponse};
use self::github::{GitHub, access};
use self::gitlab::GitLab;
use self::outbound::{Outbound, Trouble};
use self::person::Info;
use self::settings::{Endpoints, Settings};
use super::page::{Kept, PageAnswer, PageRequest, Refused};
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

    /// Sends the browser to the provider, with what it alone will know when it comes back.
    async fn begin(&self, request: &PageRequest) -> Result<PageAnswer, Refused> {
        let settings = &self.settings;
        let endpoints = self.endpoints().await;
        let endpoints = endpoints.map_err(|error| refusal::trouble(&settings.service, &error))?;
        let callback = match &settings.callback {
            Some(url) => url.clone(),
            None => Url::parse(&format!("{}{CALLBACK}", request.hub_url))
                .map_err(|_| refusal::state("the request names no host to come back to"))?,
        };
        let (state, secret, nonce) = (
            random_urlsafe::<32>(),
            random_urlsafe::<32>(),
            random_urlsafe::<32>(),
        );
        let verifier = Some(secret.as_str()).filter(|_| settings.pkce);
        let nonce = Some(nonce.as_str()).filter(|_| matches!(self.vendor, Vendor::Oidc(_)));
        let login = Login {
            state: &state,
            verifier,
            nonce,
            callback: &callback,
        };
        let to = exchange::authorize_url(settings, &endpoints, &login);
        let keep = json!({
            "state": state,
            "verifier": verifier,
            "nonce": nonce,
            "callback": callback,
            "next": request.next,
        });
        Ok(PageAnswer::Away {
            to: to.into(),
            keep: Kept(keep),
        })
    }

    /// The browser has come back.
    async fn callback(&self, request: &PageRequest) -> Result<PageAnswer, Refused> {
        let service = &self.settings.service;
        let kept = request.kept.as_ref();
        let kept = kept.ok_or_else(|| refusal::state("the browser began no login"))?;
        let remembered = |name: &str| kept.get(name).and_then(Value::as_str);
        let state = remembered("state").unwrap_or_default();
        // First of all: a link of somebody else must not even show an error of its choice.
        if !same(state, request.argument("state").unwrap_or_default()) {
            return Err(refusal::state("the state is of another login"));
        }
        // One that says who it is must be the one that was asked (RFC 9207).
        if let (Vendor::Oidc(discovery), Some(issuer)) = (&self.vendor, request.argument("iss"))
            && issuer != discovery.issuer()
        {
            return Err(refusal::state("the answer is of another provider"));
        }
        let error = request.argument("error");
        let code = request.argument("code").filter(|code| !code.is_empty());
        let (None, Some(code)) = (error, code) else {
            return Err(refusal::sent_back(service, error));
        };
        let callback = remembered("callback").and_then(|url| Url::parse(url).ok());
        let login = Login {
            state,
            verifier: remembered("verifier"),
            nonce: remembered("nonce"),
            callback: &callback.ok_or_else(|| refusal::state("what was kept is damaged"))?,
        };
        let model = self.log_in(code, &login, request.now).await?;
        Ok(PageAnswer::Person {
            model: Box::new(model),
            next: remembered("next").map(ToOwned::to_owned),
            otherwise: self.settings.not_allowed.clone(),
        })
    }

    /// From a code to a person.
    async fn log_in(
        &self,
        code: &str,
        login: &Login<'_>,
        now: DateTime<Utc>,
    ) -> Result<AuthModel, Refused> {
        let service = &self.settings.service;
        let endpoints = self.endpoints().await;
        let endpoints = endpoints.map_err(|error| refusal::trouble(service, &error))?;
        let token = exchange::redeem(&self.outbound, &self.settings, &endpoints, code, login).await;
        let token = token.map_err(|error| refusal::no_token(service, &error))?;
        let info = match &self.vendor {
            Vendor::Oidc(discovery) => {
                let id = token.get("id_token").and_then(Value::as_str);
                let id = id.ok_or_else(|| {
                    let why = "no ID token; is \"openid\" in scope?".to_owned();
                    refusal::answer(service, why)
                })?;
                let nonce = login.nonce.unwrap_or_default();
                let expected = (self.settings.client_id.as_str(), nonce, now);
                let proven = discovery.prove(&self.outbound, id, expected).await;
                let proven = proven.map_err(|error| refusal::not_proven(service, &error))?;
                self.more_of(&endpoints, &token, proven).await?
            }
            _ if self.settings.from_id_token => {
                let own = &self.settings.client_id;
                from_id_token(&token, own).map_err(|why| refusal::answer(service, why))?
            }
            _ => {
                let info = self.userdata(&endpoints, &token).await;
                info.map_err(|error| refusal::trouble(service, &error))?
            }
        };
        self.person(&token, info).await
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

    /// What is proven of a person, with what more the provider says if asked: of the same person.
    async fn more_of(
        &self,
        endpoints: &Endpoints,
        token: &TokenResponse,
        proven: Info,
    ) -> Result<Info, Refused> {
        if endpoints.userdata.is_none() {
            return Ok(proven);
        }
        let service = &self.settings.service;
        let more = self.userdata(endpoints, token).await;
        let more = more.map_err(|error| refusal::trouble(service, &error))?;
        // OpenID Connect Core 1.0, section 5.3.2: else a token could be swapped for somebody else's.
        if more.get("sub") != proven.get("sub") {
            let why = "userinfo is about somebody else than the ID token".to_owned();
            return Err(refusal::answer(service, why));
        }
        // What is signed wins.
        Ok(more.into_iter().chain(proven).collect())
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
        let of_all = !(settings.allowed_scopes.is_empty() && settings.allowed_groups.is_empty());
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

/// Compares in time that tells nothing; nothing is the same as nothing.
fn same(kept: &str, shown: &str) -> bool {
    !kept.is_empty() && Token::from_config(kept) == Token::from_config(shown)
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
    ) -> Result<Refreshed, AuthUnavailable> {
        self.refreshed(name, state).await
    }

    fn pages(&self) -> &'static [&'static str] {
        &[BEGIN, CALLBACK]
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
