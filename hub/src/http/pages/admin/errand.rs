//! What is done for many, as a task of the hub: it goes on when the browser that asked for it has gone, and
//! `GET /hub/admin/errand?id=…` says how far it has come to whom it concerns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use futures_util::StreamExt as _;
use hub_types::names::{ServerName, Username};
use tracing::Instrument as _;

use super::super::error_page::PageError;
use super::jobs::{Job, is_active};
use super::order::Deed;
use super::users::LOOK_AGAIN;
use super::{Admin, tabs};
use crate::db::{servers, users};
use crate::domain::action::StopServer;
use crate::domain::principal::{Credential, Owner, Principal};
use crate::domain::server::ServerRef;
use crate::domain::token::TokenOwner;
use crate::http::api::acts;
use crate::http::error::ApiError;
use crate::render::pages::admin::{ErrandPage, Refusal};
use crate::render::pages::{Notice, NoticeKind};
use crate::state::AppState;
use crate::state::errands::{Begun, Errand, Refused, Report, Task};

/// How long the page that asked for something waits for its end, before it becomes one that tells how far it has come.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What is said when no more can be done at the same time.
pub(super) const CROWDED: &str =
    "This hub is busy with other orders for many: nothing was done. Try again in a minute.";

/// How many are worked on at the same time.
const AT_ONCE: usize = 16;
/// How many names a sentence has.
const NAMED: usize = 10;

/// What the hub says of an error, where it says anything.
pub(super) fn words(error: &ApiError) -> String {
    let usual = error.status().canonical_reason().unwrap_or("refused");
    error.message().unwrap_or(usual).to_owned()
}

/// Begins it; `None` when too much goes on.
pub(super) fn begin(admin: &Admin, task: Task, deed: Deed, jobs: Vec<Job>) -> Option<Arc<Errand>> {
    let begun = admin.state.errands.begin(&admin.principal.owner, task)?;
    let errand = begun.errand();
    let work = work(
        admin.state.clone(),
        admin.principal.clone(),
        deed,
        jobs,
        begun,
    );
    tokio::spawn(work.in_current_span());
    Some(errand)
}

/// All jobs, a few at the same time; before each it is looked whether who gave the order still may.
async fn work(state: AppState, caller: Principal, deed: Deed, jobs: Vec<Job>, begun: Begun) {
    let all = jobs.into_iter().map(|job| {
        let (state, caller, deed) = (&state, &caller, &deed);
        async move {
            let done = match by_now(state, caller).await {
                Ok(now) => one(state, &now, deed, &job).await,
                Err(error) => Err(error),
            };
            (job.name(), done)
        }
    });
    let mut all = futures_util::stream::iter(all).buffered(AT_ONCE);
    while let Some((name, done)) = all.next().await {
        note(&begun, name, done);
    }
    log(&caller, &begun);
}

/// The same person with the rights that they have by now: an order goes on without a browser, not without a right. (That they
/// log out meanwhile takes none away.)
pub(super) async fn by_now(state: &AppState, caller: &Principal) -> Result<Principal, ApiError> {
    let (Owner::User(user), Credential::Cookie { .. }) = (&caller.owner, &caller.credential) else {
        return Ok(caller.clone());
    };
    let id = TokenOwner::User(user.id);
    let gone = |what: &str| {
        let text = format!("Whoever ordered this is {what}.");
        ApiError::new(StatusCode::FORBIDDEN, text)
    };
    let who = state.identities.of_owner(id).await?;
    let who = who.ok_or_else(|| gone("no user any more"))?;
    // That leaves them the rights of every user; nobody is taken for blocked of whom that cannot be said now.
    let name = Username::stored(who.owner.name());
    if state.login.is_blocked(&name).await.unwrap_or(false) {
        return Err(gone("blocked"));
    }
    let credential = caller.credential.clone();
    Ok(Principal::new(who.owner, credential, who.held, who.groups))
}

fn refused(whom: String, error: &ApiError) -> Refused {
    Refused {
        whom,
        status: error.status().as_u16(),
        why: words(error),
    }
}

/// Notes what became of one.
pub(super) fn note(begun: &Begun, whom: String, done: Result<(), ApiError>) {
    begun.note(done.map_err(|error| refused(whom, &error)));
}

/// Tells the log what came of the whole.
pub(super) fn log(caller: &Principal, begun: &Begun) {
    let (errand, report) = (begun.errand(), begun.errand().report());
    tracing::info!(
        "{}: {} on the admin pages: done for {}, refused for {}",
        caller.owner.name(),
        errand.task.title,
        report.done,
        report.refused.len()
    );
}

