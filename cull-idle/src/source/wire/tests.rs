use serde_json::json;

use super::*;

fn modern() -> Era {
    Era::new(6, 1)
}

fn ancient() -> Era {
    Era::new(0, 8)
}

fn server_of(model: &Value) -> ServerFacts {
    let user = user(&json!({"name": "a", "servers": {"": model}}), modern()).unwrap();
    user.servers.unwrap().remove(0)
}

#[test]
fn eras() {
    for (version, filters, lists) in [
        ("6.1.1", true, true),
        ("1.3.0", true, true),
        ("1.3.0.dev", true, true),
        ("2", true, true),
        ("1.2.2", false, true),
        ("0.9.0b2", false, true),
        ("0.8.1", false, false),
    ] {
        let era = Era::of(&json!({"version": version})).unwrap();
        assert_eq!(era.knows_state_filter(), filters, "{version}");
        assert_eq!(era.always_lists_servers(), lists, "{version}");
    }
    for junk in [
        json!({}),
        json!({"version": "latest"}),
        json!({"version": 6}),
        json!([]),
    ] {
        assert_eq!(Era::of(&junk), None, "{junk}");
    }
}

#[test]
fn a_modern_user() {
    let facts = user(
        &json!({
            "kind": "user", "name": "alice", "admin": false, "created": "2026-11-20T08:00:00Z",
            "last_activity": "2026-11-22T03:30:07.624000Z",
            "servers": {
                "": {"name": "", "ready": true, "stopped": false, "pending": null, "url": "/user/alice/",
                     "started": "2026-11-22T03:00:00Z", "last_activity": null},
                "gpu": {"name": "gpu", "ready": false, "stopped": false, "pending": "spawn", "url": "/user/alice/gpu/"}
            }
        }),
        modern(),
    )
    .unwrap();
    assert_eq!(facts.admin, Some(false));
    let servers = facts.servers.unwrap();
    assert_eq!(servers[0].state, State::Ready);
    assert_eq!(servers[0].last_activity, Stamp::Never);
    assert!(servers[0].started.time().is_some());
    assert_eq!(servers[1].state, State::Pending("spawn".into()));
    assert_eq!(servers[1].started, Stamp::Missing);
}

#[test]
fn states() {
    for (model, expected) in [
        (json!({"ready": true}), State::Ready),
        (
            json!({"ready": true, "pending": "stop"}),
            State::Pending("stop".into()),
        ),
        (
            json!({"ready": true, "pending": 7}),
            State::Pending("something".into()),
        ),
        (json!({"ready": true, "pending": ""}), State::Ready),
        (json!({"ready": "yes"}), State::NotReady),
        (json!({"ready": null, "url": "/user/a/"}), State::NotReady),
        (json!({"url": "/user/a/"}), State::Ready),
        (json!({"url": null}), State::NotReady),
        (json!({"ready": false, "stopped": true}), State::Stopped),
        (json!({}), State::NotReady),
        (json!("junk"), State::NotReady),
    ] {
        assert_eq!(server_of(&model).state, expected, "{model}");
    }
}

#[test]
fn timestamps() {
    let at = |text: &str| hub_types::time::parse(text).unwrap();
    for (value, expected) in [
        (
            json!("2026-11-22T03:30:07Z"),
            Stamp::At(at("2026-11-22T03:30:07Z")),
        ),
        (
            json!("2026-11-22T03:30:07.5"),
            Stamp::At(at("2026-11-22T03:30:07.5Z")),
        ),
        (
            json!("2026-11-22T03:30:07+01:00"),
            Stamp::At(at("2026-11-22T02:30:07Z")),
        ),
        (json!(null), Stamp::Never),
        (json!("junk"), Stamp::Unreadable("junk".into())),
        (json!(""), Stamp::Unreadable(String::new())),
        (json!(1_700_000_000), Stamp::Unreadable("1700000000".into())),
        (
            json!("0001-01-01T00:00:00Z"),
            Stamp::Unreadable("0001-01-01T00:00:00Z".into()),
        ),
        (
            json!("1970-01-01T00:00:00Z"),
            Stamp::Unreadable("1970-01-01T00:00:00Z".into()),
        ),
        (json!(["a"]), Stamp::Unreadable("[\\\"a\\\"]".into())),
    ] {
        assert_eq!(
            server_of(&json!({"ready": true, "last_activity": value})).last_activity,
            expected,
            "{value}"
        );
    }
}

