//! Reads the body of a request to its end before anything is answered.
//!
//! A connection on which part of a request was left unread cannot be used again, and is closed. The proxy in front keeps
//! connections: it may have sent the next request on this one by then, and could only answer 503.

use std::future::ready;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use crate::http::extract::MAX_BODY;

/// What is too large (or broke off) becomes a body that cannot be read: who may know of that is for the handler to say.
pub(super) async fn read(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match to_bytes(body, MAX_BODY).await {
        Ok(bytes) => next.run(Request::from_parts(parts, bytes.into())).await,
        Err(error) => {
            let broken = stream::once(ready(Err::<Bytes, _>(error)));
            let request = Request::from_parts(parts, Body::from_stream(broken));
            let mut response = next.run(request).await;
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            response
        }
    }
}
