//! Whether a login at a provider still holds: its access token is tried, then its refresh token. Source: oauthenticator
//! 17.4's `refresh_user`; the rules on organizations, groups and verified addresses are looked at again, too.
//!
//! With OpenID Connect what is said now counts: a claim that is not said any more, such as groups, is gone.

use chrono::{DateTime, Utc};
use hub_types::names::Username;
use serde_json::Value;

use super::discovery::Discovery;
use super::exchange::{self, TokenResponse};
use super::id_token::{Nonce, unchecked};
use super::outbound::Trouble;
use super::person::Info;
use super::settings::Endpoints;
use super::{OAuthUsers, Vendor, from_id_token, person};
use crate::auth::page::Fault;
use crate::auth::{AuthModel, AuthUnavailable, Refreshed};

/// What came of asking with a token.
enum Asked {
    /// It is this person.
    Known(Box<(TokenResponse, Info)>),
    /// The token is not good any more.
    Over,
}

impl OAuthUsers {
    pub(super) async fn refreshed(
        &self,
        name: &Username,
        state: Option<&Value>,
        now: DateTime<Utc>,
    ) -> Result<Refreshed, AuthUnavailable> {
        let Some(state) = state else {
            let why = "nothing is kept of it: they have to log in again";
            return Ok(Refreshed::Gone(why.to_owned()));
        };
        let unavailable = |error: Trouble| AuthUnavailable(error.to_string());
        let endpoints = self.endpoints().await.map_err(unavailable)?;
        if let (None, Some(_)) = (refresh_token(state), state.get(self.settings.state_key))
            && endpoints.userdata.is_none()
        {
            // Nobody can be asked.
            return Ok(Refreshed::Unchanged);
        }
        let token = state.get("token_response").and_then(Value::as_object);
        let mut asked = Asked::Over;
        if let Some(token) = token.filter(|_| endpoints.userdata.is_some()) {
            asked = self.asked(&endpoints, token.clone(), (state, now)).await?;
        }
        if let (Asked::Over, Some(old)) = (&asked, refresh_token(state)) {
            asked = match self.renewed(&endpoints, (old, state)).await? {
                Ok(token) => match self.asked(&endpoints, token.clone(), (state, now)).await {
                    Ok(asked) => asked,
                    // Whatever comes next: the token before may be good for nothing any more.
                    Err(unavailable) => {
                        return Ok(self.only_tokens(name, &token, state, &unavailable));
                    }
                },
                Err(why) => return Ok(Refreshed::Gone(why)),
            };
        }
        match asked {
            Asked::Over => {
                let why = format!("{} does not know its token any more", self.settings.service);
                Ok(Refreshed::Gone(why))
            }
            Asked::Known(known) => {
                let (token, info) = *known;
                self.known(name, &token, info).await
            }
        }
    }

    /// Another access token for this refresh token, or why the provider gives none.
    async fn renewed(
        &self,
        endpoints: &Endpoints,
        (old, state): (&str, &Value),
    ) -> Result<Result<TokenResponse, String>, AuthUnavailable> {
        match exchange::refresh(&self.outbound, &self.settings, endpoints, old).await {
            Ok(token) => Ok(Ok(with_what_is_left_out(token, state))),
            Err(error) if error.is_of_the_grant() => {
                Ok(Err(format!("{}: {error}", self.settings.service)))
            }
            Err(error) => Err(AuthUnavailable(error.to_string())),
        }
    }

    /// Nothing new but these tokens: who it is could not be asked.
    fn only_tokens(
        &self,
        name: &Username,
        token: &TokenResponse,
        state: &Value,
        unavailable: &AuthUnavailable,
    ) -> Refreshed {
        tracing::error!("{name} has new tokens, and is not asked about: {unavailable}");
        let known = state.get(self.settings.state_key);
        let info = known.and_then(Value::as_object).cloned();
        let mut token = token.clone();
        // The one that was proven, not one that perhaps was not.
        if let Some(proven) = id_token(state) {
            token.insert("id_token".to_owned(), proven.into());
        }
        let kept = person::state(&self.settings, &token, &info.unwrap_or_default());
        Refreshed::Tokens(Value::Object(kept))
    }

