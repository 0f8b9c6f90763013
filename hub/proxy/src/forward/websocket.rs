//! WebSockets: a handshake becomes a tunnel when, and only when, the target switches.

use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode};
use hub_types::redact;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::activity::Toucher;
use crate::forward::body::{Progress, RequestBody, ResponseBody};
use crate::forward::exchange::Failure;
use crate::forward::headers::{self, Origin};
use crate::forward::{Client, Forwarder, WebSocketActivity, empty, upgrade};
use crate::guard::Link;
use crate::select::Selection;

impl Forwarder {
    /// A WebSocket handshake: becomes a tunnel when, and only when, the target switches.
    pub(super) async fn websocket(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        selection: &Selection,
        origin: Origin,
        link: &Arc<Link>,
    ) -> Response<ResponseBody> {
        let uri = request.uri().clone();
        let asked = Client::of(&request);
        let client = hyper::upgrade::on(&mut request);
        let toucher = Toucher::new(selection.route.activity.clone(), &self.observer);
        let request = request.map(|_| RequestBody::empty());
        let failure = match self
            .send(request, selection, origin, true, &Progress::default())
            .await
        {
            Ok(response) if response.status() != StatusCode::SWITCHING_PROTOCOLS => {
                let mut response = self.relay(response, &selection.route, None, &asked);
                // Some clients send frames without waiting for the answer; they must not be read as requests.
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
                return response;
            }
            Ok(response) if headers::is_websocket_switch(response.headers()) => {
                return self.switch(response, client, toucher, link);
            }
            Ok(_) => Failure::HalfSwitched,
            Err(failure) => failure,
        };
        tracing::error!(
            "503 GET {} (WebSocket, route {}): {failure}",
            redact::target(uri.path()),
            selection.route.key
        );
        empty(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// Starts the tunnel and passes on the target's 101.
    fn switch(
        &self,
        mut response: Response<Incoming>,
        client: OnUpgrade,
        toucher: Toucher,
        link: &Arc<Link>,
    ) -> Response<ResponseBody> {
        let target = hyper::upgrade::on(&mut response);
        link.become_tunnel();
        let (closing, link) = (self.closing.clone(), link.clone());
        let both = self.options.websocket_activity;
        self.tunnels.spawn(async move {
            // The link holds the place of this connection among those that are admitted.
            let _link = link;
            let carry = async {
                let (client, target) =
                    tokio::try_join!(client, target).map_err(std::io::Error::other)?;
                let on_client = || toucher.touch();
                let on_target = || {
                    if both == WebSocketActivity::Both {
                        toucher.touch();
                    }
                };
                let (client, target) = (TokioIo::new(client), TokioIo::new(target));
                upgrade::tunnel(client, target, on_client, on_target).await
            };
            match closing.run_until_cancelled(carry).await {
                Some(Err(error)) => tracing::debug!("a WebSocket ended: {error}"),
                Some(Ok(())) | None => tracing::debug!("a WebSocket ended"),
            }
        });
        let (mut parts, _) = response.into_parts();
        parts.extensions.clear();
        headers::to_client(&mut parts.headers);
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        parts
            .headers
            .insert(UPGRADE, HeaderValue::from_static("websocket"));
        Response::from_parts(parts, ResponseBody::own(""))
    }
}
