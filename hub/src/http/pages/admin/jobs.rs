//! With whom an order deals: those it names, everybody whom the list shows, or the very servers that somebody has confirmed.

use std::collections::{BTreeSet, HashSet};

use hub_types::names::ServerName;
use hub_types::scope::{ScopeName, Target};

use super::super::error_page::PageError;
use super::order::{Deed, Order, Whom};
use super::users::listing;
use super::{Admin, these};
use crate::db::{UserFilter, UserState, servers, users};
use crate::domain::action::{StartServer, StopServer};
use crate::domain::lifecycle::ServerState;
use crate::domain::server::{Server, ServerRef};
use crate::domain::user::{User, UserId};
use crate::http::api::acts;

/// Most users that "all" means.
pub(super) const MAX_ALL: u64 = 5_000;

/// One user, and one server of theirs where the order names it.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) user: String,
    pub(super) server: Option<ServerRef>,
    /// Row id, where the order means everybody: of the server that is stopped, of the user whose server is started.
    pub(super) row: Option<i64>,
}

impl Job {
    pub(super) fn name(&self) -> String {
        match &self.server {
            Some(at) if !at.name.is_default() => format!("{}/{}", at.user, at.name),
            _ => self.user.clone(),
        }
    }

    /// Of an order that names one server.
    pub(super) fn of(at: &ServerRef) -> Self {
        Self {
            user: at.user.as_str().to_owned(),
            server: Some(at.clone()),
            row: None,
        }
    }

    fn of_user(name: &str) -> Self {
        Self {
            user: name.to_owned(),
            server: None,
            row: None,
        }
    }
}

/// Who is meant.
pub(super) async fn of(admin: &Admin, order: &Order) -> Result<Vec<Job>, PageError> {
    let starts = order.deed == Deed::Start;
    Ok(match &order.whom {
        Whom::Server(at) => vec![Job::of(at)],
        Whom::Users(names) => names.iter().map(|name| Job::of_user(name)).collect(),
        Whom::Everybody => everybody(admin, starts).await?,
        Whom::These(rows) => confirmed(admin, starts, rows).await?,
    })
}

/// The servers of everybody on the list, on all its pages, that can be started or stopped by the visitor.
async fn everybody(admin: &Admin, starts: bool) -> Result<Vec<Job>, PageError> {
    let listing = listing(admin)?;
    let state = match (listing.state, starts) {
        (None, true) => Some(UserState::Inactive),
        (Some(UserState::Inactive), false) => return Ok(Vec::new()),
        (None, false) => Some(UserState::Active),
        (chosen, _) => chosen,
    };
    if listing.is_by_activity() {
        admin.state.identities.write_uses().await?;
    }
    let only = acts::listable_users(&admin.principal)?;
    let filter = UserFilter {
        state,
        ..listing.filter(only, admin.state.clock.now())
    };
    let page = users::page(&admin.state.db, &filter, 0, MAX_ALL).await?;
    let mut jobs = match starts {
        true => to_start(admin, &page.users).await?,
        false => to_stop(admin, &servers_of(admin, &page.users).await?),
    };
    jobs.truncate(these::MOST);
    Ok(jobs)
}

/// Those of before: who has come to the list meanwhile was not in the question, and who has gone from it is left alone.
async fn confirmed(admin: &Admin, starts: bool, rows: &[i64]) -> Result<Vec<Job>, PageError> {
    let db = admin.state.db.read();
    if starts {
        let ids: Vec<UserId> = rows.iter().copied().map(UserId).collect();
        return to_start(admin, &users::by_ids(db, &ids).await?).await;
    }
    let ids: BTreeSet<i64> = rows.iter().copied().collect();
    let found = servers::by_ids(db, &ids).await?;
    let found: Vec<Server> = found.into_values().collect();
    Ok(to_stop(admin, &found))
}

async fn servers_of(admin: &Admin, found: &[User]) -> Result<Vec<Server>, PageError> {
    let ids: Vec<_> = found.iter().map(|user| user.id).collect();
    Ok(servers::of_users(admin.state.db.read(), &ids).await?)
}

/// The default servers of these users, where they do not run and the visitor may start them.
async fn to_start(admin: &Admin, found: &[User]) -> Result<Vec<Job>, PageError> {
    let known = servers_of(admin, found).await?;
    let active = known.iter().filter(|server| is_active(server));
    let running: HashSet<&ServerRef> = active.map(|server| &server.at).collect();
    let jobs = found.iter().filter_map(|user| {
        let at = ServerRef::new(user.name.clone(), ServerName::default_server());
        let wanted = !running.contains(&at)
            && lists(admin, &at)
            && admin.principal.require::<StartServer>(at.clone()).is_ok();
        wanted.then(|| Job {
            row: Some(user.id.0),
            ..Job::of(&at)
        })
    });
    Ok(jobs.collect())
}

/// Those of these servers that run and that the visitor may stop.
fn to_stop(admin: &Admin, found: &[Server]) -> Vec<Job> {
    let may = |at: &ServerRef| {
        lists(admin, at) && admin.principal.require::<StopServer>(at.clone()).is_ok()
    };
    let wanted = found
        .iter()
        .filter(|server| is_active(server) && may(&server.at));
    wanted
        .map(|server| Job {
            row: Some(server.id.0),
            ..Job::of(&server.at)
        })
        .collect()
}

/// Whether the owner of a server is on the visitor's list: a form may say any number.
fn lists(admin: &Admin, at: &ServerRef) -> bool {
    let owner = Target::User(at.user.as_str());
    admin.principal.may(&ScopeName::ListUsers, owner)
}

pub(super) fn is_active(server: &Server) -> bool {
    !matches!(
        server.state,
        ServerState::Stopped | ServerState::Stopping | ServerState::Removing
    )
}
