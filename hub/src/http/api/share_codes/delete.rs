//! `DELETE /share-codes/:owner/:server`: takes back the share code that `?code=` or `?id=` names, or all of them. What
//! they have become stays shared.

use axum::extract::{OriginalUri, State};
use axum::http::{StatusCode, Uri};
use hub_types::secret::Token;

use super::super::body::shown;
use super::super::shares::find_server;
use crate::db::{Tx, share_codes};
use crate::domain::action::ShareServer;
use crate::domain::principal::Granted;
use crate::domain::server::Server;
use crate::domain::share::{ShareCode, ShareCodeId};
use crate::http::error::ApiError;
use crate::http::extract::{Auth, ServerPath, argument};
use crate::state::AppState;

/// Which codes. An argument without a value counts for nothing, as in JupyterHub.
#[derive(Debug, PartialEq)]
pub(in crate::http) enum Which {
    /// The code itself.
    Code(String),
    /// Its id, `sc_1`.
    Id(String),
    /// All of the server.
    All,
}

impl Which {
    fn of(uri: &Uri) -> Self {
        let argument = |name: &str| argument(uri, name).filter(|value| !value.is_empty());
        match (argument("code"), argument("id")) {
            (Some(code), _) => Which::Code(code),
            (None, Some(id)) => Which::Id(id),
            (None, None) => Which::All,
        }
    }
}

pub(in crate::http::api) async fn delete(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    OriginalUri(uri): OriginalUri,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<ShareServer>(at)?;
    take_back(&state, &granted, &Which::of(&uri)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes invitations to a server back.
pub(in crate::http) async fn take_back(
    state: &AppState,
    granted: &Granted<ShareServer>,
    which: &Which,
) -> Result<(), ApiError> {
    let server = find_server(state, granted.subject()).await?;
    let removed = remove(state, granted, server.as_ref(), which).await?;
    tracing::info!(
        audit = true,
        removed,
        "share codes of server {} are taken back",
        granted.subject()
    );
    Ok(())
}

async fn remove(
    state: &AppState,
    _granted: &Granted<ShareServer>,
    server: Option<&Server>,
    which: &Which,
) -> Result<u64, ApiError> {
    let tx = state.db.write().await?;
    let removed = match (server, which) {
        (Some(server), Which::All) => share_codes::remove_all(&tx, server.id).await?,
        (None, Which::All) => 0,
        (server, Which::Code(_) | Which::Id(_)) => {
            let missing = || match which {
                Which::Id(id) => format!("No code found matching id={}", shown(id)),
                Which::Code(_) | Which::All => "No matching code found".to_owned(),
            };
            let found = find(state, &tx, which).await?;
            let found = found.filter(|code| server.is_some_and(|at| at.id == code.server.id));
            let code = found.ok_or_else(|| ApiError::not_found(missing()))?;
            share_codes::remove(&tx, code.id).await?;
            1
        }
    };
    tx.commit().await?;
    Ok(removed)
}

async fn find(state: &AppState, tx: &Tx, which: &Which) -> Result<Option<ShareCode>, ApiError> {
    let now = state.clock.now();
    Ok(match which {
        Which::Code(code) => match Token::parse(code) {
            Some(code) => share_codes::find(&**tx, code.hash(), now).await?,
            None => None,
        },
        Which::Id(id) => match ShareCodeId::parse(id) {
            Some(id) => share_codes::get(&**tx, id, now).await?,
            None => None,
        },
        Which::All => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        for (query, expected) in [
            ("", Which::All),
            ("?x=1", Which::All),
            ("?code=abc", Which::Code("abc".to_owned())),
            ("?id=sc_1", Which::Id("sc_1".to_owned())),
            ("?id=sc_1&code=a%2Db", Which::Code("a-b".to_owned())),
            ("?code=", Which::All),
            ("?id=&code=", Which::All),
            ("?id=sc_1&code=", Which::Id("sc_1".to_owned())),
        ] {
            let uri = format!("/hub/api/share-codes/alice/{query}");
            assert_eq!(Which::of(&uri.parse().unwrap()), expected, "{query}");
        }
    }
}
