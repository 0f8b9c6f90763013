//! GitHub: organizations, teams, private addresses. Source: its REST API of 2022-11-28, and oauthenticator 17.4.

use std::collections::BTreeSet;
use std::sync::Once;

use http::StatusCode;
use serde_json::{Map, Value};
use url::Url;

use super::exchange::TokenResponse;
use super::outbound::{Outbound, Trouble};
use super::person::{Info, scopes};
use super::settings::{below, github_api};
use crate::config::Config;

/// How many pages of a list are read: 100 entries each.
const PAGES: usize = 10;

/// GitHub, or an Enterprise server.
#[derive(Debug)]
pub(super) struct GitHub {
    api: Option<Url>,
    /// `org` or `org:team`.
    organizations: BTreeSet<String>,
    teams: bool,
    /// Whether it was said that a token sees public members alone.
    hinted: Once,
}

impl GitHub {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            api: github_api(config),
            organizations: config.github.allowed_organizations.clone(),
            teams: config.github.populate_teams_in_auth_state,
            hinted: Once::new(),
        }
    }

    pub(super) fn allows_somebody(&self) -> bool {
        !self.organizations.is_empty()
    }

    /// The address that is shown to nobody, if we may see it and GitHub has verified it; else that it has not.
    pub(super) async fn complete(
        &self,
        outbound: &Outbound,
        token: &TokenResponse,
        info: &mut Info,
    ) -> Result<(), Trouble> {
        let known = info.get("email").is_some_and(Value::is_string);
        let granted = scopes(token);
        let may_ask = granted
            .iter()
            .any(|scope| scope == "user" || scope == "user:email");
        let Some(api) = self.api.as_ref().filter(|_| !known && may_ask) else {
            return Ok(());
        };
        let url = below(api, "user/emails");
        let said = outbound.get(&url, access(token)).await?.success()?.json()?;
        let addresses = said.as_array().map(Vec::as_slice).unwrap_or_default();
        let is = |address: &Value, what: &str| address.get(what) == Some(&Value::Bool(true));
        let own = addresses.iter().find(|address| is(address, "primary"));
        if let Some(own) = own {
            let verified = is(own, "verified");
            info.insert("email_verified".to_owned(), verified.into());
            if let Some(address) = own.get("email").filter(|_| verified) {
                info.insert("email".to_owned(), address.clone());
            }
        }
        Ok(())
    }

    /// The teams of the person, for whoever reads the state.
    pub(super) async fn add_teams(
        &self,
        outbound: &Outbound,
        token: &TokenResponse,
        state: &mut Map<String, Value>,
    ) -> Result<(), Trouble> {
        let Some(api) = self.api.as_ref().filter(|_| self.teams) else {
            return Ok(());
        };
        let mut url = below(api, "user/teams");
        url.set_query(Some("per_page=100"));
        let (mut next, mut teams) = (Some(url), Vec::new());
        for _ in 0..PAGES {
            // The token is for the API, wherever a list says that it goes on.
            let Some(url) = next.filter(|url| url.origin() == api.origin()) else {
                break;
            };
            let answer = outbound.get(&url, access(token)).await?.success()?;
            next = answer.next();
            if let Value::Array(more) = answer.json()? {
                teams.extend(more);
            }
        }
        state.insert("teams".to_owned(), Value::Array(teams));
        Ok(())
    }

    /// Whether the person is a member of an organization or team that is allowed, as far as the token may see members.
    pub(super) async fn allows(
        &self,
        outbound: &Outbound,
        token: &TokenResponse,
        info: &Info,
    ) -> Result<bool, Trouble> {
        let (Some(api), Some(login)) = (&self.api, info.get("login").and_then(Value::as_str))
        else {
            return Ok(false);
        };
        for entry in &self.organizations {
            if is_member(outbound, (api, access(token)), entry, login).await? {
                return Ok(true);
            }
        }
        if !self.organizations.is_empty() && !sees_members(token) {
            self.hinted.call_once(|| {
                tracing::warn!(
                    "GitHub shows public members of organizations only, and no teams, to a login without the scope read:org: whoever is a member in private is not let in. To change that, add \"read:org\" to [OAuthenticator] scope"
                );
            });
        }
        Ok(false)
    }
}

/// Whether somebody is in `entry`, an organization or a team of one, as far as whoever asks the API may see.
async fn is_member(
    outbound: &Outbound,
    (api, token): (&Url, Option<&str>),
    entry: &str,
    login: &str,
) -> Result<bool, Trouble> {
    let team = entry.split_once(':');
    let url = match team {
        Some((org, team)) => segments(api, &["orgs", org, "teams", team, "members", login]),
        None => segments(api, &["orgs", entry, "members", login]),
    };
    let mut answer = outbound.get(&url, token).await?;
    if answer.status == StatusCode::FOUND && team.is_none() {
        // Whom it shows no members, it sends to the public ones. They are asked for where they are documented to be: with
        // the redirect the token would go wherever that leads.
        let public = segments(api, &["orgs", entry, "public_members", login]);
        answer = outbound.get(&public, token).await?;
    }
    match answer.status.as_u16() {
        204 => return Ok(true),
        200..=399 | 404 => {}
        401 | 403 => tracing::warn!(
            "GitHub does not tell who is in {entry} ({}): does scope hold read:org?",
            answer.status
        ),
        _ => {
            answer.success()?;
        }
    }
    Ok(false)
}

/// Whether a login brought a scope with which GitHub shows who is in an organization.
fn sees_members(token: &TokenResponse) -> bool {
    scopes(token)
        .iter()
        .any(|scope| matches!(scope.as_str(), "read:org" | "write:org" | "admin:org"))
}

/// The access token of an answer.
pub(super) fn access(token: &TokenResponse) -> Option<&str> {
    token.get("access_token").and_then(Value::as_str)
}

/// A URL below another, whatever is in its segments.
pub(super) fn segments(url: &Url, parts: &[&str]) -> Url {
    let mut whole = url.clone();
    if let Ok(mut path) = whole.path_segments_mut() {
        path.pop_if_empty();
        for part in parts {
            // Dots alone would lead elsewhere.
            match *part {
                "." | ".." => path.push(&format!("{part} ")),
                part => path.push(part),
            };
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_lead_elsewhere() {
        let api = Url::parse("https://code.example/api/v3").unwrap();
        for (parts, expected) in [
            (["orgs", "lab"], "https://code.example/api/v3/orgs/lab"),
            (
                ["orgs", "a/b?c#d"],
                "https://code.example/api/v3/orgs/a%2Fb%3Fc%23d",
            ),
            (["orgs", ".."], "https://code.example/api/v3/orgs/..%20"),
        ] {
            assert_eq!(segments(&api, &parts).as_str(), expected);
        }
    }
}
