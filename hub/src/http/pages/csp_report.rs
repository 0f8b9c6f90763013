//! Reports of browsers that something on a page was blocked.

use axum::http::StatusCode;

use super::context::PageUser;
use crate::http::xsrf::Sender;

/// The longest part of a report that is logged, in characters.
const LONGEST: usize = 500;

/// `POST /hub/security/csp-report`. Only of somebody who has logged in, not of a page elsewhere, and only a part of it is
/// logged.
pub(super) async fn report(user: PageUser, body: String) -> StatusCode {
    if user.sender() == Sender::Elsewhere {
        return StatusCode::FORBIDDEN;
    }
    user.state.metrics.csp_report();
    let text: String = body
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    tracing::warn!(
        "Content security policy violation for {}: {text}",
        user.principal.owner.name()
    );
    StatusCode::OK
}
