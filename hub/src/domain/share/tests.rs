//! Tests.

use hub_types::names::ServerName;
use hub_types::scope::NoMembership;
use proptest::prelude::*;

use hub_types::scope::Catalogue;

use super::*;
use crate::domain::user::Groups;

fn at(user: &str, name: &str) -> ServerRef {
    ServerRef::new(Username::stored(user), ServerName::stored(name))
}

fn scopes(texts: &[&str]) -> Vec<Scope> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn asked(texts: &[&str]) -> SharedScopes {
    SharedScopes::asked(&scopes(texts), &at("alice", "")).unwrap()
}

#[test]
fn ids() {
    assert_eq!(ShareCodeId::parse("sc_12"), Some(ShareCodeId(12)));
    assert_eq!(ShareCodeId(12).to_string(), "sc_12");
    for bad in [
        "",
        "sc_",
        "12",
        "sc_-1",
        "sc_1x",
        "a1",
        "SC_1",
        "sc_99999999999999999999",
    ] {
        assert_eq!(ShareCodeId::parse(bad), None, "{bad}");
    }
}

#[test]
fn only_this_servers_filter() {
    for (texts, expected) in [
        (&[][..], &["access:servers!server=alice/"][..]),
        (&["access:servers"], &["access:servers!server=alice/"]),
        (
            &["servers!server=alice/", "access:servers", "servers"],
            &["access:servers!server=alice/", "servers!server=alice/"],
        ),
        (&["custom:lab:run"], &["custom:lab:run!server=alice/"]),
    ] {
        assert_eq!(asked(texts).texts(&at("alice", "")), expected, "{texts:?}");
    }
    for (bad, message) in [
        (
            "read:servers!server=alice/gpu",
            "!server=alice/gpu not allowed on sharing read:servers!server=alice/gpu, only !server=alice/",
        ),
        (
            "servers!user=alice",
            "!user=alice not allowed on sharing servers!user=alice, only !server=alice/",
        ),
        (
            "servers!server=alice",
            "!server=alice not allowed on sharing servers!server=alice, only !server=alice/",
        ),
        (
            "servers!user",
            "!user not allowed on sharing servers!user, only !server=alice/",
        ),
        (
            "servers!server",
            "!server not allowed on sharing servers!server, only !server=alice/",
        ),
        (
            "servers!group=lab",
            "!group=lab not allowed on sharing servers!group=lab, only !server=alice/",
        ),
    ] {
        let error = SharedScopes::asked(&scopes(&["servers", bad]), &at("alice", ""));
        assert_eq!(error.unwrap_err().to_string(), message);
    }
}

#[test]
fn the_filter_follows_the_server() {
    let shared = asked(&["access:servers", "read:servers!server=alice/"]);
    assert_eq!(
        shared.texts(&at("zoe", "gpu")),
        [
            "access:servers!server=zoe/gpu",
            "read:servers!server=zoe/gpu"
        ]
    );
}

#[test]
fn metascopes_never_come_out_of_the_database() {
    let stored = SharedScopes::stored([
        ScopeName::SelfScope,
        ScopeName::Inherit,
        ScopeName::NoScope,
        ScopeName::ReadServers,
    ]);
    assert_eq!(
        stored.texts(&at("alice", "")),
        ["read:servers!server=alice/"]
    );
}

#[test]
fn revocation() {
    let both = ["access:servers", "read:servers"];
    for (revoked, left) in [
        (&[][..], None),
        (&["access:servers"][..], Some(&["read:servers"][..])),
        (&["access:servers!server=alice/"], Some(&["read:servers"])),
        (&["read:servers", "access:servers!server=alice/"], None),
        // What is not held, and what is held elsewhere, stays.
        (&["admin:servers"], Some(&both)),
        (&["access:servers!server=alice/gpu"], Some(&both)),
        (&["access:servers!server=bob/"], Some(&both)),
        (&["access:servers!user=alice"], Some(&both)),
        (&["access:servers!server"], Some(&both)),
    ] {
        let after = asked(&both).without(&scopes(revoked), &at("alice", ""));
        assert_eq!(after, left.map(asked), "{revoked:?}");
    }
}

