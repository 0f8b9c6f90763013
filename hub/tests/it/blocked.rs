//! Users who are blocked while they have servers, share codes and orders under way.

use std::sync::Arc;
use std::time::Duration;

use hub::bootstrap;
use hub::config::Config;
use hub::db::{tokens, users};
use hub::domain::principal::Owner;
use hub::domain::token::TokenOwner;
use hub::spawner::manager::HubProcess;
use hub::tasks;
use hub::tasks::blocked::stop_servers;
use hub_types::clock::Clock as _;
use hub_types::names::Username;

use crate::api::sharing::{accept, code, look};
use crate::harness::{Behaviour, Hub};

/// For a hub on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// What the hub does with its database at SIGHUP when its file blocks somebody.
async fn block(hub: &Hub, name: &str) -> Config {
    let state = &hub.state;
    let mut config = Config::clone(&state.login.rules().now().config);
    config.authenticator.blocked_users.insert(name.to_owned());
    let (authenticator, now) = (&*state.authenticator, state.clock.now());
    bootstrap::sync(&config, authenticator, &state.db, &state.identities, now)
        .await
        .unwrap();
    config
}

/// Puts the rules in force, and does what follows.
async fn reload(hub: &Hub, config: Config) {
    hub.state.login.rules().replace(Arc::new(config));
    stop_servers(hub.state.clone()).await;
    hub.state.manager.idle().await;
}

/// Asks for a server (`server`, `servers/gpu`) of a user.
async fn start(hub: &Hub, user: &str, server: &str) -> u16 {
    let token = hub.token(user, &["inherit"]).await;
    let path = format!("/hub/api/users/{user}/{server}");
    let start = hub.call(&token, "POST", &path).text("{}");
    start.send().await.status.as_u16()
}

/// Alice's two servers and bob's.
async fn three_servers(hub: &Hub) {
    for (user, server) in [
        ("alice", "server"),
        ("alice", "servers/gpu"),
        ("bob", "server"),
    ] {
        assert_eq!(start(hub, user, server).await, 201);
    }
    assert_eq!(hub.spawner.running(), 3);
}

/// Whose servers have routes.
fn routes(hub: &Hub) -> Vec<String> {
    let routes = hub.proxy.0.lock().unwrap();
    let servers = routes.keys().filter(|path| path.starts_with("/user/"));
    servers.cloned().collect()
}

/// Source: JupyterHub 6.1's `init_spawners`.
#[tokio::test]
async fn servers_of_who_is_blocked_stop_and_no_others() {
    let hub = Hub::start().await;
    three_servers(&hub).await;
    let config = block(&hub, "Alice").await;
    reload(&hub, config).await;
    assert_eq!(hub.spawner.running(), 1);
    assert_eq!(routes(&hub), ["/user/bob/"]);

    // What was left by a hub that has ended, at the start of the next.
    let hub = Hub::start().await;
    three_servers(&hub).await;
    let hub = hub
        .restart(|config| {
            config.authenticator.blocked_users.insert("alice".into());
        })
        .await;
    hub.state.manager.adopt_all().await.unwrap();
    assert_eq!(hub.spawner.running(), 3);
    stop_servers(hub.state.clone()).await;
    hub.state.manager.idle().await;
    assert_eq!(hub.spawner.running(), 1);
}

#[tokio::test]
async fn a_start_that_is_under_way_ends_when_its_owner_is_blocked() {
    let hub = Hub::with(|config| {
        config.jupyterhub.tornado_settings.slow_spawn_timeout = Duration::ZERO;
    })
    .await;
    hub.spawner.next(Behaviour::Hangs);
    assert_eq!(start(&hub, "alice", "server").await, 202);
    let config = block(&hub, "alice").await;
    reload(&hub, config).await;
    assert_eq!(hub.spawner.running(), 0);
}

