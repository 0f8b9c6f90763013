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
    for (name, admin) in [("captain", false), ("mal", false), ("zoe", true)] {
        assert_eq!(hub.is_admin(name).await, admin, "{name}");
    }
}
