//! Services that cannot be started, end at once, end after a second, or never listen: each is seen for what it is, and
//! nobody else notices.

use std::time::{Duration, Instant};

use e2e::{Client, Stack, eventually};
use regex::Regex;
use serde_json::Value;

const WAIT: Duration = Duration::from_secs(120);

/// Four services, each broken in its own way; `mal` may read services, but not administer them. The program of the first is
/// there when the hub starts (which refuses to start otherwise), and then removes itself.
const BROKEN: &str = r#"
    [[JupyterHub.services]]
    name = "missing"
    command = ["./removes-itself"]

    [[JupyterHub.services]]
    name = "at-once"
    command = ["sh", "-c", "echo my token is $JUPYTERHUB_API_TOKEN; exit 7"]

    [[JupyterHub.services]]
    name = "after-a-second"
    command = ["sh", "-c", "sleep 1; exit 1"]

    [[JupyterHub.services]]
    name = "never-listens"
    url = "http://127.0.0.1:9"
    timeout = 2
    command = ["sleep", "86400"]

    [[JupyterHub.load_roles]]
    name = "watcher"
    users = ["mal"]
    scopes = ["list:services", "read:services"]
"#;

/// A hub with the broken services.
async fn broken() -> Stack {
    let program = "#!/bin/sh\nrm \"$0\"\n";
    let stack = Stack::builder()
        .config(BROKEN)
        .program("removes-itself", program);
    stack.start().await
}

/// The waits that the log tells of a service, in seconds, in order.
fn waits(stack: &Stack, name: &str) -> Vec<f64> {
    let line = Regex::new(&format!(
        r"service {name}: (.*); starting it again in ([0-9.]+) s"
    ))
    .expect("a pattern");
    let log = stack.log();
    line.captures_iter(&log)
        .map(|found| found[2].parse().expect("a number"))
        .collect()
}

async fn model(stack: &Stack, name: &str) -> Value {
    let reply = stack.api().get(&format!("/services/{name}")).await;
    reply.expect(200).json()
}

async fn restarts(stack: &Stack, name: &str) -> u64 {
    model(stack, name).await["restarts"]
        .as_u64()
        .expect("a number")
}

/// How often a service was started again, as the page of services says it.
fn restarts_on(page: &str, name: &str) -> u64 {
    let cell = Regex::new(&format!(
        r#"(?s)id="service-{name}">.*?data-label="Restarts"><div>(\d+)</div>"#
    ))
    .expect("a pattern");
    let found = cell.captures(page).expect("a cell");
    found[1].parse().expect("a number")
}

/// Each wait is twice the one before, give or take a fifth, up to a minute.
fn waits_double(waits: &[f64], name: &str) {
    assert!(waits.len() >= 3, "{name}: {waits:?}");
    for (round, wait) in waits.iter().enumerate() {
        let exponent = i32::try_from(round).expect("a few");
        let middle = 2_f64.powi(exponent).min(60.0);
        // The log rounds to tenths.
        let fits = (middle * 0.8 - 0.06..=middle * 1.2 + 0.06).contains(wait);
        assert!(fits, "{name}: wait {round} of {waits:?}");
    }
}

/// What the API says of each.
async fn the_api_tells(stack: &Stack) {
    for (name, reason) in [
        (
            "missing",
            "there is no program \"./removes-itself\"; install it, or correct the path",
        ),
        ("at-once", "exited with code 7"),
        ("after-a-second", "exited with code 1"),
    ] {
        let model = model(stack, name).await;
        assert_eq!(model["last_failure"], reason, "{model:#}");
        assert_eq!(model["managed"], true, "{model:#}");
        if model["status"] == "backoff" {
            assert!(model["next_start"].is_string(), "{model:#}");
            assert_eq!(model["pid"], 0, "{model:#}");
        }
    }
    let silent = model(stack, "never-listens").await;
    // It runs: whether it is slow or broken only its administrator can know.
    assert_eq!(
        (&silent["status"], &silent["answers"], &silent["restarts"]),
        (&"running".into(), &false.into(), &0.into()),
        "{silent:#}"
    );
    assert!(silent["pid"].as_i64() > Some(0), "{silent:#}");
    assert!(
        stack
            .log()
            .contains("service never-listens does not answer after 2 s"),
        "{}",
        stack.log()
    );
}

