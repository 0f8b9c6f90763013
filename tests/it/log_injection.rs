//! Case 121: whatever visitors send, each event of the log is one line of its own, of bounded length, that nobody else wrote.

use e2e::Stack;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use serde_json::{Value, json};

/// What every attempt carries: a line with it must be the hub's.
const MARK: &str = "INJECTED";
/// No line is longer, in characters: 4,000 of the event and what stands before it.
const LONGEST: usize = 4_200;

/// Texts that would be lines of their own, or more than a terminal should get to see.
fn attacks() -> Vec<String> {
    let line = format!("[I 2026-01-01 00:00:00.000 JupyterHub auth:1] {MARK}");
    vec![
        format!("x\n{line}"),
        format!("x\r\n{line}"),
        format!("x\r{line}"),
        format!("x\u{2028}{line}"),
        format!("x\u{85}{line}"),
        format!("\u{1b}[2J\u{1b}[31m{MARK}"),
        format!("\u{202e}{MARK}\u{0}\u{7}\u{8}"),
        format!("{MARK}{}", "A".repeat(100_000)),
    ]
}

/// Sends `text` everywhere that a text can be sent.
async fn attack(stack: &Stack, text: &str) {
    let (client, api) = (stack.client(), stack.api());
    let escaped = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let form = |path: &str| {
        let fields = [("username", text), ("password", text), ("_xsrf", text)];
        client
            .request("POST".parse().expect("a method"), path)
            .form(&fields)
    };
    // Too long for a head: refused by the proxy, which has a log, too.
    for path in [
        "/hub/",
        "/hub/api/users/",
        "/user/",
        "/hub/login?next=",
        "/",
    ] {
        let path = format!("{path}{escaped}");
        let _ = client.try_get(&path).await;
        let _ = client
            .try_send(client.request("DELETE".parse().expect("a method"), &path))
            .await;
    }
    for path in [
        "/hub/login",
        "/hub/api/oauth2/token",
        "/hub/security/csp-report",
    ] {
        client.send(form(path)).await;
    }
    for body in [
        json!({ "note": text, "expires_in": text }),
        json!({ "note": text }),
        json!({ "scopes": [text], "roles": [text] }),
    ] {
        api.post("/users/mal/tokens", &body).await;
    }
    for path in [
        "/users",
        "/groups/crew",
        "/users/mal/servers/lab",
        "/shares/mal/",
    ] {
        let body = json!({ "usernames": [text], "users": [text], "display_name": text, "user": text, "scopes": [text] });
        api.post(path, &body).await;
    }
    let ascii: String = text
        .chars()
        .filter(|c| (' '..='~').contains(c))
        .take(8_000)
        .collect();
    for header in [
        "user-agent",
        "x-forwarded-for",
        "x-request-id",
        "referer",
        "x-forwarded-proto",
        "authorization",
    ] {
        let request = client.request("GET".parse().expect("a method"), "/hub/api/user");
        let _ = client.try_send(request.header(header, &ascii)).await;
    }
    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;
}

/// A talkative stack that was attacked.
async fn attacked(config: &str) -> Stack {
    let talkative = "[JupyterHub]\nlog_level = 'DEBUG'\nallow_named_servers = true\n\
                     [ConfigurableHTTPProxy]\nlog_level = 'debug'";
    let stack = Stack::builder()
        .without_python()
        .config(talkative)
        .config(config)
        .start()
        .await;
    stack.api().ensure_user("mal").await;
    for text in attacks() {
        attack(&stack, &text).await;
    }
    stack
}

fn is_odd(c: char) -> bool {
    c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)
}

#[tokio::test]
async fn case_121_nobody_writes_lines_of_the_log() {
    let stack = attacked("").await;
    let own = Regex::new(r"^\[[DIWEC] \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \S+ [^\]]+\] ")
        .expect("a pattern");
    let (log, mut marked) = (stack.log(), 0);
    for line in log.split('\n') {
        assert!(
            line.chars().count() <= LONGEST,
            "{} characters: {line:.200}",
            line.len()
        );
        assert!(!line.starts_with("[I 2026-01-01"), "{line}");
        assert_eq!(line.chars().find(|c| is_odd(*c)), None, "{line:?}");
        if line.contains(MARK) {
            assert!(own.is_match(line), "{line:?}");
            marked += 1;
        }
    }
    assert!(
        marked > 10,
        "attempts are seen in the log, but only {marked} are"
    );
    // What the proxy, and others, wrote: no line of an attacker, nothing for a terminal.
    for line in stack.sandbox().logs().split('\n') {
        assert!(!line.starts_with("[I 2026-01-01"), "{line}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

/// The longest text of an object, in characters.
const LONGEST_TEXT: usize = 4_000;

/// The same of a log that programs read: each line is one object, in which nobody else has put anything.
#[tokio::test]
async fn case_121_nobody_writes_objects_of_a_log_of_json() {
    let stack = attacked("[hub]\nlog_format = 'json'").await;
    let (log, mut marked) = (stack.log(), 0);
    for line in log.lines() {
        assert_eq!(line.chars().find(|c| is_odd(*c)), None, "{line:?}");
        let event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:.400}"));
        let event = event.as_object().expect("an object");
        for key in ["time", "level", "name", "module", "line", "message"] {
            assert!(event.contains_key(key), "{key}: {line:.400}");
        }
        assert_eq!(event["name"], "JupyterHub", "{line:.400}");
        for (key, value) in event {
            let text = value.as_str().unwrap_or_default();
            assert!(text.chars().count() <= LONGEST_TEXT, "{key}: {line:.400}");
            assert!(!key.contains(MARK), "{line:.400}");
            // Nor is one of its texts more than a line, but for what the hub itself breaks.
            let own = |rest: &str| rest.trim_start().starts_with("[I 2026-01-01");
            assert!(!text.lines().skip(1).any(own), "{key}: {line:.400}");
            marked += usize::from(text.contains(MARK));
        }
    }
    assert!(
        marked > 10,
        "attempts are seen in the log, but only {marked} are"
    );
}