    /// Who it is, by this token.
    async fn asked(
        &self,
        endpoints: &Endpoints,
        token: TokenResponse,
        (state, now): (&Value, DateTime<Utc>),
    ) -> Result<Asked, AuthUnavailable> {
        let more = match endpoints.userdata {
            None => None,
            Some(_) => match self.userdata(endpoints, &token).await {
                Ok(info) => Some(info),
                Err(error) if error.is_refusal() => return Ok(Asked::Over),
                Err(error) => return Err(AuthUnavailable(error.to_string())),
            },
        };
        let info = match (&self.vendor, more) {
            (Vendor::Oidc(discovery), more) => {
                let before = state.get(self.settings.state_key);
                let Some(before) = before.and_then(Value::as_object) else {
                    return Ok(Asked::Over);
                };
                let signed = match new_id_token(&token, state) {
                    Some(id) => Some(self.proven_again(discovery, id, (before, now)).await?),
                    None => None,
                };
                let same = |info: &Info| info.get("sub") == before.get("sub");
                if !signed.iter().chain(&more).all(same) {
                    return Ok(Asked::Over);
                }
                let proven = id_token(state).and_then(|id| unchecked(id).ok());
                let proven = proven.unwrap_or_else(|| before.clone());
                self.said_now(more, signed, (proven, before))
            }
            (_, Some(info)) => info,
            (_, None) => {
                from_id_token(&token, &self.settings.client_id).map_err(AuthUnavailable)?
            }
        };
        Ok(Asked::Known(Box::new((token, info))))
    }

    /// The claims of an ID token that came with a refresh.
    async fn proven_again(
        &self,
        discovery: &Discovery,
        id: &str,
        (before, now): (&Info, DateTime<Utc>),
    ) -> Result<Info, AuthUnavailable> {
        let nonce = Nonce::AsBefore(before.get("nonce").and_then(Value::as_str));
        let expected = (self.settings.client_id.as_str(), nonce, now);
        let proven = discovery.prove(&self.outbound, id, expected).await;
        proven.map_err(|error| AuthUnavailable(error.to_string()))
    }

    /// With OpenID Connect: what is said of somebody now, when asked (`more`) and `signed`, if it is. What was `proven` at the
    /// login stands where nothing is signed now. A token of a refresh may leave out who it is (OpenID Connect Core 1.0,
    /// section 12.2): that is as `before`.
    fn said_now(
        &self,
        more: Option<Info>,
        signed: Option<Info>,
        (proven, before): (Info, &Info),
    ) -> Info {
        let mut whole: Info = match (more, signed) {
            // What is signed wins, as at the login; but what is old does not win over what is new.
            (more, Some(signed)) => more.into_iter().flatten().chain(signed).collect(),
            (more, None) => proven
                .into_iter()
                .chain(more.into_iter().flatten())
                .collect(),
        };
        let own = self.settings.claim.as_str();
        for name in [own, "nonce", "email_verified", "verified_email"] {
            if let (None, Some(value)) = (whole.get(name), before.get(name)) {
                whole.insert(name.to_owned(), value.clone());
            }
        }
        whole
    }

    async fn known(
        &self,
        name: &Username,
        token: &TokenResponse,
        info: Info,
    ) -> Result<Refreshed, AuthUnavailable> {
        match self.person(token, info).await {
            // The account goes on under its name here, whatever it is called there by now.
            Ok(model) => Ok(Refreshed::New(AuthModel {
                name: name.as_str().to_owned(),
                ..model
            })),
            Err(refused) if refused.fault == Fault::Person => Ok(Refreshed::Gone(refused.why)),
            Err(refused) => Err(AuthUnavailable(refused.why)),
        }
    }
}

fn refresh_token(state: &Value) -> Option<&str> {
    let token = state.get("refresh_token").and_then(Value::as_str);
    token.filter(|token| !token.is_empty())
}

/// The ID token that was proven last.
fn id_token(state: &Value) -> Option<&str> {
    state.get("token_response")?.get("id_token")?.as_str()
}

/// The ID token of an answer, if it is another than before.
fn new_id_token<'a>(token: &'a TokenResponse, state: &Value) -> Option<&'a str> {
    let id = token.get("id_token").and_then(Value::as_str);
    id.filter(|id| id_token(state) != Some(id))
}

/// A provider that gives no other refresh token leaves the old one good, and one that says nothing of scopes has left them
/// as they were (RFC 6749, sections 5.1 and 6).
fn with_what_is_left_out(mut token: TokenResponse, state: &Value) -> TokenResponse {
    let before = |name: &str| match name {
        "refresh_token" => state.get(name),
        _ => state
            .get("token_response")
            .and_then(|token| token.get(name)),
    };
    for name in ["refresh_token", "scope", "id_token"] {
        if token.get(name).is_none_or(Value::is_null)
            && let Some(old) = before(name)
        {
            token.insert(name.to_owned(), old.clone());
        }
    }
    token
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_refresh_leaves_out_is_as_before() {
        let state = json!({
            "refresh_token": "r1", "token_response": {"access_token": "a1", "scope": "one two", "id_token": "i1"},
        });
        let answer = |value: Value| value.as_object().unwrap().clone();
        let whole = with_what_is_left_out(answer(json!({"access_token": "a2"})), &state);
        let expected = json!({"access_token": "a2", "refresh_token": "r1", "scope": "one two", "id_token": "i1"});
        assert_eq!(Value::Object(whole), expected);
        let new = answer(
            json!({"access_token": "a2", "refresh_token": "r2", "scope": "one", "id_token": "i2"}),
        );
        assert_eq!(with_what_is_left_out(new.clone(), &state), new);
    }
}
