//! The cookie that hubs of 0.7 and 0.8 set for all services (and ours, for those that ask), at a service with `HubAuth`.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request, StatusCode};
use hubauth::config::SERVICES_COOKIE;
use hubauth::testing::FakeHub;
use hubauth::{HubAuth, HubAuthConfig, HubUser};
use tower::ServiceExt as _;

const VALUE: &str = "2|1:0|10:1|19:x|8:YQ==|ff";

async fn service(
    change: impl FnOnce(HubAuthConfig) -> HubAuthConfig,
) -> (FakeHub, HubAuth, Router) {
    let hub = FakeHub::start().await.unwrap();
    hub.add_cookie(SERVICES_COOKIE, VALUE, "alice");
    // The hub says nothing of scopes with a cookie; those that tokens need are not asked for.
    let config = hub.config("demo").unwrap();
    let auth = HubAuth::new(change(config)).unwrap();
    let hello = |user: HubUser| async move { user.name.clone() };
    let app = Router::new()
        .route("/services/demo/", get(hello).post(hello))
        .layer(auth.layer());
    (hub, auth, app)
}

async fn ask(app: &Router, method: Method, headers: &[(&str, &str)]) -> http::Response<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri("/services/demo/?a=b&c")
        .header("host", "site.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

fn cookie() -> String {
    format!("jupyterhub-services=planted; {SERVICES_COOKIE}=\"{VALUE}\"; jupyterhub-session-id=s1")
}

#[tokio::test]
async fn it_counts_where_it_is_asked_for() {
    let (hub, _, app) = service(|config| config).await;
    let reply = ask(&app, Method::GET, &[("cookie", &cookie())]).await;
    assert_eq!(reply.status(), StatusCode::FORBIDDEN, "not asked for");
    assert!(hub.all_calls().is_empty(), "{:?}", hub.all_calls());

    let (hub, auth, app) = service(|config| config.with_cookie_auth(true)).await;
    for _ in 0..3 {
        let reply = ask(&app, Method::GET, &[("cookie", &cookie())]).await;
        assert_eq!(reply.status(), StatusCode::OK);
    }
    let asked: u64 = hub.all_calls().values().sum();
    assert_eq!(asked, 2, "once for each value: {:?}", hub.all_calls());
    let user = auth
        .user_for_cookie(&hubauth::Token::from_config(VALUE))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(user.name, "alice");
}

#[tokio::test]
async fn strangers_are_sent_to_the_login_page_and_back() {
    let (_hub, _, app) = service(|config| config.with_cookie_auth(true)).await;
    let mounted = Router::new().nest("/outer/", app.clone());
    let request = Request::get("/outer/services/demo/").body(Body::empty());
    let reply = mounted.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(
        reply.headers()["location"],
        "/hub/login?next=%2Fouter%2Fservices%2Fdemo%2F"
    );
    let reply = ask(&app, Method::GET, &[]).await;
    assert_eq!(reply.status(), StatusCode::FOUND);
    assert_eq!(
        reply.headers()["location"],
        "/hub/login?next=%2Fservices%2Fdemo%2F%3Fa%3Db%26c"
    );
    assert_eq!(
        ask(&app, Method::POST, &[]).await.status(),
        StatusCode::FORBIDDEN
    );
    let elsewhere = |config: HubAuthConfig| {
        config
            .with_login_url("https://hub.example/hub/login?x=y")
            .with_public_url("https://site.test/services/demo/".parse().unwrap())
    };
    let (_hub, _, app) = service(elsewhere).await;
    let reply = ask(&app, Method::GET, &[]).await;
    assert_eq!(
        reply.headers()["location"],
        "https://hub.example/hub/login?x=y&next=https%3A%2F%2Fsite.test%2Fservices%2Fdemo%2F%3Fa%3Db%26c"
    );
}

#[tokio::test]
async fn other_sites_cannot_use_it() {
    let (_hub, _, app) = service(|config| config.with_cookie_auth(true)).await;
    let cookie = cookie();
    for (method, headers, expected) in [
        (Method::POST, vec![], StatusCode::OK),
        (
            Method::POST,
            vec![("origin", "http://site.test")],
            StatusCode::OK,
        ),
        (
            Method::POST,
            vec![("origin", "https://evil.example")],
            StatusCode::FORBIDDEN,
        ),
        (
            Method::POST,
            vec![("sec-fetch-site", "same-site")],
            StatusCode::FORBIDDEN,
        ),
        (
            Method::GET,
            vec![
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
            ],
            StatusCode::OK,
        ),
    ] {
        let mut all = vec![("cookie", cookie.as_str())];
        all.extend(headers.iter().copied());
        let reply = ask(&app, method.clone(), &all).await;
        assert_eq!(reply.status(), expected, "{method} {headers:?}");
    }
}
