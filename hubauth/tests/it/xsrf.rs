//! Cookie-authenticated requests must come from our own pages.

use http::{Method, StatusCode};
use tower::ServiceExt as _;

use crate::harness::{Browser, PREFIX, Site, demo, request};

const CHANGE: &str = "/services/demo/change";

async fn logged_in(site: &Site) -> Browser {
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    assert_eq!(browser.open(site, PREFIX).await.status(), StatusCode::OK);
    browser
}

#[tokio::test]
async fn writes_need_the_value() {
    let site = Site::start().await;
    let mut browser = logged_in(&site).await;
    let value = browser.value("_xsrf").unwrap().to_owned();
    let with_query = format!("{CHANGE}?_xsrf={value}");
    for (path, headers, allowed) in [
        (CHANGE, &[][..], false),
        (
            CHANGE,
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-mode", "navigate"),
            ],
            false,
        ),
        (CHANGE, &[("sec-fetch-mode", "websocket")], false),
        (CHANGE, &[("x-xsrftoken", "wrong")], false),
        (CHANGE, &[("x-xsrftoken", "")], false),
        (CHANGE, &[("x-xsrftoken", value.as_str())], true),
        (
            CHANGE,
            &[("x-csrftoken", value.as_str()), ("sec-fetch-mode", "cors")],
            true,
        ),
        (with_query.as_str(), &[], true),
    ] {
        let reply = browser
            .send(&site, request(Method::POST, path, headers))
            .await;
        let expected = if allowed {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(reply.status(), expected, "{path} {headers:?}");
        if !allowed {
            assert!(reply.body().contains("XSRF"), "{}", reply.body());
        }
    }
}

