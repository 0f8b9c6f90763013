//! The URL of a database on a server: `[USER[:PASSWORD]@][HOST[:PORT]]/DATABASE[?NAME=VALUE[&…]]`.
//!
//! Read by hand: a URL library refuses an empty host beside a user, which is how SQLAlchemy names a server on a socket.

use std::fmt;

use hub_types::secret::Token;
use percent_encoding::percent_decode_str;

use super::InvalidDbUrl;

/// What may follow the question mark, with the values that are possible where they are bounded.
pub(super) type Parameters = &'static [(&'static str, &'static [&'static str])];

/// As libpq names them.
pub(super) const POSTGRES: Parameters = &[
    ("application_name", &[]),
    ("host", &[]),
    ("password", &[]),
    ("port", &[]),
    ("sslcert", &[]),
    ("sslkey", &[]),
    (
        "sslmode",
        &[
            "disable",
            "allow",
            "prefer",
            "require",
            "verify-ca",
            "verify-full",
        ],
    ),
    ("sslrootcert", &[]),
    ("user", &[]),
];

/// As Python's drivers name them. The character set is always utf8mb4; whoever names it means that.
pub(super) const MYSQL: Parameters = &[
    ("charset", &["utf8", "utf8mb4"]),
    ("ssl_ca", &[]),
    ("ssl_cert", &[]),
    ("ssl_key", &[]),
    (
        "ssl_mode",
        &[
            "DISABLED",
            "PREFERRED",
            "REQUIRED",
            "VERIFY_CA",
            "VERIFY_IDENTITY",
        ],
    ),
    ("unix_socket", &[]),
];

/// A database on a server. Shows everything but the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    user: Option<String>,
    password: Option<Token>,
    host: Option<String>,
    port: Option<u16>,
    database: String,
    parameters: Vec<(String, String)>,
    shown: String,
}

impl ServerUrl {
    /// Reads what follows the `://` of the URL of a server of the kind `engine`.
    pub(super) fn parse(engine: &str, text: &str, known: Parameters) -> Result<Self, InvalidDbUrl> {
        // Part of a password, perhaps: nothing of it may be taken for something else, and shown.
        let place = text.find(['/', '?']).unwrap_or(text.len());
        if text[place..].contains('@') {
            return Err(InvalidDbUrl::At);
        }
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let (server, database) = place.split_once('/').unwrap_or((place, ""));
        if database.is_empty() {
            return Err(InvalidDbUrl::NoDatabase(engine.to_owned()));
        }
        let (login, address) = server
            .rsplit_once('@')
            .map_or((None, server), |(login, address)| (Some(login), address));
        let (user, password) = match login.map(|login| login.split_once(':')) {
            None => (None, None),
            Some(None) => (login, None),
            Some(Some((user, password))) => (Some(user), Some(password)),
        };
        let (host, port) = host_and_port(address)?;
        let mut url = Self {
            user: user.map(|user| decode(user, "the user")).transpose()?,
            password: password
                .map(|password| decode(password, "the password").map(Token::from_config))
                .transpose()?,
            host: host.map(|host| decode(host, "the host")).transpose()?,
            port,
            database: decode(database, "the database")?,
            parameters: Vec::new(),
            shown: String::new(),
        };
        let login = match (user, password) {
            (Some(user), Some(_)) => format!("{user}:[secret]@"),
            (Some(user), None) => format!("{user}@"),
            (None, _) => String::new(),
        };
        let mut shown = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            shown.push(url.take(pair, known)?);
        }
        let mark = if shown.is_empty() { "" } else { "?" };
        url.shown = format!("{login}{address}/{database}{mark}{}", shown.join("&"));
        Ok(url)
    }

    /// Takes one parameter; returns it as it may be shown.
    fn take(&mut self, pair: &str, known: Parameters) -> Result<String, InvalidDbUrl> {
        let (name, encoded) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(encoded, "a parameter")?;
        let Some((_, values)) = known.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = known.iter().map(|(known, _)| *known).collect();
            return Err(InvalidDbUrl::Parameter {
                name: name.to_owned(),
                known: known.join(", "),
            });
        };
        let bad = |value: &str| InvalidDbUrl::Value {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        if value.is_empty() || !(values.is_empty() || values.contains(&value.as_str())) {
            return Err(bad(&value));
        }
        match name {
            "user" => self.user = Some(value),
            "password" => {
                self.password = Some(Token::from_config(value));
                return Ok("password=[secret]".to_owned());
            }
            "host" => self.host = Some(value),
            "port" => self.port = Some(value.parse().map_err(|_| bad(&value))?),
            _ => self.parameters.push((name.to_owned(), value)),
        }
        Ok(pair.to_owned())
    }

    /// Who the hub is to the server.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// What proves it.
    #[must_use]
    pub fn password(&self) -> Option<&Token> {
        self.password.as_ref()
    }

    /// A name, an address, or (PostgreSQL) the folder of a socket.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Which of the server's databases.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// A parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({})", self.shown)
    }
}

/// `host`, `host:1`, `[::1]:1`, or nothing: whatever the driver takes for the default.
fn host_and_port(address: &str) -> Result<(Option<&str>, Option<u16>), InvalidDbUrl> {
    let (host, port) = match address
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let port = port.map(|port| {
        port.parse()
            .map_err(|_| InvalidDbUrl::Port(port.to_owned()))
    });
    Ok(((!host.is_empty()).then_some(host), port.transpose()?))
}

/// Percent signs must encode something: one that was forgotten to be encoded must not be taken literally.
fn decode(text: &str, what: &'static str) -> Result<String, InvalidDbUrl> {
    let bytes = text.as_bytes();
    let whole = bytes.iter().enumerate().all(|(at, byte)| {
        let digits = bytes.get(at + 1..at + 3);
        *byte != b'%' || digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !whole {
        return Err(InvalidDbUrl::Encoding(what));
    }
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded
        .map_err(|_| InvalidDbUrl::Encoding(what))?
        .into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let text = "h%75b:a%40b%3A%2F%25@db.example.org:5433/my%20db?sslmode=verify-full&sslrootcert=/etc/ca.pem";
        let url = ServerUrl::parse("postgresql", text, POSTGRES).unwrap();
        assert_eq!(url.user(), Some("hub"));
        assert_eq!(url.password().map(Token::expose), Some("a@b:/%"));
        assert_eq!(
            (url.host(), url.port()),
            (Some("db.example.org"), Some(5433))
        );
        assert_eq!(url.database(), "my db");
        assert_eq!(url.parameter("sslmode"), Some("verify-full"));
        assert_eq!(url.parameter("sslrootcert"), Some("/etc/ca.pem"));

        let url = ServerUrl::parse("postgresql", "/d?host=/run/pg&user=u", POSTGRES).unwrap();
        assert_eq!((url.user(), url.host()), (Some("u"), Some("/run/pg")));
        assert_eq!((url.password(), url.port()), (None, None));

        let url = ServerUrl::parse("mysql", "u:@[::1]/d", MYSQL).unwrap();
        assert_eq!((url.host(), url.port()), (Some("::1"), None));
        assert_eq!(url.password().map(Token::expose), Some(""));
        // An @ that was not encoded belongs to the password, as far as that can be seen.
        let url = ServerUrl::parse("mysql", "u:a@b@h/d", MYSQL).unwrap();
        assert_eq!(url.password().map(Token::expose), Some("a@b"));
    }
}
