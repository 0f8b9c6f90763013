//! Roles, services, and the end of the hub.

use hub::state::ShutdownRequest;

use super::{get, post};
use crate::harness::Hub;

#[tokio::test]
async fn roles_with_what_they_give_and_to_whom() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    let page = get(&hub, &admin, "/hub/admin/roles").await.expect(200);
    for expected in [
        "<h2>cull-idle</h2>",
        "<li>service culler</li>",
        "<li>user alice</li>",
        "<li>access:services!service=whoami</li>",
        "<li>every administrator</li>",
        "from the configuration",
    ] {
        assert!(page.body.contains(expected), "{expected}: {}", page.body);
    }
}

#[tokio::test]
async fn services_have_the_same_navigation() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    let page = get(&hub, &admin, "/hub/admin/services").await.expect(200);
    assert!(
        page.body
            .contains("href=\"/hub/admin/services\" aria-current=\"page\""),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn the_hub_ends_as_was_asked_and_says_so_first() {
    let hub = Hub::start().await;
    let admin = hub.log_in("admin").await;
    let token = hub.token("admin", &["inherit"]).await;
    hub.call(&token, "POST", "/hub/api/users/bob/server")
        .send()
        .await
        .expect(201);
    let path = "/hub/admin/shutdown";
    let page = get(&hub, &admin, path).await.expect(200);
    assert!(page.body.contains("1 server runs"), "{}", page.body);
    for fields in [
        &[][..],
        &[("servers", "stop")],
        &[("servers", "x"), ("proxy", "keep")],
    ] {
        post(&hub, &admin, path, fields).await.expect(400);
        assert!(!hub.state.shutdown.is_cancelled());
    }
    let page = post(
        &hub,
        &admin,
        path,
        &[("servers", "keep"), ("proxy", "stop")],
    )
    .await;
    let page = page.expect(202);
    for expected in ["1 server goes on running", "The proxy is being stopped"] {
        assert!(page.body.contains(expected), "{expected}: {}", page.body);
    }
    assert!(
        page.body.trim_end().ends_with("</html>"),
        "the page comes whole"
    );
    assert!(hub.state.shutdown.is_cancelled());
    let asked = *hub.state.shutdown_request.lock().unwrap();
    let expected = ShutdownRequest {
        servers: Some(false),
        proxy: Some(true),
    };
    assert_eq!(asked, expected);
}
