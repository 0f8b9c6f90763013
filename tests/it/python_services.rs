//! Upstream's own example services, unchanged, as managed services: the Python `HubAuth` and `HubOAuth` against our hub.

use e2e::{Client, Stack, Visitor};
use serde_json::Value;

use crate::spec;

async fn stack() -> Stack {
    let stack = Stack::builder()
        .config(&spec::upstream_whoami("whoami-api", "whoami.py"))
        .config(&spec::upstream_whoami("whoami-oauth", "whoami-oauth.py"))
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    stack.service_is_up("whoami-api").await;
    stack.service_is_up("whoami-oauth").await;
    stack
}

/// What the example says about who calls it.
fn identity(reply: e2e::Reply) -> Value {
    reply.expect(200).json()
}

#[tokio::test]
async fn a_token_identifies_its_owner_to_the_plain_form() {
    let stack = stack().await;
    let api = stack.api();
    api.ensure_user("mal").await;
    let token = api.new_token("mal", &[]).await;
    let call = async |client: Client| client.get("services/whoami-api/").await;

    let model = identity(call(stack.client().token(&token)).await);
    assert_eq!(
        (&model["name"], &model["kind"]),
        (&"mal".into(), &"user".into())
    );
    assert_eq!(model["admin"], false);
    assert!(
        model["scopes"]
            .as_array()
            .is_some_and(|scopes| !scopes.is_empty()),
        "{model:#}"
    );

    assert_eq!(call(stack.client()).await.status, 403, "without a token");
    assert_eq!(
        call(stack.client().token("not-a-token")).await.status,
        403,
        "with a wrong token"
    );
    let narrow = api.new_token("mal", &["read:users:name!user=mal"]).await;
    assert_eq!(
        call(stack.client().token(&narrow)).await.status,
        403,
        "without access to services"
    );
}

#[tokio::test]
async fn a_login_identifies_its_user_to_the_oauth_form() {
    let stack = stack().await;
    let mut visitor = stack.visitor();
    let page = visitor.follow("services/whoami-oauth/").await.expect(200);
    assert_eq!(
        page.url.path(),
        "/hub/login",
        "a stranger is sent to the login page"
    );

    visitor.login("mal", "x").await;
    let confirm = visitor.follow("services/whoami-oauth/").await.expect(200);
    assert!(
        confirm.url.path().ends_with("/oauth2/authorize"),
        "the hub asks first: {}",
        confirm.url
    );
    let model = identity(visitor.open("services/whoami-oauth/").await);
    assert_eq!(
        (&model["name"], &model["kind"]),
        (&"mal".into(), &"user".into())
    );
    assert!(
        model["session_id"].is_string(),
        "the token belongs to the session: {model:#}"
    );

    let cookie = visitor
        .jar
        .get("service-whoami-oauth", "/services/whoami-oauth/")
        .expect("its cookie");
    assert_eq!(cookie.path, "/services/whoami-oauth/");
    let again = visitor.get("services/whoami-oauth/").await;
    assert_eq!(
        identity(again)["name"],
        "mal",
        "no second login, no second question"
    );
}

#[tokio::test]
async fn who_may_not_enter_is_refused_by_the_hub() {
    let stack = Stack::builder()
        .config(&spec::upstream_whoami("whoami-oauth", "whoami-oauth.py"))
        .start()
        .await;
    stack.service_is_up("whoami-oauth").await;
    let mut visitor: Visitor = stack.visitor();
    visitor.login("mal", "x").await;
    let page = visitor.follow("services/whoami-oauth/").await;
    assert_eq!(page.status, 403, "{page:#?}");
    assert!(
        page.url.path().ends_with("/oauth2/authorize"),
        "{}",
        page.url
    );

    let mut admin = stack.visitor();
    admin.login("admin", "x").await;
    assert_eq!(
        identity(admin.open("services/whoami-oauth/").await)["name"],
        "admin"
    );
}
