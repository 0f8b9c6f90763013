//! Tokens whose secrets stand in the configuration: a row each, so that they have an id, an activity and can be listed.
//! The secrets themselves are never written.

use std::collections::BTreeMap;

use hub_types::scope::{Scope, ScopeName};
use hub_types::secret::Token;

use super::{BootstrapError, Step};
use crate::db::{DbError, NewTokenRow, roles, services, tokens};
use crate::domain::role::TOKEN_ROLE;
use crate::domain::token::{ApiToken, TokenId, TokenOwner};

/// Note of tokens whose secret stands in the configuration. Source: JupyterHub 6.1.
const NOTE: &str = "from config";

/// Secrets and the rows that stand for them.
pub(super) type Secrets = Vec<(Token, TokenId)>;

/// One row for each configured secret; rows of secrets that are gone are deleted.
pub(super) async fn sync(step: &Step<'_>) -> Result<Secrets, BootstrapError> {
    let mut configured = of_services(step).await?;
    configured.extend(of_users(step).await?);
    let mut rows: BTreeMap<TokenOwner, Vec<ApiToken>> = BTreeMap::new();
    for row in tokens::with_note(&**step.tx, NOTE).await? {
        rows.entry(row.owner).or_default().push(row);
    }
    let scopes = default_scopes(step).await?;
    let mut secrets = Vec::new();
    for (owner, tokens) in configured {
        // Which row is whose among several secrets of one owner cannot be known; it does not matter either.
        let mut known = rows.remove(&owner).unwrap_or_default().into_iter();
        for token in tokens {
            let id = match known.next() {
                Some(row) => row.id,
                None => insert(step, owner, &scopes).await?,
            };
            secrets.push((token, id));
        }
        rows.insert(owner, known.collect());
    }
    for row in rows.into_values().flatten() {
        tokens::revoke(step.tx, &row).await?;
    }
    Ok(secrets)
}

async fn of_services(step: &Step<'_>) -> Result<BTreeMap<TokenOwner, Vec<Token>>, DbError> {
    let hub = &step.config.jupyterhub;
    let own = hub
        .services
        .iter()
        .filter_map(|spec| Some((spec.api_token.as_ref()?, spec.name.as_str())));
    let more = hub
        .service_tokens
        .iter()
        .map(|(token, name)| (token, name.as_str()));
    let named: Vec<(&Token, &str)> = own.chain(more).collect();
    let mut found: BTreeMap<TokenOwner, Vec<Token>> = BTreeMap::new();
    for service in services::list(&**step.tx).await? {
        let tokens = found.entry(TokenOwner::Service(service.id)).or_default();
        for (token, _) in named
            .iter()
            .filter(|(_, name)| *name == service.name.as_str())
        {
            if !tokens.contains(token) {
                tokens.push((*token).clone());
            }
        }
    }
    Ok(found)
}

async fn of_users(step: &Step<'_>) -> Result<BTreeMap<TokenOwner, Vec<Token>>, BootstrapError> {
    let mut found: BTreeMap<TokenOwner, Vec<Token>> = BTreeMap::new();
    for (token, name) in &step.config.jupyterhub.api_tokens {
        if step.names.blocks(name) {
            tracing::warn!(
                "api_tokens has a token of {name}, who is in blocked_users: it does not work"
            );
            continue;
        }
        let id = step.user("JupyterHub.api_tokens", name, false).await?;
        found
            .entry(TokenOwner::User(id))
            .or_default()
            .push(token.clone());
    }
    Ok(found)
}

/// What a configured token may do: what the role `token` says.
async fn default_scopes(step: &Step<'_>) -> Result<Vec<Scope>, DbError> {
    let table = roles::all(&**step.tx).await?;
    Ok(match table.get(TOKEN_ROLE) {
        Some(role) => role.scopes.clone(),
        None => vec![Scope::all(ScopeName::Inherit)],
    })
}

async fn insert(step: &Step<'_>, owner: TokenOwner, scopes: &[Scope]) -> Result<TokenId, DbError> {
    let new = NewTokenRow::new(owner, scopes.to_vec(), NOTE);
    Ok(tokens::insert(step.tx, &new, step.now).await?.id)
}
