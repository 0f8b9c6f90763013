//! `GET /hub/api`: the version, for anybody. Single-user servers ask it when they start.

use axum::Json;
use axum::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use axum::response::IntoResponse;
use hub_types::JUPYTERHUB_VERSION;
use serde_json::json;

pub(super) async fn root() -> impl IntoResponse {
    (
        [(ACCESS_CONTROL_ALLOW_ORIGIN, "*")],
        Json(json!({ "version": JUPYTERHUB_VERSION })),
    )
}
