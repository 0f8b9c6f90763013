//! A server that gets another name, and the spawner that is told of it first. Source: JupyterHub 6's `Spawner.rename`.

use std::time::{Duration, Instant};

use hub::bus::Event;
use hub::config::DbUrl;
use hub::domain::server::ServerRef;
use hub::spawner::manager::RENAMING;
use hub_types::names::{ServerName, Username};
use serde_json::json;

use crate::harness::{Call, Hub, Reply};

/// How long something that is to happen at once may take on a machine that has a lot to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A hub with alice's server `gpu`, and a token of hers.
async fn with_gpu() -> (Hub, String) {
    let hub = Hub::start().await;
    let token = hub.token("alice", &["inherit"]).await;
    call(&hub, &token, "PUT", "gpu").send().await.expect(201);
    (hub, token)
}

fn call<'a>(hub: &'a Hub, token: &str, method: &str, name: &str) -> Call<'a> {
    hub.call(
        token,
        method,
        &format!("/hub/api/users/alice/servers/{name}"),
    )
}

async fn rename(hub: &Hub, token: &str, to: &str) -> Reply {
    let body = json!({ "name": to });
    call(hub, token, "PATCH", "gpu").json(&body).send().await
}

/// Waits until the spawner is told of a new name.
async fn told(hub: &Hub) {
    let begin = Instant::now();
    while hub.spawner.renamed.lock().unwrap().is_empty() {
        assert!(begin.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
}

/// What the spawner was told, without the owner.
fn moves(hub: &Hub) -> Vec<String> {
    let renamed = hub.spawner.renamed.lock().unwrap();
    let names = renamed.iter().map(|(old, new)| format!("{old} {new}"));
    names.map(|names| names.replace("alice/", "")).collect()
}

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

#[tokio::test]
async fn what_went_wrong_with_a_new_name_is_for_the_log() {
    let (hub, token) = with_gpu().await;
    let refused = rename(&hub, &token, "fails").await;
    let text = "The server could not be renamed and keeps its name; the hub's log says why.";
    assert_eq!(refused.error(), (500, Some(text.to_owned())));
    call(&hub, &token, "GET", "gpu").send().await.expect(200);
}

#[tokio::test]
async fn what_a_spawner_does_not_move_in_time_it_takes_back() {
    let (hub, token) = with_gpu().await;
    hub.spawner.hold("alice/gpu");
    let begin = Instant::now();
    let refused = rename(&hub, &token, "tpu").await;
    let text = "The server could not be renamed and keeps its name; the hub's log says why.";
    assert_eq!(refused.error(), (500, Some(text.to_owned())));
    assert!(begin.elapsed() >= RENAMING);
    assert_eq!(moves(&hub), ["gpu tpu", "tpu gpu"]);
    call(&hub, &token, "GET", "gpu").send().await.expect(200);
    // Both names are free again.
    call(&hub, &token, "PUT", "tpu").send().await.expect(201);
    call(&hub, &token, "POST", "gpu").send().await.expect(201);
}

/// A spawner that takes its time holds up nobody who wants something else; whoever wants one of both names comes after it.
#[tokio::test]
async fn only_what_is_about_its_names_waits_for_a_server_that_gets_another() {
    let (hub, token) = with_gpu().await;
    hub.spawner.hold("alice/gpu");
    let others = async {
        told(&hub).await;
        let remove = json!({"remove": true});
        let removed = call(&hub, &token, "DELETE", "gpu").json(&remove);
        let elsewhere = async {
            for name in ["cpu", "npu"] {
                call(&hub, &token, "PUT", name).send().await.expect(201);
            }
            hub.spawner.let_go("alice/gpu");
        };
        let made = call(&hub, &token, "PUT", "tpu");
        let (removed, made, ()) = tokio::join!(removed.send(), made.send(), elsewhere);
        (removed.status.as_u16(), made.status.as_u16())
    };
    let (renamed, others) = tokio::join!(rename(&hub, &token, "tpu"), others);
    renamed.expect(200);
    assert_eq!(others, (404, 409));
    assert_eq!(moves(&hub), ["gpu tpu"]);
    assert_eq!(*hub.spawner.deleted.lock().unwrap(), [""; 0]);
}

/// Only hubs of other processes do not wait: what they change comes first.
#[tokio::test]
async fn what_another_hub_does_meanwhile_stops_a_new_name() {
    for (method, name, why) in [
        (
            "PATCH",
            "gpu",
            "The server was changed in the meantime; try again.",
        ),
        ("PUT", "tpu", "User alice already has server 'tpu'"),
    ] {
        let (hub, token) = with_gpu().await;
        let other = hub.beside().await;
        hub.spawner.hold("alice/gpu");
        let others = async {
            told(&hub).await;
            let body = json!({"display_name": "Other"});
            let changed = call(&other, &token, method, name).json(&body).send().await;
            assert!(changed.status.is_success(), "{changed:?}");
            hub.spawner.let_go("alice/gpu");
        };
        let (refused, ()) = tokio::join!(rename(&hub, &token, "tpu"), others);
        assert_eq!(refused.error(), (409, Some(why.to_owned())));
        assert_eq!(moves(&hub), ["gpu tpu", "tpu gpu"]);
        call(&hub, &token, "GET", "gpu").send().await.expect(200);
    }
}

/// The database goes away while the new name is committed: what is kept of the server stays where its row is.
#[tokio::test]
async fn after_a_commit_of_which_no_end_was_heard_the_row_says_which_name_it_is() {
    let (hub, token) = with_gpu().await;
    let DbUrl::Sqlite(file) = hub.database.url().clone() else {
        return;
    };
    let away = file.with_extension("away");
    hub.spawner.hold("alice/gpu");
    let outage = async {
        told(&hub).await;
        let mut events = hub.state.bus.listen();
        let before = hub.state.db.write().await.unwrap();
        hub.spawner.let_go("alice/gpu");
        // Until it waits for its turn to write.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        std::fs::rename(&file, &away).unwrap();
        drop(before);
        while events.recv().await.unwrap() != Event::Identities {}
        std::fs::rename(&away, &file).unwrap();
    };
    let (renamed, ()) = tokio::join!(rename(&hub, &token, "tpu"), outage);
    renamed.expect(200);
    assert_eq!(moves(&hub), ["gpu tpu"]);
    let tpu = ServerRef::new(Username::stored("alice"), ServerName::stored("tpu"));
    let row = hub::db::servers::find(hub.state.db.read(), &tpu).await;
    assert!(row.unwrap().is_some());
}
