//! URL paths under the base URL: the one place that joins them.

use percent_encoding::percent_decode_str;

use crate::names::{ServerName, ServiceName, Username, escape, escape_client_id};

/// The base URL of a deployment: `/`, or `/prefix/`; always with a leading and a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl Default for BaseUrl {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl BaseUrl {
    /// Normalises `text`: slashes are added at both ends where they are missing, doubled ones are folded.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let inner: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        if inner.is_empty() {
            Self::default()
        } else {
            Self(format!("/{}/", inner.join("/")))
        }
    }

    /// The base URL itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `{base}hub/`: everything that the hub itself answers.
    #[must_use]
    pub fn hub(&self) -> String {
        format!("{}hub/", self.0)
    }

    /// `{base}hub/{path}`; `path` has no leading slash and is already escaped.
    #[must_use]
    pub fn hub_path(&self, path: &str) -> String {
        format!("{}hub/{path}", self.0)
    }

    /// `{base}hub/api`, without a trailing slash, as `JUPYTERHUB_API_URL` has it.
    #[must_use]
    pub fn api(&self) -> String {
        format!("{}hub/api", self.0)
    }

    /// `{base}user/NAME/` or `{base}user/NAME/SERVER/`: prefix and routespec of a server.
    #[must_use]
    pub fn server(&self, user: &Username, server: &ServerName) -> String {
        if server.is_default() {
            format!("{}user/{}/", self.0, user.escaped())
        } else {
            format!("{}user/{}/{}/", self.0, user.escaped(), server.escaped())
        }
    }

    /// `{base}services/NAME/`: prefix and routespec of a service.
    #[must_use]
    pub fn service(&self, service: &ServiceName) -> String {
        format!("{}services/{}/", self.0, service.escaped())
    }

    /// `{base}hub/api/users/NAME/server/progress` or `…/servers/SERVER/progress`.
    #[must_use]
    pub fn progress(&self, user: &Username, server: &ServerName) -> String {
        if server.is_default() {
            self.hub_path(&format!("api/users/{}/server/progress", user.escaped()))
        } else {
            self.hub_path(&format!(
                "api/users/{}/servers/{}/progress",
                user.escaped(),
                server.escaped()
            ))
        }
    }

    /// `{base}hub/spawn/NAME` or `{base}hub/spawn/NAME/SERVER`.
    #[must_use]
    pub fn spawn(&self, user: &Username, server: &ServerName) -> String {
        self.spawn_page("spawn", user, server)
    }

    /// `{base}hub/spawn-pending/NAME` or `{base}hub/spawn-pending/NAME/SERVER`.
    #[must_use]
    pub fn spawn_pending(&self, user: &Username, server: &ServerName) -> String {
        self.spawn_page("spawn-pending", user, server)
    }

    /// `{base}hub/manage/NAME` or `{base}hub/manage/NAME/SERVER`.
    #[must_use]
    pub fn manage(&self, user: &Username, server: &ServerName) -> String {
        self.spawn_page("manage", user, server)
    }

    fn spawn_page(&self, page: &str, user: &Username, server: &ServerName) -> String {
        if server.is_default() {
            self.hub_path(&format!("{page}/{}", user.escaped()))
        } else {
            self.hub_path(&format!("{page}/{}/{}", user.escaped(), server.escaped()))
        }
    }
}

/// A path as proxies know it: each segment escaped as names are, and a slash at both ends.
///
/// # Errors
/// What is wrong with it: `.` and `..`, empty segments, escapes that are none, slashes in escapes, text that is no UTF-8.
pub fn canonical(path: &str) -> Result<String, &'static str> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() {
        return Ok("/".to_owned());
    }
    let segments: Result<Vec<_>, _> = inner.split('/').map(canonical_segment).collect();
    Ok(format!("/{}/", segments?.join("/")))
}

