//! From what a provider says of a person to who they are here. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::exchange::TokenResponse;
use super::refusal;
use super::settings::Settings;
use crate::auth::page::Refused;
use crate::config::{GoogleOAuthenticator, Provider};

/// What a provider says of a person.
pub(super) type Info = Map<String, Value>;

/// What is kept of a login. Source: oauthenticator 17.4's `build_auth_state_dict`.
pub(super) fn state(settings: &Settings, token: &TokenResponse, info: &Info) -> Map<String, Value> {
    let of = |name: &str| token.get(name).cloned().unwrap_or_default();
    let mut state = Map::new();
    for name in ["access_token", "refresh_token", "id_token"] {
        state.insert(name.to_owned(), of(name));
    }
    state.insert("scope".to_owned(), scopes(token).into());
    state.insert("token_response".to_owned(), token.clone().into());
    state.insert(settings.state_key.to_owned(), info.clone().into());
    state
}

/// The scopes that were granted, as far as the provider says; GitHub puts commas between them.
pub(super) fn scopes(token: &TokenResponse) -> Vec<String> {
    match token.get("scope") {
        Some(Value::String(text)) => text
            .split([' ', ','])
            .filter(|scope| !scope.is_empty())
            .map(ToOwned::to_owned)
            .collect(),
        Some(Value::Array(all)) => {
            let texts = all.iter().filter_map(Value::as_str);
            texts.map(ToOwned::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether the provider has verified the address; `None` when it does not say.
fn is_verified(provider: Provider, info: &Info) -> Option<bool> {
    let said = ["email_verified", "verified_email"]
        .iter()
        .find_map(|name| info.get(*name));
    // GitLab says when. Some let people in before they have confirmed the address.
    let when = info
        .get("confirmed_at")
        .filter(|_| provider == Provider::GitLab);
    match (said, when) {
        (Some(said), _) => Some(*said == json!(true) || *said == json!("true")),
        (None, Some(when)) => Some(!when.is_null()),
        (None, None) => None,
    }
}

/// Whether a text is one address and nothing else: no display name, no second `@`, nothing that cannot be seen.
fn is_address(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\\,;:\"".contains(c);
    match text.split_once('@') {
        Some((local, domain)) => {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !text.contains(odd)
        }
        None => false,
    }
}

/// The name of the person at this hub, not normalised yet.
pub(super) fn name(
    settings: &Settings,
    google: &GoogleOAuthenticator,
    info: &Info,
) -> Result<String, Refused> {
    let (service, claim) = (&settings.service, settings.claim.as_str());
    let by_address = claim == "email";
    let said = is_verified(settings.provider, info);
    let name = match info.get(claim) {
        Some(Value::String(name)) if !name.is_empty() => name.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ if by_address && said == Some(false) => {
            let login = info.get("login").and_then(Value::as_str);
            return Err(refusal::unverified(service, login.unwrap_or_default()));
        }
        _ => {
            let keys: Vec<&str> = info.keys().map(String::as_str).collect();
            let why = format!(
                "no claim {claim:?} (username_claim) among {}; does scope ask for it?",
                keys.join(", ")
            );
            return Err(refusal::answer(service, why));
        }
    };
    if by_address && !is_address(&name) {
        let why = "the e-mail address is none".to_owned();
        return Err(refusal::barred(&settings.not_allowed, &name, why));
    }
    let verified = match (settings.provider, said) {
        // Whoever speaks of these must say so.
        (Provider::Google, said) => said == Some(true),
        (Provider::Oidc, said) => !by_address || said == Some(true),
        (_, said) => !by_address || said != Some(false),
    };
    if !verified {
        return Err(refusal::unverified(service, &name));
    }
    match settings.provider {
        Provider::Google => of_google(settings, google, info, name),
        _ => Ok(name),
    }
}

/// Google says in `hd` whose organization it is: the domain of an address alone is no proof. Source: oauthenticator 16.1.
fn of_google(
    settings: &Settings,
    google: &GoogleOAuthenticator,
    info: &Info,
    name: String,
) -> Result<String, Refused> {
    let hosted = &google.hosted_domain;
    let domain = info.get("hd").and_then(Value::as_str).unwrap_or_default();
    if !hosted.is_empty() && !hosted.iter().any(|own| *own == domain.to_lowercase()) {
        let why = "not of a hosted_domain".to_owned();
        return Err(refusal::barred(&settings.not_allowed, &name, why));
    }
    let address = info
        .get("email")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let of = address
        .rsplit_once('@')
        .map(|(_, domain)| domain.to_lowercase());
    let own = of.is_some_and(|of| hosted.contains(&of));
    let strip = google.strip_domain.unwrap_or(hosted.len() <= 1);
    match name.split_once('@') {
        Some((local, _)) if own && strip => Ok(local.to_owned()),
        _ => Ok(name),
    }
}

/// The groups under a key with dots; none, and a line in the log, where there is no list of texts.
pub(super) fn groups(key: &str, state: &Map<String, Value>) -> BTreeSet<String> {
    let mut parts = key.split('.');
    let first = parts.next().and_then(|part| state.get(part));
    let found = parts.fold(first, |value, part| value?.get(part));
    let Some(Value::Array(all)) = found else {
        tracing::warn!("[OAuthenticator] auth_state_groups_key: there is no list under {key:?}");
        return BTreeSet::new();
    };
    let texts = all.iter().filter_map(Value::as_str);
    texts.map(ToOwned::to_owned).collect()
}

/// Whether the person is an administrator by the groups of the provider; `None` where these do not say.
pub(super) fn admin(settings: &Settings, groups: Option<&BTreeSet<String>>) -> Option<bool> {
    let groups = groups.filter(|_| !settings.admin_groups.is_empty())?;
    Some(!groups.is_disjoint(&settings.admin_groups))
}

/// Whether a rule that all providers have allows the person.
pub(super) fn allowed(
    settings: &Settings,
    token: &TokenResponse,
    groups: Option<&BTreeSet<String>>,
) -> bool {
    let granted = scopes(token);
    let wanted = &settings.allowed_scopes;
    let by_scope = !wanted.is_empty() && wanted.iter().all(|scope| granted.contains(scope));
    by_scope || groups.is_some_and(|groups| !groups.is_disjoint(&settings.allowed_groups))
}

#[cfg(test)]
mod tests;
