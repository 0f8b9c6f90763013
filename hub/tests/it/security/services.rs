//! Case 83, the hub's part: where services may be that are registered by the API.

use hub::domain::service_hosts::ServiceHosts;
use serde_json::json;

use super::admin;
use crate::harness::Hub;
use crate::watch::Watched;

const ELSEWHERE: &str =
    "is at a host that hub.service_hosts does not list; ask an administrator to add it there";
const LINK_LOCAL: &str = "is at a link-local address, where machines answer about themselves; list it in hub.service_hosts if it is meant";

/// Registers a service at this URL; what is said against it.
async fn refusal(hub: &Watched, root: &str, url: &str) -> Option<String> {
    let call = hub.call(root, "POST", "/hub/api/services/x");
    let reply = call.json(&json!({"url": url})).send().await;
    if reply.status == 201 {
        let routes = hub.proxy.0.lock().unwrap().contains_key("/services/x/");
        assert!(routes, "{url}");
        let call = hub.call(root, "DELETE", "/hub/api/services/x");
        call.send().await.expect(200);
        return None;
    }
    assert!(!hub.proxy.0.lock().unwrap().contains_key("/services/x/"));
    let (status, message) = reply.error();
    assert_eq!(status, 400, "{url}");
    let message = message.unwrap();
    let why = message.strip_prefix("Failed to create service x: url: ");
    Some(why.unwrap_or(&message).to_owned())
}

#[tokio::test]
async fn case_83_services_of_the_api_are_where_they_may_be() {
    let hub = Watched::start().await;
    let root = admin(&hub).await;
    for url in [
        "http://127.0.0.1:9",
        "http://[::ffff:10.0.0.1]/",
        "https://a.test",
    ] {
        assert_eq!(refusal(&hub, &root, url).await, None, "{url}");
    }
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]:80",
        "http://0xa9fea9fe",
        "http://[fe80::1]",
    ] {
        let why = refusal(&hub, &root, url).await;
        assert_eq!(why.as_deref(), Some(LINK_LOCAL), "{url}");
    }
    let hub = Watched::with(|config| {
        config.own.service_hosts = ServiceHosts::parse(["*.svc.test", "10.0.0.0/8"]).unwrap();
    })
    .await;
    let root = admin(&hub).await;
    for url in ["http://10.20.30.40:1", "http://notes.svc.test"] {
        assert_eq!(refusal(&hub, &root, url).await, None, "{url}");
    }
    for url in [
        "http://127.0.0.1:9",
        "http://svc.test",
        "http://x.svc.test.evil.test",
    ] {
        let why = refusal(&hub, &root, url).await;
        assert_eq!(why.as_deref(), Some(ELSEWHERE), "{url}");
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_83_a_stricter_list_takes_routes_away() {
    let hub = Hub::start().await;
    let root = admin(&hub).await;
    for (name, url) in [
        ("stays", "http://10.20.30.40:1"),
        ("goes", "http://192.0.2.1:1"),
    ] {
        let call = hub.call(&root, "POST", &format!("/hub/api/services/{name}"));
        call.json(&json!({"url": url})).send().await.expect(201);
    }
    let hub = hub
        .restart(|config| {
            config.own.service_hosts = ServiceHosts::parse(["10.0.0.0/8"]).unwrap();
        })
        .await;
    hub.state.routes.check().await.unwrap();
    let routes = hub.proxy.0.lock().unwrap();
    assert!(routes.contains_key("/services/stays/"));
    assert!(!routes.contains_key("/services/goes/"));
}
