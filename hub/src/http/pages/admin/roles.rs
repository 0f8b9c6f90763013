//! `GET /hub/admin/roles`: what each role gives, and who holds it.

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::role::RoleModel;

use super::super::error_page::PageError;
use super::{Admin, tabs};
use crate::domain::action::{Hub, ReadRoles};
use crate::domain::role::{ADMIN_ROLE, SERVER_ROLE, TOKEN_ROLE, USER_ROLE};
use crate::http::api::acts;
use crate::render::pages::admin::{RoleRow, RolesPage};

/// How many holders of each kind are named.
const NAMED: usize = 20;

/// `GET`.
pub(in crate::http::pages) async fn list(admin: Admin) -> Result<Response, PageError> {
    let granted = admin.principal.require::<ReadRoles>(Hub)?;
    let models = acts::roles(&admin.state, &granted).await?;
    let page = RolesPage {
        chrome: admin.chrome(),
        tabs: tabs(&admin),
        rows: models.into_iter().map(row).collect(),
    };
    admin.page(StatusCode::OK, &page)
}

/// Who holds a role without a grant.
fn by_rule(name: &str) -> Option<&'static str> {
    match name {
        USER_ROLE => Some("every user"),
        ADMIN_ROLE => Some("every administrator"),
        SERVER_ROLE => Some("the token of every running server"),
        TOKEN_ROLE => Some("every token that was requested without scopes"),
        _ => None,
    }
}

fn row(model: RoleModel) -> RoleRow {
    let mut more = 0;
    let mut first = |mut names: Vec<String>| {
        more += names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        names
    };
    let (users, groups, services) = (
        first(model.users),
        first(model.groups),
        first(model.services),
    );
    RoleRow {
        by_rule: by_rule(&model.name),
        name: model.name,
        description: model.description,
        origin: model.origin,
        scopes: model.scopes.iter().map(ToString::to_string).collect(),
        users,
        groups,
        services,
        more,
    }
}
