//! `GET /hub/metrics` and `/hub/api/metrics`: the numbers of this hub, for Prometheus.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};

use super::PageError;
use crate::db::{servers, users};
use crate::domain::action::{Hub, ReadMetrics};
use crate::http::extract::{cookie_caller, token_caller};
use crate::metrics::CONTENT_TYPE;
use crate::state::AppState;

/// Needs `read:metrics`, unless `authenticate_prometheus` is off. A refusal is a page, as in JupyterHub.
pub(super) async fn metrics(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    if state.config.jupyterhub.authenticate_prometheus {
        let caller = match token_caller(&state, &headers).await? {
            None => cookie_caller(&state, &headers).await?,
            caller => caller,
        };
        let granted = caller.map(|caller| caller.require::<ReadMetrics>(Hub));
        if !matches!(granted, Some(Ok(_))) {
            return Err(PageError::forbidden(
                "Access to metrics requires scope 'read:metrics'",
            ));
        }
    }
    let db = state.db.read();
    state.metrics.set_total_users(users::count(db).await?);
    state
        .metrics
        .set_running_servers(servers::count_active(db).await?);
    for service in state.managed.all() {
        if service.from_config
            && let Some(status) = state.managed.status(&service.spec.name)
        {
            let has_url = service.url.is_some();
            state
                .metrics
                .set_service(&service.spec.name, &status, has_url);
        }
    }
    // With those of the process, as every client of Prometheus has them.
    let page = state.metrics.page() + &hub_proxy::process_metrics();
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response())
}
