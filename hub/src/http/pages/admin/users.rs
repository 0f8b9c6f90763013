//! `GET /hub/admin`: the list of users.

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::scope::{ScopeName, Target};

use super::super::context::found;
use super::super::error_page::PageError;
use super::filter::{Listing, MOST_ROWS, Sees, Sizes};
use super::rows::rows;
use super::{Admin, done, errand, tabs};
use crate::db::{servers, users};
use crate::http::api::acts;
use crate::render::pages::admin::{AdminPage, BulkActs, Refusal, UnderWay};
use crate::render::pages::{Notice, ServerState};

/// After how many seconds a list is looked at again on which a server starts or stops.
pub(super) const LOOK_AGAIN: u32 = 3;

/// How many groups are offered where one can be typed.
const OFFERED: usize = 50;

/// `GET`.
pub(in crate::http::pages) async fn list(admin: Admin) -> Result<Response, PageError> {
    let others = tabs(&admin);
    if !others.users && others.groups {
        return Ok(found(&admin.url("/groups", &[])));
    }
    let notice = done(admin.argument("done").as_deref());
    page(&admin, StatusCode::OK, notice, Vec::new()).await
}

fn sizes(admin: &Admin) -> Sizes {
    let config = &admin.state.config.jupyterhub;
    let max = config.api_page_max_limit.clamp(1, MOST_ROWS);
    Sizes {
        default: config.api_page_default_limit.clamp(1, max),
        max,
    }
}

/// What part of the list this request is about.
pub(super) fn listing(admin: &Admin) -> Result<Listing, PageError> {
    Listing::read(&admin.uri, sizes(admin), Sees::of(&admin.principal))
        .map_err(|text| PageError::new(StatusCode::BAD_REQUEST, text))
}

/// The list, with what has just happened.
pub(super) async fn page(
    admin: &Admin,
    status: StatusCode,
    notice: Option<Notice>,
    refusals: Vec<Refusal>,
) -> Result<Response, PageError> {
    let (state, caller) = (&admin.state, &admin.principal);
    let only = acts::listable_users(caller)?;
    let listing = listing(admin)?;
    if listing.is_by_activity() {
        // Shown is what is known by now; the order must be that of what is shown.
        state.identities.write_uses().await?;
    }
    let filter = listing.filter(only, state.clock.now());
    let found = users::page(&state.db, &filter, listing.offset, listing.limit).await?;
    let ids: Vec<_> = found.users.iter().map(|user| user.id).collect();
    let known = servers::of_users(state.db.read(), &ids).await?;
    let models = acts::user_models(state, caller, &found.users, &known).await?;
    let rows = rows(admin, models, &known);
    let pending = |state| matches!(state, ServerState::Spawning | ServerState::Stopping);
    let under_way = under_way(admin);
    let waits = !under_way.is_empty() || rows.iter().any(|row| row.state.is_some_and(pending));
    let path = admin.url("", &[]);
    let sees = Sees::of(caller);
    let page = AdminPage {
        chrome: admin.chrome(),
        tabs: tabs(admin),
        filters: listing.fields(sizes(admin), sees),
        sorts: listing.sorts(&path, sees),
        action: listing.url(&path),
        groups: admin.group_names(OFFERED, |_| true),
        under_way,
        may: may(admin),
        pager: listing.pager(&path, found.users.len(), found.total),
        refresh: waits.then_some(LOOK_AGAIN),
        rows,
        notice,
        refusals,
    };
    admin.page(status, &page)
}

/// What the visitor ordered and is not done yet.
fn under_way(admin: &Admin) -> Vec<UnderWay> {
    let going = admin.state.errands.under_way(&admin.principal.owner);
    let shown = going.iter().map(|errand| UnderWay {
        title: errand.task.title.clone(),
        url: errand::url(admin, errand),
    });
    shown.collect()
}

/// What can be done with many: for whom is asked for each.
fn may(admin: &Admin) -> BulkActs {
    let caller = &admin.principal;
    let held = |scope: &'static [ScopeName]| caller.reach(scope).is_ok();
    BulkActs {
        start: held(&[ScopeName::StartServers]),
        stop: held(&[ScopeName::DeleteServers]),
        delete: held(&[ScopeName::DeleteUsers]),
        groups: held(&[ScopeName::Groups]) && !admin.state.config.authenticator.manage_groups,
        add: caller.may(&ScopeName::AdminUsers, Target::Everything),
    }
}
