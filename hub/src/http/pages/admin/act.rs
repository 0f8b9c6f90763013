//! `POST /hub/admin`: what is done with users of the list and with their servers.
//!
//! Every user and server is a request of its own to the API's handlers: one that is refused holds up no other, and the page
//! says for whom what went wrong. Nothing is waited for: the list says how servers come and go. What takes longer than a
//! moment has a page of its own ([`super::errand`]), and goes on when nobody looks.

use axum::http::StatusCode;
use axum::response::Response;

use super::super::context::found;
use super::super::error_page::PageError;
use super::super::form::{Form, RawForm, STALE};
use super::errand::{self, PATIENCE};
use super::jobs::{self, Job, MAX_ALL};
use super::order::{Deed, Order, Whom};
use super::users::{listing, page};
use super::{Admin, tabs, these};
use crate::render::pages::Notice;
use crate::render::pages::admin::ConfirmPage;
use crate::state::errands::Task;

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
    let jobs = jobs::of(&admin, &order).await?;
    if jobs.is_empty() {
        return again(StatusCode::OK, "There is nobody to do that with.").await;
    }
    let confirmed = form.field("confirmed").is_some() && order.says_whom();
    if order.needs_confirmation() && !confirmed {
        return ask(&admin, &form, &order, &jobs);
    }
    carry_out(admin, order.deed, jobs).await
}

/// Does it; the page says what came of it, or that it goes on.
async fn carry_out(admin: Admin, deed: Deed, jobs: Vec<Job>) -> Result<Response, PageError> {
    let task = Task {
        title: title(&deed, jobs.len()),
        word: deed.word(),
        back: listing(&admin)?.url(&admin.url("", &[])),
        total: jobs.len(),
    };
    let Some(errand) = errand::begin(&admin, task, deed, jobs) else {
        return page_with(
            &admin,
            StatusCode::TOO_MANY_REQUESTS,
            errand::CROWDED.to_owned(),
        )
        .await;
    };
    let report = errand.wait(PATIENCE).await;
    if report.ended.is_none() {
        return Ok(found(&errand::url(&admin, &errand)));
    }
    if errand::is_whole(&errand, &report) {
        return Ok(found(&errand::next(&errand)));
    }
    let admin = admin.afterwards().await?;
    page(
        &admin,
        errand::status(&report),
        Some(errand::notice(&errand, &report)),
        errand::refusals(&report),
    )
    .await
}

async fn page_with(admin: &Admin, status: StatusCode, text: String) -> Result<Response, PageError> {
    page(admin, status, Some(Notice::error(text)), Vec::new()).await
}

/// Says what will happen, and asks.
fn ask(admin: &Admin, form: &RawForm, order: &Order, jobs: &[Job]) -> Result<Response, PageError> {
    let (button, lines) = consequences(order);
    let mut fields: Vec<(String, String)> = form
        .texts()
        .filter(|(name, _)| matches!(*name, "act" | "all" | "action" | "user" | "group"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if matches!(order.whom, Whom::Everybody | Whom::These(_)) {
        let rows = these::write(jobs.iter().filter_map(|job| job.row));
        fields.push(("these".to_owned(), rows));
    }
    let list = listing(admin)?.url(&admin.url("", &[]));
    let page = ConfirmPage {
        chrome: admin.chrome(),
        tabs: tabs(admin),
        title: format!("{}?", title(&order.deed, jobs.len())),
        lines,
        names: jobs.iter().take(super::MANY).map(Job::name).collect(),
        more: jobs.len().saturating_sub(super::MANY),
        action: list.clone(),
        fields,
        button: button.to_owned(),
        cancel_url: list,
    };
    admin.page(StatusCode::OK, &page)
}

/// What is done, in words.
fn title(deed: &Deed, count: usize) -> String {
    let of = |one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    };
    match deed {
        Deed::Start => format!("Start {}", of("server", "servers")),
        Deed::Stop => format!("Stop {}", of("server", "servers")),
        Deed::Remove => "Delete this server".to_owned(),
        Deed::Delete => format!("Delete {}", of("user", "users")),
        Deed::Join(group) => format!("Add {} to the group {group}", of("user", "users")),
        Deed::Leave(group) => format!("Remove {} from the group {group}", of("user", "users")),
    }
}

/// The button, and what will happen.
fn consequences(order: &Order) -> (&'static str, Vec<String>) {
    let limit = format!("At most {MAX_ALL} users are looked at in one go.");
    match order.deed {
        Deed::Start => (
            "Start them",
            vec![
                "Each starts with the options of its last start. Servers beyond the limits of this hub are refused, and can be started later.".to_owned(),
                limit,
            ],
        ),
        Deed::Stop => (
            "Stop them",
            vec![
                "Whoever works on them is interrupted, and what is not saved is lost. Files stay. Servers that start after this question are left alone.".to_owned(),
                limit,
            ],
        ),
        Deed::Remove => (
            "Delete it",
            vec!["Its name and its options are forgotten. Files stay.".to_owned()],
        ),
        Deed::Delete | Deed::Join(_) | Deed::Leave(_) => (
            "Delete for good",
            vec![
                "Their servers are stopped; their tokens, logins, shares and memberships end.".to_owned(),
                "Accounts and files outside of this hub stay. Who logs in again under the same name is a new user.".to_owned(),
            ],
        ),
    }
}
