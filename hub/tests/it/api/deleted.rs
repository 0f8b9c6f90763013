//! Users who are deleted while something goes on: spawners that take long, servers that are started meanwhile.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use hub::db::{ServerChange, last_activity, servers, users};
use hub::domain::lifecycle::ServerState;
use hub::domain::server::{Server, ServerRef};
use hub_types::clock::Clock as _;
use hub_types::names::{ServerName, Username};
use hub_types::time;

use crate::harness::{Behaviour, Hub, Reply};
use crate::scene::eventually;

/// Somebody who waits for a task of this process reads so often meanwhile: it has got as far as it can.
const LOOKS: usize = 20;

const ALICE: &str = "/hub/api/users/alice";

/// A hub, an administrator's token, and alice with a server that has stopped.
async fn scene() -> (Hub, String) {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    start(&hub, &admin, "server").await.expect(201);
    let stop = hub.call(&admin, "DELETE", &format!("{ALICE}/server"));
    stop.send().await.expect(204);
    (hub, admin)
}

async fn start(hub: &Hub, admin: &str, path: &str) -> Reply {
    let call = hub.call(admin, "POST", &format!("{ALICE}/{path}"));
    call.send().await
}

/// `DELETE`, if alice was not active after `since`.
async fn delete(hub: &Hub, admin: &str, since: Option<DateTime<Utc>>) -> Reply {
    let mut call = hub.call(admin, "DELETE", ALICE);
    if let Some(since) = since {
        call = call.header("x-jupyterhub-if-inactive-since", &time::format(since));
    }
    call.send().await
}

async fn row(hub: &Hub, name: &str) -> Option<Server> {
    let at = ServerRef::new(Username::stored("alice"), ServerName::stored(name));
    servers::find(hub.state.db.read(), &at).await.unwrap()
}

async fn exists(hub: &Hub, name: &str) -> bool {
    let user = users::find(hub.state.db.read(), name).await.unwrap();
    user.is_some()
}

/// Until the spawner does away with what it keeps of this server.
async fn removes(hub: &Hub, server: &str) {
    eventually(server, || async {
        let deleted = hub.spawner.deleted.lock().unwrap();
        deleted.iter().any(|name| name == server).then_some(())
    })
    .await;
}

/// Until all others have come to where they wait for something.
async fn others_wait(hub: &Hub) {
    for _ in 0..LOOKS {
        exists(hub, "alice").await;
        tokio::task::yield_now().await;
    }
}

/// Lets time pass, and nothing else.
async fn pass(hub: &Hub, seconds: u64) {
    tokio::time::pause();
    // While something blocks, time does not run ahead by itself.
    let (blocks, blocked) = std::sync::mpsc::channel::<()>();
    let blocking = tokio::task::spawn_blocking(move || blocked.recv());
    for _ in 0..seconds {
        tokio::time::advance(Duration::from_secs(1)).await;
        others_wait(hub).await;
    }
    drop(blocks);
    assert!(blocking.await.unwrap().is_err());
    tokio::time::resume();
}

#[tokio::test]
async fn a_spawner_that_takes_long_is_waited_for() {
    let (hub, admin) = scene().await;
    hub.spawner.hold("alice/");
    let slowly = async {
        removes(&hub, "alice/").await;
        pass(&hub, 30).await;
        hub.spawner.let_go("alice/");
    };
    let (reply, ()) = tokio::join!(delete(&hub, &admin, None), slowly);
    reply.expect(204);
    assert!(!exists(&hub, "alice").await);
}

#[tokio::test]
async fn what_is_still_removed_after_more_than_a_minute_is_not_called_a_stop() {
    let (hub, admin) = scene().await;
    hub.spawner.hold("alice/");
    hub.spawner.hold("alice/gpu");
    let meanwhile = async {
        removes(&hub, "alice/").await;
        start(&hub, &admin, "servers/gpu").await.expect(201);
        hub.spawner.let_go("alice/");
        eventually("the one that was started is removed, too", || async {
            let gpu = row(&hub, "gpu").await?;
            (gpu.state == ServerState::Removing).then_some(())
        })
        .await;
        pass(&hub, 75).await;
    };
    let (reply, ()) = tokio::join!(delete(&hub, &admin, None), meanwhile);
    let text = "alice is not deleted yet: what is left of the servers is still being removed. Please try again in a minute.";
    assert_eq!(reply.error(), (400, Some(text.to_owned())));
    // Whoever tries again gets there.
    hub.spawner.let_go("alice/gpu");
    delete(&hub, &admin, None).await.expect(204);
}

/// Between the last look at the user and the first step of the removal.
#[tokio::test]
async fn a_server_that_starts_at_the_last_moment_saves_its_owner() {
    let (hub, admin) = scene().await;
    let since = hub.clock.now();
    let server = row(&hub, "").await.unwrap();
    hub.clock.advance(TimeDelta::minutes(5));
    // Nobody else writes.
    let tx = hub.state.db.write().await.unwrap();
    let comes_back = async {
        others_wait(&hub).await;
        let starts = ServerChange {
            state: Some(ServerState::Spawning),
            last_activity: Some(hub.clock.now()),
            ..ServerChange::default()
        };
        let step = servers::step(&tx, server.id, server.epoch, &starts).await;
        assert!(step.unwrap().is_some());
        tx.commit().await.unwrap();
    };
    let (reply, ()) = tokio::join!(delete(&hub, &admin, Some(since)), comes_back);
    let text = "alice was active in the meantime";
    assert_eq!(reply.error(), (412, Some(text.to_owned())));
    assert_eq!(
        row(&hub, "").await.unwrap().state,
        ServerState::Spawning,
        "it is left alone"
    );
    assert_eq!(hub.spawner.deleted.lock().unwrap().len(), 0);
}