/// One job of an order.
pub(super) async fn one(
    state: &AppState,
    caller: &Principal,
    deed: &Deed,
    job: &Job,
) -> Result<(), ApiError> {
    going_on(state)?;
    let user = Username::stored(job.user.clone());
    let default = || ServerRef::new(user.clone(), ServerName::default_server());
    let at = job.server.clone();
    let members = std::slice::from_ref(&job.user);
    match deed {
        Deed::Start => acts::start(state, caller, at.unwrap_or_else(default)).await,
        Deed::Stop => match at {
            Some(at) => acts::stop(state, caller, at, false).await,
            None => stop_all_of(state, caller, &user).await,
        },
        Deed::Remove => acts::stop(state, caller, at.unwrap_or_else(default), true).await,
        Deed::Delete => acts::delete_user(state, caller, &job.user).await,
        Deed::Join(group) => acts::change_members(state, caller, group, members, true).await,
        Deed::Leave(group) => acts::change_members(state, caller, group, members, false).await,
    }
}

/// A hub that ends begins nothing more.
pub(super) fn going_on(state: &AppState) -> Result<(), ApiError> {
    match state.shutdown.is_cancelled() {
        true => Err(ApiError::not_ready("The hub is shutting down.")),
        false => Ok(()),
    }
}

/// Stops every server of a user that the visitor may stop. If there is none, the default one is asked to stop: that says
/// whether the visitor may.
async fn stop_all_of(
    state: &AppState,
    caller: &Principal,
    user: &Username,
) -> Result<(), ApiError> {
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

/// Where it is told how far it has come.
pub(super) fn url(admin: &Admin, errand: &Errand) -> String {
    admin.url("/errand", &[("id", &errand.id)])
}

/// Where the visitor goes on when all is done.
pub(super) fn next(errand: &Errand) -> String {
    let Task { back, word, .. } = &errand.task;
    let mark = if back.contains('?') { '&' } else { '?' };
    format!("{back}{mark}done={word}")
}

/// Whether it was done for all.
pub(super) fn is_whole(errand: &Errand, report: &Report) -> bool {
    report.done == errand.task.total
}

/// Success as soon as anything was done; else why the first was refused.
pub(super) fn status(report: &Report) -> StatusCode {
    let first = report.refused.first().filter(|_| report.done == 0);
    let status = first.and_then(|refused| StatusCode::from_u16(refused.status).ok());
    status.unwrap_or(StatusCode::OK)
}

/// What became of it, in a sentence.
pub(super) fn notice(errand: &Errand, report: &Report) -> Notice {
    let left = errand.task.total.saturating_sub(report.done);
    let kind = match left {
        0 => NoticeKind::Ok,
        _ => NoticeKind::Error,
    };
    let text = format!("Done: {}. Not done: {left}.", report.done);
    Notice { kind, text }
}

/// Those for whom the same went wrong stand together.
pub(super) fn refusals(report: &Report) -> Vec<Refusal> {
    let mut by_message: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for refused in &report.refused {
        let users = by_message.entry(&refused.why).or_default();
        users.push(&refused.whom);
    }
    let refusals = by_message.into_iter().map(|(message, users)| Refusal {
        more: users.len().saturating_sub(NAMED),
        users: users
            .into_iter()
            .take(NAMED)
            .map(ToOwned::to_owned)
            .collect(),
        message: message.to_owned(),
    });
    refusals.collect()
}

/// `GET`. Of others, and of what is long over, nothing is told.
pub(in crate::http::pages) async fn show(admin: Admin) -> Result<Response, PageError> {
    let id = admin.argument("id").unwrap_or_default();
    let found = admin.state.errands.find(&id, &admin.principal.owner);
    let errand = found.ok_or_else(|| {
        let text = "Nothing is known of this order any more: what came of it is in the hub's log.";
        PageError::new(StatusCode::NOT_FOUND, text)
    })?;
    let report = errand.report();
    let page = ErrandPage {
        chrome: admin.chrome(),
        tabs: tabs(&admin),
        title: errand.task.title.clone(),
        total: errand.task.total,
        looked_at: report.done + report.refused.len(),
        refresh: report.ended.is_none().then_some(LOOK_AGAIN),
        notice: report.ended.map(|_| notice(&errand, &report)),
        refusals: refusals(&report),
        back: errand.task.back.clone(),
    };
    admin.page(StatusCode::OK, &page)
}
