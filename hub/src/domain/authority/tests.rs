//! Facts recorded from JupyterHub 6.1's own tests (`test_scopes.py`, `test_roles.py`): what roles and tokens come to.

use std::collections::BTreeMap;

use chrono::DateTime;
use hub_types::names::{ServerName, ServiceName, Username};
use hub_types::scope::CustomScope;

use super::*;
use crate::domain::role::builtin_roles;
use crate::domain::token::ServiceId;
use crate::domain::user::UserId;

fn scopes(texts: &[&str]) -> Vec<Scope> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn catalogue() -> Arc<Catalogue> {
    let scope = |subscopes: &[&str]| CustomScope {
        description: "in words".to_owned(),
        subscopes: subscopes.iter().map(ToString::to_string).collect(),
    };
    let defined = BTreeMap::from([
        ("custom:parent".to_owned(), scope(&["custom:child"])),
        ("custom:child".to_owned(), scope(&["custom:parent"])),
    ]);
    Arc::new(Catalogue::with_custom(&defined).unwrap())
}

/// Somebody whose roles have these scopes. Groups: `x` = alice; `z` = bob.
fn authority(owner: Owner, roles: &[&str]) -> Authority {
    let catalogue = catalogue();
    let held = Arc::new(expand(scopes(roles), bearer(&owner, &catalogue)));
    let members = [("x", "alice"), ("z", "bob")];
    let groups = members.map(|(group, user)| (group.to_owned(), [user.to_owned()].into()));
    Authority {
        owner,
        held,
        groups: Arc::new(Groups::new(groups.into())),
        catalogue,
    }
}

fn alice(roles: &[&str]) -> Authority {
    let user = User {
        id: UserId(1),
        name: Username::stored("alice"),
        admin: false,
        created: DateTime::UNIX_EPOCH,
        last_activity: None,
        user_info: None,
    };
    authority(Owner::User(user), roles)
}

fn service(roles: &[&str]) -> Authority {
    let owner = Owner::Service {
        id: ServiceId(1),
        name: ServiceName::stored("culler"),
        admin: false,
    };
    authority(owner, roles)
}

fn texts(all: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.sort();
    all
}

#[test]
fn roles_expanded() {
    for (roles, expected) in [
        (
            &["admin:users"][..],
            &[
                "admin:users",
                "admin:auth_state",
                "users",
                "delete:users",
                "list:users",
                "read:users",
                "users:activity",
                "read:users:name",
                "read:users:groups",
                "read:roles:users",
                "read:users:activity",
            ][..],
        ),
        (&["read:servers"], &["read:servers", "read:users:name"]),
        (
            &["admin:groups", "read:servers"],
            &[
                "admin:groups",
                "groups",
                "delete:groups",
                "list:groups",
                "read:groups",
                "read:roles:groups",
                "read:groups:name",
                "read:servers",
                "read:users:name",
            ],
        ),
        (
            &["tokens!group=hobbits"],
            &["tokens!group=hobbits", "read:tokens!group=hobbits"],
        ),
        (
            &["admin:services"],
            &[
                "read:roles:services",
                "read:services:name",
                "admin:services",
                "list:services",
                "read:services",
            ],
        ),
        (
            &["users:activity!user"],
            &[
                "read:users:activity!user=alice",
                "users:activity!user=alice",
            ],
        ),
        (
            &["users:activity!user=otheruser", "read:users:activity"],
            &["users:activity!user=otheruser", "read:users:activity"],
        ),
        (
            &["access:services", "access:services!service=x"],
            &["access:services"],
        ),
        // A service or a server that is not there stands for nothing.
        (&["access:services!service", "access:servers!server"], &[]),
        // A server has no name, groups or activity of a user.
        (&["read:users!server=alice/"], &[]),
        (&["inherit", "(no_scope)"], &["(no_scope)"]),
        // Even round in a circle, with the filter.
        (
            &["custom:parent!user"],
            &["custom:parent!user=alice", "custom:child!user=alice"],
        ),
        (&["custom:gone"], &[]),
    ] {
        assert_eq!(alice(roles).held.to_strings(), texts(expected), "{roles:?}");
    }
    assert!(service(&["self"]).held.is_empty());
    assert_eq!(
        service(&["read:services:name!service"]).held.to_strings(),
        ["read:services:name!service=culler"]
    );
}

