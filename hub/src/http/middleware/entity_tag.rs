//! Entity tags: every 200 to a GET says what it was, and whoever has that already gets 304. Source: wire contract 5.0.
//!
//! It saves the way, not the work: the answer is made and compared. A body that is not complete yet (a stream of events)
//! has no tag.

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

use crate::assets::matches_etag;

/// Bytes of the hash in a tag: 160 bits, as JupyterHub's.
const TAG_LEN: usize = 20;

pub(super) async fn tag(request: Request, next: Next) -> Response {
    if *request.method() != Method::GET {
        return next.run(request).await;
    }
    let known: Vec<HeaderValue> = request
        .headers()
        .get_all(IF_NONE_MATCH)
        .iter()
        .cloned()
        .collect();
    let response = next.run(request).await;
    let complete = response.body().size_hint().exact().is_some();
    if response.status() != StatusCode::OK || response.headers().contains_key(ETAG) || !complete {
        return response;
    }
    tagged(response, &known).await
}

async fn tagged(response: Response, known: &[HeaderValue]) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            tracing::error!("an answer broke off: {error}");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let hash = Sha256::digest(&bytes);
    let text = format!("\"{}\"", hex::encode(hash.get(..TAG_LEN).unwrap_or(&hash)));
    if known.iter().any(|header| matches_etag(header, &text)) {
        parts.status = StatusCode::NOT_MODIFIED;
        describe_nothing(&mut parts.headers);
        insert(&mut parts.headers, &text);
        return Response::from_parts(parts, Body::empty());
    }
    insert(&mut parts.headers, &text);
    Response::from_parts(parts, Body::from(bytes))
}

fn insert(headers: &mut HeaderMap, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(ETAG, value);
    }
}

/// Takes away what described the body.
fn describe_nothing(headers: &mut HeaderMap) {
    headers.remove(CONTENT_TYPE);
    headers.remove(CONTENT_LENGTH);
}
