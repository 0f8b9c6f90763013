//! What visitors get, by credential, method and rights.

use axum::Router;
use axum::routing::get;
use http::{Method, StatusCode, header};
use hubauth::testing::Mood;
use hubauth::{Access, HubUser};

use crate::harness::{Browser, PREFIX, Site, request, serve};

#[tokio::test]
async fn tokens_in_headers() {
    let site = Site::start().await;
    let token = site.hub.add_user("alice");
    for word in ["token", "Bearer", "TOKEN", "bEaReR "] {
        let value = format!("{word} {}", token.expose());
        let reply = site.get(PREFIX, &[("authorization", &value)]).await;
        assert_eq!(
            (reply.status(), reply.body()),
            (StatusCode::OK, "hello alice"),
            "{word}"
        );
    }
    assert_eq!(site.hub.calls("GET /user"), 1);
    let post = request(
        Method::POST,
        PREFIX,
        &[("authorization", &format!("token {}", token.expose()))],
    );
    assert_eq!(
        site.send(post).await.body(),
        "hello alice",
        "a token needs no _xsrf"
    );
}

#[tokio::test]
async fn unknown_visitors() {
    let site = Site::start().await;
    for (method, status) in [
        (Method::GET, StatusCode::FOUND),
        (Method::HEAD, StatusCode::FOUND),
        (Method::POST, StatusCode::FORBIDDEN),
        (Method::DELETE, StatusCode::FORBIDDEN),
        (Method::OPTIONS, StatusCode::FORBIDDEN),
    ] {
        for credential in ["", "token wrong", "Basic YTpi", "token "] {
            let reply = site
                .send(request(
                    method.clone(),
                    PREFIX,
                    &[("authorization", credential)],
                ))
                .await;
            assert_eq!(reply.status(), status, "{method} {credential:?}");
        }
    }
    let reply = site.send(request(Method::POST, PREFIX, &[])).await;
    assert_eq!(
        reply.body(),
        r#"{"status":403,"message":"Missing or invalid credentials."}"#
    );
    let page = site
        .send(request(Method::POST, PREFIX, &[("accept", "text/html")]))
        .await;
    assert!(
        page.headers()[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
}

#[tokio::test]
async fn tokens_in_urls_only_where_allowed() {
    let site = Site::start().await;
    let token = site.hub.add_user("alice");
    let path = format!("{PREFIX}?token={}", token.expose());
    let reply = site.get(&path, &[]).await;
    assert_eq!(reply.status(), StatusCode::FOUND);
    assert!(!reply.location().contains(token.expose()));
    assert_eq!(
        site.get(&path, &[("sec-fetch-mode", "websocket")])
            .await
            .status(),
        StatusCode::OK
    );

    let site = Site::with(|config| config.with_token_in_url(true)).await;
    let token = site.hub.add_user("alice");
    let mut browser = Browser::new();
    let reply = browser
        .get(&site, &format!("{PREFIX}?token={}", token.expose()))
        .await;
    assert_eq!(reply.body(), "hello alice");
    // It has become a login for the pages it leads to.
    assert_eq!(
        browser
            .get(&site, &format!("{PREFIX}deep/page"))
            .await
            .body(),
        "hello alice"
    );
    let api = site
        .get(
            &format!("{PREFIX}?token={}", token.expose()),
            &[("sec-fetch-mode", "cors")],
        )
        .await;
    assert_eq!((api.status(), api.set_cookies().len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn a_bad_header_falls_through_to_the_cookie() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    browser.open(&site, PREFIX).await;
    let reply = browser
        .send(
            &site,
            request(Method::GET, PREFIX, &[("authorization", "token wrong")]),
        )
        .await;
    assert_eq!(reply.body(), "hello alice");
}

#[tokio::test]
async fn known_but_not_allowed_is_403_and_no_redirect() {
    let site = Site::start().await;
    let token = site
        .hub
        .add_user_with("bob", &[], &["access:services!service=other"]);
    let authorization = format!("token {}", token.expose());
    for accept in ["text/html", "application/json"] {
        let reply = site
            .get(
                PREFIX,
                &[("authorization", &authorization), ("accept", accept)],
            )
            .await;
        assert_eq!(reply.status(), StatusCode::FORBIDDEN);
        assert!(
            reply.body().contains("user bob is not allowed."),
            "{}",
            reply.body()
        );
        assert!(reply.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn rules_of_the_service_narrow_those_of_the_hub() {
    let site = Site::start().await;
    let layer = site.auth.layer();
    let hello = |user: HubUser| async move { user.name.clone() };
    let app = Router::new()
        .merge(
            Router::new()
                .route("/lab", get(hello))
                .layer(layer.clone().require(Access::groups(["lab"]))),
        )
        .merge(
            Router::new()
                .route("/any", get(hello))
                .layer(layer.clone().require(Access::any_user())),
        )
        .merge(
            Router::new()
                .route("/only", get(hello))
                .layer(layer.clone().require_only(Access::users(["eve"]))),
        )
        .merge(
            Router::new()
                .route(
                    "/maybe",
                    get(|user: Option<HubUser>| async move {
                        user.map_or("nobody".to_owned(), |user| user.name.clone())
                    }),
                )
                .layer(layer.optional()),
        );
    let origin = format!("http://{}", serve(app).await);
    let lab = site
        .hub
        .add_user_with("ann", &["lab"], &["access:services"]);
    let eve = site.hub.add_user_with("eve", &["lab"], &[]);
    let http = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http();
    for (path, token, status) in [
        ("/lab", Some(&lab), 200),
        ("/lab", Some(&eve), 403),
        ("/any", Some(&lab), 200),
        ("/any", Some(&eve), 403),
        ("/only", Some(&lab), 403),
        ("/only", Some(&eve), 200),
        ("/maybe", None, 200),
        ("/maybe", Some(&lab), 200),
        ("/maybe", Some(&eve), 403),
    ] {
        let value = token
            .map(|token| format!("token {}", token.expose()))
            .unwrap_or_default();
        let request = request(
            Method::GET,
            &format!("{origin}{path}"),
            &[("authorization", &value)],
        );
        assert_eq!(
            http.request(request).await.unwrap().status(),
            status,
            "{path} {token:?}"
        );
    }
}

#[tokio::test]
async fn a_hub_that_is_down_is_said_so_and_known_visitors_go_on() {
    let site = Site::start().await;
    let (alice, bob) = (site.hub.add_user("alice"), site.hub.add_user("bob"));
    let alice = format!("token {}", alice.expose());
    let bob = format!("token {}", bob.expose());
    assert_eq!(
        site.get(PREFIX, &[("authorization", &alice)])
            .await
            .status(),
        StatusCode::OK
    );
    for (mood, status) in [
        (Mood::Status(500), StatusCode::BAD_GATEWAY),
        (Mood::Status(401), StatusCode::BAD_GATEWAY),
        (Mood::Babble("<html>".into()), StatusCode::BAD_GATEWAY),
        (
            Mood::Redirect("http://evil.example/".into()),
            StatusCode::BAD_GATEWAY,
        ),
        (Mood::Silent, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        site.hub.set_mood(mood.clone());
        assert_eq!(
            site.get(PREFIX, &[("authorization", &alice)])
                .await
                .status(),
            StatusCode::OK
        );
        let started = std::time::Instant::now();
        let reply = site.get(PREFIX, &[("authorization", &bob)]).await;
        assert_eq!(reply.status(), status, "{mood:?}");
        assert!(reply.body().contains("The hub"), "{}", reply.body());
        assert!(started.elapsed().as_secs() < 5, "{mood:?}");
    }
}

#[tokio::test]
async fn redirects_by_accept_when_asked_for() {
    let site = Site::start().await;
    let app = Router::new()
        .route("/", get(|user: HubUser| async move { user.name.clone() }))
        .layer(site.auth.layer().redirect_by_accept());
    let origin = format!("http://{}/", serve(app).await);
    let http = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http();
    for (accept, status) in [("text/html", 302), ("application/json", 401), ("*/*", 401)] {
        let reply = http
            .request(request(Method::GET, &origin, &[("accept", accept)]))
            .await
            .unwrap();
        assert_eq!(reply.status(), status, "{accept}");
    }
}

#[tokio::test]
async fn plain_tower_services_are_protected_too() {
    use http_body_util::Full;
    use tower::{Layer as _, Service as _, ServiceExt as _};
    let site = Site::start().await;
    let token = site.hub.add_user("alice");
    let inner = tower::service_fn(|request: http::Request<()>| async move {
        let name = request
            .extensions()
            .get::<HubUser>()
            .map(|user| user.name.clone());
        Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(bytes::Bytes::from(
            name.unwrap_or_default(),
        ))))
    });
    let mut service = site.auth.auth().layer().layer(inner);
    let with = |value: &str| {
        http::Request::get("/")
            .header("authorization", value)
            .body(())
            .unwrap()
    };
    let good = service
        .ready()
        .await
        .unwrap()
        .call(with(&format!("token {}", token.expose())))
        .await
        .unwrap();
    assert_eq!(good.status(), StatusCode::OK);
    let bad = service
        .ready()
        .await
        .unwrap()
        .call(with("token no"))
        .await
        .unwrap();
    assert_eq!(
        bad.status(),
        StatusCode::FORBIDDEN,
        "without a login flow there is no redirect"
    );
}