fn canonical_segment(segment: &str) -> Result<String, &'static str> {
    let bytes = segment.as_bytes();
    let mut escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    let is_escape = |at: usize| {
        let digits = bytes.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.all(|(at, _)| is_escape(at)) {
        return Err("a % in a path must begin an escape: write %25 for the sign itself");
    }
    let plain = percent_decode_str(segment).decode_utf8();
    let plain = plain.map_err(|_| "its escapes must be UTF-8")?;
    match &*plain {
        "" => Err("a path must not have doubled slashes"),
        "." | ".." => Err("a path must not have . or .. in it"),
        plain if plain.contains('/') => Err("a segment of a path cannot hold an escaped slash"),
        plain if plain.chars().any(char::is_control) => {
            Err("a path must not hold control characters")
        }
        plain => Ok(escape(plain)),
    }
}

/// The OAuth client id of a server: `jupyterhub-user-NAME` or `jupyterhub-user-NAME-SERVER`.
#[must_use]
pub fn server_client_id(user: &Username, server: &ServerName) -> String {
    let user = escape_client_id(user.as_str());
    if server.is_default() {
        format!("jupyterhub-user-{user}")
    } else {
        format!(
            "jupyterhub-user-{user}-{}",
            escape_client_id(server.as_str())
        )
    }
}

/// The default OAuth client id of a service: `service-NAME`.
#[must_use]
pub fn service_client_id(service: &ServiceName) -> String {
    format!("service-{service}")
}

/// `user/server`, with the slash kept for the default server: how scopes and models name a server.
#[must_use]
pub fn server_full_name(user: &str, server: &str) -> String {
    format!("{user}/{server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_spelt_in_one_way() {
        for (path, expected) in [
            ("/docs/", Ok("/docs/")),
            ("/docs", Ok("/docs/")),
            ("/a+b/", Ok("/a%2Bb/")),
            ("/é/", Ok("/%C3%A9/")),
            ("/%7Ex/%c3%a9", Ok("/~x/%C3%A9/")),
            ("/h%75b/", Ok("/hub/")),
            ("/", Ok("/")),
            ("/100%/", Err("escape")),
            ("/%zz/", Err("escape")),
            ("/../x/", Err("..")),
            ("/%2e%2e/x/", Err("..")),
            ("/a//b/", Err("slashes")),
            ("/a%2fb/", Err("slash")),
            ("/%ff/", Err("UTF-8")),
            ("/%0a/", Err("control")),
        ] {
            match (canonical(path), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(why), Err(part)) => assert!(why.contains(part), "{path}: {why}"),
                (found, _) => panic!("{path}: {found:?}"),
            }
        }
    }

    #[test]
    fn base_urls_are_normalised() {
        for (text, expected) in [
            ("", "/"),
            ("/", "/"),
            ("/a", "/a/"),
            ("a/b/", "/a/b/"),
            ("//a//", "/a/"),
        ] {
            assert_eq!(BaseUrl::new(text).as_str(), expected, "{text}");
        }
    }

    #[test]
    fn paths() {
        let base = BaseUrl::new("/pfx/");
        let (user, gpu) = (Username::stored("a b"), ServerName::stored("gpu"));
        assert_eq!(
            base.server(&user, &ServerName::default_server()),
            "/pfx/user/a%20b/"
        );
        assert_eq!(base.server(&user, &gpu), "/pfx/user/a%20b/gpu/");
        assert_eq!(
            base.progress(&user, &gpu),
            "/pfx/hub/api/users/a%20b/servers/gpu/progress"
        );
        assert_eq!(
            base.spawn_pending(&user, &ServerName::default_server()),
            "/pfx/hub/spawn-pending/a%20b"
        );
        assert_eq!(base.api(), "/pfx/hub/api");
        assert_eq!(server_client_id(&user, &gpu), "jupyterhub-user-a%20b-gpu");
        assert_eq!(
            server_client_id(&Username::stored("a@b"), &ServerName::default_server()),
            "jupyterhub-user-a%40b"
        );
    }
}
