//! `hub upgrade-db`: brings the database of an older hub up to date, without a running hub.

use anyhow::Context as _;
use hub_types::clock::{Clock as _, SystemClock};

use crate::config::{Config, DbUrl};
use crate::db::{Db, Upgrade};
use crate::serve::only_hub::OnlyHub;

/// Changes the schema, after a backup of a SQLite file; of a database on a server only when `yes` says that there is one.
///
/// # Errors
/// When a hub runs with the file, there is no file, or [`Db::upgrade`] refuses.
pub async fn run(config: &Config, yes: bool) -> anyhow::Result<Upgrade> {
    let url = &config.jupyterhub.db_url;
    if let DbUrl::Sqlite(path) = url
        && !path.exists()
    {
        anyhow::bail!(
            "there is no database {}; run this in the hub's folder, or name the database with --db",
            path.display()
        );
    }
    let _only = OnlyHub::take(url)?;
    Db::upgrade(url, yes, SystemClock.now())
        .await
        .with_context(|| format!("cannot upgrade {url}"))
}

/// What was done, in a line.
#[must_use]
pub fn told(url: &DbUrl, done: &Upgrade) -> String {
    match done {
        Upgrade::Nothing => format!("{url} is up to date; nothing was changed"),
        Upgrade::Made => format!("{url} was empty and has the present schema now"),
        Upgrade::Changed { backup: None } => format!("{url} has the present schema now"),
        Upgrade::Changed {
            backup: Some(backup),
        } => format!(
            "{url} has the present schema now; what it was before is in {}",
            backup.display()
        ),
    }
}

/// The same for the log.
pub(crate) fn report(url: &DbUrl, done: &Upgrade) {
    tracing::info!("{}", told(url, done));
}
