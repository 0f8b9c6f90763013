//! Shares and share codes.

use super::{lines_of, with_strange_bodies};

/// All cases of this kind.
pub(super) fn lines() -> Vec<String> {
    let mut lines = lines_of(SHARES);
    for operation in [
        "POST /shares/{user}/box",
        "PATCH /shares/{user}/box",
        "POST /share-codes/{user}/box",
    ] {
        lines.extend(with_strange_bodies(operation));
    }
    for body in BODIES {
        lines.push(format!("POST /shares/{{user}}/box {body}"));
        lines.push(format!("PATCH /shares/{{user}}/box {body}"));
    }
    for body in CODES {
        lines.push(format!("POST /share-codes/{{user}}/box {body}"));
    }
    lines
}

const SHARES: &str = r#"
    # which
    GET /shares/none
    GET /shares/none/box
    GET /shares/{user}
    GET /shares/{user}/
    GET /shares/{user}/none
    GET /shares/friend
    user GET /shares/{user}
    user GET /shares/friend
    user GET /shares/none
    nobody GET /shares/{user}
    GET /share-codes/none
    GET /share-codes/none/box
    GET /share-codes/{user}/none
    user GET /share-codes/{user}
    user GET /share-codes/friend
    nobody GET /share-codes/{user}
    GET /users/none/shared
    GET /users/{user}/shared/none/box
    GET /users/{user}/shared/owner/none
    GET /users/{user}/shared/owner/
    GET /users/none/shared/owner/box
    user GET /users/{user}/shared
    user GET /users/friend/shared
    nobody GET /users/{user}/shared
    GET /groups/none/shared
    GET /groups/{group}/shared/owner/none
    GET /groups/none/shared/owner/box
    user GET /groups/{group}/shared
    friend GET /users/friend/shared?limit=2
    friend GET /users/friend/shared/{user}/box

    # given and taken
    POST /shares/{user} {"user": "guest"}
    POST /shares/{user}/ {"user": "guest"}
    POST /shares/{user}/none {"user": "guest"}
    POST /shares/none/box {"user": "guest"}
    user POST /shares/{user}/box {"user": "guest"}
    nobody POST /shares/{user}/box {"user": "guest"}
    PATCH /shares/{user} {"user": "guest"}
    PATCH /shares/{user}/none {"user": "guest"}
    DELETE /shares/{user}
    DELETE /shares/{user}/none
    DELETE /shares/none/box
    user DELETE /shares/{user}/box
    DELETE /users/{user}/shared/owner/box
    DELETE /users/{user}/shared/none/box
    DELETE /users/none/shared/owner/box
    DELETE /groups/{group}/shared/owner/box
    DELETE /groups/none/shared/owner/box
    user DELETE /users/{user}/shared/owner/box
    user DELETE /users/friend/shared/owner/box

    # codes
    POST /share-codes/{user} {}
    POST /share-codes/{user}/none {}
    POST /share-codes/none/box {}
    user POST /share-codes/{user}/box {}
    nobody POST /share-codes/{user}/box {}
    DELETE /share-codes/{user}
    DELETE /share-codes/{user}/none
    DELETE /share-codes/{user}/box
    DELETE /share-codes/{user}/box?code=none
    DELETE /share-codes/{user}/box?id=sc_999999
    DELETE /share-codes/{user}/box?id=none
    DELETE /share-codes/{user}/box?id=
    user DELETE /share-codes/{user}/box
"#;

const BODIES: &[&str] = &[
    r#"{"user": "guest"}"#,
    r#"{"group": "everybody"}"#,
    r#"{"user": "GUEST"}"#,
    r#"{"user": "none"}"#,
    r#"{"group": "none"}"#,
    r#"{"user": "{user}"}"#,
    r#"{"user": ""}"#,
    r#"{"user": null}"#,
    r#"{"user": 1}"#,
    r#"{"user": "guest", "group": "everybody"}"#,
    r#"{"user": "guest", "group": null}"#,
    r#"{"user": "guest", "more": 1}"#,
    r#"{"user": "guest", "scopes": []}"#,
    r#"{"user": "guest", "scopes": null}"#,
    r#"{"user": "guest", "scopes": "access:servers"}"#,
    r#"{"user": "guest", "scopes": [1]}"#,
    r#"{"user": "guest", "scopes": ["nope"]}"#,
    r#"{"user": "guest", "scopes": ["access:servers"]}"#,
    r#"{"user": "guest", "scopes": ["access:servers!server"]}"#,
    r#"{"user": "guest", "scopes": ["access:servers!server={user}/box"]}"#,
    r#"{"user": "guest", "scopes": ["access:servers!server={user}/other"]}"#,
    r#"{"user": "guest", "scopes": ["access:servers!user={user}"]}"#,
    r#"{"user": "guest", "scopes": ["access:servers", "read:servers"]}"#,
    r#"{"user": "guest", "scopes": ["read:users"]}"#,
    r#"{"user": "guest", "scopes": ["admin:users"]}"#,
    r#"{"user": "guest", "scopes": ["self"]}"#,
];

const CODES: &[&str] = &[
    r#"{"expires_in": 60}"#,
    r#"{"expires_in": 59}"#,
    r#"{"expires_in": 0}"#,
    r#"{"expires_in": -1}"#,
    r#"{"expires_in": 31536000}"#,
    r#"{"expires_in": 31536001}"#,
    r#"{"expires_in": null}"#,
    r#"{"expires_in": "3600"}"#,
    r#"{"expires_in": 3600.0}"#,
    r#"{"expires_in": 60.5}"#,
    r#"{"expires_in": true}"#,
    r#"{"expires_in": "soon"}"#,
    r#"{"scopes": ["access:servers"]}"#,
    r#"{"scopes": ["nope"]}"#,
    r#"{"scopes": ["admin:users"]}"#,
    r#"{"scopes": "x"}"#,
    r#"{"user": "guest"}"#,
    r#"{"more": 1}"#,
];
