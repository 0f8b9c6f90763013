//! `/hub/admin` and what is below it: users, groups, roles, the end of the hub.
//!
//! Who holds `admin-ui` may open them. What they show and do is what the REST API shows and does for the same person
//! ([`acts`](crate::http::api::acts)): every button needs the scope that its request would need.

pub(super) mod act;
pub(super) mod add_users;
pub(super) mod errand;
mod filter;
pub(super) mod group;
pub(super) mod groups;
mod jobs;
mod order;
pub(super) mod roles;
mod rows;
pub(super) mod shutdown;
mod these;
pub(super) mod user;
pub(super) mod user_change;
pub(super) mod users;

use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use hub_types::scope::{ScopeName, Target};
use url::form_urlencoded;

use super::context::PageUser;
use super::error_page::PageError;
use crate::db::groups as stored_groups;
use crate::domain::action::{Hub, OpenAdminUi, ReadRoles, Shutdown};
use crate::domain::principal::Granted;
use crate::render::pages::admin::AdminTabs;
use crate::render::pages::{Notice, NoticeKind};
use crate::state::AppState;

/// Most names that a page lists where there may be very many.
const MANY: usize = 100;

/// Somebody who may open the admin pages.
#[derive(Debug)]
pub(super) struct Admin {
    user: PageUser,
    _granted: Granted<OpenAdminUi>,
}

impl Deref for Admin {
    type Target = PageUser;

    fn deref(&self) -> &PageUser {
        &self.user
    }
}

impl Admin {
    /// The same person after a change that they made: what they see follows who is in which group now.
    async fn afterwards(mut self) -> Result<Self, PageError> {
        let groups = stored_groups::snapshot(self.state.db.read()).await?;
        self.user.principal = self.user.principal.with_groups(groups);
        Ok(self)
    }

    /// A page below `/hub/admin`, with arguments.
    fn url(&self, page: &str, arguments: &[(&str, &str)]) -> String {
        let path = self.base().hub_path(&format!("admin{page}"));
        match arguments {
            [] => path,
            _ => format!("{path}?{}", query(arguments)),
        }
    }

    /// Names of the groups that the visitor may see, sorted: the first `most` that are wanted. They are offered where one can
    /// be typed, too.
    fn group_names(&self, most: usize, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let may = |scope, name| self.principal.may(&scope, Target::Group(name));
        let groups = self.principal.groups().iter();
        groups
            .map(|(name, _)| name)
            .filter(|name| wanted(name))
            .filter(|name| may(ScopeName::ListGroups, name) || may(ScopeName::ReadGroupsName, name))
            .take(most)
            .map(ToOwned::to_owned)
            .collect()
    }
}

impl FromRequestParts<AppState> for Admin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let user = PageUser::from_request_parts(parts, state).await?;
        match user.principal.require::<OpenAdminUi>(Hub) {
            Ok(granted) => Ok(Self {
                user,
                _granted: granted,
            }),
            Err(_) => {
                let refused = PageError::forbidden("The admin pages need the scope admin-ui.");
                Err(refused.into_response())
            }
        }
    }
}

/// The admin pages of whoever may open them.
pub(super) fn tabs_of(user: &PageUser) -> Option<AdminTabs> {
    let caller = &user.principal;
    caller.require::<OpenAdminUi>(Hub).ok()?;
    Some(AdminTabs {
        users: caller.reach(&[ScopeName::ListUsers]).is_ok(),
        groups: caller.reach(&[ScopeName::ListGroups]).is_ok(),
        roles: caller.require::<ReadRoles>(Hub).is_ok(),
        services: caller.reach(&[ScopeName::AdminServices]).is_ok(),
        shutdown: caller.require::<Shutdown>(Hub).is_ok(),
    })
}

fn tabs(admin: &Admin) -> AdminTabs {
    tabs_of(admin).unwrap_or_default()
}

fn query(arguments: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(arguments)
        .finish()
}

/// What was done, for the page that is shown next. It is told by a word in its URL: a text there could be anybody's.
fn done(word: Option<&str>) -> Option<Notice> {
    let text = match word? {
        "start" => "Asked to start. The list says how each server is.",
        "stop" => "Asked to stop. The list says how each server is.",
        "remove" => "The server is deleted.",
        "delete" => "Deleted.",
        "join" => "Added to the group.",
        "leave" => "Removed from the group.",
        "add" => "Added.",
        "save" => "Saved.",
        "create" => "Created.",
        _ => return None,
    };
    Some(Notice {
        kind: NoticeKind::Ok,
        text: text.to_owned(),
    })
}
