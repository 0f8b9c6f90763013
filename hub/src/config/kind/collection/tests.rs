use serde_json::json;

use super::*;
use crate::config::kind::testing::read;

#[test]
fn lists() {
    assert_eq!(read::<Texts>(json!(["a"])), Ok(vec!["a".into()]));
    assert_eq!(
        read::<Names>(json!("mal")),
        Err("x must be a list of user names, e.g. [\"mal\", \"zoe\"], not a text".into())
    );
    assert_eq!(
        read::<Names>(json!(["a/b"])),
        Err("x holds 'a/b': name contains '/'".into())
    );
    assert!(read::<Texts>(json!(["a", 1])).is_err());
    assert_eq!(read::<Command>(json!("a b")), Ok(vec!["a b".into()]));
    assert!(read::<Command>(json!([])).is_err());
    assert!(read::<Command>(json!([""])).is_err());
    assert_eq!(read::<OptCommand>(json!([])), Ok(None));
}

#[test]
fn tokens_stay_secret() {
    let tokens = read::<Tokens>(json!({"0123456789abcdef": "mal"})).unwrap();
    assert_eq!(tokens[0].0.expose(), "0123456789abcdef");
    assert_eq!(Tokens::show(&tokens), Some("[secret] of mal".into()));
    assert_eq!(Tokens::show(&Vec::new()), None);
    let long = "x".repeat(65);
    for bad in [
        json!({"sesame": "mal"}),
        json!({long: "mal"}),
        json!({"0123456789abcdef": ""}),
        json!({"0123456789abcdef": 7}),
        json!(["0123456789abcdef"]),
    ] {
        let error = read::<Tokens>(bad).unwrap_err();
        for secret in ["sesame", "0123", "xxxx"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
}

#[test]
fn environments() {
    let read_map = read::<Environment>(json!({"A": 1, "MY_TOKEN": "x"})).unwrap();
    assert_eq!(read_map["A"], "1");
    assert_eq!(
        Environment::show(&read_map),
        Some(json!({"A": "1", "MY_TOKEN": "[secret]"}))
    );
    assert!(read::<Environment>(json!({"A": true})).is_err());
    assert!(read::<Environment>(json!({"A=": "x"})).is_err());
}

#[test]
fn scopes() {
    assert_eq!(
        read::<Scopes>(json!(["self"])).map(|scopes| scopes.len()),
        Ok(1)
    );
    for (scope, hint) in [
        ("read:user", "did you mean read:users?"),
        ("read:usres!group=a", "did you mean read:users!group=a?"),
        ("self!planet=x", "whose filter is not one"),
        ("nonsense", "which is not a scope"),
        ("all", "which is called 'inherit'"),
    ] {
        let error = read::<Scopes>(json!([scope])).unwrap_err();
        assert!(error.contains(hint), "{error}");
    }
}
