//! A wrong set-up explains itself.

use axum::Router;
use axum::routing::get;
use http::Method;
use http_body_util::BodyExt as _;
use hubauth::extract::{Admin, Require, Rule};
use hubauth::{Access, HubUser};

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

#[tokio::test]
async fn what_an_outer_layer_found_does_not_pass_an_inner_one() {
    let (outer, inner) = (Site::start().await, Site::start().await);
    let app = Router::new()
        .route(
            "/",
            get(|user: Option<HubUser>| async move { user.is_some().to_string() }),
        )
        .layer(inner.auth.layer().optional())
        .layer(outer.auth.layer());
    let origin = format!("http://{}/", serve(app).await);
    let http = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http();
    let token = outer.hub.add_user("alice");
    let value = format!("token {}", token.expose());
    let asked = request(Method::GET, &origin, &[("authorization", &value)]);
    let reply = http.request(asked).await.unwrap();
    assert_eq!(reply.status(), 200);
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "false");
}

struct Crew;

impl Rule for Crew {
    fn access() -> Access {
        Access::groups(["crew"])
    }
}

#[tokio::test]
async fn a_handler_s_rule_holds_whatever_the_layer_lets_in() {
    let site = Site::start().await;
    let app = Router::new()
        .route(
            "/crew",
            get(|user: Require<Crew>| async move { user.into_user().name.clone() }),
        )
        .route("/admin", get(|_: Require<Admin>| async {}))
        .layer(site.auth.layer().optional());
    let origin = format!("http://{}", serve(app).await);
    let http = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http();
    let crew = site
        .hub
        .add_user_with("zoe", &["crew"], &["access:services"]);
    let guest = site.hub.add_user("book");
    for (path, token, expected) in [
        ("/crew", Some(&crew), 200),
        ("/crew", Some(&guest), 403),
        ("/crew", None, 403),
        ("/admin", Some(&crew), 403),
    ] {
        let value = token.map(|token| format!("token {}", token.expose()));
        let headers: Vec<_> = value
            .iter()
            .map(|v| ("authorization", v.as_str()))
            .collect();
        let request = request(Method::GET, &format!("{origin}{path}"), &headers);
        let reply = http.request(request).await.unwrap();
        assert_eq!(reply.status(), expected, "{path} {token:?}");
    }
}
