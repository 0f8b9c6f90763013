//! `POST /proxy`: compares the proxy's routes with what they should be, now.

use std::time::Instant;

use axum::extract::State;
use axum::http::StatusCode;

use crate::domain::action::{Hub, ManageProxy};
use crate::domain::principal::Granted;
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::proxy_client::sync::CheckError;
use crate::state::AppState;

pub(in crate::http::api) async fn check(
    State(state): State<AppState>,
    Auth(caller): Auth,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<ManageProxy>(Hub)?;
    run(&state, granted).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn run(state: &AppState, _granted: Granted<ManageProxy>) -> Result<(), ApiError> {
    let answer = |error| match error {
        CheckError::Proxy(error) => ApiError::from(error),
        CheckError::Db(error) => ApiError::from(error),
    };
    let begin = Instant::now();
    let checked = state.routes.check().await;
    state.metrics.check_routes(begin.elapsed());
    let checked = checked.map_err(answer)?;
    state.manager.report_activity(checked.activity).await?;
    checked.failed.map_or(Ok(()), |error| Err(answer(error)))
}
