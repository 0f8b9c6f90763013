//! `hub token USER`: an API token for a user, made without a running hub.

use anyhow::Context as _;
use hub_types::clock::{Clock as _, SystemClock};
use hub_types::scope::{Scope, ScopeName};
use hub_types::secret::Token;

use crate::auth::login::policy;
use crate::config::{Config, DbUrl};
use crate::db::{Db, NewTokenRow, tokens, users};
use crate::domain::token::{TokenOwner, expiry};

/// Note of the token. Source: JupyterHub 6.1.
const NOTE: &str = "command-line generated";

/// Makes a token with all that `user` may do; a running hub knows it at once.
///
/// # Errors
/// When the user is not registered, or the database cannot be used.
pub async fn make(config: &Config, user: &str) -> anyhow::Result<Token> {
    let name = policy(config).normalise(user);
    if let DbUrl::Sqlite(path) = &config.jupyterhub.db_url
        && !path.exists()
    {
        anyhow::bail!(
            "there is no database {}; run this in the hub's folder, or name the database with --db",
            path.display()
        );
    }
    let db = Db::open(&config.jupyterhub.db_url)
        .await
        .with_context(|| format!("cannot use {}", config.jupyterhub.db_url))?;
    let Some(owner) = users::find(db.read(), &name).await? else {
        anyhow::bail!(
            "there is no user '{name}' in {}; a user is registered by the first login",
            config.jupyterhub.db_url
        );
    };
    let now = SystemClock.now();
    let most = config
        .jupyterhub
        .token_expires_in_max_seconds
        .map_or(0, |max| i64::try_from(max.as_secs()).unwrap_or(0));
    let token = Token::generate();
    let row = NewTokenRow {
        hash: Some(token.hash()),
        owner: TokenOwner::User(owner.id),
        server_id: None,
        client_id: None,
        code_hash: None,
        session_id: None,
        scopes: vec![Scope::all(ScopeName::Inherit)],
        note: NOTE.to_owned(),
        expires: expiry(None, most, now)?,
    };
    let tx = db.write().await?;
    tokens::insert(&tx, &row, now).await?;
    tx.commit().await?;
    Ok(token)
}
