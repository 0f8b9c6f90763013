//! `[hub]`: what only this hub has.

use std::path::PathBuf;

use crate::domain::service_hosts::ServiceHosts;

/// `[hub]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Whether the OAuth provider takes PKCE challenges of the method `plain`, which whoever sees the first request can
    /// answer (RFC 9700 section 2.1.1). For clients that know nothing better.
    pub oauth_allow_plain_pkce: bool,
    /// Where a service of the configuration says what stands above every page, below the base URL: `/services/NAME/…`.
    pub announcement_path: Option<String>,
    /// How lines of the log are written.
    pub log_format: LogFormat,
    /// Hosts that services may have which are registered by the API.
    pub service_hosts: ServiceHosts,
    /// Where starts and stops of servers are written down, for those who count use.
    pub event_log: Option<PathBuf>,
    /// How often in a minute logins of one account may fail from one address; 0 for no limit.
    pub failed_logins_per_minute: u32,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            oauth_allow_plain_pkce: false,
            announcement_path: None,
            log_format: LogFormat::default(),
            event_log: None,
            service_hosts: ServiceHosts::default(),
            failed_logins_per_minute: 10,
        }
    }
}

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// As JupyterHub's.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

impl Own {
    /// The service that says what stands above every page, and what it is asked below its prefix. None when nothing is
    /// configured, or it names no service.
    #[must_use]
    pub fn announcer(&self) -> Option<(&str, &str)> {
        let path = self.announcement_path.as_deref()?;
        let (name, rest) = path.strip_prefix("/services/")?.split_once('/')?;
        (!name.is_empty()).then_some((name, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_a_service_and_what_to_ask_it() {
        for (path, named) in [
            ("/services/board/", Some(("board", ""))),
            ("/services/board/latest?x", Some(("board", "latest?x"))),
            ("/services/board", None),
            ("/services//x", None),
            ("/board/", None),
        ] {
            let own = Own {
                announcement_path: Some(path.to_owned()),
                ..Own::default()
            };
            assert_eq!(own.announcer(), named, "{path}");
        }
    }
}
