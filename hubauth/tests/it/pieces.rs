//! A login flow assembled by hand from the public pieces, in a service that is no router of axum.

use http::{Method, Request, StatusCode};
use hubauth::oauth::{CallbackError, next};
use hubauth::{HubOAuth, Token};

use crate::harness::{Browser, PREFIX, Reply, Site, request};

/// The parts of a request with these headers.
fn parts(method: Method, path: &str, cookies: &str) -> http::request::Parts {
    let request = Request::builder().method(method).uri(path);
    let request = request
        .header("cookie", cookies)
        .header("host", "site.test");
    request.body(()).unwrap().into_parts().0
}

fn line(cookies: &[cookie::Cookie<'_>]) -> String {
    let pairs: Vec<_> = cookies
        .iter()
        .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
        .collect();
    pairs.join("; ")
}

fn query(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap();
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .unwrap()
        .1
        .into_owned()
}

/// The hub's half: the browser agrees, and comes back with this code and state.
async fn at_the_hub(site: &Site, location: &str) -> (Token, String) {
    let back: Reply = site.send(request(Method::GET, location, &[])).await;
    assert_eq!(back.status(), StatusCode::FOUND, "{back:?}");
    let code = Token::from_config(query(back.location(), "code"));
    (code, query(back.location(), "state"))
}

#[tokio::test]
async fn a_login_by_hand() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    let hub: &HubOAuth = &site.auth;

    let first = parts(Method::GET, PREFIX, "");
    assert!(hub.recognise(&first).await.unwrap().user.is_none());
    let wanted = next::within(PREFIX, "/services/demo/deep/page").unwrap();
    let (location, state_cookie) = hub.start_login(&first, wanted);
    let (code, state) = at_the_hub(&site, &location).await;

    let callback = parts(Method::GET, "/x", &line(&[state_cookie]));
    let stranger = parts(Method::GET, "/x", "");
    let refused = hub.pending_login(&stranger, &state).unwrap_err();
    assert!(matches!(refused, CallbackError::WrongState), "{refused}");
    let pending = hub.pending_login(&callback, &state).unwrap();
    assert_eq!(pending.next, "/services/demo/deep/page");
    assert!(
        hub.pending_login(&callback, &state).is_err(),
        "a state works once"
    );
    let granted = hub.token_for_code(&code, &pending).await.unwrap();
    let used = hub.token_for_code(&code, &pending).await.unwrap_err();
    assert!(matches!(used, CallbackError::Hub(_)), "{used}");

    let cookies = hub.login_cookies(&callback, &granted);
    let logged_in = parts(Method::GET, PREFIX, &line(&cookies));
    assert_eq!(hub.cookie_tokens(&logged_in.headers), [granted.token]);
    let found = hub.recognise(&logged_in).await.unwrap();
    assert_eq!(found.user.unwrap().name, "alice");
    assert!(found.xsrf.is_some());
    let cleared = hub.clear_login(&logged_in);
    let logged_out = parts(Method::GET, PREFIX, &line(&cleared));
    assert!(hub.recognise(&logged_out).await.unwrap().user.is_none());
}

#[tokio::test]
async fn a_callback_outside_the_prefix_gets_its_cookies_back() {
    let site = Site::with(|config| config.with_callback_url("/elsewhere/back")).await;
    let (location, cookie) = site
        .auth
        .start_login(&parts(Method::GET, PREFIX, ""), PREFIX.to_owned());
    assert!(location.contains("redirect_uri=%2Felsewhere%2Fback"));
    assert_eq!(cookie.path(), Some("/elsewhere/"));
    let mut browser = Browser::new();
    browser.set(cookie.name(), cookie.path().unwrap(), cookie.value());
    assert_eq!(browser.names().len(), 1);
}
