//! `PUT /users/:name/server[s/:server]/stop-notice`: announces that a server will be stopped. Ours: JupyterHub has no such
//! thing. The server's model then has a `stop_notice`, until it is used (if that saves it), stopped or started anew.

use axum::Json;
use axum::extract::State;
use hub_types::server::StopNotice;
use hub_types::time;

use super::super::body::object;
use super::super::users::find;
use crate::domain::action::StopServer;
use crate::domain::server::Notice;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, IfInactiveSince, JsonBody, ServerPath};
use crate::http::view::stop_notice;
use crate::state::AppState;

/// Longest reason, in characters: one line of a page.
const LONGEST_REASON: usize = 255;

pub(in crate::http::api) async fn announce(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
    IfInactiveSince(since): IfInactiveSince,
    body: JsonBody,
) -> Result<Json<StopNotice>, ApiError> {
    let granted = caller.require::<StopServer>(at)?;
    find(&state, &granted.subject().user).await?;
    let fields = object(body.read()?, "Body must be a JSON object")?.unwrap_or_default();
    let stop_at = fields
        .get("stop_at")
        .and_then(|value| value.as_str())
        .and_then(time::parse)
        .ok_or_else(|| ApiError::bad_request("stop_at must be a timestamp"))?;
    let reason = match fields.get("reason").map(|value| value.as_str()) {
        None => String::new(),
        Some(Some(reason)) if is_a_line(reason) => reason.to_owned(),
        Some(_) => {
            return Err(ApiError::bad_request(
                "reason must be one line of at most 255 characters",
            ));
        }
    };
    let notice = Notice {
        stop_at,
        given: state.clock.now(),
        reason,
        since,
    };
    state.manager.announce_stop(&granted, &notice).await?;
    Ok(Json(stop_notice(&notice)))
}

fn is_a_line(text: &str) -> bool {
    text.chars().count() <= LONGEST_REASON && !text.chars().any(char::is_control)
}
