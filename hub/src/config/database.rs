//! Where the database is: JupyterHub's `db_url`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A database that the hub can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbUrl {
    /// A SQLite file; a relative path counts from the hub's working folder.
    Sqlite(PathBuf),
    /// SQLite in memory: gone when the hub stops.
    Memory,
}

/// Why a text is no database that the hub can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDbUrl {
    /// A database of another kind.
    #[error(
        "'{0}' databases are not supported yet; only SQLite is, e.g. \"sqlite:///jupyterhub.sqlite\""
    )]
    Unsupported(String),
    /// `sqlite://name`, which has the file where a host belongs.
    #[error(
        "a SQLite file is written with three slashes (\"sqlite:///jupyterhub.sqlite\"), or four if the path is absolute"
    )]
    Slashes,
    /// Nothing.
    #[error("the database URL is empty; write e.g. \"sqlite:///jupyterhub.sqlite\"")]
    Empty,
}

impl Default for DbUrl {
    fn default() -> Self {
        Self::Sqlite("jupyterhub.sqlite".into())
    }
}

impl fmt::Display for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:///{}", path.display()),
            Self::Memory => f.write_str("sqlite:///:memory:"),
        }
    }
}

impl FromStr for DbUrl {
    type Err = InvalidDbUrl;

    /// Accepts SQLAlchemy's forms and, as JupyterHub does, a bare path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidDbUrl::Empty);
        }
        let Some((kind, rest)) = text.split_once("://") else {
            return Ok(Self::Sqlite(text.into()));
        };
        // `sqlite+pysqlite://` names SQLAlchemy's driver; which driver it is does not matter to us.
        let engine = kind.split('+').next().unwrap_or(kind);
        if engine != "sqlite" {
            return Err(InvalidDbUrl::Unsupported(engine.to_owned()));
        }
        match rest.strip_prefix('/') {
            None if rest.is_empty() => Ok(Self::Memory),
            None => Err(InvalidDbUrl::Slashes),
            Some("" | ":memory:") => Ok(Self::Memory),
            Some(path) => Ok(Self::Sqlite(path.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let file = |path: &str| Ok(DbUrl::Sqlite(path.into()));
        for (text, expected) in [
            ("sqlite:///jupyterhub.sqlite", file("jupyterhub.sqlite")),
            ("sqlite:////srv/hub.sqlite", file("/srv/hub.sqlite")),
            ("hub.sqlite", file("hub.sqlite")),
            ("sqlite+pysqlite:///a", file("a")),
            ("sqlite://", Ok(DbUrl::Memory)),
            ("sqlite:///:memory:", Ok(DbUrl::Memory)),
            ("sqlite://a.sqlite", Err(InvalidDbUrl::Slashes)),
            (
                "postgresql+psycopg2://u:p@h/db",
                Err(InvalidDbUrl::Unsupported("postgresql".into())),
            ),
            ("", Err(InvalidDbUrl::Empty)),
        ] {
            assert_eq!(text.parse::<DbUrl>(), expected, "{text}");
        }
        assert_eq!(DbUrl::default().to_string(), "sqlite:///jupyterhub.sqlite");
    }
}
