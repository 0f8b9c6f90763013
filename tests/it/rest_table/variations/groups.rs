//! Groups and services.

use super::{lines_of, with_strange_bodies};

/// All cases of this kind.
pub(super) fn lines() -> Vec<String> {
    let mut lines = lines_of(GROUPS);
    for operation in [
        "POST /groups",
        "POST /groups/o-{group}",
        "DELETE /groups/{group}",
        "POST /groups/{group}/users",
        "DELETE /groups/{group}/users",
        "PUT /groups/{group}/properties",
        "POST /services/s-{user}",
    ] {
        lines.extend(with_strange_bodies(operation));
    }
    lines
}

const GROUPS: &str = r#"
    # which
    GET /groups/none
    GET /groups/EVERYBODY
    GET /groups/%65verybody
    GET /groups/a%2Fb
    user GET /groups/{group}
    user GET /groups/none
    nobody GET /groups/{group}

    # several at once
    POST /groups {"groups": []}
    POST /groups {"groups": null}
    POST /groups {"groups": {}}
    POST /groups {"groups": ["a-{group}", "b-{group}"]}
    POST /groups {"groups": ["a-{group}"], "users": ["guest", "{user}"]}
    POST /groups {"groups": ["a-{group}"], "users": ["none"]}
    POST /groups {"groups": ["a-{group}"], "users": "guest"}
    POST /groups {"groups": ["a-{group}"], "users": ["GUEST"]}
    POST /groups {"groups": ["everybody"]}
    POST /groups {"groups": ["c-{group}", "everybody"]}
    POST /groups {"groups": ["A-{group}"]}
    POST /groups {"groups": ["a-{group}"], "roles": []}
    POST /groups {"groups": ["a-{group}"], "properties": {}}
    POST /groups {"groups": ["a-{group}"], "zzz": 1}
    user POST /groups {"groups": ["a-{group}"]}
    nobody POST /groups {"groups": ["a-{group}"]}

    # one
    POST /groups/{group}
    POST /groups/{group} {"users": ["none"]}
    POST /groups/p-{group} {"users": ["guest"]}
    POST /groups/p-{group} {"users": ["guest", "guest"]}
    POST /groups/p-{group} {"users": ["none"]}
    POST /groups/p-{group} {"users": "guest"}
    POST /groups/p-{group} {"users": [1]}
    POST /groups/p-{group} {"name": "x", "roles": []}
    POST /groups/p-{group} {"name": 1}
    POST /groups/p-{group} {"properties": {"a": 1}}
    POST /groups/P-{group}
    POST /groups/p%20{group}
    user POST /groups/p-{group}
    nobody POST /groups/p-{group}
    DELETE /groups/none
    user DELETE /groups/{group}
    nobody DELETE /groups/{group}

    # members
    POST /groups/none/users {"users": ["guest"]}
    POST /groups/{group}/users {"users": []}
    POST /groups/{group}/users {"users": ["guest"]}
    POST /groups/{group}/users {"users": ["guest", "guest"]}
    POST /groups/{group}/users {"users": ["{user}"]}
    POST /groups/{group}/users {"users": ["GUEST"]}
    POST /groups/{group}/users {"users": ["none"]}
    POST /groups/{group}/users {"users": ["guest", "none"]}
    POST /groups/{group}/users {"users": "guest"}
    POST /groups/{group}/users {"users": [1]}
    POST /groups/{group}/users {"users": null}
    POST /groups/{group}/users {"name": "x"}
    POST /groups/{group}/users {"users": ["guest"], "properties": {}}
    user POST /groups/{group}/users {"users": ["guest"]}
    nobody POST /groups/{group}/users {"users": ["guest"]}
    DELETE /groups/none/users {"users": ["guest"]}
    DELETE /groups/{group}/users {"users": []}
    DELETE /groups/{group}/users {"users": ["{user}"]}
    DELETE /groups/{group}/users {"users": ["guest"]}
    DELETE /groups/{group}/users {"users": ["none"]}
    DELETE /groups/{group}/users {"users": ["{user}", "none"]}
    DELETE /groups/{group}/users {"users": "guest"}
    user DELETE /groups/{group}/users {"users": ["{user}"]}

    # properties
    PUT /groups/none/properties {"a": 1}
    PUT /groups/{group}/properties {"a": {"b": [1, null, "x"]}}
    PUT /groups/{group}/properties {"name": "x", "users": ["guest"]}
    user PUT /groups/{group}/properties {"a": 1}
    nobody PUT /groups/{group}/properties {"a": 1}

    # services
    GET /services/none
    GET /services/WEB
    user GET /services/web
    nobody GET /services/web
    nobody GET /services
    POST /services/web {"info": {}}
    POST /services/a-{user} {"info": {"a": 1}}
    POST /services/a-{user} {"display": false}
    POST /services/a-{user} {"url": "http://127.0.0.1:9"}
    POST /services/a-{user} {"command": ["true"]}
    POST /services/a-{user} {"command": []}
    POST /services/a-{user} {"admin": true}
    POST /services/a-{user} {"admin": "x"}
    POST /services/a-{user} {"api_token": "0123456789abcdef"}
    POST /services/a-{user} {"api_token": "short"}
    POST /services/a-{user} {"oauth_client_id": "nope"}
    POST /services/a-{user} {"oauth_client_allowed_scopes": ["nope"]}
    POST /services/a-{user} {"oauth_client_allowed_scopes": ["read:users"]}
    POST /services/a-{user} {"name": "other"}
    POST /services/a%20{user} {"info": {}}
    user POST /services/a-{user} {"info": {}}
    nobody POST /services/a-{user} {"info": {}}
    DELETE /services/none
    DELETE /services/web
    user DELETE /services/web
    nobody DELETE /services/web
"#;
