//! A wrong set-up explains itself.

use axum::Router;
use axum::routing::get;
use http::Method;
use http_body_util::BodyExt as _;
use hubauth::HubUser;

use crate::harness::{Site, request, serve};

#[tokio::test]
async fn a_route_without_the_layer_says_so() {
    let app = Router::new().route("/", get(|user: HubUser| async move { user.name.clone() }));
    let origin = format!("http://{}/", serve(app).await);
    let http = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http();
    let reply = http
        .request(request(Method::GET, &origin, &[]))
        .await
        .unwrap();
    assert_eq!(reply.status(), 500);
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("layer(hub.layer())"));
}

#[tokio::test]
async fn a_handler_that_needs_a_user_behind_an_optional_layer_says_so() {
    let site = Site::start().await;
    let app = Router::new()
        .route("/", get(|user: HubUser| async move { user.name.clone() }))
        .layer(site.auth.layer().optional());
    let origin = format!("http://{}/", serve(app).await);
    let http = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http();
    assert_eq!(
        http.request(request(Method::GET, &origin, &[]))
            .await
            .unwrap()
            .status(),
        403
    );
}
