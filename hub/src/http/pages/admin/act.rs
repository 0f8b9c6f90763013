//! `POST /hub/admin`: what is done with users of the list and with their servers.
//!
//! Every user and server is a request of its own to the API's handlers: one that is refused holds up no other, and the page
//! says for whom what went wrong. Nothing is waited for: the list says how servers come and go.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use futures_util::StreamExt as _;
use hub_types::names::{ServerName, Username};

use super::super::context::found;
use super::super::error_page::PageError;
use super::super::form::{Form, RawForm, STALE};
use super::order::{Deed, Order, Whom};
use super::users::{listing, page};
use super::{Admin, tabs};
use crate::db::{UserFilter, UserState, servers, users};
use crate::domain::action::{StartServer, StopServer};
use crate::domain::lifecycle::ServerState;
use crate::domain::server::{Server, ServerRef};
use crate::http::api::acts;
use crate::http::error::ApiError;
use crate::render::pages::Notice;
use crate::render::pages::admin::{ConfirmPage, Refusal};

/// How many are worked on at the same time.
const AT_ONCE: usize = 16;
/// Most users that "all" means.
const MAX_ALL: u64 = 5_000;
/// How many names a sentence has.
const NAMED: usize = 10;

/// One user, and one server of theirs where the order names it.
#[derive(Debug, Clone)]
pub(super) struct Job {
    user: String,
    server: Option<ServerRef>,
}

impl Job {
    fn name(&self) -> String {
        match &self.server {
            Some(at) if !at.name.is_default() => format!("{}/{}", at.user, at.name),
            _ => self.user.clone(),
        }
    }
}

/// What became of an order.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    done: usize,
    refused: Vec<(String, ApiError)>,
}

impl Outcome {
    /// Whether nothing went wrong.
    fn is_whole(&self) -> bool {
        self.refused.is_empty()
    }

    /// Success as soon as anything was done; else why the first was refused.
    fn status(&self) -> StatusCode {
        match self.refused.first() {
            Some((_, error)) if self.done == 0 => error.status(),
            _ => StatusCode::OK,
        }
    }

    /// Of an order for one.
    ///
    /// # Errors
    /// Why it was refused.
    pub(super) fn only(self) -> Result<(), ApiError> {
        match self.refused.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// In a sentence.
    fn notice(&self) -> Notice {
        Notice::error(format!(
            "Done: {}. Not done: {}.",
            self.done,
            self.refused.len()
        ))
    }

    /// Those for whom the same went wrong stand together.
    fn refusals(&self) -> Vec<Refusal> {
        let mut by_message: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, error) in &self.refused {
            by_message
                .entry(words(error))
                .or_default()
                .push(name.clone());
        }
        let refusals = by_message.into_iter().map(|(message, mut users)| {
            let more = users.len().saturating_sub(NAMED);
            users.truncate(NAMED);
            Refusal {
                users,
                more,
                message,
            }
        });
        refusals.collect()
    }
}

/// What the hub says of an error, where it says anything.
pub(super) fn words(error: &ApiError) -> String {
    let usual = error.status().canonical_reason().unwrap_or("refused");
    error.message().unwrap_or(usual).to_owned()
}

/// `POST`.
pub(in crate::http::pages) async fn act(
    admin: Admin,
    form: RawForm,
) -> Result<Response, PageError> {
    let again = |status, text: &str| page_with(&admin, status, text.to_owned());
    if form.check(&admin)? == Form::Stale {
        return again(StatusCode::FORBIDDEN, STALE).await;
    }
    let order = match Order::read(&form) {
        Ok(order) => order,
        Err(text) => return again(StatusCode::BAD_REQUEST, &text).await,
    };
    let jobs = jobs(&admin, &order).await?;
    if jobs.is_empty() {
        return again(StatusCode::OK, "There is nobody to do that with.").await;
    }
    if order.needs_confirmation() && form.field("confirmed").is_none() {
        return ask(&admin, &form, &order, &jobs);
    }
    let outcome = carry_out(&admin, &order.deed, jobs).await;
    if outcome.is_whole() {
        let list = listing(&admin)?.url(&admin.url("", &[]));
        let mark = if list.contains('?') { '&' } else { '?' };
        return Ok(found(&format!("{list}{mark}done={}", order.deed.word())));
    }
    let admin = admin.afterwards().await?;
    page(
        &admin,
        outcome.status(),
        Some(outcome.notice()),
        outcome.refusals(),
    )
    .await
}