/// The same for somebody who has no server.
#[tokio::test]
async fn a_use_at_the_last_moment_saves_a_user_without_servers() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let since = hub.clock.now();
    let alice = users::find(hub.state.db.read(), "alice").await.unwrap();
    hub.clock.advance(TimeDelta::minutes(5));
    let tx = hub.state.db.write().await.unwrap();
    let comes_back = async {
        others_wait(&hub).await;
        let used = [(alice.unwrap().id, hub.clock.now())];
        last_activity::of_users(&tx, &used).await.unwrap();
        tx.commit().await.unwrap();
    };
    let (reply, ()) = tokio::join!(delete(&hub, &admin, Some(since)), comes_back);
    reply.expect(412);
    assert!(exists(&hub, "alice").await);
}

#[tokio::test]
async fn who_starts_a_server_while_others_are_removed_is_not_deleted_for_inactivity() {
    let (hub, admin) = scene().await;
    let since = hub.clock.now();
    hub.clock.advance(TimeDelta::minutes(5));
    hub.spawner.hold("alice/");
    let comes_back = async {
        removes(&hub, "alice/").await;
        start(&hub, &admin, "servers/gpu").await.expect(201);
        hub.spawner.let_go("alice/");
    };
    let (reply, ()) = tokio::join!(delete(&hub, &admin, Some(since)), comes_back);
    reply.expect(412);
    assert_eq!(row(&hub, "gpu").await.unwrap().state, ServerState::Ready);
    assert_eq!(*hub.spawner.deleted.lock().unwrap(), ["alice/"]);
}

/// Alice is deleted, and while her server is removed another one is started. Nothing of either is left for who gets the
/// name next.
async fn deleted_while_one_starts(behaviour: Behaviour, answer: u16) {
    let (hub, admin) = scene().await;
    hub.spawner.hold("alice/");
    let starts = async {
        removes(&hub, "alice/").await;
        hub.spawner.next(behaviour);
        start(&hub, &admin, "servers/gpu").await.expect(answer);
        hub.spawner.let_go("alice/");
    };
    let (reply, ()) = tokio::join!(delete(&hub, &admin, None), starts);
    reply.expect(204);
    assert_eq!(
        *hub.spawner.deleted.lock().unwrap(),
        ["alice/", "alice/gpu"]
    );
    assert_eq!(hub.spawner.running(), 0);
    assert!(!exists(&hub, "alice").await);
}

#[tokio::test]
async fn what_is_started_while_others_are_removed_is_removed_as_well() {
    deleted_while_one_starts(Behaviour::Answers, 201).await;
}

#[tokio::test]
async fn what_could_not_start_while_others_are_removed_is_removed_as_well() {
    deleted_while_one_starts(Behaviour::Fails("no image".into()), 500).await;
}

#[tokio::test]
async fn who_starts_servers_again_and_again_is_not_deleted() {
    let (hub, admin) = scene().await;
    hub.spawner.next(Behaviour::Fails("no image".into()));
    hub.spawner.hold("alice/");
    let starts = async {
        let mut before = String::new();
        for next in ["one", "two", "three"] {
            removes(&hub, &format!("alice/{before}")).await;
            hub.spawner.hold(&format!("alice/{next}"));
            let path = format!("servers/{next}");
            start(&hub, &admin, &path).await.expect(500);
            hub.spawner.let_go(&format!("alice/{before}"));
            before = next.to_owned();
        }
    };
    let (reply, ()) = tokio::join!(delete(&hub, &admin, None), starts);
    let text = "alice is not deleted: whenever all servers were removed, another one had been started. Please try again.";
    assert_eq!(reply.error(), (400, Some(text.to_owned())));
    assert_eq!(
        *hub.spawner.deleted.lock().unwrap(),
        ["alice/", "alice/one", "alice/two"]
    );
    hub.spawner.let_go("alice/three");
    delete(&hub, &admin, None).await.expect(204);
}

/// A server that takes long to stop holds up the deletion; the other one has stopped, which nobody takes for a use.
#[tokio::test]
async fn who_tries_again_does_so_on_the_same_condition() {
    let (hub, admin) = scene().await;
    for path in ["server", "servers/gpu"] {
        start(&hub, &admin, path).await.expect(201);
    }
    let since = hub.clock.now();
    hub.clock.advance(TimeDelta::minutes(5));
    hub.spawner.hold("alice/gpu");
    let slowly = async {
        eventually("one has stopped", || async {
            let server = row(&hub, "").await?;
            (server.state == ServerState::Stopped).then_some(())
        })
        .await;
        pass(&hub, 12).await;
    };
    let (reply, ()) = tokio::join!(delete(&hub, &admin, Some(since)), slowly);
    let text = "alice's server is in the process of stopping, please wait.";
    assert_eq!(reply.error(), (400, Some(text.to_owned())));
    hub.spawner.let_go("alice/gpu");
    delete(&hub, &admin, Some(since)).await.expect(204);
}
