//! Every request has an id: in each line that is logged on its way, and in its answer, so that what a person was shown can
//! be found in the log.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use hub_types::secret::random_urlsafe;
use tracing::Instrument as _;

/// The header that carries it, both ways.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of somebody else's, in characters.
const LONGEST: usize = 64;

/// Takes the id that a proxy in front has given, else makes one.
pub(super) async fn give(request: Request, next: Next) -> Response {
    let id = given(request.headers()).unwrap_or_else(random_urlsafe::<9>);
    // An error, so that no log level leaves it out.
    let span = tracing::error_span!("request", request = %id);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, id);
    }
    response
}

/// The id that came with the request, if nothing but an id: it goes into the log as it is.
fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(HEADER)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits = (8..=LONGEST).contains(&id.len()) && id.bytes().all(plain);
    fits.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_is_taken() {
        let long = "x".repeat(LONGEST + 1);
        for (text, taken) in [
            ("3f2a9c10-7c1e-4a55-9d0f-0a1b2c3d4e5f", true),
            ("abcdefgh", true),
            ("short", false),
            ("with space", false),
            ("semi;colon=1", false),
            (&long, false),
        ] {
            let headers = HeaderMap::from_iter([(HEADER, text.parse().unwrap())]);
            assert_eq!(given(&headers).is_some(), taken, "{text}");
        }
        assert_eq!(given(&HeaderMap::new()), None);
    }
}
