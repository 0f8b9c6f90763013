//! Administrators of a part: they see and do what their scopes reach, by page as by API.

use hub::domain::lifecycle::ServerState;

use super::{confirm, exists, get, listed, post, register, state, with_scopes};

const TEACHER: &[&str] = &[
    "admin-ui",
    "list:users!group=lab",
    "read:users!group=lab",
    "start:servers!group=lab",
    "delete:servers!group=lab",
    "read:servers!group=lab",
];

#[tokio::test]
async fn a_teacher_sees_and_does_what_concerns_the_class() {
    let hub = with_scopes(TEACHER).await;
    register(&hub, &["zoe"]).await;
    let alice = hub.log_in("alice").await;
    let page = get(&hub, &alice, "/hub/admin").await.expect(200);
    assert_eq!(listed(&page), ["bob"]);
    for absent in [
        "Add users",
        "value=\"delete\"",
        "do=delete",
        "admin/shutdown",
        "admin/roles",
        "zoe",
    ] {
        assert!(!page.body.contains(absent), "{absent}: {}", page.body);
    }
    assert_eq!(
        listed(&get(&hub, &alice, "/hub/admin?name_filter=zo").await),
        [""; 0]
    );
    // What they may do.
    confirm(&hub, &alice, "/hub/admin", &[("all", "start")])
        .await
        .expect(302);
    assert_eq!(state(&hub, "bob", "").await, ServerState::Ready);
    assert_eq!(state(&hub, "zoe", "").await, ServerState::Stopped);
    post(
        &hub,
        &alice,
        "/hub/admin",
        &[("action", "stop"), ("user", "bob")],
    )
    .await
    .expect(302);
    assert_eq!(state(&hub, "bob", "").await, ServerState::Stopped);
    // What they may not.
    for (fields, status) in [
        (&[("action", "start"), ("user", "zoe")][..], 404),
        (&[("act", "do=start&user=zoe&server=")], 404),
        (&[("action", "stop"), ("user", "zoe")], 404),
        (
            &[("action", "delete"), ("user", "bob"), ("confirmed", "yes")],
            403,
        ),
        (
            &[
                ("action", "add_to_group"),
                ("user", "zoe"),
                ("group", "lab"),
            ],
            403,
        ),
        (
            &[
                ("action", "remove_from_group"),
                ("user", "bob"),
                ("group", "lab"),
            ],
            403,
        ),
    ] {
        post(&hub, &alice, "/hub/admin", fields)
            .await
            .expect(status);
    }
    assert!(exists(&hub, "bob").await);
    assert_eq!(
        hub.spawner.starts().into_keys().collect::<Vec<_>>(),
        ["bob/"]
    );
    for (path, status) in [
        ("/hub/admin/user?name=zoe", 404),
        ("/hub/admin/add-users", 403),
        ("/hub/admin/roles", 403),
        ("/hub/admin/shutdown", 403),
        ("/hub/admin/groups", 403),
        ("/hub/admin/services", 403),
        ("/hub/admin/user?name=bob", 200),
    ] {
        get(&hub, &alice, path).await.expect(status);
    }
    for (path, fields, status) in [
        (
            "/hub/admin/user?name=bob",
            &[("do", "save"), ("name", "rob")][..],
            403,
        ),
        (
            "/hub/admin/user?name=bob",
            &[("do", "join"), ("group", "lab")],
            403,
        ),
        ("/hub/admin/add-users", &[("names", "kaylee")], 403),
        ("/hub/admin/groups", &[("name", "crew")], 403),
        (
            "/hub/admin/group?name=lab",
            &[("do", "delete"), ("confirmed", "yes")],
            403,
        ),
        (
            "/hub/admin/shutdown",
            &[("servers", "keep"), ("proxy", "keep")],
            403,
        ),
    ] {
        post(&hub, &alice, path, fields).await.expect(status);
    }
    assert!(!hub.state.shutdown.is_cancelled());
}

/// What a server wrote may hold secrets, and what its spawner keeps is for the few.
#[tokio::test]
async fn output_needs_a_scope_of_its_own() {
    for (scope, shown) in [("read:servers", false), ("admin:server_state", true)] {
        let mut scopes = TEACHER.to_vec();
        let scope = format!("{scope}!group=lab");
        scopes.push(&scope);
        let hub = with_scopes(&scopes).await;
        *hub.spawner.output.lock().unwrap() = vec!["token=secret".into()];
        let alice = hub.log_in("alice").await;
        let start = [("act", "do=start&user=bob&server=")];
        post(&hub, &alice, "/hub/admin", &start).await.expect(302);
        assert_eq!(state(&hub, "bob", "").await, ServerState::Ready);
        let page = get(&hub, &alice, "/hub/admin/user?name=bob")
            .await
            .expect(200);
        for secret in ["token=secret", "State of the spawner"] {
            assert_eq!(page.body.contains(secret), shown, "{scope} {secret}");
        }
        assert!(!page.body.contains("for the hub alone"), "{}", page.body);
    }
}

