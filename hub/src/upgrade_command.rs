//! `hub upgrade-db`: brings the database of an older hub up to date, without a running hub.

use anyhow::Context as _;
use hub_types::clock::{Clock as _, SystemClock};

use crate::config::{Config, DbUrl};
use crate::db::{Db, Upgrade, foreign};
use crate::serve::only_hub::OnlyHub;

/// Changes the schema, after a backup of a SQLite file; of a database on a server only when `yes` says that there is one.
///
/// # Errors
/// When a hub runs with the file, there is no file, it is not ours, or [`Db::upgrade`] refuses.
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
    let cannot = || format!("cannot upgrade {url}");
    // Before anything is made: beside the database of another program not even a lock is ours to leave.
    foreign::refuse(url).await.with_context(cannot)?;
    let _only = OnlyHub::take(url)?;
    Db::upgrade(url, yes, SystemClock.now())
        .await
        .with_context(cannot)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing::TestDatabase;

    fn config(url: &DbUrl) -> Config {
        let mut config = Config::default();
        config.jupyterhub.db_url = url.clone();
        config
    }

    #[tokio::test]
    async fn beside_the_database_of_jupyterhub_nothing_is_made() {
        use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jupyterhub.sqlite");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true);
        let mut theirs = options.connect().await.unwrap();
        let sql = "CREATE TABLE alembic_version (version_num VARCHAR(32))";
        theirs.execute(sql).await.unwrap();
        theirs.close().await.unwrap();
        let before = std::fs::read(&file).unwrap();

        let refused = run(&config(&DbUrl::Sqlite(file.clone())), true).await;
        let why = format!("{:#}", refused.unwrap_err());
        assert!(why.contains("belongs to a Python JupyterHub"), "{why}");
        assert!(std::fs::read(&file).unwrap() == before);
        let files = std::fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = files.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["jupyterhub.sqlite"]);
    }

    #[tokio::test]
    async fn a_database_of_ours_is_looked_at_and_locked() {
        let folder = tempfile::tempdir().unwrap();
        let database = TestDatabase::new(&folder.path().join("hub.sqlite"));
        let url = database.url();
        Db::open(url).await.unwrap();
        assert_eq!(run(&config(url), true).await.unwrap(), Upgrade::Nothing);
        let _running = OnlyHub::take(url).unwrap();
        if let DbUrl::Sqlite(_) = url {
            let why = run(&config(url), true).await.unwrap_err().to_string();
            assert!(why.contains("another hub is running"), "{why}");
        }
    }
}
