//! The cookie for services of JupyterHub 0.7 and 0.8, from the login to the logout: the SDK's look-up, and the request that
//! the manual of 0.8 writes down.

use e2e::{Stack, programs};
use hubauth::{CacheUse, HubAuth, HubAuthConfig, Lookup, Token};
use reqwest::header::AUTHORIZATION;

use crate::spec;

const TOKEN: &str = "a-token-that-the-service-was-given";

#[tokio::test]
async fn a_service_of_old_recognises_browsers_by_the_hub_s_cookie() {
    let echo = programs::path("echo-service").display().to_string();
    let service = spec::service("old", &[echo.as_str(), "cookie"]);
    let stack = Stack::builder()
        .config(&format!(
            "{service}api_token = {TOKEN:?}\ncookie_auth = true\n"
        ))
        .config("[JupyterHub.load_groups]\nguild = { users = ['mal'] }")
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    stack.service_is_up("old").await;

    // A stranger is sent to the login page itself: there is no OAuth here.
    let mut visitor = stack.visitor();
    let stranger = visitor.get("services/old/").await;
    assert_eq!(stranger.location(), "/hub/login?next=%2Fservices%2Fold%2F");
    visitor.login("mal", "x").await;
    let cookie = visitor
        .jar
        .get("jupyterhub-services", "/services/old/")
        .expect("the hub sets it at the login")
        .clone();
    assert!(
        cookie.http_only && cookie.path == "/services/old/",
        "{cookie:?}"
    );

    // The first look-up asks the hub, the second is answered from the cache.
    for _ in 0..2 {
        assert_eq!(visitor.get("services/old/").await.expect(200).body, "mal");
        let calls = stack.client().get("services/old/calls").await.expect(200);
        assert_eq!(calls.body, "1");
    }

    // The manual's request, as it stands there.
    let quoted: String = url::form_urlencoded::byte_serialize(cookie.value.as_bytes()).collect();
    let path = format!("/hub/api/authorizations/cookie/jupyterhub-services/{quoted}");
    let ask = async |token: &str| {
        let client = stack.client();
        let request = client
            .request(reqwest::Method::GET, &path)
            .header(AUTHORIZATION, format!("token {token}"));
        client.send(request).await
    };
    let user = ask(TOKEN).await.expect(200).json();
    assert_eq!(
        (&user["name"], &user["admin"]),
        (&"mal".into(), &false.into())
    );
    assert_eq!(user["groups"], serde_json::json!(["guild"]));
    ask("another token").await.expect(403);
    let api = stack.api();
    ask(api.token()).await.expect(404);

    // The SDK's look-up: the second answer comes from the cache.
    let config = HubAuthConfig::new(Token::from_config(TOKEN)).expect("a configuration");
    let api_url = stack.client().url("/hub/api");
    let sdk = HubAuth::new(config.with_api_url(api_url)).expect("a client");
    let value = Token::from_config(&*cookie.value);
    for answered_from_cache in [0, 1] {
        let user = sdk.user_for_cookie(&value).await.expect("an answer");
        assert_eq!(user.expect("mal").name, "mal");
        let stats = sdk.cache_stats();
        assert_eq!((stats.calls, stats.hits), (1, answered_from_cache));
    }

    // Other pages cannot use it, and another visitor's session is another visitor.
    let foreign = stack
        .client()
        .request(reqwest::Method::POST, "/services/old/")
        .header("origin", "http://evil.example")
        .header(
            "cookie",
            visitor.jar.header("/services/old/").expect("cookies"),
        );
    assert_eq!(stack.client().send(foreign).await.status, 403);

    // Logged out is logged out, for the browser, and for whoever kept a copy.
    let kept = visitor.jar.header("/services/old/").expect("cookies");
    visitor.logout().await;
    ask(TOKEN).await.expect(404);
    let lookup = Lookup::Cookie {
        name: "jupyterhub-services".into(),
        value,
    };
    let asked_anew = sdk.look_up("", &lookup, CacheUse::Skip).await;
    assert!(asked_anew.expect("an answer").is_none());
    let again = visitor.get("services/old/").await;
    assert_eq!(again.location(), "/hub/login?next=%2Fservices%2Fold%2F");
    let without_session: Vec<_> = kept
        .split("; ")
        .filter(|pair| !pair.starts_with("jupyterhub-session-id="))
        .collect();
    let copy = stack
        .client()
        .request(reqwest::Method::GET, "/services/old/")
        .header("cookie", without_session.join("; "));
    assert_eq!(stack.client().send(copy).await.status, 302);
}
