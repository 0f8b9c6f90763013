//! `/hub/admin/services`: how services are, for those who administer them.

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::scope::ScopeName;

use super::admin;
use super::context::PageUser;
use super::error_page::PageError;
use crate::domain::action::ReadServiceOutput;
use crate::domain::principal::Granted;
use crate::managed::Service;
use crate::render::pages::{ServiceFailure, ServiceRow, ServicesPage};

/// `GET`: the services for which the visitor holds `admin:services`. Who holds it for none is refused.
pub(super) async fn page(user: PageUser) -> Result<Response, PageError> {
    if user.principal.reach(&[ScopeName::AdminServices]).is_err() {
        return Err(PageError::forbidden(
            "Only administrators of services may see how they are.",
        ));
    }
    let rows = user.state.managed.all().into_iter().filter_map(|service| {
        let granted = user.principal.require(service.spec.name.clone()).ok()?;
        Some(row(&user, &service, &granted))
    });
    let page = ServicesPage {
        rows: rows.collect(),
        tabs: admin::tabs_of(&user),
        chrome: user.chrome(),
    };
    user.page(StatusCode::OK, &page)
}

fn row(user: &PageUser, service: &Service, granted: &Granted<ReadServiceOutput>) -> ServiceRow {
    let (managed, spec) = (&user.state.managed, &service.spec);
    let status = match spec.is_managed() {
        true => managed.status_with_output(granted),
        false => managed.status(&spec.name),
    };
    let status = status.unwrap_or_default();
    let state = match spec.is_managed() {
        true => status.state.as_str(),
        false => "external",
    };
    ServiceRow {
        name: spec.name.clone(),
        href: service
            .url
            .as_ref()
            .map(|_| user.base().service(&spec.service_name())),
        managed: spec.is_managed(),
        state: state.to_owned(),
        pid: status.pid,
        since: status.since,
        answers: status.answers,
        restarts: status.restarts,
        next_start: status.next_start,
        failure: status.last_failure.map(|failure| ServiceFailure {
            at: failure.at,
            reason: failure.reason,
        }),
        log: status.log_tail.join("\n"),
    }
}
