//! `POST /hub/admin/user?name=…`: what is changed of one user.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::super::context::found;
use super::super::error_page::PageError;
use super::super::form::{Form, RawForm, STALE};
use super::Admin;
use super::errand::{one, words};
use super::jobs::Job;
use super::order::{Order, Whom};
use super::user::{SERVERS, named, page};
use crate::http::api::acts;
use crate::http::error::ApiError;
use crate::render::pages::Notice;

/// `POST`.
pub(in crate::http::pages) async fn change(
    admin: Admin,
    form: RawForm,
) -> Result<Response, PageError> {
    let typed = form.field("name").map(ToOwned::to_owned);
    if form.check(&admin)? == Form::Stale {
        let notice = Some(Notice::error(STALE));
        return page(&admin, StatusCode::FORBIDDEN, notice, typed.as_deref()).await;
    }
    let name = named(&admin);
    match apply(&admin, &name, &form).await {
        Ok((name, word)) => {
            let page = admin.url("/user", &[("name", &name), ("done", word)]);
            Ok(found(&SERVERS.here(&admin, &page)))
        }
        Err(error) => {
            let admin = admin.afterwards().await?;
            let notice = Some(Notice::error(words(&error)));
            page(&admin, error.status(), notice, typed.as_deref()).await
        }
    }
}

/// Does what the form says; the name that the user has then, and what was done.
async fn apply(
    admin: &Admin,
    name: &str,
    form: &RawForm,
) -> Result<(String, &'static str), ApiError> {
    let (state, caller) = (&admin.state, &admin.principal);
    let user = [name.to_owned()];
    let group = form.field("group").unwrap_or_default().trim();
    match form.field("do").unwrap_or_default() {
        "save" => {
            let name = acts::update_user(state, caller, name, fields(form)).await?;
            Ok((name, "save"))
        }
        "join" => {
            acts::change_members(state, caller, group, &user, true).await?;
            Ok((name.to_owned(), "join"))
        }
        "leave" => {
            acts::change_members(state, caller, group, &user, false).await?;
            Ok((name.to_owned(), "leave"))
        }
        _ => {
            let word = server(admin, name, form).await?;
            Ok((name.to_owned(), word))
        }
    }
}

/// What the form says of the user. A box that is not ticked is not sent: another field says that it was there.
fn fields(form: &RawForm) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(name) = form.field("name") {
        fields.insert("name".to_owned(), Value::from(name));
    }
    if form.field("has_admin").is_some() {
        fields.insert(
            "admin".to_owned(),
            Value::from(form.field("admin").is_some()),
        );
    }
    fields
}

/// A button of one of the user's servers.
async fn server(admin: &Admin, name: &str, form: &RawForm) -> Result<&'static str, ApiError> {
    let order = Order::read(form).map_err(ApiError::bad_request)?;
    let Whom::Server(at) = &order.whom else {
        return Err(ApiError::bad_request("That is for the list of users."));
    };
    // What is asked once more before it is done is asked by the list of users.
    if at.user.as_str() != name || order.needs_confirmation() {
        return Err(ApiError::bad_request("That is for another page."));
    }
    one(&admin.state, &admin.principal, &order.deed, &Job::of(at)).await?;
    Ok(order.deed.word())
}
