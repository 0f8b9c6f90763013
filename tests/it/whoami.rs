//! Our own services as managed services: the bundled whoami, and the example that shows how to write one.

use e2e::Stack;

use crate::spec;

/// A service of ours called `name` knows who calls it, by token and by login, and lets nobody else in.
pub(crate) async fn greets(stack: &Stack, name: &str) {
    let path = format!("services/{name}/");
    stack.service_is_up(name).await;
    let api = stack.api();
    api.ensure_user("mal").await;
    let token = api.new_token("mal", &[]).await;
    let reply = stack.client().token(&token).get(&path).await.expect(200);
    assert!(reply.body.contains("mal"), "{reply:#?}");
    let narrow = api.new_token("mal", &["read:users:name!user=mal"]).await;
    let reply = stack.client().token(&narrow).get(&path).await;
    assert_eq!(reply.status, 403, "without access to services: {reply:#?}");
    let reply = stack.client().token("unknown").get(&path).await;
    assert!(
        [401, 403, 302].contains(&reply.status),
        "an unknown token: {reply:#?}"
    );

    let mut visitor = stack.visitor();
    let page = visitor.follow(&path).await.expect(200);
    assert!(
        page.url.path().ends_with("/hub/login"),
        "a stranger is asked to log in: {}",
        page.url
    );
    visitor.login("zoe", "x").await;
    let page = visitor.open(&path).await.expect(200);
    assert_eq!(page.url.path(), format!("{}{path}", stack.base()));
    assert!(page.body.contains("zoe"), "{}", page.body);
    let again = visitor.get(&path).await.expect(200);
    assert!(
        again.body.contains("zoe"),
        "no second login: {}",
        again.body
    );
}

#[tokio::test]
async fn the_bundled_whoami_greets_users() {
    let stack = Stack::builder()
        .base_url("/hub-a/")
        .config(&spec::whoami())
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    greets(&stack, "whoami").await;
    let api = stack.api();
    let token = api.new_token("mal", &[]).await;
    let model = stack
        .client()
        .token(&token)
        .get("services/whoami/")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&model["name"], &model["kind"], &model["admin"]),
        (&"mal".into(), &"user".into(), &false.into())
    );
    let services = api.get("/services").await.expect(200).json();
    assert_eq!(
        services["whoami"]["prefix"], "/hub-a/services/whoami/",
        "{services:#}"
    );
    assert!(
        services["whoami"]["pid"]
            .as_i64()
            .is_some_and(|pid| pid > 0),
        "{services:#}"
    );
}

#[tokio::test]
async fn the_example_service_greets_users() {
    let stack = Stack::builder()
        .config(&spec::example())
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    greets(&stack, "mine").await;
}
