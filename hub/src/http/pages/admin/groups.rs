//! `/hub/admin/groups`: all groups, and new ones.

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::group::GroupModel;
use hub_types::scope::{ScopeName, Target};

use super::super::context::found;
use super::super::error_page::PageError;
use super::super::form::{Form, RawForm, STALE};
use super::super::pager::pager;
use super::errand::words;
use super::filter::MOST_ROWS;
use super::{Admin, done, tabs};
use crate::http::api::acts;
use crate::render::pages::Notice;
use crate::render::pages::admin::{GroupRow, GroupsPage};

/// `GET`.
pub(in crate::http::pages) async fn list(admin: Admin) -> Result<Response, PageError> {
    let notice = done(admin.argument("done").as_deref());
    page(&admin, StatusCode::OK, notice, "").await
}

async fn page(
    admin: &Admin,
    status: StatusCode,
    notice: Option<Notice>,
    typed_name: &str,
) -> Result<Response, PageError> {
    let config = &admin.state.config;
    let limit = config.jupyterhub.api_page_default_limit;
    let limit = limit.clamp(1, MOST_ROWS);
    let offset = admin.argument("offset").unwrap_or_default();
    let offset: u64 = offset
        .parse()
        .ok()
        .filter(|at| *at <= i64::MAX as u64)
        .unwrap_or(0);
    let (models, total) = acts::groups(&admin.state, &admin.principal, (offset, limit)).await?;
    let managed = config.authenticator.manage_groups;
    let page = GroupsPage {
        chrome: admin.chrome(),
        tabs: tabs(admin),
        pager: pager((offset, limit), (models.len(), total), |offset| {
            admin.url("/groups", &[("offset", &offset.to_string())])
        }),
        rows: models.into_iter().map(|model| row(admin, model)).collect(),
        may_create: !managed
            && admin
                .principal
                .may(&ScopeName::AdminGroups, Target::Everything),
        managed,
        typed_name: typed_name.to_owned(),
        notice,
    };
    admin.page(status, &page)
}

fn row(admin: &Admin, model: GroupModel) -> GroupRow {
    GroupRow {
        url: admin.url("/group", &[("name", &model.name)]),
        members: model.users.map(|users| users.len()),
        properties: model
            .properties
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default(),
        roles: model.roles.unwrap_or_default(),
        name: model.name,
    }
}

/// `POST`: a new group, without members.
pub(in crate::http::pages) async fn create(
    admin: Admin,
    form: RawForm,
) -> Result<Response, PageError> {
    let name = form.field("name").unwrap_or_default();
    if form.check(&admin)? == Form::Stale {
        return page(
            &admin,
            StatusCode::FORBIDDEN,
            Some(Notice::error(STALE)),
            name,
        )
        .await;
    }
    match acts::create_group(&admin.state, &admin.principal, name).await {
        Ok(()) => Ok(found(
            &admin.url("/group", &[("name", name), ("done", "create")]),
        )),
        Err(error) => {
            let notice = Some(Notice::error(words(&error)));
            page(&admin, error.status(), notice, name).await
        }
    }
}
