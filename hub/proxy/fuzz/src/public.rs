//! Bytes of any kind for the public socket. Whatever they are: the target gets whole requests in plain framing, each of
//! which a strict reader finds in the input as well, with the same body; the client gets answers of HTTP, none of
//! which blames the server.

use super::strict::{self, Message};
use super::world::{Door, World};

/// Headers that are meant for one hop, and so never for the target.
const HOP_BY_HOP: [&str; 6] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "expect",
];

/// Feeds `input` to the proxy.
///
/// # Panics
/// When a promise is broken.
pub fn exercise(world: &World, input: &[u8]) {
    let (answer, seen) = world.feed(Door::Public, input);
    let meant = requests(input);
    let mut forwarded = Vec::new();
    let mut cut_short = false;
    for bytes in &seen {
        let whole = judge_forwarded(bytes, &mut forwarded);
        cut_short |= !whole;
    }
    judge_order(&meant, &forwarded);
    let answers = judge_answers(&answer, &meant);
    let text = input.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
    assert!(
        answers > 0 || cut_short || !text,
        "closed without an answer"
    );
    assert!(
        forwarded.len() <= answers.max(1),
        "{} requests forwarded, {answers} answers",
        forwarded.len()
    );
}

/// What a strict reader finds in the input: requests, up to the first bytes that are none.
fn requests(input: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    let mut rest = input;
    loop {
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        match strict::request(rest) {
            Ok(Some((request, used))) => {
                rest = &rest[used..];
                found.push(request);
            }
            Ok(None) | Err(_) => return found,
        }
    }
}

/// Adds the requests on one connection of the target; false when the last one is not complete.
fn judge_forwarded(bytes: &[u8], forwarded: &mut Vec<Message>) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let read = strict::request(rest);
        let Some((request, used)) = read.expect("the target gets plain requests") else {
            return false;
        };
        let method = request.word(0);
        assert!(!matches!(method, "CONNECT" | "TRACE" | "TRACK"));
        assert!(request.line.ends_with("HTTP/1.1"), "{request:?}");
        for name in HOP_BY_HOP {
            assert_eq!(request.all(name).count(), 0, "{name} was passed on");
        }
        let upgrade = request.header("upgrade");
        assert!(
            upgrade.as_ref().is_none_or(|to| to == "websocket"),
            "{request:?}"
        );
        for (name, _) in &request.headers {
            let plain = name.replace(['_', '.'], "-");
            let sensitive = plain.starts_with("x-forwarded-")
                || matches!(plain.as_str(), "content-length" | "transfer-encoding");
            assert!(!sensitive || plain == *name, "{name} was passed on");
        }
        rest = &rest[used..];
        let switched = upgrade.is_some() && request.word(1).starts_with("/w");
        forwarded.push(request);
        if switched {
            return true;
        }
    }
    true
}

/// What was forwarded is, in this order, among what was meant.
fn judge_order(meant: &[Message], forwarded: &[Message]) {
    let mut left = meant.iter();
    for request in forwarded {
        let same = |one: &Message| one.word(0) == request.word(0) && one.body == request.body;
        assert!(left.any(same), "the input holds no {request:?}");
    }
}

/// How many answers the client got.
fn judge_answers(bytes: &[u8], meant: &[Message]) -> usize {
    let mut rest = bytes;
    let mut count = 0;
    while !rest.is_empty() {
        let method = meant.get(count).map_or("GET", |request| request.word(0));
        let read = strict::response(rest, method, true);
        let Some((answer, used)) = read.expect("the client gets answers of HTTP") else {
            return count + 1;
        };
        rest = &rest[used..];
        match answer.status() {
            101 => return count + 1,
            100..200 => continue,
            501 | 505 => {}
            status => assert!(status < 500, "{}", answer.line),
        }
        count += 1;
    }
    count
}