#[test]
fn servers_that_may_not_be_read_are_not_no_servers() {
    let blind = user(&json!({"name": "a", "server": null}), modern()).unwrap();
    assert_eq!(blind.servers, None);
    let junk = user(&json!({"name": "a", "servers": []}), modern()).unwrap();
    assert_eq!(junk.servers, None);
    let none = user(&json!({"name": "a", "servers": {}}), modern()).unwrap();
    assert_eq!(none.servers, Some(Vec::new()));
}

#[test]
fn hubs_before_0_9_have_one_server_in_the_user() {
    let facts = |server: Value, pending: Value| {
        let user = user(
            &json!({"name": "a", "server": server, "pending": pending, "last_activity": "2017-05-01T10:00:00.123"}),
            ancient(),
        );
        user.unwrap().servers.unwrap()
    };
    let running = facts(json!("/user/a/"), json!(null));
    assert_eq!(running[0].state, State::Ready);
    assert!(running[0].last_activity.time().is_some());
    assert_eq!(facts(json!(null), json!(null)), []);
    assert_eq!(
        facts(json!(null), json!("spawn"))[0].state,
        State::Pending("spawn".into())
    );
    let unknown = user(&json!({"name": "a"}), ancient()).unwrap();
    assert_eq!(unknown.servers, None);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for bad in [
        json!({}),
        json!({"name": ""}),
        json!({"name": 7}),
        json!(null),
        json!("alice"),
    ] {
        assert_eq!(user(&bad, modern()), Err(BadUser::NoName), "{bad}");
    }
    for bad in [".", ".."] {
        assert_eq!(
            user(&json!({"name": bad}), modern()),
            Err(BadUser::Dots(bad.into()))
        );
    }
    let dotted = user(
        &json!({"name": "a", "servers": {"..": {"ready": true}}}),
        modern(),
    )
    .unwrap();
    assert_eq!(dotted.servers.unwrap()[0].state, State::NotReady);
}

#[test]
fn groups_profiles_and_notices() {
    let groups = |value: Value| {
        let user = user(
            &json!({"name": "a", "groups": value, "servers": {}}),
            modern(),
        );
        user.unwrap().groups
    };
    assert_eq!(
        groups(json!(["x", "y"])),
        Some(vec!["x".into(), "y".into()])
    );
    assert_eq!(groups(json!([])), Some(Vec::new()));
    for junk in [json!(null), json!("x"), json!(["x", 1])] {
        assert_eq!(groups(junk.clone()), None, "{junk}");
    }
    let named = |name: &str| Profile::Named(name.into());
    for (model, expected) in [
        (json!({}), Profile::Unknown),
        (json!({"user_options": {}}), Profile::None),
        (json!({"user_options": null}), Profile::None),
        (
            json!({"user_options": {"profile": "large"}}),
            named("large"),
        ),
        (json!({"user_options": {"profile": null}}), Profile::None),
        (json!({"user_options": {"profile": 7}}), Profile::Unknown),
        (json!({"user_options": 7}), Profile::Unknown),
        (
            json!({"user_options": {"profile": "a"}, "state": {"profile_name": "b"}}),
            named("b"),
        ),
        (
            json!({"user_options": {"profile": "a"}, "state": {"pid": 1}}),
            named("a"),
        ),
        (json!({"state": {"profile_name": "b"}}), named("b")),
    ] {
        assert_eq!(server_of(&model).profile, expected, "{model}");
    }
    let at = hub_types::time::parse("2026-11-22T03:30:07Z");
    for (notice, expected) in [
        (
            json!({"stop_at": "2026-11-22T03:30:07Z", "reason": "idle"}),
            at,
        ),
        (json!({"stop_at": "soon"}), None),
        (json!({}), None),
        (json!("x"), None),
        (json!(null), None),
    ] {
        assert_eq!(
            server_of(&json!({"stop_notice": notice})).notice,
            expected,
            "{notice}"
        );
    }
}
