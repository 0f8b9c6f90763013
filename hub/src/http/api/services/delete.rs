//! `DELETE /services/:service`: forgets a service that was registered at run time.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hub_types::names::ServiceName;

use crate::domain::action::EditService;
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::managed::UnregisterError;
use crate::state::AppState;

/// How long the answer waits for the proxy; what takes longer is left for the next check of routes.
const ROUTE_WAIT: Duration = Duration::from_secs(5);

pub(in crate::http::api) async fn delete(
    State(state): State<AppState>,
    Auth(caller): Auth,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<EditService>(name.clone())?;
    state.managed.unregister(&granted).await?;
    tracing::warn!("{} deleted service {name:?}", caller.owner.name());
    let spec = state.addresses.service_spec(&ServiceName::stored(name));
    let doubt = state.routes.doubt();
    match tokio::time::timeout(ROUTE_WAIT, state.proxy.delete(&spec)).await {
        Ok(Ok(())) => doubt.settled(),
        _ => tracing::warn!("route {spec} is left for the next check"),
    }
    Ok(StatusCode::OK)
}

impl From<UnregisterError> for ApiError {
    fn from(error: UnregisterError) -> Self {
        match error {
            UnregisterError::Db(error) => error.into(),
            UnregisterError::Unknown(_) => Self::not_found(error.to_string()),
            error @ UnregisterError::FromConfig(_) => {
                Self::new(StatusCode::METHOD_NOT_ALLOWED, error.to_string())
            }
        }
    }
}
