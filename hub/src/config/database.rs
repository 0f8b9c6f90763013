//! Where the database is: JupyterHub's `db_url`.

mod server;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

pub use server::ServerUrl;

/// A database that the hub can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbUrl {
    /// A SQLite file; a relative path counts from the hub's working folder.
    Sqlite(PathBuf),
    /// SQLite in memory: gone when the hub stops.
    Memory,
    /// A database on a PostgreSQL server.
    Postgres(ServerUrl),
    /// A database on a MariaDB or MySQL server.
    MySql(ServerUrl),
}

/// Why a text is no database that the hub can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDbUrl {
    /// A database of another kind.
    #[error("'{0}' databases are not supported; sqlite, postgresql, mysql and mariadb are")]
    Unsupported(String),
    /// `sqlite://name`, which has the file where a host belongs.
    #[error(
        "a SQLite file is written with three slashes (\"sqlite:///jupyterhub.sqlite\"), or four if the path is absolute"
    )]
    Slashes,
    /// Nothing.
    #[error("the database URL is empty; write e.g. \"sqlite:///jupyterhub.sqlite\"")]
    Empty,
    /// A server's URL without the name of a database.
    #[error("it names no database; write e.g. \"{0}://hub:PASSWORD@localhost/jupyterhub\"")]
    NoDatabase(String),
    /// A port that is none.
    #[error(
        "'{0}' is no port; special characters in the password must be percent-encoded, e.g. @ as %40"
    )]
    Port(String),
    /// An `@` where none can be.
    #[error(
        "special characters must be percent-encoded: in the password / as %2F, ? as %3F and @ as %40, after the server @ as %40"
    )]
    At,
    /// A percent sign that begins nothing, or what is not UTF-8.
    #[error("{0} is not percent-encoded UTF-8; a percent sign is written %25")]
    Encoding(&'static str),
    /// A parameter that the hub does not know.
    #[error("the parameter '{name}' is not known; these are: {known}")]
    Parameter {
        /// What was written.
        name: String,
        /// What could be.
        known: String,
    },
    /// A parameter with a value that it cannot have.
    #[error("'{value}' is no value of the parameter '{name}'")]
    Value {
        /// The parameter.
        name: String,
        /// What was written.
        value: String,
    },
    /// A parameter of a SQLite file: there are none here.
    #[error(
        "a SQLite file has no parameter '{name}' here; leave out what follows the question mark ({known} tune Python's driver, \
         and are passed over)"
    )]
    FileParameter {
        /// What was written.
        name: String,
        /// What is passed over.
        known: String,
    },
}

/// Parameters of SQLite URLs that only tune Python's driver.
const WITHOUT_EFFECT: &[&str] = &["cached_statements", "check_same_thread", "timeout"];

impl DbUrl {
    /// The parameters in a text that is read as a database, and that change nothing.
    #[must_use]
    pub fn without_effect(text: &str) -> Vec<&str> {
        let (kind, rest) = text.split_once("://").unwrap_or(("sqlite", text));
        if !kind.starts_with("sqlite") {
            return Vec::new();
        }
        parameters(rest.split_once('?').map_or("", |(_, query)| query)).collect()
    }

    /// A file, as it stands behind the third slash, or alone. A question mark ends its name, as for SQLAlchemy; nothing is
    /// percent-encoded.
    fn file(text: &str) -> Result<Self, InvalidDbUrl> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if let Some(name) = parameters(query).find(|name| !WITHOUT_EFFECT.contains(name)) {
            return Err(InvalidDbUrl::FileParameter {
                name: name.to_owned(),
                known: WITHOUT_EFFECT.join(", "),
            });
        }
        Ok(match path {
            "" | ":memory:" => Self::Memory,
            path => Self::Sqlite(path.into()),
        })
    }
}

/// The names in `NAME=VALUE[&…]`.
fn parameters(query: &str) -> impl Iterator<Item = &str> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
}

impl Default for DbUrl {
    fn default() -> Self {
        Self::Sqlite("jupyterhub.sqlite".into())
    }
}

