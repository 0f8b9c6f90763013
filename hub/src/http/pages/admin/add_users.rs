//! `/hub/admin/add-users`: registers users from a list, one name per line.

use std::collections::HashSet;

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::scope::ScopeName;

use super::super::context::found;
use super::super::error_page::PageError;
use super::super::form::{Form, RawForm, STALE};
use super::act::words;
use super::{Admin, tabs};
use crate::domain::membership::may_make_admins;
use crate::http::api::acts;
use crate::http::error::ApiError;
use crate::render::pages::admin::AddUsersPage;
use crate::render::pages::{Notice, NoticeKind};

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
    let (added, refused) = register(&admin, &names, page.admin).await;
    let Some((_, first)) = refused.first() else {
        return Ok(found(&admin.url("", &[("done", "add")])));
    };
    let status = if added > 0 {
        StatusCode::OK
    } else {
        first.status()
    };
    let told = format!("Added: {added}. Not added: {}.", refused.len());
    page.notice = Some(match added {
        0 => Notice::error(told),
        _ => Notice {
            kind: NoticeKind::Warn,
            text: told,
        },
    });
    let left: Vec<&str> = refused.iter().map(|(name, _)| name.as_str()).collect();
    page.names = left.join("\n");
    page.errors = refused
        .iter()
        .map(|(name, error)| (name.clone(), words(error)))
        .collect();
    admin.page(status, &page)
}

/// One after the other: how many were added, and why others were not.
async fn register(
    admin: &Admin,
    names: &[String],
    as_admins: bool,
) -> (usize, Vec<(String, ApiError)>) {
    let (mut added, mut refused) = (0, Vec::new());
    for name in names {
        match acts::create_user(&admin.state, &admin.principal, name, as_admins).await {
            Ok(()) => added += 1,
            Err(error) => refused.push((name.clone(), error)),
        }
    }
    let who = admin.principal.owner.name();
    tracing::info!("{who} added {added} of {} users", names.len());
    (added, refused)
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
