//! [`HubAuthService`]: the service behind [`HubAuthLayer`](crate::HubAuthLayer).

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};
use tower_service::Service;

use crate::gate::{Gate, Verdict};
use crate::resolve::BoxFuture;
use crate::user::HubUser;

/// Body of a protected service: the service's own, or that of a refusal.
pub type AuthBody<B> = Either<B, Full<Bytes>>;

/// Nobody is known to have sent this request; what tells the extractors "unknown visitor" from "no layer".
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnknownVisitor;

/// The value that forms of this visitor send back as `_xsrf`; in the request's extensions when the visitor was
/// recognised by a cookie. Put it into a hidden field `_xsrf` of forms (or `action="…?_xsrf=VALUE"`, for `multipart/form-data`
/// and for services that are not axum's), or into the header `X-XSRFToken`.
#[derive(Clone, PartialEq, Eq)]
pub struct XsrfToken(pub String);

impl std::fmt::Debug for XsrfToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("XsrfToken(…)")
    }
}

/// A protected service. Made by [`HubAuthLayer`](crate::HubAuthLayer).
#[derive(Debug, Clone)]
pub struct HubAuthService<S> {
    inner: S,
    gate: Arc<Gate>,
}

impl<S> HubAuthService<S> {
    pub(crate) fn new(inner: S, gate: Arc<Gate>) -> Self {
        Self { inner, gate }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HubAuthService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send,
    ReqBody: Send + 'static,
    ResBody: Body<Data = Bytes>,
{
    type Response = Response<AuthBody<ResBody>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The one that was polled ready must be the one that is called; the clone stays behind for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let gate = Arc::clone(&self.gate);
        Box::pin(async move {
            let (mut parts, mut body) = request.into_parts();
            gate.prepare(&mut parts, &mut body).await;
            let recognised = match gate.check(&parts).await {
                Verdict::Reply(reply) => {
                    return Ok(reply.map(|body| Either::Right(Full::new(body))));
                }
                Verdict::Enter(recognised) => recognised,
            };
            if let Some(watch) = gate.watch(&parts, &recognised) {
                parts.extensions.insert(watch);
            }
            match recognised.user {
                Some(user) => drop(parts.extensions.insert(user)),
                None => {
                    // Another layer, further out, may have recognised somebody by its own rules.
                    parts.extensions.remove::<HubUser>();
                    parts.extensions.insert(UnknownVisitor);
                }
            }
            if let Some(xsrf) = recognised.xsrf {
                parts.extensions.insert(XsrfToken(xsrf));
            }
            let mut response = inner.call(Request::from_parts(parts, body)).await?;
            for cookie in recognised.set_cookies {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            Ok(response.map(Either::Left))
        })
    }
}
