//! Tokens.

use super::{lines_of, with_strange_bodies};

/// All cases of this kind.
pub(super) fn lines() -> Vec<String> {
    let mut lines = lines_of(TOKENS);
    lines.extend(with_strange_bodies("POST /users/{user}/tokens"));
    for body in BODIES {
        lines.push(format!("POST /users/{{user}}/tokens {body}"));
    }
    lines
}

const TOKENS: &str = r#"
    # which
    GET /users/none/tokens
    user GET /users/none/tokens
    user GET /users/friend/tokens
    user GET /users/{user}/tokens
    nobody GET /users/{user}/tokens
    GET /users/{user}/tokens/
    GET /users/{user}/tokens/a999999
    GET /users/{user}/tokens/a0
    GET /users/{user}/tokens/a-1
    GET /users/{user}/tokens/a
    GET /users/{user}/tokens/1
    GET /users/{user}/tokens/x1
    GET /users/{user}/tokens/a1x
    GET /users/{user}/tokens/a99999999999999999999999
    GET /users/{user}/tokens/%61{token}
    GET /users/friend/tokens/{token_id}
    GET /users/none/tokens/{token_id}
    user GET /users/{user}/tokens/{token_id}
    user GET /users/friend/tokens/{token_id}
    nobody GET /users/{user}/tokens/{token_id}

    # gone
    DELETE /users/{user}/tokens/
    DELETE /users/{user}/tokens/a999999
    DELETE /users/{user}/tokens/x
    DELETE /users/friend/tokens/{token_id}
    DELETE /users/none/tokens/{token_id}
    user DELETE /users/friend/tokens/{token_id}
    nobody DELETE /users/{user}/tokens/{token_id}
    friend DELETE /users/{user}/tokens/{token_id}

    # for whom
    POST /users/none/tokens {}
    user POST /users/none/tokens {}
    user POST /users/friend/tokens {}
    friend POST /users/{user}/tokens {}
    user POST /users/{user}/tokens {}
    user POST /users/{user}/tokens {"note": "mine", "expires_in": 60}
    user POST /users/{user}/tokens {"scopes": ["admin:users"]}
    user POST /users/{user}/tokens {"scopes": ["read:users:name!user=friend"]}
    user POST /users/{user}/tokens {"scopes": ["read:users:name!user={user}"]}
    user POST /users/{user}/tokens {"scopes": ["self"]}
    user POST /users/{user}/tokens {"auth": {"username": "friend", "password": "x"}}

    # by name and password
    nobody POST /users/{user}/tokens {"auth": {"username": "{user}", "password": "x"}}
    nobody POST /users/{user}/tokens {"auth": {"username": "{user}", "password": "x"}, "note": "by password", "scopes": ["read:users!user"]}
    nobody POST /users/{user}/tokens {"auth": {"username": "friend", "password": "x"}}
    nobody POST /users/{user}/tokens {"auth": {"username": "nobody-{user}", "password": "x"}}
    nobody POST /users/nobody-{user}/tokens {"auth": {"username": "nobody-{user}", "password": "x"}}
    nobody POST /users/{user}/tokens {"auth": {"username": "{user}"}}
    nobody POST /users/{user}/tokens {"auth": {}}
    nobody POST /users/{user}/tokens {"auth": "x"}
    nobody POST /users/{user}/tokens {"auth": null}
    nobody POST /users/{user}/tokens {"auth": ["x"]}
    nobody POST /users/{user}/tokens {"username": "{user}", "password": "x"}
    nobody [origin: http://evil.example] POST /users/{user}/tokens {"auth": {"username": "{user}", "password": "x"}}
"#;

const BODIES: &[&str] = &[
    r#"{"expires_in": 1}"#,
    r#"{"expires_in": 60}"#,
    r#"{"expires_in": null}"#,
    r#"{"expires_in": 0}"#,
    r#"{"expires_in": -1}"#,
    r#"{"expires_in": "10"}"#,
    r#"{"expires_in": 1.5}"#,
    r#"{"expires_in": 60.0}"#,
    r#"{"expires_in": true}"#,
    r#"{"expires_in": false}"#,
    r#"{"expires_in": 1e3}"#,
    r#"{"expires_in": 1000000000000000000000000000000}"#,
    r#"{"expires_in": 9223372036854775807}"#,
    r#"{"expires_in": []}"#,
    r#"{"note": ""}"#,
    r#"{"note": null}"#,
    r#"{"note": 1}"#,
    r#"{"note": "two\nlines"}"#,
    r#"{"scopes": []}"#,
    r#"{"scopes": null}"#,
    r#"{"scopes": "self"}"#,
    r#"{"scopes": [1]}"#,
    r#"{"scopes": [null]}"#,
    r#"{"scopes": ["nope"]}"#,
    r#"{"scopes": ["all"]}"#,
    r#"{"scopes": [""]}"#,
    r#"{"scopes": ["self"]}"#,
    r#"{"scopes": ["inherit"]}"#,
    r#"{"scopes": ["(no_scope)"]}"#,
    r#"{"scopes": ["inherit", "self"]}"#,
    r#"{"scopes": ["self", "nope"]}"#,
    r#"{"scopes": ["admin:users"]}"#,
    r#"{"scopes": ["admin:users", "self"]}"#,
    r#"{"scopes": ["read:users"]}"#,
    r#"{"scopes": ["read:users!user"]}"#,
    r#"{"scopes": ["read:users!user={user}"]}"#,
    r#"{"scopes": ["read:users!user=friend"]}"#,
    r#"{"scopes": ["read:users!group={group}"]}"#,
    r#"{"scopes": ["read:users!server={user}/box"]}"#,
    r#"{"scopes": ["servers!server={user}/box"]}"#,
    r#"{"scopes": ["servers!server={user}/"]}"#,
    r#"{"scopes": ["servers!server"]}"#,
    r#"{"scopes": ["access:services!service"]}"#,
    r#"{"scopes": ["access:services!service=web"]}"#,
    r#"{"scopes": ["read:users!planet=x"]}"#,
    r#"{"scopes": ["read:users!"]}"#,
    r#"{"scopes": ["read:users!user="]}"#,
    r#"{"scopes": ["read:users!group"]}"#,
    r#"{"scopes": ["read:users:name!user", "read:users:name!user"]}"#,
    r#"{"scopes": ["read:users:name!user", "read:users:name!user={user}"]}"#,
    r#"{"roles": []}"#,
    r#"{"roles": null}"#,
    r#"{"roles": ["token"]}"#,
    r#"{"roles": ["user"]}"#,
    r#"{"roles": ["server"]}"#,
    r#"{"roles": ["admin"]}"#,
    r#"{"roles": ["nope"]}"#,
    r#"{"roles": "token"}"#,
    r#"{"roles": [1]}"#,
    r#"{"roles": ["token"], "scopes": ["self"]}"#,
    r#"{"roles": [], "scopes": ["self"]}"#,
    r#"{"roles": ["token"], "scopes": []}"#,
    r#"{"unknown": 1}"#,
];
