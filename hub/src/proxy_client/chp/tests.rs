use hub_types::names::{ServerName, Username};
use hub_types::paths::BaseUrl;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::json;

use super::*;

proptest! {
    /// The proxy keeps a route under the decoded path; from that we find the routespec again.
    #[test]
    fn routespecs_survive_the_proxy(user in "[^/\u{0}]{1,8}", server in "[a-z0-9é %+~@.-]{0,6}") {
        prop_assume!(!user.trim_matches('.').is_empty());
        let spec = BaseUrl::new("/a%20b/").server(&Username::stored(user), &ServerName::stored(server));
        let path = api_path(&spec);
        let key = percent_decode_str(&path).decode_utf8().unwrap();
        prop_assert_eq!(routespec_of(&key, Keys::Paths), spec);
    }
}

#[test]
fn keys_and_paths() {
    for (key, spec, path) in [
        ("/", "/", "/"),
        ("", "/", "/"),
        ("/user/alice", "/user/alice/", "/user/alice"),
        ("/user/al ice", "/user/al%20ice/", "/user/al%20ice"),
        ("/user/a@b~c", "/user/a@b~c/", "/user/a@b~c"),
        ("/user/100%", "/user/100%25/", "/user/100%25"),
    ] {
        assert_eq!(routespec_of(key, Keys::Paths), spec);
        assert_eq!(api_path(spec), path);
    }
    for (key, spec) in [
        ("/", "/"),
        ("/h.example.org", "h.example.org/"),
        ("/h.example.org/a b", "h.example.org/a%20b/"),
    ] {
        assert_eq!(routespec_of(key, Keys::Hosts), spec);
        assert_eq!(api_path(spec), key.replace(' ', "%20"));
    }
}

#[test]
fn only_routes_with_the_mark_are_ours() {
    let known = |route: Value| ours("/user/a%20b/".into(), route);
    let server = known(
        json!({"user": "a b", "server_name": "", "target": "http://a", "jupyterhub": true,
        "last_activity": "2026-11-22T03:26:01.437Z"}),
    )
    .unwrap();
    let used = server.last_activity.unwrap().to_rfc3339();
    assert_eq!(used, "2026-11-22T03:26:01.437+00:00");
    assert_eq!(
        Value::from(server.route.data.clone()),
        json!({"user": "a b", "server_name": ""})
    );
    assert_eq!(
        Value::from(body(&server.route)),
        json!({"user": "a b", "server_name": "", "target": "http://a", "jupyterhub": true})
    );
    assert_eq!(known(json!({"target": "http://c", "user": "x"})), None);
    for odd in [
        json!(7),
        json!({"target": 7, "jupyterhub": true}),
        json!({}),
    ] {
        assert_eq!(known(odd), None);
    }
    let odd = json!({"target": "http://c", "jupyterhub": true, "last_activity": 7});
    assert_eq!(known(odd).unwrap().last_activity, None);
}