impl fmt::Display for DbUrl {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:///{}", path.display()),
            Self::Memory => f.write_str("sqlite:///:memory:"),
            Self::Postgres(server) => write!(f, "postgresql://{server}"),
            Self::MySql(server) => write!(f, "mysql://{server}"),
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
            return Self::file(text);
        };
        // `sqlite+pysqlite://` names SQLAlchemy's driver; which driver it is does not matter to us.
        let engine = kind.split('+').next().unwrap_or(kind);
        match engine {
            "sqlite" => {}
            // SQLAlchemy itself no longer takes the short name; people have it in their files.
            "postgresql" | "postgres" => {
                return ServerUrl::parse("postgresql", rest, server::POSTGRES).map(Self::Postgres);
            }
            "mysql" | "mariadb" => {
                return ServerUrl::parse(engine, rest, server::MYSQL).map(Self::MySql);
            }
            other => return Err(InvalidDbUrl::Unsupported(other.to_owned())),
        }
        match rest.strip_prefix('/') {
            Some(path) => Self::file(path),
            None if rest.is_empty() || rest.starts_with('?') => Self::file(rest),
            None => Err(InvalidDbUrl::Slashes),
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
            (":memory:", Ok(DbUrl::Memory)),
            (":memory:?timeout=30", Ok(DbUrl::Memory)),
            ("sqlite://?timeout=30", Ok(DbUrl::Memory)),
            ("./:memory:", file("./:memory:")),
            ("sqlite:///a.sqlite?timeout=30", file("a.sqlite")),
            ("a.sqlite?timeout=30&check_same_thread=0", file("a.sqlite")),
            ("sqlite:////srv/a?cached_statements=9&", file("/srv/a")),
            ("sqlite:///a%20b%3Fc?", file("a%20b%3Fc")),
            ("sqlite://a.sqlite", Err(InvalidDbUrl::Slashes)),
            (
                "oracle+cx_oracle://u:p@h/db",
                Err(InvalidDbUrl::Unsupported("oracle".into())),
            ),
            ("", Err(InvalidDbUrl::Empty)),
        ] {
            assert_eq!(text.parse::<DbUrl>(), expected, "{text}");
        }
        assert_eq!(DbUrl::default().to_string(), "sqlite:///jupyterhub.sqlite");
    }

    #[test]
    fn parameters_of_files_are_passed_over_or_refused() {
        for (text, name) in [
            ("sqlite:///a.sqlite?mode=ro", "mode"),
            ("a.sqlite?timeout=30&vfs=x", "vfs"),
            ("sqlite:///file:a.sqlite?mode=ro&uri=true", "mode"),
            ("sqlite:///:memory:?cache=shared", "cache"),
            ("sqlite:///a.sqlite?Timeout=30", "Timeout"),
            ("sqlite:///a.sqlite?what", "what"),
        ] {
            let error = text.parse::<DbUrl>().unwrap_err().to_string();
            let said = format!("a SQLite file has no parameter '{name}' here; leave out what");
            assert!(error.starts_with(&said), "{text}: {error}");
        }
        for (text, names) in [
            ("sqlite:///a", vec![]),
            (
                "sqlite+pysqlite:///a?timeout=30&check_same_thread=0",
                vec!["timeout", "check_same_thread"],
            ),
            ("a?timeout=30", vec!["timeout"]),
            ("postgresql://h/d?sslmode=require", vec![]),
        ] {
            assert_eq!(DbUrl::without_effect(text), names, "{text}");
        }
    }

    #[test]
    fn servers_are_shown_without_their_password() {
        for (text, shown) in [
            ("postgresql://h/d", "postgresql://h/d"),
            (
                "postgresql+psycopg2://hub:s%40crT@h:5433/d?sslmode=require",
                "postgresql://hub:[secret]@h:5433/d?sslmode=require",
            ),
            ("postgres://hub@/d", "postgresql://hub@/d"),
            (
                "mysql+pymysql://hub:s%40crT@h/d?charset=utf8mb4",
                "mysql://hub:[secret]@h/d?charset=utf8mb4",
            ),
            (
                "mariadb+mariadbconnector://a%2Fb:s%40crT@[::1]:3307/d",
                "mysql://a%2Fb:[secret]@[::1]:3307/d",
            ),
            (
                "postgresql:///d?host=/run/postgresql&user=hub&password=s%40crT",
                "postgresql:///d?host=/run/postgresql&user=hub&password=[secret]",
            ),
        ] {
            let url: DbUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown, "{text}");
            let debug = format!("{url:?}");
            assert!(!debug.contains("crT"), "{debug}");
        }
    }

    #[test]
    fn wrong_ones_are_refused_without_the_password() {
        for (text, said) in [
            ("postgresql://h", "it names no database"),
            ("mysql://u:p@h/", "\"mysql://hub:PASSWORD@localhost"),
            ("mariadb://h:x/d", "'x' is no port"),
            ("postgresql://u:a%zz@h/d", "the password is not"),
            ("postgresql://u:%ff@h/d", "the password is not"),
            (
                "postgresql://h/d?sslmod=require",
                "'sslmod' is not known; these are: ",
            ),
            (
                "postgresql://h/d?sslmode=maybe",
                "'maybe' is no value of the parameter 'sslmode'",
            ),
            ("postgresql://h/d?sslmode", "'' is no value of"),
            ("postgresql://hub:S3cr3t/x@h/d", "/ as %2F"),
            ("postgresql://hub:12/S3cr3t@h/d", "/ as %2F"),
            ("mysql://hub:S3cr3t?x@h/d", "? as %3F"),
            ("mysql://hub:1/x?S3cr3t=1@h/d", "? as %3F"),
            ("postgresql://hub:S3cr3t@h:x/d", "'x' is no port"),
            ("postgresql://hub:S3cr3t%@h/d", "the password is not"),
            ("postgresql://h/d?password=S3cr3t&user=", "'' is no value"),
            (
                "postgresql://h/d?passwort=S3cr3t",
                "'passwort' is not known",
            ),
        ] {
            let error = text.parse::<DbUrl>().unwrap_err();
            let (told, debug) = (error.to_string(), format!("{error:?}"));
            assert!(told.contains(said), "{text}: {told}");
            assert!(
                !told.contains("S3cr3t") && !debug.contains("S3cr3t"),
                "{debug}"
            );
        }
    }
}
