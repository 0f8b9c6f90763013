//! Bytes of any kind for the control API. Whatever they are: each answer is one of HTTP and none blames the server; the
//! API goes on, and what it then says of its routes is JSON that agrees with itself.

use serde_json::Value;

use super::strict;
use super::world::{Door, World};

/// Feeds `input` to the API.
///
/// # Panics
/// When a promise is broken.
pub fn exercise(world: &World, input: &[u8]) {
    let (answer, seen) = world.feed(Door::Api, input);
    assert!(seen.is_empty(), "the API called a target");
    judge_answers(&answer, input);
    let routes = world.call("GET", "/api/routes", "");
    assert_eq!(routes.status(), 200, "{routes:?}");
    let routes: Value = serde_json::from_slice(&routes.body).expect("JSON");
    let routes = routes.as_object().expect("an object");
    let health = world.call("GET", "/_proxy/health", "");
    let health: Value = serde_json::from_slice(&health.body).expect("JSON");
    assert_eq!(health["routes"], routes.len(), "{routes:?}");
    for (key, route) in routes {
        assert!(route["target"].is_string(), "{key}: {route}");
        let path = format!("/api/routes{}", escaped(key));
        let one = world.call("GET", &path, "");
        assert_eq!(one.status(), 200, "{path}");
        assert_eq!(
            serde_json::from_slice::<Value>(&one.body).expect("JSON"),
            if key == "/" {
                Value::Object(routes.clone())
            } else {
                route.clone()
            }
        );
        if key != "/" {
            assert_eq!(world.call("DELETE", &path, "").status(), 204, "{path}");
        }
    }
    world.reset();
}

fn escaped(key: &str) -> String {
    let byte = |byte: u8| match byte {
        b'/' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    key.bytes().map(byte).collect()
}

fn judge_answers(bytes: &[u8], input: &[u8]) {
    // Which answers have no body is not worth following here: HEAD is answered 405 without one.
    let mut rest = bytes;
    while !rest.is_empty() {
        let head = input.windows(5).any(|word| word == b"HEAD ");
        let read = strict::response(rest, if head { "HEAD" } else { "GET" }, true);
        let Some((answer, used)) = read.expect("answers of HTTP") else {
            return;
        };
        let status = answer.status();
        assert!(status < 500 || matches!(status, 501 | 505), "{status}");
        if head {
            return;
        }
        rest = &rest[used..];
    }
}
