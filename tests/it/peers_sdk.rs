//! Our SDK at a hub that is not ours: the bundled whoami as a service of the real Python JupyterHub.

use e2e::Stack;

use crate::spec;

#[tokio::test]
async fn our_whoami_serves_the_users_of_a_python_hub() {
    let stack = Stack::builder()
        .python_hub()
        .base_url("/hub-a/")
        .config(&spec::whoami())
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    let api = stack.api();
    api.ensure_user("mal").await;
    let token = api.new_token("mal", &[]).await;
    let reply = stack
        .client()
        .token(&token)
        .get("services/whoami/")
        .await
        .expect(200);
    assert_eq!(reply.json()["name"], "mal");
    let reply = stack
        .client()
        .token("unknown")
        .get("services/whoami/")
        .await;
    assert!([401, 403].contains(&reply.status), "{reply:#?}");

    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;
    let page = visitor.open("services/whoami/").await.expect(200);
    assert_eq!(page.url.path(), "/hub-a/services/whoami/");
    assert!(page.body.contains("mal"), "{}", page.body);
}
