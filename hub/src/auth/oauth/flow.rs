//! A login: the browser is sent to the provider, and comes back with a code that becomes a person.

use chrono::{DateTime, Utc};
use hub_types::secret::{Token, random_urlsafe};
use serde_json::{Value, json};
use url::Url;

use super::exchange::{self, Login, TokenResponse};
use super::id_token::Nonce;
use super::person::Info;
use super::settings::Endpoints;
use super::{CALLBACK, OAuthUsers, Vendor, from_id_token, refusal};
use crate::auth::AuthModel;
use crate::auth::page::{Kept, PageAnswer, PageRequest, Refused};

impl OAuthUsers {
    /// Sends the browser to the provider, with what it alone will know when it comes back.
    pub(super) async fn begin(&self, request: &PageRequest) -> Result<PageAnswer, Refused> {
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
            login: state,
        })
    }

    /// The browser has come back.
    pub(super) async fn callback(&self, request: &PageRequest) -> Result<PageAnswer, Refused> {
        let service = &self.settings.service;
        let kept = request.kept.as_ref();
        let kept = kept.ok_or_else(|| refusal::state("the browser began no such login"))?;
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
        let turn = self.turns.login(request.from).await;
        let _turn = turn.map_err(|_| refusal::busy(service))?;
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
        let info = self.info(&endpoints, &token, login, now).await?;
        self.person(&token, info).await
    }

    /// What the provider says of the person who has just logged in.
    async fn info(
        &self,
        endpoints: &Endpoints,
        token: &TokenResponse,
        login: &Login<'_>,
        now: DateTime<Utc>,
    ) -> Result<Info, Refused> {
        let service = &self.settings.service;
        match &self.vendor {
            Vendor::Oidc(discovery) => {
                let id = token.get("id_token").and_then(Value::as_str);
                let id = id.ok_or_else(|| {
                    let why = "no ID token; is \"openid\" in scope?".to_owned();
                    refusal::answer(service, why)
                })?;
                let nonce = Nonce::Of(login.nonce.unwrap_or_default());
                let expected = (self.settings.client_id.as_str(), nonce, now);
                let proven = discovery.prove(&self.outbound, id, expected).await;
                let proven = proven.map_err(|error| refusal::not_proven(service, &error))?;
                self.more_of(endpoints, token, proven).await
            }
            _ if self.settings.from_id_token => {
                let own = &self.settings.client_id;
                from_id_token(token, own).map_err(|why| refusal::answer(service, why))
            }
            _ => {
                let info = self.userdata(endpoints, token).await;
                info.map_err(|error| refusal::trouble(service, &error))
            }
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
}

/// Compares in time that tells nothing; nothing is the same as nothing.
fn same(kept: &str, shown: &str) -> bool {
    !kept.is_empty() && Token::from_config(kept) == Token::from_config(shown)
}