async fn page_with(admin: &Admin, status: StatusCode, text: String) -> Result<Response, PageError> {
    page(admin, status, Some(Notice::error(text)), Vec::new()).await
}

/// Who is meant.
async fn jobs(admin: &Admin, order: &Order) -> Result<Vec<Job>, PageError> {
    Ok(match &order.whom {
        Whom::Server(at) => vec![Job {
            user: at.user.as_str().to_owned(),
            server: Some(at.clone()),
        }],
        Whom::Users(names) => names
            .iter()
            .map(|name| Job {
                user: name.clone(),
                server: None,
            })
            .collect(),
        Whom::Everybody => everybody(admin, &order.deed).await?,
    })
}

/// The servers of everybody on the list, on all its pages, that can be started or stopped by the visitor.
async fn everybody(admin: &Admin, deed: &Deed) -> Result<Vec<Job>, PageError> {
    let starts = *deed == Deed::Start;
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
    let found = users::page(&admin.state.db, &filter, 0, MAX_ALL)
        .await?
        .users;
    let ids: Vec<_> = found.iter().map(|user| user.id).collect();
    let known = servers::of_users(admin.state.db.read(), &ids).await?;
    let active = known.iter().filter(|server| is_active(server));
    let wanted: Vec<ServerRef> = match starts {
        false => active.map(|server| server.at.clone()).collect(),
        true => {
            let running: std::collections::HashSet<_> = active.map(|server| &server.at).collect();
            let all = found
                .iter()
                .map(|user| ServerRef::new(user.name.clone(), ServerName::default_server()));
            all.filter(|at| !running.contains(at)).collect()
        }
    };
    let caller = &admin.principal;
    let may = |at: &ServerRef| match starts {
        true => caller.require::<StartServer>(at.clone()).is_ok(),
        false => caller.require::<StopServer>(at.clone()).is_ok(),
    };
    let jobs = wanted.into_iter().filter(may).map(|at| Job {
        user: at.user.as_str().to_owned(),
        server: Some(at),
    });
    Ok(jobs.collect())
}

fn is_active(server: &Server) -> bool {
    !matches!(
        server.state,
        ServerState::Stopped | ServerState::Stopping | ServerState::Removing
    )
}

