//! A server that gets another name, and the spawner that is told of it first. Source: JupyterHub 6's `Spawner.rename`.

use serde_json::json;

use crate::harness::Hub;

#[tokio::test]
async fn a_spawner_hears_of_a_new_name_and_may_refuse_it() {
    let hub = Hub::with(|config| config.jupyterhub.allow_named_servers = true).await;
    let token = hub.token("alice", &["inherit"]).await;
    let call = |method, name: &str| {
        let path = format!("/hub/api/users/alice/servers/{name}");
        hub.call(&token, method, &path)
    };
    let rename = async |from: &str, to: &str| {
        let body = json!({"name": to, "display_name": "Anew"});
        call("PATCH", from).json(&body).send().await
    };
    for name in ["gpu", "cpu"] {
        call("PUT", name).send().await.expect(201);
    }
    for status in [400, 409] {
        let refused = rename("gpu", &format!("no-{status}")).await;
        let why = "The volume of alice/gpu cannot be renamed";
        assert_eq!(refused.error(), (status, Some(why.to_owned())));
    }
    // Of a name that is taken the spawner does not hear.
    rename("gpu", "cpu").await.expect(409);
    assert!(hub.spawner.renamed.lock().unwrap().is_empty());
    let model = call("GET", "gpu").send().await.expect(200).json();
    assert_ne!(model["display_name"], "Anew", "nothing else was changed");

    rename("gpu", "tpu").await.expect(200);
    let told = ("alice/gpu".to_owned(), "alice/tpu".to_owned());
    assert_eq!(*hub.spawner.renamed.lock().unwrap(), [told]);
    call("GET", "tpu").send().await.expect(200);
    call("GET", "gpu").send().await.expect(404);
    // What people call it is none of the spawner's business.
    let body = json!({"display_name": "Again"});
    call("PATCH", "tpu").json(&body).send().await.expect(200);
    assert_eq!(hub.spawner.renamed.lock().unwrap().len(), 1);
}
