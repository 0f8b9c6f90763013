//! `/hub/admin/group?name=…`: the members and properties of one group.

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::group::GroupModel;
use serde_json::{Map, Value};

use super::super::context::found;
use super::super::error_page::PageError;
use super::super::form::{Form, RawForm, STALE};
use super::errand::words;
use super::user::json;
use super::{Admin, MANY, done, tabs};
use crate::domain::action::{DeleteGroup, EditGroup};
use crate::http::api::acts;
use crate::http::error::ApiError;
use crate::render::pages::Notice;
use crate::render::pages::admin::{ConfirmPage, GroupPage};

/// Most names at once, as in the list of new users.
const MAX_NAMES: usize = 1_000;

/// `GET`.
pub(in crate::http::pages) async fn show(admin: Admin) -> Result<Response, PageError> {
    let notice = done(admin.argument("done").as_deref());
    page(&admin, StatusCode::OK, notice, &RawForm::default()).await
}

fn named(admin: &Admin) -> String {
    admin.argument("name").unwrap_or_default()
}

/// The page, with what has just happened, and fields as they came.
async fn page(
    admin: &Admin,
    status: StatusCode,
    notice: Option<Notice>,
    form: &RawForm,
) -> Result<Response, PageError> {
    let name = named(admin);
    let model = acts::group(&admin.state, &admin.principal, &name).await?;
    let mut page = filled(admin, model);
    page.notice = notice;
    page.typed_users = form.field("users").unwrap_or_default().to_owned();
    if let Some(typed) = form.field("properties") {
        page.properties = Some(typed.to_owned());
    }
    admin.page(status, &page)
}

fn filled(admin: &Admin, model: GroupModel) -> GroupPage {
    let (caller, name) = (&admin.principal, model.name);
    let managed = admin.state.config.authenticator.manage_groups;
    let total = model.users.as_ref().map_or(0, Vec::len);
    GroupPage {
        chrome: admin.chrome(),
        tabs: tabs(admin),
        action: admin.url("/group", &[("name", &name)]),
        members: model.users.map(|mut users| {
            users.truncate(MANY);
            users
        }),
        more: total.saturating_sub(MANY),
        members_url: admin.url("", &[("group", &name)]),
        properties: model
            .properties
            .map(|properties| match properties.is_empty() {
                true => "{}".to_owned(),
                false => json(&Value::Object(properties)),
            }),
        roles: model.roles.unwrap_or_default(),
        may_edit: caller.require::<EditGroup>(name.clone()).is_ok(),
        may_delete: !managed && caller.require::<DeleteGroup>(name.clone()).is_ok(),
        managed,
        name,
        ..GroupPage::default()
    }
}

/// `POST`.
pub(in crate::http::pages) async fn change(
    admin: Admin,
    form: RawForm,
) -> Result<Response, PageError> {
    if form.check(&admin)? == Form::Stale {
        return page(
            &admin,
            StatusCode::FORBIDDEN,
            Some(Notice::error(STALE)),
            &form,
        )
        .await;
    }
    let name = named(&admin);
    if form.field("do") == Some("delete") && form.field("confirmed").is_none() {
        return ask(&admin, name);
    }
    match apply(&admin, &name, &form).await {
        Ok("delete") => Ok(found(&admin.url("/groups", &[("done", "delete")]))),
        Ok(word) => Ok(found(
            &admin.url("/group", &[("name", &name), ("done", word)]),
        )),
        Err(error) => {
            let notice = Some(Notice::error(words(&error)));
            page(&admin, error.status(), notice, &form).await
        }
    }
}

/// Does what the form says; what was done.
async fn apply(admin: &Admin, name: &str, form: &RawForm) -> Result<&'static str, ApiError> {
    let (state, caller) = (&admin.state, &admin.principal);
    match form.field("do").unwrap_or_default() {
        "add" => {
            let lines = form.field("users").unwrap_or_default().lines();
            let users: Vec<String> = lines
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(ToOwned::to_owned)
                .collect();
            if users.is_empty() {
                return Err(ApiError::bad_request("Write one name per line."));
            }
            if users.len() > MAX_NAMES {
                let text = format!("At most {MAX_NAMES} users at once: nobody was added.");
                return Err(ApiError::bad_request(text));
            }
            acts::change_members(state, caller, name, &users, true).await?;
            Ok("join")
        }
        "remove" => {
            let users = [form.field("user").unwrap_or_default().to_owned()];
            acts::change_members(state, caller, name, &users, false).await?;
            Ok("leave")
        }
        "properties" => {
            let properties = properties(form.field("properties").unwrap_or_default())?;
            acts::put_properties(state, caller, name, properties).await?;
            Ok("save")
        }
        "delete" => {
            acts::delete_group(state, caller, name).await?;
            Ok("delete")
        }
        _ => Err(ApiError::bad_request("The form does not say what to do.")),
    }
}

/// Properties as somebody typed them.
fn properties(text: &str) -> Result<Map<String, Value>, ApiError> {
    match crate::http::json::read(text.as_bytes()) {
        Ok(Value::Object(properties)) => Ok(properties),
        Ok(_) => Err(ApiError::bad_request(
            "Properties must be a JSON object, such as {\"room\": 7}.",
        )),
        Err(error) => Err(ApiError::bad_request(format!(
            "Properties are no JSON object: {error}."
        ))),
    }
}

fn ask(admin: &Admin, name: String) -> Result<Response, PageError> {
    admin.principal.require::<DeleteGroup>(name.clone())?;
    let here = admin.url("/group", &[("name", &name)]);
    let page = ConfirmPage {
        chrome: admin.chrome(),
        tabs: tabs(admin),
        title: "Delete this group?".to_owned(),
        lines: vec![
            "Its members lose what its roles gave them, and its shares end. Users and their servers stay.".to_owned(),
        ],
        names: vec![name],
        more: 0,
        action: here.clone(),
        fields: vec![("do".to_owned(), "delete".to_owned())],
        button: "Delete for good".to_owned(),
        cancel_url: here,
    };
    admin.page(StatusCode::OK, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_an_object() {
        assert_eq!(properties("{\"room\": 7}").unwrap().len(), 1);
        for bad in ["", "7", "[1]", "{\"a\": 1, \"a\": 2}", "room: 7"] {
            assert!(properties(bad).is_err(), "{bad}");
        }
    }
}
