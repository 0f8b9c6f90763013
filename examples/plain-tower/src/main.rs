//! A service without a framework: hyper, tower, and the hub's word on who calls. It takes tokens, and logs nobody in.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hubauth::{HubAuth, HubUser};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Layer as _, service_fn};

/// Says who calls, as JSON. The layer has put the user into the request; nobody else gets here.
async fn whoami(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let user = request.extensions().get::<HubUser>();
    let json = user.map_or_else(String::new, |user| {
        serde_json::to_string(user.identity()).unwrap_or_default()
    });
    let mut response = Response::new(Full::from(json));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = HubAuth::from_env()?;
    let service = hub.layer().layer(service_fn(whoami));

    let listener = TcpListener::bind(hub.config().listen_address()?).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            // A connection that breaks is the client's affair.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
