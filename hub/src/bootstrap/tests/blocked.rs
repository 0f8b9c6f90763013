//! What somebody who is blocked loses, and what comes back.

use super::*;

/// What is given to a user: being an administrator, roles, groups.
async fn held(hub: &Hub, name: &str) -> (bool, Vec<String>, Vec<String>) {
    let user = hub.user(name).await;
    let granted = db::roles::granted_to_users(hub.db.read(), &[user.id]).await;
    let roles = granted.unwrap().remove(&user.id).unwrap_or_default();
    let groups = groups::names_of_user(hub.db.read(), user.id).await;
    (user.admin, roles, groups.unwrap())
}

fn is(admin: bool, roles: &[&str], groups: &[&str]) -> (bool, Vec<String>, Vec<String>) {
    let all = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    (admin, all(roles), all(groups))
}

/// Source: JupyterHub 6.1's `init_blocked_users`.
#[tokio::test]
async fn who_is_blocked_keeps_nothing_to_act_with() {
    let mut hub = Hub::new().await;
    let crew = GroupSpec {
        users: vec!["zoe".into(), "mal".into()],
        ..GroupSpec::default()
    };
    hub.config.authenticator.admin_users = ["zoe".into(), "mal".into()].into();
    hub.config
        .jupyterhub
        .load_groups
        .insert("crew".into(), crew);
    hub.role(RoleSpec {
        users: names(&["zoe", "mal"]),
        ..role("pilot", &["read:hub"])
    });
    hub.role(role("painter", &["list:users"]));
    hub.start().await.unwrap();
    // More, at run time.
    let zoe = hub.user("zoe").await.id;
    let tx = hub.db.write().await.unwrap();
    let granted = db::roles::grant(&tx, "painter", Holder::User, "zoe", Origin::Api).await;
    assert!(granted.unwrap());
    let wanted = ["band".to_owned(), "crew".to_owned()].into();
    assert!(groups::set_of_user(&tx, zoe, &wanted).await.unwrap());
    tx.commit().await.unwrap();
    let mal = is(true, &["pilot"], &["crew"]);
    let all = is(true, &["painter", "pilot"], &["band", "crew"]);
    assert_eq!(held(&hub, "zoe").await, all);

    hub.config.authenticator.blocked_users.insert("Zoe".into());
    for _ in 0..2 {
        hub.start().await.unwrap();
        assert_eq!(held(&hub, "zoe").await, is(false, &[], &[]));
        assert_eq!(held(&hub, "mal").await, mal, "nobody else is touched");
    }

    // What the configuration gives comes back when it blocks them no more.
    hub.config.authenticator.blocked_users.clear();
    hub.start().await.unwrap();
    assert_eq!(held(&hub, "zoe").await, mal);
}

/// A directory knows people by several names, and the hub may have known them by another before.
#[tokio::test]
async fn every_spelling_of_a_blocked_name_is_blocked() {
    let mut hub = Hub::new().await;
    hub.config.authenticator.admin_users = ["ship\\zoe".into(), "zoe".into()].into();
    hub.start().await.unwrap();
    hub.authenticator = Arc::new(Directory { away: false });
    hub.config.authenticator.admin_users.clear();
    hub.config
        .authenticator
        .blocked_users
        .insert("Ship\\Zoe".into());
    hub.start().await.unwrap();
    for name in ["zoe", "ship\\zoe"] {
        assert!(!hub.is_admin(name).await, "{name}");
    }
}

/// Nobody comes in by the old name any more, but its tokens would go on.
#[tokio::test]
async fn who_had_a_name_before_it_was_mapped_is_blocked_by_it() {
    let mut hub = Hub::new().await;
    hub.config.authenticator.admin_users = ["captain".into(), "mal".into(), "zoe".into()].into();
    hub.start().await.unwrap();
    let auth = &mut hub.config.authenticator;
    auth.admin_users.clear();
    auth.username_map = [("captain".into(), "mal".into())].into();
    auth.blocked_users = ["captain".into()].into();
    hub.start().await.unwrap();
    for (name, admin) in [("captain", false), ("mal", true), ("zoe", true)] {
        assert_eq!(hub.is_admin(name).await, admin, "{name}");
    }
}

/// What the log says of those who are blocked.
async fn remarks(hub: &Hub) -> Vec<String> {
    let tx = hub.db.write().await.unwrap();
    let step = Step {
        config: &hub.config,
        names: Spelling::of(&hub.config, &*hub.authenticator)
            .await
            .unwrap(),
        tx: &tx,
        now: hub.clock.now(),
    };
    step.blocked().await.unwrap()
}

/// Others may log in as the same user, who may be the only administrator.
#[tokio::test]
async fn who_is_only_logged_in_as_by_a_name_that_is_blocked_keeps_everything() {
    let mut hub = Hub::new().await;
    hub.authenticator = Arc::new(Directory { away: false });
    let auth = &mut hub.config.authenticator;
    auth.admin_users = ["root-admin".into()].into();
    hub.start().await.unwrap();
    let token = hub.token("root-admin").await;
    let auth = &mut hub.config.authenticator;
    auth.admin_users.clear();
    auth.username_map = [("admin2".into(), "ship\\root-admin".into())].into();
    for alias in ["admin2", "Ship\\Admin2"] {
        hub.config.authenticator.blocked_users = [alias.into()].into();
        hub.start().await.unwrap();
        assert!(hub.is_admin("root-admin").await, "{alias}");
        assert!(hub.who(&token).await.is_some(), "{alias}");
        let said = remarks(&hub).await;
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("root-admin keeps rights"), "{said:?}");
        let name = alias.to_lowercase();
        assert!(said[0].starts_with(&name), "{said:?}");
    }

    // By the name of the user in any spelling they are locked out.
    for name in ["root-admin", "SHIP\\Root-Admin"] {
        let id = hub.user("root-admin").await.id;
        let tx = hub.db.write().await.unwrap();
        users::set_admin(&tx, id, true).await.unwrap();
        tx.commit().await.unwrap();
        hub.config.authenticator.blocked_users = [name.into()].into();
        let said = remarks(&hub).await;
        let lost = "root-admin is in blocked_users and loses: being an administrator";
        assert_eq!(said, [lost, NO_ADMINISTRATOR], "{name}");
        hub.start().await.unwrap();
        assert!(!hub.is_admin("root-admin").await, "{name}");
        assert!(hub.who(&token).await.is_none(), "{name}");
    }
}

/// A token that the configuration gives to whoever has the name, and one of the user.
#[tokio::test]
async fn a_configured_token_of_a_name_that_is_blocked_does_not_work() {
    let mut hub = Hub::new().await;
    let auth = &mut hub.config.authenticator;
    auth.username_map = [("alice".into(), "lab".into())].into();
    auth.blocked_users = ["alice".into()].into();
    let secret = |name: &str| Token::from_config(format!("{name}-secret-123456"));
    hub.config.jupyterhub.api_tokens = ["alice", "lab"]
        .map(|name| (secret(name), name.to_owned()))
        .into();
    hub.start().await.unwrap();
    assert!(hub.who(&secret("alice")).await.is_none());
    assert!(hub.who(&secret("lab")).await.is_some());
}
