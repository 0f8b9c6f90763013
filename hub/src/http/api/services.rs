//! Services: what they are stands in the configuration or was registered here, how they do with the supervisor.

pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod register;

use hub_types::names::ServiceName;
use hub_types::scope::{ScopeName, Target};
use hub_types::service::ServiceModel;
use hub_types::time;
use serde_json::Value;

use crate::db::roles;
use crate::domain::principal::Principal;
use crate::domain::role::ADMIN_ROLE;
use crate::domain::token::{ServiceId, TokenOwner};
use crate::http::error::ApiError;
use crate::state::AppState;

/// A service as `caller` may see it; only kind and name when nothing more may be seen.
pub(super) async fn service_model(
    state: &AppState,
    caller: &Principal,
    id: ServiceId,
    name: &ServiceName,
    admin: bool,
) -> Result<ServiceModel, ApiError> {
    let may = |scope: ScopeName| caller.may(&scope, Target::Service(name.as_str()));
    let whole = may(ScopeName::ReadServices);
    let mut model = ServiceModel {
        kind: "service".to_owned(),
        name: name.as_str().to_owned(),
        ..ServiceModel::default()
    };
    if whole || may(ScopeName::ReadServicesName) || may(ScopeName::ReadRolesServices) {
        model.admin = Some(admin);
    }
    if may(ScopeName::ReadRolesServices) {
        let mut roles: Vec<String> = admin.then(|| ADMIN_ROLE.to_owned()).into_iter().collect();
        roles.extend(roles::held_by(state.db.read(), TokenOwner::Service(id)).await?);
        model.roles = Some(roles);
    }
    if whole {
        describe(state, name, &mut model);
    }
    Ok(model)
}

/// The same, where the service itself or its token is asked about: JupyterHub shows what its database has, and of services
/// of the configuration that is less.
pub(super) async fn stored_service_model(
    state: &AppState,
    caller: &Principal,
    id: ServiceId,
    name: &ServiceName,
    admin: bool,
) -> Result<Value, ApiError> {
    let model = service_model(state, caller, id, name, admin).await?;
    let mut model = serde_json::to_value(model).map_err(ApiError::internal)?;
    let configured = state.managed.get(name.as_str());
    if configured.is_some_and(|service| service.from_config)
        && let Some(fields) = model.as_object_mut()
    {
        for key in ["url", "info", "display"] {
            fields.entry(key).and_modify(|value| *value = Value::Null);
        }
    }
    Ok(model)
}

/// Adds what the configuration and the supervisor know.
fn describe(state: &AppState, name: &ServiceName, model: &mut ServiceModel) {
    let Some(service) = state.managed.get(name.as_str()) else {
        return;
    };
    let status = state.managed.status(name.as_str());
    let (spec, url) = (&service.spec, service.url.clone().unwrap_or_default());
    model.prefix = Some(if url.is_empty() {
        String::new()
    } else {
        state.addresses.base.service(name)
    });
    model.url = Some(url);
    model.command = Some(spec.command.clone());
    model.pid = Some(
        status
            .as_ref()
            .and_then(|status| status.pid)
            .map_or(0, i64::from),
    );
    model.info = Some(spec.info.clone());
    model.display = Some(spec.display);
    model.managed = Some(spec.is_managed());
    model.status = status
        .as_ref()
        .map(|status| status.state.as_str().to_owned());
    model.restarts = status.as_ref().map(|status| status.restarts);
    if let Some(status) = status {
        model.answers = Some(status.answers);
        model.next_start = Some(status.next_start.map(time::format));
        model.last_failure = Some(status.last_failure.map(|failure| failure.reason));
    }
}
