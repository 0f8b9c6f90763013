//! `GET` and `HEAD /hub/health`, also `/hub/api/health`: 200 and nothing else, for anybody.

use axum::http::StatusCode;

pub(super) async fn health() -> StatusCode {
    StatusCode::OK
}
