//! Servers that do not run, and names of servers.

use super::{lines_of, with_strange_bodies};

/// All cases of this kind.
pub(super) fn lines() -> Vec<String> {
    let mut lines = lines_of(SERVERS);
    for operation in [
        "PUT /users/{user}/servers/other",
        "PATCH /users/{user}/servers/box",
        "DELETE /users/{user}/servers/box",
        "DELETE /users/{user}/server",
    ] {
        lines.extend(with_strange_bodies(operation));
    }
    for name in NAMES {
        lines.push(format!("PUT /users/{{user}}/servers/{name}"));
        lines.push(format!("GET /users/{{user}}/servers/{name}"));
        lines.push(format!("DELETE /users/{{user}}/servers/{name}"));
    }
    // Those that are refused: what starts is tried elsewhere.
    for name in NAMES.iter().skip(VALID_NAMES) {
        lines.push(format!("POST /users/{{user}}/servers/{name}"));
    }
    for name in DISPLAY_NAMES {
        let body = format!(r#"{{"display_name": {name}}}"#);
        lines.push(format!("PUT /users/{{user}}/servers/other {body}"));
        lines.push(format!("PATCH /users/{{user}}/servers/box {body}"));
    }
    for options in OPTIONS {
        let body = format!(r#"{{"user_options": {options}}}"#);
        lines.push(format!("PUT /users/{{user}}/servers/other {body}"));
        lines.push(format!("PATCH /users/{{user}}/servers/box {body}"));
    }
    lines
}

const SERVERS: &str = r#"
    # which
    GET /users/none/server
    GET /users/none/servers/box
    GET /users/{user}/server
    GET /users/{user}/servers/
    GET /users/{user}/servers/none
    GET /users/{user}/servers/BOX
    GET /users/{user}/servers/%62ox
    user GET /users/{user}/servers/box
    user GET /users/friend/server
    user GET /users/none/server
    nobody GET /users/{user}/servers/box

    # progress of what does not start
    GET /users/{user}/servers/box/progress
    GET /users/{user}/server/progress
    GET /users/{user}/servers/none/progress
    GET /users/{user}/servers//progress
    GET /users/none/server/progress
    user GET /users/friend/server/progress
    nobody GET /users/{user}/server/progress

    # made
    PUT /users/{user}/server
    PUT /users/{user}/servers/
    PUT /users/{user}/servers/box
    PUT /users/{user}/servers/box {
    PUT /users/none/servers/box
    user PUT /users/{user}/servers/mine
    user PUT /users/friend/servers/mine-{user}
    nobody PUT /users/{user}/servers/mine
    PUT /users/{user}/servers/other {"display_name": "Other", "user_options": {"a": [1, {"b": null}]}, "more": 1}

    # started: what is refused before anything starts
    POST /users/none/server
    POST /users/none/servers/box
    user POST /users/friend/server
    user POST /users/none/server
    nobody POST /users/{user}/server
    POST /users/{user}/server 1
    POST /users/{user}/server "x"
    POST /users/{user}/server [1]
    POST /users/{user}/server {
    POST /users/{user}/servers/box {
    POST /users/{user}/servers/box {"display_name": 1}
    POST /users/{user}/servers/box {"display_name": null}
    POST /users/{user}/servers/box {"display_name": " x"}
    POST /users/{user}/servers/box {"user_options": 1}
    POST /users/{user}/servers/box {"user_options": []}
    POST /users/{user}/server {"user_options": "x"}

    # started
    POST /users/{user}/server {"a": 1}
    POST /users/{user}/server {"user_options": {"a": 1}}
    POST /users/{user}/server null
    POST /users/{user}/servers/box {"display_name": "Renamed"}
    POST /users/{user}/servers/fresh {"display_name": "Fresh", "user_options": null}

    # changed
    PATCH /users/none/servers/box {"display_name": "x"}
    PATCH /users/{user}/servers/none {"display_name": "x"}
    PATCH /users/{user}/server {"display_name": "x"}
    PATCH /users/{user}/server {"name": "moved"}
    PATCH /users/{user}/servers/box {"name": "moved"}
    PATCH /users/{user}/servers/box {"name": "moved", "display_name": "Moved"}
    PATCH /users/{user}/servers/box {"name": "box"}
    PATCH /users/{user}/servers/box {"name": ""}
    PATCH /users/{user}/servers/box {"name": null}
    PATCH /users/{user}/servers/box {"name": "BAD"}
    PATCH /users/{user}/servers/box {"name": 1}
    PATCH /users/{user}/servers/box {"display_name": "x", "user_options": {"a": 1}}
    user PATCH /users/{user}/servers/box {"display_name": "mine"}
    user PATCH /users/friend/servers/box {"display_name": "mine"}
    nobody PATCH /users/{user}/servers/box {"display_name": "x"}

    # gone
    DELETE /users/none/server
    DELETE /users/{user}/server {"remove": true}
    DELETE /users/{user}/servers/box {"remove": true}
    DELETE /users/{user}/servers/box {"remove": false}
    DELETE /users/{user}/servers/box {"remove": "x"}
    DELETE /users/{user}/servers/box {"remove": null}
    DELETE /users/{user}/servers/none {"remove": true}
    user DELETE /users/{user}/servers/box
    user DELETE /users/{user}/server
    user DELETE /users/friend/server
    nobody DELETE /users/{user}/servers/box
"#;

/// How many of [`NAMES`] are names that a server can get.
const VALID_NAMES: usize = 4;

const NAMES: &[&str] = &[
    "a",
    "a-1",
    "abc",
    "abcdefghijklmnopqrstuvwxyz1234",
    "abcdefghijklmnopqrstuvwxyz12345",
    "A",
    "1a",
    "-a",
    "a-",
    "a--b",
    "a_b",
    "a.b",
    "a%20b",
    "a%2Fb",
    "%C3%A9",
    "a@b",
];

const DISPLAY_NAMES: &[&str] = &[
    r#""Fine""#,
    r#""é ü""#,
    r#""""#,
    r#"" x""#,
    r#""x ""#,
    r#""a  b""#,
    r#""a\nb""#,
    r#""a\u200bb""#,
    "null",
    "1",
    "[]",
];

const OPTIONS: &[&str] = &["{}", r#"{"a": {"b": [1, 2]}}"#, "null", "[]", "1", r#""x""#];