/// Output may hold secrets: it is shown to those who administer the service, and to nobody else.
async fn output_is_for_administrators(stack: &Stack) {
    let tail = model(stack, "at-once").await["log_tail"].to_string();
    assert!(tail.contains("my token is "), "{tail}");
    stack.api().ensure_user("mal").await;
    let token = stack.api().new_token("mal", &[]).await;
    let mal = stack.api().with(&token);
    let seen = mal.get("/services/at-once").await.expect(200).json();
    assert!(
        seen["restarts"].is_u64() && seen.get("log_tail").is_none(),
        "{seen:#}"
    );
    let listed = stack.api().get("/services").await.expect(200).body;
    assert!(!listed.contains("log_tail"), "{listed}");
    assert!(!stack.log().contains("my token is "), "{}", stack.log());

    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;
    let home = visitor.get("hub/home").await.expect(200);
    assert!(!home.body.contains("admin/services"), "{}", home.body);
    let page = visitor.get("hub/admin/services").await.expect(403);
    assert!(!page.body.contains("my token is"), "{}", page.body);
    let mut admin = stack.visitor();
    admin.login("admin", "x").await;
    let home = admin.get("hub/home").await.expect(200);
    assert!(home.body.contains("/hub/admin\""), "{}", home.body);
    let users = admin.get("hub/admin").await.expect(200);
    assert!(
        users.body.contains("/hub/admin/services\""),
        "{}",
        users.body
    );
    let before = restarts(stack, "at-once").await;
    let page = admin.get("hub/admin/services").await.expect(200);
    // It may have been started once more meanwhile.
    let counts = before..=restarts(stack, "at-once").await;
    let shown = restarts_on(&page.body, "at-once");
    assert!(counts.contains(&shown), "{shown} of {counts:?}");
    for text in [
        "my token is ",
        "exited with code 7",
        "service-never-listens",
        "service-missing",
        "Running",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
}

async fn metrics_tell(stack: &Stack) {
    let page = stack.api().get("/metrics").await.expect(200).body;
    for line in [
        r#"jupyterhub_service_state{service="never-listens",state="running"} 1"#,
        r#"jupyterhub_service_state{service="never-listens",state="backoff"} 0"#,
        r#"jupyterhub_service_answers{service="never-listens"} 0"#,
        r#"jupyterhub_service_restarts_total{service="never-listens"} 0"#,
    ] {
        assert!(page.contains(line), "{line}:\n{page}");
    }
    // It has no page that could answer.
    assert!(
        !page.contains(r#"service_answers{service="at-once"}"#),
        "{page}"
    );
    let restarts = Regex::new(r#"jupyterhub_service_restarts_total\{service="at-once"\} (\d+)"#)
        .expect("a pattern");
    let count: u64 = restarts.captures(&page).expect("a line")[1]
        .parse()
        .expect("a number");
    assert!(count >= 3, "{page}");
}

#[tokio::test]
async fn case_95_crash_loops_slow_down_and_are_seen() {
    let stack = broken().await;
    for (name, count) in [("missing", 3), ("at-once", 3), ("after-a-second", 3)] {
        eventually(
            WAIT,
            &format!("{name} was tried {count} times"),
            async || {
                // The hub answers all the while.
                stack.client().get("hub/login").await.expect(200);
                restarts(&stack, name).await >= count
            },
        )
        .await;
        waits_double(&waits(&stack, name), name);
    }
    eventually(WAIT, "never-listens was asked in vain", async || {
        stack
            .log()
            .contains("service never-listens does not answer")
    })
    .await;
    the_api_tells(&stack).await;
    output_is_for_administrators(&stack).await;
    metrics_tell(&stack).await;
}

/// Asks for the login page for a while; the times that took, sorted.
async fn times(client: &Client, during: Duration) -> Vec<Duration> {
    let (begin, mut times) = (Instant::now(), Vec::new());
    while begin.elapsed() < during {
        let asked = Instant::now();
        client.get("hub/login").await.expect(200);
        times.push(asked.elapsed());
    }
    times.sort();
    times
}

fn share(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() - 1) * percent / 100]
}

/// A minute of crash loops, beside a minute without.
#[tokio::test]
#[ignore = "takes two minutes: tests/run --slow"]
async fn case_95_a_minute_of_crash_loops_is_not_felt() {
    let minute = Duration::from_secs(60);
    let quiet = Stack::builder().start().await;
    let before = times(&quiet.client(), minute).await;
    drop(quiet);
    let stack = broken().await;
    let during = times(&stack.client(), minute).await;
    for name in ["missing", "at-once", "after-a-second"] {
        let count = restarts(&stack, name).await;
        let waits = waits(&stack, name);
        println!("{name}: started again {count} times, after {waits:?} s");
        waits_double(&waits, name);
        // 1 + 2 + 4 + 8 + 16 s, each a fifth shorter at most, are over; the next would be at 50 s at the earliest.
        assert!((4..=7).contains(&count), "{name}: {count}");
    }
    the_api_tells(&stack).await;
    let [quiet, loops] = [&before, &during].map(|times| (share(times, 50), share(times, 99)));
    println!(
        "login page, p50 and p99: {quiet:?} in {} requests without, {loops:?} in {} with",
        before.len(),
        during.len()
    );
    assert!(
        loops.1 < quiet.1 * 2 + Duration::from_millis(20),
        "{loops:?}"
    );
}
