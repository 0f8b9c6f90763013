use hub_types::paths::BaseUrl;
use proptest::prelude::*;
use url::Url;

use super::*;

fn spec(value: Value) -> ServiceSpec {
    serde_json::from_value(value).unwrap()
}

fn errors(value: Value) -> String {
    let errors = spec(value).validate().unwrap_err();
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn hub() -> HubAddress {
    HubAddress::local("http://127.0.0.1:8081/hub/api", BaseUrl::default())
}

#[test]
fn defaults_are_jupyterhubs() {
    let read = spec(json!({"name": "x", "url": "", "command": "", "user": ""}));
    assert_eq!(read, ServiceSpec::new("x"));
    assert!(read.display && read.timeout == 30 && !read.is_managed() && !read.has_oauth());
    assert_eq!(read.client_id(), "service-x");
    assert_eq!(read.redirect_uri("/services/x/oauth_callback"), "");
}

#[test]
fn every_field_is_read_and_shown_without_secrets() {
    let value = json!({
        "name": "x", "admin": true, "url": "http://127.0.0.1:1", "oauth_client_allowed_scopes": ["read:users!user"],
        "api_token": "a-long-secret", "info": {"k": 1}, "display": false, "timeout": 5, "oauth_no_confirm": true,
        "command": ["run", "--fast"], "cwd": "/srv", "environment": {"KEY": "a-long-secret"}, "user": "www",
        "oauth_client_id": "service-y", "oauth_redirect_uri": "https://x.example/cb", "cookie_auth": true,
    });
    let read = spec(value.clone());
    assert_eq!(read.validate().unwrap()[0].key, "admin");
    let nowhere = ServiceSpec {
        url: None,
        ..read.clone()
    };
    assert_eq!(nowhere.validate().unwrap_err()[0].key, "cookie_auth");
    assert_eq!(
        (read.client_id(), read.redirect_uri("/d")),
        ("service-y".into(), "https://x.example/cb".into())
    );
    let shown = Value::Object(read.shown());
    assert!(
        !shown.to_string().contains("a-long-secret")
            && !format!("{:?}", read.api_token).contains("a-long")
    );
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&shown), keys(&value));
    assert_eq!(
        Value::Object(ServiceSpec::new("x").shown()),
        json!({"name": "x"})
    );
}

#[test]
fn a_command_may_be_one_text() {
    assert_eq!(
        spec(json!({"name": "x", "command": "run"})).command,
        ["run"]
    );
    assert!(serde_json::from_value::<ServiceSpec>(json!({"name": "x", "command": 3})).is_err());
}

