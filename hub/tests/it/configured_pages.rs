//! What an administrator may change of the pages and of the ways to them.

use std::time::Duration;

use hub_types::names::ServerName;

use crate::harness::Hub;

#[tokio::test]
async fn a_logo_templates_and_variables_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("lab.svg");
    std::fs::write(&logo, "<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    let page =
        "{% extends \"templates/login.html\" %}{% block title %}Ours {{ super() }}{% endblock %}";
    std::fs::write(folder.path().join("login.html"), page).unwrap();
    let hub = Hub::with(|config| {
        let hub = &mut config.jupyterhub;
        hub.logo_file = Some(logo);
        hub.template_paths = vec![folder.path().to_owned()];
        hub.template_vars
            .insert("site_name".into(), "Physics".into());
    })
    .await;
    let login = hub.request("GET", "/hub/login").send().await.expect(200);
    assert!(
        login.body.contains("<title>Ours Sign in · Physics"),
        "{}",
        login.body
    );
    assert!(login.body.contains("src=\"/hub/logo\""), "{}", login.body);
    let logo = hub.request("GET", "/hub/logo").send().await.expect(200);
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert!(logo.body.starts_with("<svg"));
}

#[tokio::test]
async fn links_without_a_name_lead_to_the_server_of_the_configuration() {
    for (named, expected) in [
        (true, "spawn/alice/lab?next=%2Fuser%2Falice%2Flab%2Fx"),
        (false, "spawn/alice?next="),
    ] {
        let hub = Hub::with(|config| {
            config.jupyterhub.allow_named_servers = named;
            config.jupyterhub.default_server_name = ServerName::stored("lab");
        })
        .await;
        let alice = hub.log_in("alice").await;
        let reply = hub
            .request("GET", "/hub/user-redirect/x")
            .browser(&alice)
            .send()
            .await
            .expect(302);
        let location = reply.header("location");
        assert!(location.contains(expected), "{location}");
    }
}

#[tokio::test]
async fn a_stopped_server_may_answer_as_of_old_and_start_by_itself() {
    let hub = Hub::with(|config| {
        config.jupyterhub.legacy_stopped_status = true;
        config.jupyterhub.implicit_spawn = Duration::from_millis(2_500);
    })
    .await;
    let alice = hub.log_in("alice").await;
    let page = hub
        .request("GET", "/hub/user/alice/")
        .browser(&alice)
        .send()
        .await
        .expect(503);
    assert!(
        page.body.contains("data-start-after=\"3\""),
        "{}",
        page.body
    );
    hub.request("GET", "/hub/user/alice/api/contents")
        .browser(&alice)
        .send()
        .await
        .expect(503);
}
