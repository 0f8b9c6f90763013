//! GitLab: members of groups and projects. Source: its REST API, version 4, since 12.4, and oauthenticator 17.4.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::exchange::TokenResponse;
use super::github::{access, segments};
use super::outbound::{Outbound, Trouble};
use super::person::Info;
use super::settings::gitlab_api;
use crate::config::Config;

/// Whoever may as much in a project is one of its developers.
const DEVELOPER: i64 = 30;

/// gitlab.com, or a server of one's own.
#[derive(Debug)]
pub(super) struct GitLab {
    api: Option<Url>,
    groups: BTreeSet<String>,
    projects: BTreeSet<String>,
}

impl GitLab {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            api: gitlab_api(config),
            groups: config.gitlab.allowed_gitlab_groups.clone(),
            projects: config.gitlab.allowed_project_ids.clone(),
        }
    }

    pub(super) fn allows_somebody(&self) -> bool {
        !(self.groups.is_empty() && self.projects.is_empty())
    }

    /// Whether the person is in a group that is allowed, or develops a project that is: also by way of a group above.
    pub(super) async fn allows(
        &self,
        outbound: &Outbound,
        token: &TokenResponse,
        info: &Info,
    ) -> Result<bool, Trouble> {
        let (Some(api), Some(id)) = (&self.api, info.get("id").and_then(Value::as_i64)) else {
            return Ok(false);
        };
        let id = id.to_string();
        let groups = self.groups.iter().map(|group| ("groups", group, 0));
        let projects = self.projects.iter();
        let projects = projects.map(|project| ("projects", project, DEVELOPER));
        let rules: Vec<_> = groups.chain(projects).collect();
        for (kind, name, least) in rules {
            let url = segments(api, &[kind, name, "members", "all", &id]);
            let answer = outbound.get(&url, access(token)).await?;
            match answer.status.as_u16() {
                200 => {
                    let level = answer.json()?.get("access_level").and_then(Value::as_i64);
                    if level.unwrap_or(0) >= least {
                        return Ok(true);
                    }
                }
                404 => {}
                401 | 403 => tracing::warn!(
                    "GitLab does not tell who is in {name} ({}): does scope hold read_api?",
                    answer.status
                ),
                _ => {
                    answer.success()?;
                }
            }
        }
        Ok(false)
    }
}