#[test]
fn nobody_gives_what_they_do_not_hold() {
    let lab = Groups::new([("lab".to_owned(), ["alice".to_owned()].into())].into());
    for (held, wanted, missing) in [
        (&["shares", "access:servers"][..], &[][..], None),
        (
            &["shares!server=alice/", "access:servers!server=alice/"],
            &[],
            None,
        ),
        (
            &["shares!user=alice", "servers!user=alice"],
            &["servers"],
            None,
        ),
        (
            &["shares!group=lab", "servers!group=lab"],
            &["servers"],
            None,
        ),
        (&["access:servers"], &[], Some("shares!server=alice/")),
        (
            &["shares"],
            &["admin:servers"],
            Some("admin:servers!server=alice/"),
        ),
        (
            &["shares", "servers!server=alice/gpu", "servers!user=bob"],
            &["servers"],
            Some("servers!server=alice/"),
        ),
        (
            &["shares!group=staff", "servers"],
            &["servers"],
            Some("shares!server=alice/"),
        ),
        // A metascope is held by nobody, so nobody can share it.
        (
            &["shares", "access:servers"],
            &["inherit"],
            Some("inherit!server=alice/"),
        ),
        (
            &["shares", "access:servers"],
            &["self"],
            Some("self!server=alice/"),
        ),
    ] {
        let held = ScopeSet::expand(scopes(held), Some("alice"), &Catalogue::builtin());
        let result = asked(wanted).granted_by(&held, &lab, &at("alice", ""));
        let text = result.err().map(|error| error.to_string());
        let expected = missing
            .map(|scope| format!("Do not have permission to grant share with scope {scope}"));
        assert_eq!(text, expected, "{held:?} {wanted:?}");
    }
}

#[test]
fn lives_of_codes() {
    let now = DateTime::UNIX_EPOCH;
    for (asked, seconds) in [
        (None, Some(86_400)),
        (Some(60), Some(60)),
        (Some(31_536_000), Some(31_536_000)),
        (Some(59), None),
        (Some(0), None),
        (Some(-1), None),
        (Some(31_536_001), None),
        (Some(i64::MAX), None),
        (Some(i64::MIN), None),
    ] {
        let expected = seconds.map(|seconds| now + TimeDelta::seconds(seconds));
        assert_eq!(code_expiry(asked, now).ok(), expected, "{asked:?}");
    }
    assert_eq!(
        code_expiry(Some(5), now).unwrap_err().to_string(),
        "expires_in must be between 60 and 31536000 seconds, not 5"
    );
}

proptest! {
    /// Whatever is shared reaches its own server and no other: not the owner's, not one of a similar name.
    #[test]
    fn a_share_reaches_its_own_server_only(
        name in prop::sample::select(ScopeName::ALL),
        user in "[a-c]{1,2}",
        server in "[a-c]{0,2}",
        other_user in "[a-c]{1,2}",
        other_server in "[a-c]{0,2}",
    ) {
        let own = at(&user, &server);
        let shared = SharedScopes::stored([name]);
        let set = ScopeSet::expand(shared.on(&own), Some("recipient"), &Catalogue::builtin());
        let groups = Groups::new([("g".to_owned(), [user.clone(), other_user.clone()].into())].into());
        for held in ScopeName::ALL {
            let mut targets = vec![
                Target::Everything,
                Target::User(&user),
                Target::User("recipient"),
                Target::Group("g"),
                Target::Service("s"),
            ];
            if (&user, &server) != (&other_user, &other_server) {
                targets.push(Target::Server(&other_user, &other_server));
            }
            for target in targets {
                prop_assert!(!set.allows(held, target, &groups), "{} {:?}", held, target);
                prop_assert!(!set.allows(held, target, &NoMembership));
            }
        }
    }
}
