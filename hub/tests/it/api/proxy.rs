//! The proxy through the hub: another one takes over.

use serde_json::json;

use crate::harness::Hub;

#[tokio::test]
async fn another_proxy_gets_the_routes_at_once() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let patch = |body: &str| {
        hub.call(&admin, "PATCH", "/hub/api/proxy")
            .text(body)
            .send()
    };
    let body = json!({"api_url": "http://127.0.0.1:7001/", "auth_token": "abc"});
    let reply = patch(&body.to_string()).await.expect(200);
    assert_eq!(reply.body, "");
    let moved = hub.proxy.1.lock().unwrap().clone();
    let [(url, token)] = &moved[..] else {
        panic!("{moved:?}")
    };
    assert_eq!(url.as_deref(), Some("http://127.0.0.1:7001"));
    assert_eq!(token.as_ref().unwrap().expose(), "abc");
    assert!(
        hub.proxy
            .0
            .lock()
            .unwrap()
            .contains_key("/services/whoami/")
    );
    // Nothing to change: a check, as in JupyterHub.
    patch("{}").await.expect(200);
    // Of these JupyterHub's documentation speaks, its code does not.
    patch(r#"{"ip": "127.0.0.1", "port": "8001", "protocol": "http"}"#)
        .await
        .expect(200);
    assert_eq!(hub.proxy.1.lock().unwrap().len(), 1);
    for (body, message) in [
        ("", "need JSON body"),
        ("[1]", "Request body must be JSON dict"),
        ("{", "Invalid JSON in body of request"),
        (r#"{"api_url": 1}"#, "api_url must be a string, not 1"),
        (
            r#"{"api_url": "file:///etc/passwd"}"#,
            "api_url 'file:///etc/passwd' must begin with http:// or https:// and name a host, or with http+unix:// and name a socket; write e.g. http://127.0.0.1:8001",
        ),
    ] {
        assert_eq!(
            patch(body).await.error(),
            (400, Some(message.into())),
            "{body}"
        );
    }
    assert_eq!(hub.proxy.1.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn admin_access_is_a_no_op_where_it_is_allowed() {
    let hub = Hub::with(|config| config.jupyterhub.admin_access = true).await;
    let admin = hub.token("admin", &["inherit"]).await;
    let ask = |user: &str| {
        let path = format!("/hub/api/users/{user}/admin-access");
        hub.call(&admin, "POST", &path).send()
    };
    assert_eq!(ask("alice").await.expect(200).body, "");
    assert_eq!(ask("nobody").await.error(), (404, None));
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let reply = hub
        .call(&admin, "POST", "/hub/api/users/alice/admin-access")
        .send()
        .await;
    let message = "admin access to user servers disabled".to_owned();
    assert_eq!(reply.error(), (403, Some(message)));
}
