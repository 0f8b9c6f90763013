//! Users and their activity.

use super::{lines_of, with_strange_bodies};

/// All cases of this kind.
pub(super) fn lines() -> Vec<String> {
    let mut lines = lines_of(USERS);
    for operation in [
        "POST /users",
        "POST /users/o-{user}",
        "PATCH /users/{user}",
        "POST /users/{user}/activity",
        "DELETE /users/{user}",
    ] {
        lines.extend(with_strange_bodies(operation));
    }
    for time in TIMES {
        lines.push(format!(
            r#"POST /users/{{user}}/activity {{"last_activity": {time}}}"#
        ));
    }
    lines
}

const USERS: &str = r#"
    # by name
    GET /users/none
    user GET /users/none
    user GET /users/friend
    user GET /users/{user}
    GET /users/FRIEND
    GET /users/%66riend
    GET /users/friend%2F
    GET /users/fr%20iend
    GET /users/%00
    GET /users/%FF

    # several at once
    POST /users {"usernames": []}
    POST /users {"usernames": null}
    POST /users {"usernames": {}}
    POST /users {"usernames": 1}
    POST /users {"usernames": [""]}
    POST /users {"usernames": ["a/b"]}
    POST /users {"usernames": [".."]}
    POST /users {"usernames": [" x "]}
    POST /users {"usernames": ["ok-{user}", "a/b"]}
    POST /users {"usernames": ["a/b", "c/d"]}
    POST /users {"usernames": ["{user}"]}
    POST /users {"usernames": ["{user}", "friend"]}
    POST /users {"usernames": ["{user}", "n-{user}"]}
    POST /users {"usernames": ["d-{user}", "d-{user}"]}
    POST /users {"usernames": ["UP-{user}"]}
    POST /users {"usernames": ["e-{user}"], "admin": "yes"}
    POST /users {"usernames": ["e-{user}"], "admin": false}
    POST /users {"usernames": ["e-{user}"], "admin": true}
    POST /users {"usernames": ["e-{user}"], "admin": null}
    POST /users {"usernames": ["e-{user}"], "zzz": 1}
    POST /users {"usernames": ["e-{user}"], "name": "x", "groups": [], "roles": [], "auth_state": {}}
    POST /users {"usernames": ["e-{user}"], "groups": ["everybody"]}
    user POST /users {"usernames": ["e-{user}"]}
    nobody POST /users {"usernames": ["e-{user}"]}
    user POST /users {

    # one
    POST /users/{user}
    POST /users/{user} {"admin": "yes"}
    POST /users/{user} {
    POST /users/p-{user} {"admin": false}
    POST /users/p-{user} {"admin": true}
    POST /users/p-{user} {"admin": "yes"}
    POST /users/p-{user} {"name": "other"}
    POST /users/p-{user} {"groups": ["everybody"], "roles": ["user"]}
    POST /users/p%20{user}
    POST /users/p%C3%A9{user}
    user POST /users/p-{user}
    user POST /users/{user}
    nobody POST /users/{user}

    # changes
    PATCH /users/none {"admin": false}
    PATCH /users/none {
    user PATCH /users/none {"admin": false}
    user PATCH /users/{user} {"admin": true}
    nobody PATCH /users/{user} {"admin": true}
    PATCH /users/{user} {"admin": true}
    PATCH /users/{user} {"admin": 1}
    PATCH /users/{user} {"admin": null}
    PATCH /users/{user} {"name": "r-{user}"}
    PATCH /users/{user} {"name": "R2-{user}"}
    PATCH /users/{user} {"name": "friend"}
    PATCH /users/{user} {"name": "FRIEND"}
    PATCH /users/{user} {"name": "a/b"}
    PATCH /users/{user} {"name": ""}
    PATCH /users/{user} {"name": ".."}
    PATCH /users/{user} {"name": 1}
    PATCH /users/{user} {"name": null}
    PATCH /users/{user} {"name": "r-{user}", "admin": true}
    PATCH /users/admin {"admin": false}
    PATCH /users/admin {"name": "root"}
    PATCH /users/{user} {"roles": "x"}
    PATCH /users/{user} {"groups": "x"}
    PATCH /users/{user} {"auth_state": "x"}
    PATCH /users/{user} {"auth_state": null}

    # gone
    DELETE /users/none
    user DELETE /users/none
    user DELETE /users/{user}
    nobody DELETE /users/{user}

    # activity
    POST /users/none/activity {"last_activity": "2026-01-01T00:00:00Z"}
    user POST /users/none/activity {"last_activity": "2026-01-01T00:00:00Z"}
    nobody POST /users/{user}/activity {"last_activity": "2026-01-01T00:00:00Z"}
    user POST /users/{user}/activity {"last_activity": "2026-01-01T00:00:00Z"}
    user POST /users/friend/activity {"last_activity": "2026-01-01T00:00:00Z"}
    POST /users/{user}/activity {"servers": {}}
    POST /users/{user}/activity {"servers": []}
    POST /users/{user}/activity {"servers": ["box"]}
    POST /users/{user}/activity {"servers": "box"}
    POST /users/{user}/activity {"servers": null}
    POST /users/{user}/activity {"servers": {"none": {"last_activity": "2026-01-01T00:00:00Z"}}}
    POST /users/{user}/activity {"servers": {"": {"last_activity": "2026-01-01T00:00:00Z"}}}
    POST /users/{user}/activity {"servers": {"box": 1}}
    POST /users/{user}/activity {"servers": {"box": null}}
    POST /users/{user}/activity {"servers": {"box": {}}}
    POST /users/{user}/activity {"servers": {"box": {"last_activity": null}}}
    POST /users/{user}/activity {"servers": {"box": {"last_activity": "junk"}}}
    POST /users/{user}/activity {"servers": {"box": {"last_activity": "2026-01-01T00:00:00Z"}}}
    POST /users/{user}/activity {"servers": {"box": {"last_activity": "2026-01-01T00:00:00Z", "more": 1}}}
    POST /users/{user}/activity {"last_activity": "junk", "servers": {"box": {"last_activity": "2026-01-01T00:00:00Z"}}}
    POST /users/{user}/activity {"last_activity": "2026-01-01T00:00:00Z", "servers": {"box": {"last_activity": "junk"}}}
    POST /users/{user}/activity {"last_activity": "2026-01-01T00:00:00Z", "more": 1}

    # of old
    POST /users/{user}/admin-access
    POST /users/none/admin-access
    user POST /users/{user}/admin-access
    user POST /users/friend/admin-access
    nobody POST /users/{user}/admin-access
"#;

/// What a client may take for a time.
const TIMES: &[&str] = &[
    r#""2026-01-01T00:00:00Z""#,
    r#""2026-01-01T00:00:00.123456789Z""#,
    r#""2026-01-01T00:00:00""#,
    r#""2026-01-01 00:00:00""#,
    r#""2026-01-01T00:00:00+05:30""#,
    r#""2026-01-01T00:00+0530""#,
    r#""20260101T000000Z""#,
    r#""2026-01-01""#,
    r#""2026-01-01T24:00:00Z""#,
    r#""2026-13-01T00:00:00Z""#,
    r#""2999-01-01T00:00:00Z""#,
    r#""0001-01-01T00:00:00Z""#,
    r#""1 Jan 2026""#,
    r#""Thu, 01 Jan 2026 00:00:00 GMT""#,
    r#""junk""#,
    r#""""#,
    r#"" ""#,
    "null",
    "0",
    "1767225600",
    "1.5",
    "true",
    "[]",
    "{}",
];