/// `test_resolve_token_permissions`: roles of the user, scopes of the token, what is left (beside who the user is).
#[test]
fn tokens_within_their_owner() {
    let y = [
        "read:users!user=y",
        "read:users:name!user=y",
        "read:users:groups!user=y",
        "read:users:activity!user=y",
    ];
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (
            &["users:activity"],
            &["users:activity"],
            &["users:activity", "read:users:activity"],
        ),
        (
            &["read:users:activity"],
            &["read:users:activity!user"],
            &["read:users:activity!user=alice"],
        ),
        (
            &["read:users:activity"],
            &["read:users:activity!user=otheruser"],
            &["read:users:activity!user=otheruser"],
        ),
        (
            &["read:users:activity!user"],
            &["read:users:activity"],
            &["read:users:activity!user=alice"],
        ),
        (
            &["read:users:activity!user"],
            &["read:users:activity!user=otheruser"],
            &[],
        ),
        (
            &["users!user=x"],
            &["read:users:name"],
            &["read:users:name!user=x"],
        ),
        (
            &["users!user=x", "users!user=y"],
            &["read:users:name!user=x"],
            &["read:users:name!user=x"],
        ),
        (&["users!group=y"], &["users!user=x"], &[]),
        (&["servers!user=y"], &["servers!server=x"], &[]),
        (
            &["users!group=z", "users!user=y"],
            &["read:users:name!group=z", "read:users!user=y"],
            &["read:users:name!group=z", y[0], y[1], y[2], y[3]],
        ),
        (
            &["users!group=z", "users!user=y"],
            &["read:users:name!group=w", "read:users!user=y"],
            &y,
        ),
        (
            &["custom:parent!user"],
            &["custom:parent"],
            &["custom:parent!user=alice", "custom:child!user=alice"],
        ),
    ];
    for (roles, token, expected) in cases {
        let got = alice(roles).token(&scopes(token), None).to_strings();
        assert_eq!(got, texts(expected), "{roles:?} {token:?}");
    }
}

#[test]
fn every_token_tells_whose_it_is_and_inherit_is_all() {
    let me = alice(&["self"]);
    let nothing = ["read:users:groups!user=alice", "read:users:name!user=alice"];
    assert_eq!(me.token(&[], None).to_strings(), nothing);
    assert_eq!(
        me.token(&scopes(&["(no_scope)"]), None).to_strings(),
        nothing
    );
    assert!(Arc::ptr_eq(
        &me.token(&scopes(&["inherit"]), None),
        &me.held
    ));
    // Who may not even read their own name has no token that could.
    assert!(alice(&["read:hub"]).token(&[], None).is_empty());
    let culler = service(&["list:services"]);
    assert_eq!(
        culler.token(&[], None).to_strings(),
        ["read:services:name!service=culler"]
    );
}

/// `test_user_filter_expansion`: all of `self` written out with bare filters is `self`.
#[test]
fn self_written_out() {
    let me = alice(&["self"]);
    let bare: Vec<Scope> = me
        .held
        .iter()
        .map(|scope| Scope::own(scope.name, FilterKind::User))
        .collect();
    assert_eq!(me.token(&bare, None), me.held);
    assert_eq!(me.token(&scopes(&["self"]), None), me.held);
}

/// `test_server_token_role`: the role `server` in the hands of a server.
#[test]
fn a_server_reports_activity_and_lets_its_owner_in() {
    let role = builtin_roles()
        .into_iter()
        .find(|role| role.name == "server")
        .unwrap();
    let me = alice(&["self"]);
    let at = ServerRef::new(Username::stored("alice"), ServerName::stored("gpu"));
    assert_eq!(
        me.token(&role.scopes, Some(&at)).to_strings(),
        [
            "access:servers!server=alice/gpu",
            "read:users:activity!user=alice",
            "read:users:groups!user=alice",
            "read:users:name!user=alice",
            "users:activity!user=alice",
        ]
    );
}

/// `test_get_new_token_via_api`: who may ask for what.
#[test]
fn what_goes_beyond_the_owner() {
    let me = alice(&["self", "groups"]);
    for (asked, beyond) in [
        (&["read:users!user"][..], &[][..]),
        (&["inherit"], &[]),
        (&["read:groups"], &[]),
        (&["servers!server=alice/gpu"], &[]),
        // A bare filter that stands for nothing asks for nothing.
        (&["access:servers!server"], &[]),
        (&["read:hub"], &["read:hub"]),
        (
            &["read:users!user=other"],
            &[
                "read:users!user=other",
                "read:users:activity!user=other",
                "read:users:groups!user=other",
                "read:users:name!user=other",
            ],
        ),
        (
            &["read:users"],
            &[
                "read:users",
                "read:users:activity",
                "read:users:groups",
                "read:users:name",
            ],
        ),
        (&["custom:child"], &["custom:child", "custom:parent"]),
    ] {
        let mut got = me.beyond(&scopes(asked), &me.held);
        got.sort();
        assert_eq!(got, texts(beyond), "{asked:?}");
    }
    // By a group that the owner is in.
    let leader = alice(&["users!group=x"]);
    assert!(
        leader
            .beyond(&scopes(&["users!user"]), &leader.held)
            .is_empty()
    );
    assert!(
        !leader
            .beyond(&scopes(&["users!user=bob"]), &leader.held)
            .is_empty()
    );
}

#[test]
fn only_a_token_that_names_its_server_needs_it() {
    let token = |texts: &[&str]| ApiToken {
        id: crate::domain::token::TokenId(1),
        owner: TokenOwner::User(UserId(1)),
        server_id: None,
        client_id: None,
        session_id: None,
        scopes: scopes(texts),
        note: String::new(),
        created: DateTime::UNIX_EPOCH,
        expires: None,
        last_activity: None,
    };
    assert!(wants_server(&token(&["self", "access:servers!server"])));
    assert!(!wants_server(&token(&[
        "access:servers!server=alice/",
        "self"
    ])));
}
