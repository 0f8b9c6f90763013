//! Reads the body of a request to its end before anything is answered.
//!
//! A connection on which part of a request was left unread cannot be used again, and is closed. The proxy in front keeps
//! connections: it may have sent the next request on this one by then, and could only answer 503.

use std::future::ready;
use std::time::Duration;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::LengthLimitError;
use tokio::time::timeout;

use crate::http::extract::MAX_BODY;

/// How long a body may take. Who asks is not known yet: nobody may hold a task and its memory for as long as they like.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says of a request that its body is larger than [`MAX_BODY`] and cannot be read.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct TooLarge;

/// What is too large, too slow, or broke off becomes a body that cannot be read: who may know of that is for the handler to
/// say.
pub(super) async fn read(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let read = timeout(PATIENCE, to_bytes(body, MAX_BODY)).await;
    match read.unwrap_or_else(|late| Err(axum::Error::new(late))) {
        Ok(bytes) => next.run(Request::from_parts(parts, bytes.into())).await,
        Err(error) => {
            let why = std::error::Error::source(&error);
            if why.is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
                parts.extensions.insert(TooLarge);
            }
            let broken = stream::once(ready(Err::<Bytes, _>(error)));
            let request = Request::from_parts(parts, Body::from_stream(broken));
            let mut response = next.run(request).await;
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use futures_util::StreamExt as _;
    use tower::ServiceExt as _;

    use super::*;

    /// Sends chunks of a kibibyte to handlers of which one does not look at its body and one does. What was read of them
    /// when the answer came, and whether the connection goes on.
    async fn sent(path: &str, chunks: usize) -> (StatusCode, usize, bool) {
        let read_so_far = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&read_so_far);
        let chunks = stream::iter(0..chunks).map(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b' '; 1024]))
        });
        let router = Router::new()
            .route("/refused", post(async || StatusCode::FORBIDDEN))
            .route("/read", post(async |body: Bytes| format!("{}", body.len())))
            .layer(from_fn(read));
        let request = Request::post(path).body(Body::from_stream(chunks)).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let goes_on = !response.headers().contains_key(header::CONNECTION);
        (
            response.status(),
            read_so_far.load(Ordering::Relaxed),
            goes_on,
        )
    }

    #[tokio::test]
    async fn nothing_is_left_unread_on_a_connection_that_goes_on() {
        assert_eq!(sent("/refused", 3).await, (StatusCode::FORBIDDEN, 3, true));
        assert_eq!(sent("/read", 3).await, (StatusCode::OK, 3, true));
        let (status, read, goes_on) = sent("/refused", 2_000).await;
        assert_eq!((status, goes_on), (StatusCode::FORBIDDEN, false));
        assert!(read < 1_100, "{read}");
        let (status, _, goes_on) = sent("/read", 2_000).await;
        assert!(status.is_client_error() && !goes_on, "{status}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_waited_for_only_so_long() {
        let router = Router::new()
            .route("/refused", post(async || StatusCode::FORBIDDEN))
            .layer(from_fn(read));
        let endless =
            Body::from_stream(stream::pending::<Result<Bytes, std::convert::Infallible>>());
        let request = Request::post("/refused").body(endless).unwrap();
        let started = tokio::time::Instant::now();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(response.headers()[header::CONNECTION], "close");
        assert_eq!(started.elapsed().as_secs(), PATIENCE.as_secs());
    }
}
