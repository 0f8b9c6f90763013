//! `POST /services/:service`: registers an external service, at once and until it is deleted.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hub_types::scope::Catalogue;
use hub_types::service::ServiceModel;
use serde_json::{Map, Value};
use services::spec::ServiceSpec;
use url::Url;

use super::super::body::{Field, check_model, shown};
use super::service_model;
use crate::db::services::find;
use crate::domain::action::EditService;
use crate::domain::membership::first_not_held;
use crate::domain::principal::Principal;
use crate::domain::service::handed_out;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody};
use crate::managed::RegisterError;
use crate::proxy_client::Route;
use crate::state::AppState;

/// The fields of a service's model that a request may name. (JupyterHub 6.1 has forgotten `timeout`; `cookie_auth`
/// is ours.)
pub(in crate::http::api) const FIELDS: &[Field] = &[
    Field::text("name"),
    Field::flag("admin"),
    Field::text("url"),
    Field::list("oauth_client_allowed_scopes"),
    Field::text("api_token"),
    Field::object("info"),
    Field::flag("display"),
    Field::number("timeout"),
    Field::flag("oauth_no_confirm"),
    Field::list("command"),
    Field::text("cwd"),
    Field::object("environment"),
    Field::text("user"),
    Field::text("oauth_client_id"),
    Field::text("oauth_redirect_uri"),
    Field::flag("cookie_auth"),
];

/// How long the answer waits for the proxy; what takes longer is left for the next check of routes.
const ROUTE_WAIT: Duration = Duration::from_secs(5);

pub(in crate::http::api) async fn register(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
    body: JsonBody,
) -> Result<(StatusCode, Json<ServiceModel>), ApiError> {
    let granted = caller.require::<EditService>(name.clone())?;
    let body = body.read()?;
    if find(state.db.read(), &name).await?.is_some() {
        let text = format!("Service {} already exists", shown(&name));
        return Err(ApiError::conflict(text));
    }
    let fields = match body {
        Some(Value::Object(fields)) if !fields.is_empty() => fields,
        _ => return Err(ApiError::bad_request("Invalid service data")),
    };
    let catalogue = &state.config.jupyterhub.custom_scopes;
    let spec = read(&caller, &name, fields, catalogue)?;
    let token = spec.api_token.as_ref();
    if token.is_some_and(|token| state.identities.is_any_configured(token)) {
        return Err(RegisterError::TokenTaken.into());
    }
    let url = spec.url.clone();
    if let Some(url) = url.as_deref().and_then(|url| Url::parse(url).ok()) {
        let hosts = &state.config.own.service_hosts;
        let why = hosts.admit(&url).map_err(|why| format!("url: {why}"));
        why.map_err(|why| failed(&name, &why))?;
    }
    let row = state.managed.register(&granted, spec).await?;
    tracing::warn!("{} registered service {}", caller.owner.name(), row.name);
    if let Some(url) = url {
        let route = Route::of_service(&state.addresses, &row.name, &url);
        let doubt = state.routes.doubt();
        match tokio::time::timeout(ROUTE_WAIT, state.proxy.add(&route)).await {
            Ok(Ok(())) => doubt.settled(),
            _ => tracing::warn!(
                "the route of service {} is left for the next check",
                row.name
            ),
        }
    }
    let model = service_model(&state, &caller, row.id, &row.name, row.admin).await?;
    Ok((StatusCode::CREATED, Json(model)))
}

fn failed(name: &str, why: &str) -> ApiError {
    ApiError::bad_request(format!("Failed to create service {}: {why}", shown(name)))
}

/// Reads and checks a spec, in JupyterHub's order: shape, scopes, whether it is external, everything else.
fn read(
    caller: &Principal,
    name: &str,
    mut fields: Map<String, Value>,
    catalogue: &Catalogue,
) -> Result<ServiceSpec, ApiError> {
    fields.insert("name".to_owned(), Value::from(name));
    check_model("service", FIELDS, &fields)?;
    let failed = |why: &str| failed(name, why);
    let spec: ServiceSpec = serde_json::from_value(Value::Object(fields))
        .map_err(|error| failed(&error.to_string()))?;
    for scope in &spec.oauth_client_allowed_scopes {
        catalogue
            .parse(&scope.to_string())
            .map_err(|error| failed(&error.to_string()))?;
    }
    let given = handed_out(
        name,
        spec.admin,
        &spec.oauth_client_allowed_scopes,
        catalogue,
    );
    if let Some(scope) = first_not_held(caller, &given) {
        let kind = match caller.owner.user() {
            Some(_) => "User",
            None => "Service",
        };
        return Err(ApiError::bad_request(format!(
            "Not assigning requested scopes {scope} not held by {kind} {}",
            caller.owner.name()
        )));
    }
    if spec.is_managed() {
        let text = format!("Can not create managed service {} at runtime", shown(name));
        return Err(ApiError::bad_request(text));
    }
    match spec.validate() {
        Ok(_) => Ok(spec),
        Err(remarks) => {
            let whys: Vec<String> = remarks
                .iter()
                .map(|remark| format!("{}: {}", remark.key, remark.why))
                .collect();
            Err(failed(&whys.join("; ")))
        }
    }
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Db(error) => error.into(),
            RegisterError::Exists(_) => Self::conflict(error.to_string()),
            error => Self::bad_request(error.to_string()),
        }
    }
}