/// What was asked for while its owner was being blocked comes too late, whoever asks; and what came through is ended when all
/// servers are looked at.
#[tokio::test]
async fn what_is_on_its_way_does_not_outlive_the_block() {
    let hub = Hub::start().await;
    let root = hub.token("admin", &["inherit"]).await;
    let config = block(&hub, "alice").await;
    // Not yet known to be blocked.
    let path = "/hub/api/users/alice/server";
    let early = hub.call(&root, "POST", path).send().await;
    early.expect(201);
    hub.state.login.rules().replace(Arc::new(config));
    assert_eq!(hub.spawner.running(), 1);
    let context = tasks::Context {
        state: hub.state.clone(),
        hub: HubProcess::of_this().unwrap(),
        proxy: None,
    };
    tasks::poll_servers(&context).await.unwrap();
    hub.state.manager.idle().await;
    assert_eq!(hub.spawner.running(), 0);
    for path in [path, "/hub/api/users/alice/tokens"] {
        let late = hub.call(&root, "POST", path).text("{}").send().await;
        let (_, why) = late.expect(403).error();
        assert!(why.unwrap().starts_with("alice is blocked"));
    }
    assert_eq!(hub.spawner.running(), 0);
}

/// Somebody asks for a token again and again while the hub reads that they are blocked: none is left.
#[tokio::test]
async fn a_token_that_is_asked_for_during_the_block_is_not_made_after_it() {
    let hub = Hub::start().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let rules = hub.state.login.rules().clone();
    let changing = rules.changing().await;
    let call = hub.call(&alice, "POST", "/hub/api/users/alice/tokens");
    let mut request = std::pin::pin!(call.text("{}").send());
    // It has come as far as it comes before the change is over.
    let waits = tokio::time::timeout(Duration::from_millis(300), &mut request).await;
    assert!(waits.is_err(), "it waits for the change: {waits:?}");
    let config = block(&hub, "alice").await;
    rules.replace(Arc::new(config));
    drop(changing);
    let reply = request.await;
    assert!([401, 403].contains(&reply.status.as_u16()), "{reply:?}");
    let user = users::find(hub.state.db.read(), "alice").await.unwrap();
    let owner = TokenOwner::User(user.unwrap().id);
    let left = tokens::count(hub.state.db.read(), owner, hub.clock.now()).await;
    assert_eq!(left.unwrap(), 0);
}

/// Every user may share what is their own, also one who is blocked.
#[tokio::test]
async fn invitations_of_who_is_blocked_are_worth_nothing() {
    let hub = crate::api::sharing::hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let (_, code) = code(&hub, &alice, "alice/", &["access:servers"]).await;
    let bob = hub.log_in("bob").await;
    look(&hub, &bob, &code).await.expect(200);
    block(&hub, "alice").await;
    look(&hub, &bob, &code).await.expect(404);
    accept(&hub, &bob, &code).await.expect(400);
}

/// An order of an administrator goes on without their browser, but not when they are blocked: whether this hub has read that
/// itself, or another one that has the same database.
#[tokio::test]
async fn an_order_ends_when_who_gave_it_is_blocked() {
    for here in [true, false] {
        let hub = Hub::start().await;
        let names: Vec<String> = (0..70).map(|n| format!("student-{n:02}")).collect();
        let tx = hub.state.db.write().await.unwrap();
        for name in &names {
            let name = Username::stored(name);
            users::insert(&tx, &name, false, hub.clock.now())
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        let giver = users::find(hub.state.db.read(), "admin").await.unwrap();
        let giver = Owner::User(giver.unwrap());
        let admin = hub.log_in("admin").await;
        // Nothing can be written for a while: the order waits.
        let tx = hub.state.db.write().await.unwrap();
        let mut order = vec![("action", "start"), ("_xsrf", admin.xsrf.as_str())];
        order.extend(names.iter().map(|name| ("user", name.as_str())));
        let call = hub.request("POST", "/hub/admin").browser(&admin);
        call.form(&order).send().await.expect(302);
        let errand = hub.state.errands.under_way(&giver).remove(0);
        let blocking = async {
            let config = block(&hub, "admin").await;
            if here {
                hub.state.login.rules().replace(Arc::new(config));
            }
        };
        let going_on = async { drop(tx) };
        tokio::join!(blocking, going_on);
        let report = errand.wait(LONG).await;
        assert!(report.ended.is_some(), "{report:?}");
        // Sixteen at a time: those that waited for the writer, and those that were looked at before the block was written.
        let done = report.done;
        assert!((16..=32).contains(&done), "{report:?}");
        assert_eq!(done + report.refused.len(), 70, "{report:?}");
        if here {
            let why = &report.refused[0];
            assert_eq!((why.status, why.why.contains("blocked")), (403, true));
        }
        hub.state.manager.idle().await;
        assert_eq!(hub.spawner.running(), done);
    }
}
