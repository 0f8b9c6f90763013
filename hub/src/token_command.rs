//! `hub token USER`: an API token for a user, made without a running hub.

use std::sync::Arc;

use anyhow::Context as _;
use chrono::TimeDelta;
use hub_types::clock::{Clock as _, SystemClock};
use hub_types::secret::Token;

use crate::auth::identities::Identities;
use crate::auth::issue::{Limit, TokenRequest, issue};
use crate::auth::login::policy;
use crate::bus::Bus;
use crate::config::{Config, DbUrl};
use crate::db::{Db, users};
use crate::domain::principal::Granted;
use crate::domain::token::TokenOwner;

/// Note of the token. Source: JupyterHub 6.1.
const NOTE: &str = "command-line generated";

/// Makes a token with what the role `token` says (all that `user` may do, unless it is redefined); a running hub knows it
/// at once.
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
    let Some(user) = users::find(db.read(), &name).await? else {
        anyhow::bail!(
            "there is no user '{name}' in {}; a user is registered by the first login",
            config.jupyterhub.db_url
        );
    };
    let clock = Arc::new(SystemClock);
    let now = clock.now();
    let catalogue = Arc::clone(&config.jupyterhub.custom_scopes);
    let identities = Identities::new(
        db.clone(),
        Bus::default(),
        clock,
        catalogue,
        TimeDelta::zero(),
    );
    let who = identities
        .of_owner(TokenOwner::User(user.id))
        .await?
        .context("the user has just been deleted")?;
    let granted = Granted::by_hub(name, "whoever may write the database may make tokens");
    let request = TokenRequest {
        note: NOTE.to_owned(),
        ..TokenRequest::default()
    };
    let longest = config.jupyterhub.longest_token();
    let (_, secret) = issue(&db, &granted, (&who, Limit::Owner), request, longest, now).await?;
    Ok(secret)
}
