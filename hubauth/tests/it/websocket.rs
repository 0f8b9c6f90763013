//! WebSocket handshakes are checked like pages, and come from our own pages only.

use http::{Method, StatusCode};

use crate::harness::{Browser, PREFIX, Site, request};

const UPGRADE: [(&str, &str); 3] = [
    ("upgrade", "websocket"),
    ("connection", "keep-alive"),
    ("sec-websocket-version", "13"),
];

pub(crate) async fn logged_in(site: &Site) -> Browser {
    site.hub.log_in(Some("alice"));
    let mut browser = Browser::new();
    assert_eq!(browser.open(site, PREFIX).await.status(), StatusCode::OK);
    browser
}

pub(crate) fn handshake(
    extra: &[(&str, &str)],
) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    let mut headers = UPGRADE.to_vec();
    headers.extend_from_slice(extra);
    request(Method::GET, PREFIX, &headers)
}

#[tokio::test]
async fn a_cookie_counts_from_our_own_pages_only() {
    let site = Site::start().await;
    let mut browser = logged_in(&site).await;
    for (extra, allowed) in [
        (&[("origin", "http://site.test")][..], true),
        (
            &[
                ("origin", "http://site.test"),
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-mode", "websocket"),
            ],
            true,
        ),
        (&[], true),
        (&[("origin", "http://evil.test")], false),
        (&[("origin", "null")], false),
        (
            &[
                ("origin", "http://evil.test"),
                ("sec-fetch-mode", "websocket"),
            ],
            false,
        ),
        (
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "websocket"),
            ],
            false,
        ),
        (
            &[
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-mode", "websocket"),
            ],
            false,
        ),
    ] {
        let reply = browser.send(&site, handshake(extra)).await;
        let expected = if allowed {
            StatusCode::OK
        } else {
            StatusCode::FOUND
        };
        assert_eq!(reply.status(), expected, "{extra:?}");
    }
}

#[tokio::test]
async fn tokens_count_from_anywhere() {
    let site = Site::start().await;
    let token = site.hub.add_user("alice");
    let authorization = format!("token {}", token.expose());
    let header = handshake(&[
        ("authorization", &authorization),
        ("origin", "http://evil.test"),
    ]);
    assert_eq!(site.send(header).await.status(), StatusCode::OK);
    let path = format!("{PREFIX}?token={}", token.expose());
    let url = request(
        Method::GET,
        &path,
        &[
            ("sec-fetch-mode", "websocket"),
            ("origin", "http://evil.test"),
        ],
    );
    let reply = site.send(url).await;
    assert_eq!(
        (reply.status(), reply.set_cookies().len()),
        (StatusCode::OK, 0)
    );
}

#[tokio::test]
async fn cookies_can_be_switched_off_for_websockets() {
    let site = Site::with(|mut config| {
        config.allow_websocket_cookie_auth = false;
        config
    })
    .await;
    let mut browser = logged_in(&site).await;
    let reply = browser
        .send(&site, handshake(&[("origin", "http://site.test")]))
        .await;
    assert_eq!(reply.status(), StatusCode::FOUND);
    assert_eq!(
        browser.open(&site, PREFIX).await.status(),
        StatusCode::OK,
        "pages still work"
    );
}
