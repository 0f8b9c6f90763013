//! `GET` and `HEAD /hub/health`, also `/hub/api/health`: 200 and nothing else, for anybody. With `?ready` (ours) only if the hub
//! can do its work now, else 503.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;

use crate::http::error::ApiError;
use crate::state::AppState;

/// The parameter, with whatever value.
pub(super) const READY: &str = "ready";

pub(super) async fn health(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, ApiError> {
    if asks_for_readiness(query.as_deref().unwrap_or_default()) {
        ready(&state).await?;
    }
    Ok(StatusCode::OK)
}

fn asks_for_readiness(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == READY)
}

/// Whether new work may be sent to this hub.
async fn ready(state: &AppState) -> Result<(), ApiError> {
    if state.shutdown.is_cancelled() {
        return Err(ApiError::not_ready("The hub is stopping."));
    }
    if let Err(error) = state.db.answers().await {
        tracing::debug!("not ready: {error}");
        return Err(ApiError::not_ready("The database does not answer."));
    }
    if !state.routes.are_told() {
        return Err(ApiError::not_ready(
            "The proxy has not been told all of its routes.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_is_known_by_its_name() {
        for (query, asked) in [
            ("ready", true),
            ("ready=1", true),
            ("a=b&ready=", true),
            ("", false),
            ("ready2=1", false),
            ("a=ready", false),
        ] {
            assert_eq!(asks_for_readiness(query), asked, "{query}");
        }
    }
}
