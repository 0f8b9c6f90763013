//! Cases 51 and 52: whom a caller can reach, and whether anything leads further.

use super::*;

/// Everything that changes or shows one user, group or service, and the collections, with `NAME` to be filled in.
pub(super) const USER_CALLS: &[(&str, &str, &str)] = &[
    ("GET", "/users/NAME", ""),
    ("PATCH", "/users/NAME", r#"{"admin": false}"#),
    ("PATCH", "/users/NAME", r#"{"name": "taken-over"}"#),
    ("POST", "/users/NAME", "{}"),
    ("DELETE", "/users/NAME", ""),
    (
        "POST",
        "/users/NAME/activity",
        r#"{"last_activity": "2026-11-22T03:31:00Z"}"#,
    ),
    ("GET", "/users/NAME/tokens", ""),
    ("POST", "/users/NAME/tokens", "{}"),
    ("DELETE", "/users/NAME/sessions", ""),
    ("POST", "/users/NAME/server", "{}"),
    ("DELETE", "/users/NAME/server", ""),
    ("PUT", "/users/NAME/servers/gpu", "{}"),
    ("GET", "/users/NAME/shared", ""),
    ("POST", "/shares/NAME/", r#"{"user": "alice"}"#),
];
pub(super) const GROUP_CALLS: &[(&str, &str, &str)] = &[
    ("GET", "/groups/NAME", ""),
    ("POST", "/groups/NAME", "{}"),
    ("DELETE", "/groups/NAME", ""),
    ("POST", "/groups/NAME/users", r#"{"users": ["alice"]}"#),
    ("DELETE", "/groups/NAME/users", r#"{"users": ["bob"]}"#),
    ("PUT", "/groups/NAME/properties", r#"{"x": 1}"#),
    ("GET", "/groups/NAME/shared", ""),
];
const WHOLE_HUB: &[(&str, &str, &str)] = &[
    ("POST", "/users", r#"{"usernames": ["eve"]}"#),
    ("POST", "/groups", r#"{"groups": ["eves"]}"#),
    ("GET", "/proxy", ""),
    ("POST", "/proxy", ""),
    ("PATCH", "/proxy", "{}"),
    ("POST", "/shutdown", "{}"),
    ("GET", "/info", ""),
    ("GET", "/services/culler", ""),
    ("POST", "/services/eve", "{}"),
    ("DELETE", "/services/culler", ""),
];

async fn refused(hub: &Hub, token: &str, scope: &str, (method, path, body): (&str, &str, &str)) {
    let before = database(hub).await;
    let call = hub.call(token, method, &format!("/hub/api{path}"));
    let reply = if body.is_empty() {
        call
    } else {
        call.text(body)
    }
    .send()
    .await;
    assert!(
        [403, 404, 405].contains(&reply.status.as_u16()),
        "{scope}: {method} {path}: {reply:?}"
    );
    assert_eq!(
        database(hub).await,
        before,
        "{scope}: {method} {path} changed something"
    );
}

/// Names in a list that the caller gets; none when it gets none.
async fn listed(hub: &Hub, token: &str, path: &str) -> Vec<String> {
    let reply = hub.call(token, "GET", path).send().await;
    if reply.status == 403 {
        return Vec::new();
    }
    let list = reply.expect(200).json();
    let items = list.as_array().cloned().unwrap_or_default();
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn case_51_filtered_scopes_stay_inside_their_filter() {
    let hub = Watched::with(|config| {
        let outside = hub::config::GroupSpec {
            users: vec!["alice".into()],
            ..Default::default()
        };
        config
            .jupyterhub
            .load_groups
            .insert("outside".into(), outside);
        config.authenticator.admin_users.insert("zed".into());
    })
    .await;
    // Of group `lab`, whose only member is bob; of a user; of things that are neither.
    for (scopes, users, groups) in [
        (
            &[
                "admin:users!group=lab",
                "admin:servers!group=lab",
                "tokens!group=lab",
                "admin:groups!group=lab",
                "list:users!group=lab",
            ][..],
            &["bob"][..],
            &["lab"][..],
        ),
        (
            &[
                "admin:users!user=bob",
                "admin:servers!user=bob",
                "tokens!user=bob",
                "list:users!user=bob",
            ],
            &["bob"],
            &[],
        ),
        (&["admin:groups!group=lab"], &[], &["lab"]),
        (
            &[
                "list:groups!group=lab",
                "groups!group=lab",
                "delete:groups!group=nope",
            ],
            &[],
            &["lab"],
        ),
        (
            &[
                "list:users!group=nobody",
                "admin:users!group=nobody",
                "admin:groups!group=nobody",
            ],
            &[],
            &[],
        ),
        (
            &["admin:users!user=nobody", "list:users!user=nobody"],
            &[],
            &[],
        ),
        (
            &[
                "read:servers!server=bob/",
                "delete:servers!server=bob/",
                "access:servers!server=bob/",
            ],
            &[],
            &[],
        ),
        (
            &[
                "read:services!service=whoami",
                "admin:services!service=whoami",
                "list:services!service=whoami",
            ],
            &[],
            &[],
        ),
    ] {
        let token = hub.token("admin", scopes).await;
        let scope = scopes.join(" ");
        assert_eq!(
            listed(&hub, &token, "/hub/api/users").await,
            users,
            "{scope}"
        );
        assert_eq!(
            listed(&hub, &token, "/hub/api/groups").await,
            groups,
            "{scope}"
        );
        for (method, path, body) in USER_CALLS {
            for name in ["alice", "zed"] {
                refused(
                    &hub,
                    &token,
                    &scope,
                    (method, &path.replace("NAME", name), body),
                )
                .await;
            }
        }
        for (method, path, body) in GROUP_CALLS {
            refused(
                &hub,
                &token,
                &scope,
                (method, &path.replace("NAME", "outside"), body),
            )
            .await;
        }
        for (method, path, body) in WHOLE_HUB {
            refused(&hub, &token, &scope, (method, path, body)).await;
        }
    }
    // Inside the filter they work: the table is not refused for another reason.
    let token = hub
        .token("admin", &["admin:users!group=lab", "groups!group=lab"])
        .await;
    hub.call(&token, "PATCH", "/hub/api/users/bob")
        .json(&json!({"admin": false}))
        .send()
        .await
        .expect(200);
    hub.is_well().await;
}

/// Roles of which none is an administrator's.
const ROLES: &[&[&str]] = &[
    &["inherit"],
    &["admin:users"],
    &["users", "list:users"],
    &["admin:groups"],
    &["groups"],
    &["admin:services"],
    &["servers", "admin:servers"],
    &["tokens"],
    &["read:roles", "list:services", "read:services"],
    &["shares", "users:shares", "groups:shares"],
    &[
        "admin:users",
        "admin:groups",
        "admin:services",
        "shares",
        "servers",
        "proxy",
    ],
];

/// The role `admin` for a group, too.
fn bosses() -> hub::config::RoleSpec {
    hub::config::RoleSpec {
        name: "admin".into(),
        groups: Some(vec!["bosses".into()]),
        users: Some(vec!["admin".into()]),
        ..Default::default()
    }
}

#[tokio::test]
async fn case_52_a_narrow_token_makes_no_administrator() {
    let hub = Watched::with(|config| {
        config.jupyterhub.load_roles.push(bosses());
    })
    .await;
    let narrow = hub.token("admin", &["admin:users", "groups"]).await;
    let whole = hub.token("admin", &["inherit"]).await;
    for (method, path, body, done) in [
        ("POST", "/users/eve", r#"{"admin": true}"#, 201),
        (
            "POST",
            "/users",
            r#"{"usernames": ["mallory"], "admin": true}"#,
            201,
        ),
        ("PATCH", "/users/alice", r#"{"admin": true}"#, 200),
        ("POST", "/groups/bosses/users", r#"{"users": ["bob"]}"#, 200),
    ] {
        for (token, status) in [(&narrow, 403), (&whole, done)] {
            let call = hub.call(token, method, &format!("/hub/api{path}"));
            call.text(body).send().await.expect(status);
        }
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_52_self_promotion() {
    for scopes in ROLES {
        let hub = Watched::with(|config| {
            let scopes = scopes.iter().filter(|scope| **scope != "inherit");
            config.jupyterhub.load_roles.push(hub::config::RoleSpec {
                name: "climbers".into(),
                scopes: Some(scopes.map(|scope| scope.parse().unwrap()).collect()),
                users: Some(vec!["alice".into()]),
                ..Default::default()
            });
            config.jupyterhub.load_roles.push(bosses());
        })
        .await;
        let me = hub.token("alice", &["inherit"]).await;
        for (method, path, body) in [
            ("PATCH", "/users/alice", r#"{"admin": true}"#),
            ("PATCH", "/users/bob", r#"{"admin": true}"#),
            ("PATCH", "/users/admin", r#"{"admin": false}"#),
            ("PATCH", "/users/admin", r#"{"name": "nobody"}"#),
            ("DELETE", "/users/admin", ""),
            ("PATCH", "/users/alice", r#"{"name": "admin"}"#),
            ("PATCH", "/users/alice", r#"{"name": "ADMIN "}"#),
            ("POST", "/users/eve", r#"{"admin": true}"#),
            ("POST", "/users", r#"{"usernames": ["eve"], "admin": true}"#),
            ("PATCH", "/users/alice", r#"{"roles": ["admin"]}"#),
            ("PATCH", "/users/alice", r#"{"groups": ["bosses"]}"#),
            ("POST", "/groups/bosses/users", r#"{"users": ["alice"]}"#),
            ("POST", "/groups/bosses/users", r#"{"users": ["bob"]}"#),
            ("POST", "/users/admin/tokens", "{}"),
            ("POST", "/users/alice/tokens", r#"{"roles": ["admin"]}"#),
            (
                "POST",
                "/users/alice/tokens",
                r#"{"scopes": ["admin:users", "tokens", "shutdown"]}"#,
            ),
            ("POST", "/services/mine", r#"{"admin": true}"#),
            (
                "PUT",
                "/roles/climbers",
                r#"{"scopes": ["admin:users", "shutdown"]}"#,
            ),
            (
                "POST",
                "/roles",
                r#"{"name": "mine", "scopes": ["shutdown"]}"#,
            ),
            ("POST", "/shutdown", "{}"),
        ] {
            let call = hub.call(&me, method, &format!("/hub/api{path}"));
            let reply = if body.is_empty() {
                call
            } else {
                call.text(body)
            }
            .send()
            .await;
            let status = reply.status.as_u16();
            assert!(
                [400, 403, 404, 405, 409].contains(&status),
                "{scopes:?}: {method} {path} {body}: {reply:?}"
            );
        }
        let admins = count(&hub, "SELECT COUNT(*) FROM users WHERE admin").await;
        assert_eq!(admins, 1, "{scopes:?}");
        let members = "SELECT COUNT(*) FROM group_members JOIN user_groups ON group_id = user_groups.id WHERE name = 'bosses'";
        assert_eq!(count(&hub, members).await, 0, "{scopes:?}");
        hub.call(&me, "GET", "/hub/api/user")
            .send()
            .await
            .expect(200);
        hub.is_well().await;
    }
}
