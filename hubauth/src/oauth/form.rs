//! The `_xsrf` field of a form that a page of this service submits the plain way (`application/x-www-form-urlencoded`).
//!
//! The layer has to know it before the handler runs, so the body is read and put back. Only bodies of axum can be; other
//! services give the value in the query of the form's `action`, as forms of the type `multipart/form-data` do.

use std::any::Any;
use std::time::Duration;

use axum_core::body::Body;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::{BodyExt as _, Limited};

use super::HubOAuth;
use super::xsrf::{XSRF_COOKIE, XSRF_HEADERS};

/// Longest form that is read, in bytes. A longer one is not read at all, and so refused like one without the field.
const MAX_FORM: usize = 1024 * 1024;

/// Longest wait for a whole form.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the form sends back; in the extensions of the request while it is checked.
#[derive(Debug, Clone)]
pub(super) struct FormXsrf(pub(super) String);

impl HubOAuth {
    /// Looks into the form of a request that will be checked, and leaves what it finds in the request's extensions.
    pub(crate) async fn read_form<B: Send + 'static>(&self, request: &mut Parts, body: &mut B) {
        // Only a browser with a login of ours has something to prove, and only if it has not sent the proof otherwise.
        let concerned = !request.method.is_safe()
            && !is_sent_otherwise(request)
            && !self.cookie_tokens(&request.headers).is_empty();
        let Some(body) = (body as &mut dyn Any).downcast_mut::<Body>() else {
            return;
        };
        if !concerned || !is_small_form(request) {
            return;
        }
        let read = Limited::new(std::mem::take(body), MAX_FORM).collect();
        let Ok(Ok(read)) = tokio::time::timeout(PATIENCE, read).await else {
            // It broke off, or does not come. Nobody may take what there is for the whole.
            let broken = std::io::Error::other("the form broke off");
            let broken = futures_util::stream::iter([Err::<bytes::Bytes, _>(broken)]);
            *body = Body::from_stream(broken);
            return;
        };
        let bytes = read.to_bytes();
        let found = url::form_urlencoded::parse(&bytes)
            .find(|(key, _)| key == XSRF_COOKIE)
            .map(|(_, value)| FormXsrf(value.into_owned()));
        *body = Body::from(bytes);
        if let Some(found) = found {
            request.extensions.insert(found);
        }
    }
}

/// Whether the request brings a value along in a header or its query; whether it is the right one is checked later.
fn is_sent_otherwise(request: &Parts) -> bool {
    let query = request.uri.query().unwrap_or_default();
    let in_query = url::form_urlencoded::parse(query.as_bytes()).any(|(key, _)| key == XSRF_COOKIE);
    in_query
        || XSRF_HEADERS
            .iter()
            .any(|name| request.headers.contains_key(*name))
}

/// Whether this is a form whose length is known beforehand and bearable.
fn is_small_form(request: &Parts) -> bool {
    let text = |name| request.headers.get(name)?.to_str().ok();
    let form = text(CONTENT_TYPE).is_some_and(|kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    let small = text(CONTENT_LENGTH)
        .and_then(|length: &str| length.parse::<usize>().ok())
        .is_some_and(|length| length <= MAX_FORM);
    form && small
}