/// Says what will happen, and asks.
fn ask(admin: &Admin, form: &RawForm, order: &Order, jobs: &[Job]) -> Result<Response, PageError> {
    let (title, button, lines) = question(order, jobs.len());
    let fields = form
        .texts()
        .filter(|(name, _)| !matches!(*name, "_xsrf" | "confirmed"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let list = listing(admin)?.url(&admin.url("", &[]));
    let page = ConfirmPage {
        chrome: admin.chrome(),
        tabs: tabs(admin),
        title,
        lines,
        names: jobs.iter().take(super::MANY).map(Job::name).collect(),
        more: jobs.len().saturating_sub(super::MANY),
        action: list.clone(),
        fields: fields.collect(),
        button: button.to_owned(),
        cancel_url: list,
    };
    admin.page(StatusCode::OK, &page)
}

/// Title, button, and what will happen.
fn question(order: &Order, count: usize) -> (String, &'static str, Vec<String>) {
    let of = |one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    };
    let limit = format!("At most {MAX_ALL} users are looked at in one go.");
    match order.deed {
        Deed::Start => (
            format!("Start {}?", of("server", "servers")),
            "Start them",
            vec![
                "Each starts with the options of its last start. Servers beyond the limits of this hub are refused, and can be started later.".to_owned(),
                limit,
            ],
        ),
        Deed::Stop => (
            format!("Stop {}?", of("server", "servers")),
            "Stop them",
            vec![
                "Whoever works on them is interrupted, and what is not saved is lost. Files stay.".to_owned(),
                limit,
            ],
        ),
        Deed::Remove => (
            "Delete this server?".to_owned(),
            "Delete it",
            vec!["Its name and its options are forgotten. Files stay.".to_owned()],
        ),
        Deed::Delete | Deed::Join(_) | Deed::Leave(_) => (
            format!("Delete {}?", of("user", "users")),
            "Delete for good",
            vec![
                "Their servers are stopped; their tokens, logins, shares and memberships end.".to_owned(),
                "Accounts and files outside of this hub stay. Who logs in again under the same name is a new user.".to_owned(),
            ],
        ),
    }
}

/// Does it, for each.
pub(super) async fn carry_out(admin: &Admin, deed: &Deed, jobs: Vec<Job>) -> Outcome {
    let all = jobs.into_iter().map(|job| async move {
        let done = one(admin, deed, &job).await;
        (job.name(), done)
    });
    let mut all = futures_util::stream::iter(all).buffered(AT_ONCE);
    let mut outcome = Outcome::default();
    while let Some((name, done)) = all.next().await {
        match done {
            Ok(()) => outcome.done += 1,
            Err(error) => outcome.refused.push((name, error)),
        }
    }
    tracing::info!(
        "{}: {deed:?} for {} of {} on the admin pages",
        admin.principal.owner.name(),
        outcome.done,
        outcome.done + outcome.refused.len()
    );
    outcome
}

/// The job of an order that names one server.
pub(super) fn job(at: &ServerRef) -> Job {
    Job {
        user: at.user.as_str().to_owned(),
        server: Some(at.clone()),
    }
}

async fn one(admin: &Admin, deed: &Deed, job: &Job) -> Result<(), ApiError> {
    let (state, caller) = (&admin.state, &admin.principal);
    let user = Username::stored(job.user.clone());
    let default = || ServerRef::new(user.clone(), ServerName::default_server());
    let at = job.server.clone();
    let members = std::slice::from_ref(&job.user);
    match deed {
        Deed::Start => acts::start(state, caller, at.unwrap_or_else(default)).await,
        Deed::Stop => match at {
            Some(at) => acts::stop(state, caller, at, false).await,
            None => stop_all_of(admin, &user).await,
        },
        Deed::Remove => acts::stop(state, caller, at.unwrap_or_else(default), true).await,
        Deed::Delete => acts::delete_user(state, caller, &job.user).await,
        Deed::Join(group) => acts::change_members(state, caller, group, members, true).await,
        Deed::Leave(group) => acts::change_members(state, caller, group, members, false).await,
    }
}

/// Stops every server of a user that the visitor may stop. If there is none, the default one is asked to stop: that says
/// whether the visitor may.
async fn stop_all_of(admin: &Admin, user: &Username) -> Result<(), ApiError> {
    let (state, caller) = (&admin.state, &admin.principal);
    let default = ServerRef::new(user.clone(), ServerName::default_server());
    let known = match users::find(state.db.read(), user.as_str()).await? {
        Some(user) => servers::of_users(state.db.read(), &[user.id]).await?,
        None => Vec::new(),
    };
    let mut active: Vec<ServerRef> = known
        .into_iter()
        .filter(is_active)
        .map(|server| server.at)
        .filter(|at| caller.require::<StopServer>(at.clone()).is_ok())
        .collect();
    if active.is_empty() {
        active.push(default);
    }
    let mut result = Ok(());
    for at in active {
        result = result.and(acts::stop(state, caller, at, false).await.map(drop));
    }
    result
}