#[test]
fn unknown_keys_and_scopes_are_errors() {
    for (value, expected) in [
        (json!({"name": "x", "comand": []}), "unknown field `comand`"),
        (json!({}), "missing field `name`"),
        (
            json!({"name": "x", "oauth_client_allowed_scopes": ["read:user"]}),
            "Scope 'read:user' does not exist",
        ),
    ] {
        let error = serde_json::from_value::<ServiceSpec>(value)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn mistakes_name_service_and_key() {
    for (extra, expected) in [
        (
            json!({"name": "a/b"}),
            "service \"a/b\": name: name contains '/'",
        ),
        (json!({"name": "%2e%2e"}), "service \"%2e%2e\": name: "),
        (json!({"name": ".."}), "name: name consists of dots only"),
        (json!({"name": ""}), "name: name is empty"),
        (json!({"url": "127.0.0.1:80"}), "service \"x\": url: "),
        (
            json!({"url": "ftp://h"}),
            "url: \"ftp://h\" must start with http:// or https://",
        ),
        (
            json!({"url": "http://u:p@h"}),
            "url: must not contain a user name",
        ),
        (
            json!({"url": "http://h/?q"}),
            "url: \"http://h/?q\" must not have a query",
        ),
        (json!({"url": "http://h:0"}), "url: port 0 asks the hub"),
        (json!({"oauth_roles": ["user"]}), "oauth_roles: was removed"),
        (
            json!({"api_token": "short"}),
            "api_token: must have 8 to 64 characters, not 5",
        ),
        (json!({"timeout": 0}), "timeout: must be at least 1"),
        (
            json!({"oauth_client_id": "x"}),
            "oauth_client_id: must start with 'service-'",
        ),
        (
            json!({"oauth_redirect_uri": "cb"}),
            "oauth_redirect_uri: \"cb\" is neither",
        ),
        (json!({"command": [""]}), "command: its first element"),
        (
            json!({"cwd": "/"}),
            "cwd: only means something with a command",
        ),
        (
            json!({"user": "www"}),
            "user: only means something with a command",
        ),
        (
            json!({"command": "run", "environment": {"A=B": "s"}}),
            "environment: \"A=B\" cannot be a variable",
        ),
    ] {
        let mut value = json!({"name": "x"});
        value
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let errors = errors(value);
        assert!(errors.contains(expected), "{errors}");
    }
}

#[test]
fn two_services_cannot_be_one() {
    let specs = [
        spec(json!({"name": "a"})),
        spec(json!({"name": "a"})),
        spec(json!({"name": "b", "oauth_client_id": "service-a"})),
    ];
    let errors = validate_all(&specs).unwrap_err();
    assert_eq!(
        errors.iter().map(|e| e.key).collect::<Vec<_>>(),
        ["name", "oauth_client_id"]
    );
    let warnings = validate_all(&specs[..1]).unwrap();
    assert_eq!(warnings[0].key, "api_token");
}

#[test]
fn an_open_port_is_chosen_once() {
    let managed = |url: &str| spec(json!({"name": "x", "command": "run", "url": url}));
    for text in [
        "http://127.0.0.1:0",
        "http://127.0.0.1:0/",
        "http://localhost:0/path",
    ] {
        let chosen = managed(text).listen_url(None).unwrap().unwrap();
        let port = Url::parse(&chosen).unwrap().port().unwrap();
        assert_ne!(port, 0);
        assert_eq!(chosen, text.replace(":0", &format!(":{port}")));
        assert_eq!(
            managed(text).listen_url(Some(&chosen)).unwrap(),
            Some(chosen.clone())
        );
    }
    let fixed = managed("http://127.0.0.1:10101");
    assert_eq!(
        fixed
            .listen_url(Some("http://127.0.0.1:9"))
            .unwrap()
            .as_deref(),
        Some("http://127.0.0.1:10101")
    );
    assert_eq!(ServiceSpec::new("x").listen_url(None).unwrap(), None);
}

#[test]
fn the_fingerprint_changes_with_what_runs_only() {
    let base = spec(json!({"name": "x", "command": "run", "info": {"a": 1}}));
    let same = [
        json!({"info": {"b": 2}}),
        json!({"display": false}),
        json!({"timeout": 9}),
    ];
    let other = [
        json!({"command": "walk"}),
        json!({"cwd": "/"}),
        json!({"user": "www"}),
        json!({"environment": {"A": "1"}}),
        json!({"url": "http://127.0.0.1:1"}),
        json!({"api_token": "a-new-token"}),
    ];
    let with = |extra: &Value| {
        let mut value = json!({"name": "x", "command": "run"});
        value
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        spec(value).fingerprint(&hub())
    };
    for extra in &same {
        assert_eq!(with(extra), base.fingerprint(&hub()), "{extra}");
    }
    for extra in &other {
        assert_ne!(with(extra), base.fingerprint(&hub()), "{extra}");
    }
    let moved = HubAddress::local("http://127.0.0.1:9/hub/api", BaseUrl::default());
    assert_ne!(base.fingerprint(&moved), base.fingerprint(&hub()));
}

proptest! {
    #[test]
    fn any_valid_name_is_one_path_segment(name in "\\PC{0,12}") {
        let spec = ServiceSpec { api_token: Some(Token::generate()), ..ServiceSpec::new(&name) };
        if spec.validate().is_ok() {
            let path = BaseUrl::default().service(&spec.service_name());
            prop_assert_eq!(path.clone(), format!("/services/{name}/"));
            let url = Url::parse("http://h").unwrap().join(&path).unwrap();
            prop_assert_eq!(url.path(), path);
        }
    }
}