#[tokio::test]
async fn scripts_need_it_for_reads_too() {
    let site = Site::start().await;
    let mut browser = logged_in(&site).await;
    let value = browser.value("_xsrf").unwrap().to_owned();
    let fetch = [
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(
        browser
            .send(&site, request(Method::GET, PREFIX, &fetch))
            .await
            .status(),
        StatusCode::FOUND
    );
    let with = [fetch[0], fetch[1], ("x-xsrftoken", value.as_str())];
    assert_eq!(
        browser
            .send(&site, request(Method::GET, PREFIX, &with))
            .await
            .status(),
        StatusCode::OK
    );
    let image = [
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(
        browser
            .send(&site, request(Method::GET, PREFIX, &image))
            .await
            .status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_planted_or_foreign_value_does_not_help() {
    let site = Site::start().await;
    let mut browser = logged_in(&site).await;
    let foreign = {
        let mut other = Browser::new();
        other.open(&site, PREFIX).await;
        other.value("_xsrf").unwrap().to_owned()
    };
    for planted in ["planted", &foreign] {
        browser.set("_xsrf", CHANGE, planted);
        let reply = browser
            .send(
                &site,
                request(Method::POST, CHANGE, &[("x-xsrftoken", planted)]),
            )
            .await;
        assert_eq!(reply.status(), StatusCode::FORBIDDEN);
    }
    let genuine = browser.value("_xsrf").unwrap().to_owned();
    let genuine = if genuine == foreign {
        // The browser lists the narrower path first; ours is the one for the whole service.
        browser
            .get(&site, &format!("{PREFIX}form"))
            .await
            .body()
            .split(' ')
            .nth(1)
            .unwrap()
            .to_owned()
    } else {
        genuine
    };
    let reply = browser
        .send(
            &site,
            request(Method::POST, CHANGE, &[("x-xsrftoken", &genuine)]),
        )
        .await;
    assert_eq!(
        reply.status(),
        StatusCode::OK,
        "the planted one does not lock us out"
    );
}

#[tokio::test]
async fn pages_are_given_the_value_for_their_forms() {
    let site = Site::start().await;
    let mut browser = logged_in(&site).await;
    let page = browser.get(&site, &format!("{PREFIX}form")).await;
    let value = browser.value("_xsrf").unwrap();
    assert_eq!(page.body(), format!("alice {value}"));
    assert!(page.set_cookies().is_empty(), "a good one is not replaced");
}

#[tokio::test]
async fn plain_forms_send_it_as_a_field() {
    let site = Site::start().await;
    let mut browser = logged_in(&site).await;
    let value = browser.value("_xsrf").unwrap().to_owned();
    let form = "application/x-www-form-urlencoded";
    for (kind, body, expected) in [
        (form, format!("a=1&_xsrf={value}&b=2"), StatusCode::OK),
        (
            "application/x-www-form-urlencoded; charset=utf-8",
            format!("_xsrf={value}"),
            StatusCode::OK,
        ),
        (form, "a=1&_xsrf=wrong".to_owned(), StatusCode::FORBIDDEN),
        (form, "a=1".to_owned(), StatusCode::FORBIDDEN),
        (
            "text/plain",
            format!("_xsrf={value}"),
            StatusCode::FORBIDDEN,
        ),
        (
            form,
            format!("{}&_xsrf={value}", "a".repeat(1024 * 1024)),
            StatusCode::FORBIDDEN,
        ),
    ] {
        let mut request = request(
            Method::POST,
            "/services/demo/echo",
            &[("content-type", kind)],
        );
        *request.body_mut() = body.clone().into();
        let reply = browser.send(&site, request).await;
        assert_eq!(reply.status(), expected, "{kind}");
        if expected == StatusCode::OK {
            assert_eq!(reply.body(), body, "the handler gets the whole body");
        }
    }
}

/// A form that breaks off is never taken for a whole one, however the proof came.
#[tokio::test]
async fn half_a_form_is_none() {
    let site = Site::start().await;
    let browser = logged_in(&site).await;
    let value = browser.value("_xsrf").unwrap().to_owned();
    let cookies: Vec<_> = browser
        .names()
        .into_iter()
        .map(|name| format!("{name}={}", browser.value(name).unwrap()))
        .collect();
    let cookies = cookies.join("; ");
    for (proof, in_form, breaks, expected) in [
        (Some(value.as_str()), "a=1", false, StatusCode::OK),
        (Some(value.as_str()), "a=1", true, StatusCode::BAD_REQUEST),
        (None, value.as_str(), false, StatusCode::OK),
        (None, value.as_str(), true, StatusCode::FORBIDDEN),
    ] {
        let first = format!("_xsrf={in_form}");
        let mut chunks = vec![Ok(first)];
        if breaks {
            chunks.push(Err(std::io::Error::other("away")));
        }
        let mut request = http::Request::post("/services/demo/echo")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("content-length", "100")
            .header("cookie", &cookies);
        if let Some(proof) = proof {
            request = request.header("x-xsrftoken", proof);
        }
        let body = axum::body::Body::from_stream(futures_util::stream::iter(chunks));
        let request = request.body(body).unwrap();
        let reply = demo(&site.auth).oneshot(request).await.unwrap();
        assert_eq!(reply.status(), expected, "{proof:?} {breaks}");
    }
}

#[tokio::test]
async fn the_origin_can_be_the_proof() {
    let site = Site::with(|config| {
        config
            .with_xsrf(hubauth::config::XsrfCheck::Origin)
            .with_public_url("https://site.test/services/demo/".parse().unwrap())
    })
    .await;
    let mut browser = logged_in(&site).await;
    assert!(browser.value("_xsrf").is_none(), "there is no such value");
    for (method, headers, allowed) in [
        (Method::POST, &[("origin", "https://site.test")][..], true),
        (Method::POST, &[("sec-fetch-site", "same-origin")], true),
        (Method::POST, &[], true),
        (Method::POST, &[("origin", "https://evil.example")], false),
        (Method::POST, &[("origin", "null")], false),
        (Method::POST, &[("sec-fetch-site", "cross-site")], false),
        (
            Method::POST,
            &[
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-mode", "navigate"),
            ],
            false,
        ),
    ] {
        let reply = browser.send(&site, request(method, CHANGE, headers)).await;
        let expected = if allowed {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(reply.status(), expected, "{headers:?}");
    }
}
