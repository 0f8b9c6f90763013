//! `/hub/admin/add-users`: registers users from a list, one name per line.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::scope::ScopeName;
use tracing::Instrument as _;

use super::super::context::found;
use super::super::error_page::PageError;
use super::super::form::{Form, RawForm, STALE};
use super::errand::{self, CROWDED, PATIENCE};
use super::{Admin, tabs};
use crate::domain::membership::may_make_admins;
use crate::domain::principal::Principal;
use crate::http::api::acts;
use crate::http::error::ApiError;
use crate::render::pages::admin::AddUsersPage;
use crate::render::pages::{Notice, NoticeKind};
use crate::state::AppState;
use crate::state::errands::{Errand, Report, Task};

/// Most names at once, as in the API.
const MAX_NAMES: usize = 1_000;

/// `GET`: the form.
pub(in crate::http::pages) async fn form(admin: Admin) -> Result<Response, PageError> {
    allowed(&admin)?;
    admin.page(StatusCode::OK, &empty(&admin))
}

fn allowed(admin: &Admin) -> Result<(), PageError> {
    admin.principal.reach(&[ScopeName::AdminUsers])?;
    Ok(())
}

fn empty(admin: &Admin) -> AddUsersPage {
    AddUsersPage {
        chrome: admin.chrome(),
        tabs: tabs(admin),
        may_make_admins: may_make_admins(&admin.principal),
        ..AddUsersPage::default()
    }
}

/// The names of a list, each once.
fn names(text: &str) -> Vec<String> {
    let mut known = HashSet::new();
    text.lines()
        .map(str::trim)
        .filter(|name| !name.is_empty() && known.insert(*name))
        .map(ToOwned::to_owned)
        .collect()
}

/// `POST`. Names that were refused stay in the field, each with its reason.
pub(in crate::http::pages) async fn add(
    admin: Admin,
    form: RawForm,
) -> Result<Response, PageError> {
    allowed(&admin)?;
    let typed = form.field("names").unwrap_or_default();
    let mut page = AddUsersPage {
        names: typed.to_owned(),
        admin: form.field("admin").is_some(),
        ..empty(&admin)
    };
    if form.check(&admin)? == Form::Stale {
        page.notice = Some(Notice::error(STALE));
        return admin.page(StatusCode::FORBIDDEN, &page);
    }
    let names = names(typed);
    let wrong = match names.len() {
        0 => Some("Write one name per line.".to_owned()),
        1..=MAX_NAMES => None,
        _ => Some(format!(
            "At most {MAX_NAMES} users at once: nobody was added."
        )),
    };
    if wrong.is_some() {
        page.notice = wrong.map(Notice::error);
        return admin.page(StatusCode::BAD_REQUEST, &page);
    }
    let Some(errand) = begin(&admin, names, page.admin) else {
        page.notice = Some(Notice::error(CROWDED));
        return admin.page(StatusCode::TOO_MANY_REQUESTS, &page);
    };
    let report = errand.wait(PATIENCE).await;
    if report.ended.is_none() {
        return Ok(found(&errand::url(&admin, &errand)));
    }
    if errand::is_whole(&errand, &report) {
        return Ok(found(&errand::next(&errand)));
    }
    let status = errand::status(&report);
    admin.page(status, &told(page, report))
}

/// The page that says who was not added.
fn told(page: AddUsersPage, report: Report) -> AddUsersPage {
    let text = format!(
        "Added: {}. Not added: {}.",
        report.done,
        report.refused.len()
    );
    let left: Vec<&str> = report.refused.iter().map(|one| one.whom.as_str()).collect();
    AddUsersPage {
        notice: Some(match report.done {
            0 => Notice::error(text),
            _ => Notice {
                kind: NoticeKind::Warn,
                text,
            },
        }),
        names: left.join("\n"),
        errors: report
            .refused
            .into_iter()
            .map(|one| (one.whom, one.why))
            .collect(),
        ..page
    }
}

/// Registers them one after the other, whoever still waits for it; `None` when too much goes on.
fn begin(admin: &Admin, names: Vec<String>, as_admins: bool) -> Option<Arc<Errand>> {
    let task = Task {
        title: match names.len() {
            1 => "Add 1 user".to_owned(),
            count => format!("Add {count} users"),
        },
        word: "add",
        back: admin.url("", &[]),
        total: names.len(),
    };
    let begun = admin.state.errands.begin(&admin.principal.owner, task)?;
    let (errand, state) = (begun.errand(), admin.state.clone());
    let caller = admin.principal.clone();
    let work = async move {
        for name in names {
            let done = match errand::by_now(&state, &caller).await {
                Ok(now) => create(&state, &now, &name, as_admins).await,
                Err(error) => Err(error),
            };
            errand::note(&begun, name, done);
        }
        errand::log(&caller, &begun);
    };
    tokio::spawn(work.in_current_span());
    Some(errand)
}

async fn create(
    state: &AppState,
    caller: &Principal,
    name: &str,
    as_admins: bool,
) -> Result<(), ApiError> {
    errand::going_on(state)?;
    acts::create_user(state, caller, name, as_admins).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_list() {
        assert_eq!(
            names(" zoe\r\n\n wash kaylee \nzoe\n"),
            ["zoe", "wash kaylee"]
        );
        assert!(names(" \n\t\n").is_empty());
    }
}
