//! Users of this machine that the hub makes.

use serde_json::json;

use super::accounts::{Accounts, PLAIN, Turn, unique};
use super::hub;
use crate::harness::{Hub, Reply};

async fn add(hub: &Hub, token: &str, names: &[&str]) -> Reply {
    let call = hub.call(token, "POST", "/hub/api/users");
    call.json(&json!({"usernames": names})).send().await
}

/// The tools of the machine do not wait for each other.
async fn turn() -> Turn {
    tokio::task::spawn_blocking(Turn::take).await.unwrap()
}

fn exists(name: &str) -> bool {
    nix::unistd::User::from_name(name).unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn system_users_are_made_for_those_who_are_registered() {
    let mut accounts = Accounts::new();
    let service = accounts.service(PLAIN);
    let (new, refused) = (unique(), unique());
    let uid = 60_000_u64.saturating_sub(u64::from(std::process::id()) % 20_000);
    let makes = hub(&service, |config| {
        config.local_users.create_system_users = true;
        config.local_users.uids.insert(new.clone(), uid);
    })
    .await;
    let root = makes.token("admin", &["inherit"]).await;
    accounts.expect_user(&new);
    {
        let _turn = turn().await;
        add(&makes, &root, &[&new]).await.expect(201);
    }
    let made = nix::unistd::User::from_name(&new).unwrap().unwrap();
    assert_eq!(u64::from(made.uid.as_raw()), uid);
    assert!(made.dir.is_dir(), "{:?}", made.dir);
    // What no tool takes for a name does not reach one.
    for name in ["--help", "$(id)", "zoë"] {
        let reply = add(&makes, &root, &[name]).await.expect(400);
        assert!(reply.body.contains("Failed to create user"), "{reply:?}");
    }
    let makes_none = hub(&service, |_| {}).await;
    let root = makes_none.token("admin", &["inherit"]).await;
    let reply = add(&makes_none, &root, &[&refused]).await.expect(400);
    assert!(reply.body.contains("create_system_users"), "{reply:?}");
    add(&makes_none, &root, &[&new]).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_nobody_is_made_when_one_cannot_be_and_who_is_made_is_registered() {
    let mut accounts = Accounts::new();
    let service = accounts.service(PLAIN);
    let (first, breaks, last) = (unique(), format!("{}-no", unique()), unique());
    let hub = hub(&service, |config| {
        config.local_users.create_system_users = true;
        let script = "case $1 in *-no) echo 'no room' >&2; exit 7;; esac; exec useradd \"$1\"";
        let command = ["/bin/sh", "-c", script, "sh"];
        config.local_users.add_user_cmd = Some(command.map(Into::into).into());
    })
    .await;
    let root = hub.token("admin", &["inherit"]).await;
    accounts.expect_user(&first);
    accounts.expect_user(&last);
    // What can be said against a name is said before anybody is made.
    add(&hub, &root, &[&first, "--help"]).await.expect(400);
    assert!(!exists(&first));
    let _turn = turn().await;
    let reply = add(&hub, &root, &[&first, &breaks, &last])
        .await
        .expect(400);
    let (_, message) = reply.error();
    let message = message.unwrap();
    assert!(
        message.contains("no room") && message.contains(&format!("created before that: {first}")),
        "{message}"
    );
    assert!(exists(&first) && !exists(&last));
    for (name, status) in [(&first, 200), (&breaks, 404), (&last, 404)] {
        let call = hub.call(&root, "GET", &format!("/hub/api/users/{name}"));
        call.send().await.expect(status);
    }
}
