//! Whether a login at a provider still holds: its access token is tried, then its refresh token. Source: oauthenticator
//! 17.4's `refresh_user`; the rules on organizations, groups and verified addresses are looked at again, too.

use hub_types::names::Username;
use serde_json::Value;

use super::exchange::{self, TokenResponse};
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
            asked = self.asked(&endpoints, token.clone(), state).await?;
        }
        if let (Asked::Over, Some(old)) = (&asked, refresh_token(state)) {
            asked = match self.renewed(&endpoints, (old, state)).await? {
                Ok(token) => match self.asked(&endpoints, token.clone(), state).await {
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
        let kept = person::state(&self.settings, token, &info.unwrap_or_default());
        Refreshed::Tokens(Value::Object(kept))
    }

    /// Who it is, by this token.
    async fn asked(
        &self,
        endpoints: &Endpoints,
        token: TokenResponse,
        state: &Value,
    ) -> Result<Asked, AuthUnavailable> {
        if endpoints.userdata.is_none() {
            // With OpenID Connect an answer to a refresh may leave out what was proven before.
            let before = state
                .get(self.settings.state_key)
                .and_then(Value::as_object);
            let info = match (&self.vendor, before) {
                (Vendor::Oidc(_), Some(before)) => Ok(before.clone()),
                _ => from_id_token(&token, &self.settings.client_id),
            };
            let info = info.map_err(AuthUnavailable)?;
            return Ok(Asked::Known(Box::new((token, info))));
        }
        match self.userdata(endpoints, &token).await {
            Ok(info) => Ok(self.same_person(token, info, state)),
            Err(error) if error.is_refusal() => Ok(Asked::Over),
            Err(error) => Err(AuthUnavailable(error.to_string())),
        }
    }

    /// With OpenID Connect: what was proven at the login, with what is said now of the same person.
    fn same_person(&self, token: TokenResponse, info: Info, state: &Value) -> Asked {
        let before = state
            .get(self.settings.state_key)
            .and_then(Value::as_object);
        match (&self.vendor, before) {
            (Vendor::Oidc(_), Some(before)) if info.get("sub") == before.get("sub") => {
                let mut whole = before.clone();
                whole.extend(info);
                Asked::Known(Box::new((token, whole)))
            }
            (Vendor::Oidc(_), _) => Asked::Over,
            _ => Asked::Known(Box::new((token, info))),
        }
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