/// A filter answers whether somebody has what it filters by: only who may see that may ask.
#[tokio::test]
async fn nobody_learns_by_a_filter_what_they_may_not_see() {
    let few = &[
        "admin-ui",
        "list:users",
        "read:users:name!group=lab",
        "read:servers",
    ];
    for (scopes, status) in [
        (&few[..], 400),
        (&["admin-ui", "list:users", "read:users!group=lab"], 400),
        (&["admin-ui", "list:users", "read:users"], 200),
        (
            &["admin-ui", "list:users!group=lab", "read:users!group=lab"],
            200,
        ),
    ] {
        let hub = with_scopes(scopes).await;
        let alice = hub.log_in("alice").await;
        get(&hub, &alice, "/hub/admin").await.expect(200);
        for query in ["group=lab", "activity=1d", "sort=-last_activity"] {
            get(&hub, &alice, &format!("/hub/admin?{query}"))
                .await
                .expect(status);
        }
        // Who may list users may see who they are, and that says who is an administrator.
        get(&hub, &alice, "/hub/admin?admin=true").await.expect(200);
    }
}

/// Who runs something is told to those who may see servers, and to nobody by a filter.
#[tokio::test]
async fn nobody_learns_by_a_filter_who_runs_something() {
    for (scopes, status) in [
        (&["admin-ui", "list:users", "read:users"][..], 400),
        (&["admin-ui", "list:users", "read:servers!group=lab"], 400),
        (&["admin-ui", "list:users", "read:servers"], 200),
        (
            &["admin-ui", "list:users!group=lab", "read:servers!group=lab"],
            200,
        ),
    ] {
        let hub = with_scopes(scopes).await;
        let alice = hub.log_in("alice").await;
        let page = get(&hub, &alice, "/hub/admin").await.expect(200);
        let offered = page.body.contains("<select name=\"state\"");
        assert_eq!(offered, status == 200, "{}", page.body);
        for state in ["active", "ready", "inactive"] {
            get(&hub, &alice, &format!("/hub/admin?state={state}"))
                .await
                .expect(status);
        }
    }
}

#[tokio::test]
async fn who_administers_groups_only_comes_to_them() {
    let hub = with_scopes(&["admin-ui", "list:groups!group=lab", "groups!group=lab"]).await;
    let alice = hub.log_in("alice").await;
    let reply = get(&hub, &alice, "/hub/admin").await.expect(302);
    assert_eq!(reply.header("location"), "/hub/admin/groups");
    let groups = get(&hub, &alice, "/hub/admin/groups").await.expect(200);
    assert!(
        groups.body.contains("admin/group?name=lab"),
        "{}",
        groups.body
    );
    assert!(!groups.body.contains("New group"), "{}", groups.body);
    let lab = get(&hub, &alice, "/hub/admin/group?name=lab")
        .await
        .expect(200);
    assert!(lab.body.contains("add-members"), "{}", lab.body);
    assert!(!lab.body.contains("delete-group"), "{}", lab.body);
}

/// Only administrators make administrators, and change them.
#[tokio::test]
async fn who_edits_users_makes_no_administrators() {
    let hub = with_scopes(&["admin-ui", "admin:users"]).await;
    let alice = hub.log_in("alice").await;
    let page = get(&hub, &alice, "/hub/admin/add-users").await.expect(200);
    assert!(!page.body.contains("name=\"admin\""), "{}", page.body);
    let fields = [("names", "zoe"), ("admin", "yes")];
    post(&hub, &alice, "/hub/admin/add-users", &fields)
        .await
        .expect(403);
    assert!(!exists(&hub, "zoe").await);
    let promote = [
        ("do", "save"),
        ("name", "bob"),
        ("has_admin", "yes"),
        ("admin", "yes"),
    ];
    post(&hub, &alice, "/hub/admin/user?name=bob", &promote)
        .await
        .expect(403);
    let rename = [("do", "save"), ("name", "mine")];
    post(&hub, &alice, "/hub/admin/user?name=admin", &rename)
        .await
        .expect(403);
    let delete = [
        ("action", "delete"),
        ("user", "admin"),
        ("confirmed", "yes"),
    ];
    post(&hub, &alice, "/hub/admin", &delete).await.expect(403);
    post(
        &hub,
        &alice,
        "/hub/admin/user?name=bob",
        &[("do", "save"), ("name", "rob")],
    )
    .await
    .expect(302);
    assert!(exists(&hub, "rob").await && exists(&hub, "admin").await);
}
