//! Whether a hub could begin with the database: a file is read, a server is asked what a start would ask it.

use std::time::Duration;

use super::Findings;
use crate::config::Config;
use crate::db::foreign;

/// How long a server may take. Shorter than at a start: somebody sits and waits.
const PATIENCE: Duration = Duration::from_secs(5);

impl Findings {
    /// Looks at the database without a write. What is said shows no password.
    pub async fn look_at_database(&mut self, config: &Config) {
        let hub = &config.jupyterhub;
        let looked = tokio::time::timeout(PATIENCE, foreign::look(&hub.db_url, hub.upgrade_db));
        let why = match looked.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!(
                "the server does not answer within {} s; check that it runs, and db_url",
                PATIENCE.as_secs()
            ),
        };
        self.problem(
            "[JupyterHub] db_url",
            format_args!("= \"{}\": {why}", hub.db_url),
        );
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

    use super::*;
    use crate::config::DbUrl;
    use crate::db::Db;
    use crate::db::testing::TestDatabase;

    async fn said(url: &DbUrl, upgrades: bool) -> Vec<String> {
        let mut config = Config::default();
        config.jupyterhub.db_url = url.clone();
        config.jupyterhub.upgrade_db = upgrades;
        let mut findings = Findings::default();
        findings.look_at_database(&config).await;
        findings.problems
    }

    #[tokio::test]
    async fn a_database_that_can_be_used_is_not_spoken_of() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.sqlite");
        for database in [TestDatabase::empty(&file), TestDatabase::new(&file)] {
            assert_eq!(said(database.url(), false).await, [""; 0]);
            Db::open(database.url()).await.unwrap();
            assert_eq!(said(database.url(), false).await, [""; 0]);
        }
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_told_without_the_password() {
        for scheme in ["postgresql", "mysql"] {
            let url = format!("{scheme}://hub:sesame-open@127.0.0.1:1/hub");
            let said = said(&url.parse().unwrap(), false).await;
            let [problem] = said.as_slice() else {
                panic!("{said:?}")
            };
            let start = format!(
                "[JupyterHub] db_url = \"{scheme}://hub:[secret]@127.0.0.1:1/hub\": database: "
            );
            assert!(problem.starts_with(&start), "{problem}");
            assert_eq!(problem.matches("refused").count(), 1, "{problem}");
            assert!(!problem.contains("sesame"), "{problem}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_not_waited_for_for_long() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = silent.local_addr().unwrap();
        let begin = tokio::time::Instant::now();
        let url = format!("postgresql://hub@{at}/hub");
        let said = said(&url.parse().unwrap(), false).await;
        assert!(said[0].contains("does not answer within 5 s"), "{said:?}");
        assert!(begin.elapsed() <= PATIENCE + Duration::from_secs(1));
    }

    #[tokio::test]
    async fn an_old_schema_is_told_unless_it_will_be_upgraded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.sqlite");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true);
        let mut old = options.connect().await.unwrap();
        let sql = "CREATE TABLE _sqlx_migrations (version BIGINT, success BOOLEAN); \
                   INSERT INTO _sqlx_migrations VALUES (1, TRUE)";
        old.execute(sql).await.unwrap();
        old.close().await.unwrap();
        let url = DbUrl::Sqlite(file);
        let problems = said(&url, false).await;
        assert!(problems[0].contains("hub upgrade-db"), "{problems:?}");
        assert_eq!(said(&url, true).await, [""; 0]);
    }
}
