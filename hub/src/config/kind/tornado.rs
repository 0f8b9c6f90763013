//! The kind of `tornado_settings`: a table of which three keys mean something here.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::time::Seconds;
use super::{Faults, Kind};
use crate::config::TornadoSettings;
use crate::config::node::{Entry, Node, Value};
use crate::config::problem::nearest;

const SPAWN: &str = "slow_spawn_timeout";
const STOP: &str = "slow_stop_timeout";
const RETRY: &str = "spawn_throttle_retry_range";

/// How long requests wait for servers. What else JupyterHub takes in this table is about Python's web server.
#[derive(Debug)]
pub struct Tornado;

impl Kind for Tornado {
    type Target = TornadoSettings;
    const EXPECTS: &'static str = "a table of slow_spawn_timeout, slow_stop_timeout and spawn_throttle_retry_range, e.g. { slow_spawn_timeout = 0 }";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<TornadoSettings> {
        let Some(entries) = node.as_table() else {
            return faults.expected::<Self, _>(node);
        };
        let mut settings = TornadoSettings::default();
        let read: Vec<Option<()>> = entries
            .iter()
            .map(|entry| take(&mut settings, entry, &mut faults.of_key(&entry.key)))
            .collect();
        read.into_iter().collect::<Option<()>>()?;
        Some(settings)
    }

    fn show(value: &TornadoSettings) -> Option<Json> {
        Some(json!({
            SPAWN: Seconds::show(&value.slow_spawn_timeout),
            STOP: Seconds::show(&value.slow_stop_timeout),
            RETRY: SecondsFromTo::show(&value.spawn_throttle_retry_range),
        }))
    }
}

fn take(settings: &mut TornadoSettings, entry: &Entry, faults: &mut Faults<'_>) -> Option<()> {
    let node = &entry.node;
    match entry.key.as_str() {
        SPAWN => settings.slow_spawn_timeout = Seconds::read(node, faults)?,
        STOP => settings.slow_stop_timeout = Seconds::read(node, faults)?,
        RETRY => settings.spawn_throttle_retry_range = SecondsFromTo::read(node, faults)?,
        key => {
            faults.at(&entry.place, refusal(key));
            return None;
        }
    }
    Some(())
}

/// Why a key means nothing here, and what to do instead.
fn refusal(key: &str) -> String {
    let why = match key {
        "headers" => {
            "the hub sends the headers that its pages and API need; a server in front of it (nginx, Caddy) can add others"
        }
        "cookie_options" | "xsrf_cookie_kwargs" => {
            "cookies are Secure under https and SameSite as they must be; there are cookie_max_age_days and \
             cookie_host_prefix_enabled"
        }
        key => match nearest(key, [SPAWN, STOP, RETRY]) {
            Some(near) => return format!("is not a setting; did you mean {near}?"),
            None => {
                "it is for Python's web server, which is not used here; slow_spawn_timeout, slow_stop_timeout and \
                 spawn_throttle_retry_range work"
            }
        },
    };
    format!("cannot be set here: {why}")
}

/// The shortest and the longest of some times.
#[derive(Debug)]
struct SecondsFromTo;

impl Kind for SecondsFromTo {
    type Target = (Duration, Duration);
    const EXPECTS: &'static str = "two numbers of seconds, the smaller one first, e.g. [30, 60]";

    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<(Duration, Duration)> {
        let Value::List(items) = &node.value else {
            return faults.expected::<Self, _>(node);
        };
        // What is wrong with one of them is told of both.
        let second = |item| Seconds::read(item, &mut Faults::new(String::new(), &mut Vec::new()));
        let read: Option<Vec<Duration>> = items.iter().map(second).collect();
        match read.as_deref() {
            Some(&[from, to]) if from <= to => Some((from, to)),
            _ => {
                faults.at(&node.place, format_args!("must be {}", Self::EXPECTS));
                None
            }
        }
    }

    fn show((from, to): &(Duration, Duration)) -> Option<Json> {
        Some(json!([Seconds::show(from), Seconds::show(to)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::testing::read;

    #[test]
    fn what_is_not_said_is_the_default() {
        let seconds = Duration::from_secs;
        let default = TornadoSettings::default();
        for (value, expected) in [
            (json!({}), default),
            (
                json!({"slow_spawn_timeout": 0}),
                TornadoSettings {
                    slow_spawn_timeout: Duration::ZERO,
                    ..default
                },
            ),
            (
                json!({"slow_stop_timeout": 0.5, "spawn_throttle_retry_range": [1, 90]}),
                TornadoSettings {
                    slow_stop_timeout: Duration::from_millis(500),
                    spawn_throttle_retry_range: (seconds(1), seconds(90)),
                    ..default
                },
            ),
            (
                json!({"spawn_throttle_retry_range": [1.5, 1.5]}),
                TornadoSettings {
                    spawn_throttle_retry_range: (
                        Duration::from_millis(1500),
                        Duration::from_millis(1500),
                    ),
                    ..default
                },
            ),
        ] {
            let settings = read::<Tornado>(value.clone());
            assert_eq!(settings, Ok(expected), "{value}");
            // What is shown means the same.
            let shown = Tornado::show(&expected).unwrap();
            assert_eq!(read::<Tornado>(shown), Ok(expected), "{value}");
        }
        assert_eq!(
            Tornado::show(&default),
            Some(json!({
                "slow_spawn_timeout": 10, "slow_stop_timeout": 10, "spawn_throttle_retry_range": [30, 60]
            }))
        );
    }

    #[test]
    fn what_cannot_be() {
        let range = "x.spawn_throttle_retry_range must be two numbers of seconds, the smaller one first, e.g. [30, 60]";
        for (value, expected) in [
            (json!(10), "x must be a table of slow_spawn_timeout, "),
            (
                json!({"slow_spawn_timeout": "10"}),
                "x.slow_spawn_timeout must be a number of seconds, not a text",
            ),
            (
                json!({"slow_stop_timeout": -1}),
                "x.slow_stop_timeout must be a number of seconds, not a negative number",
            ),
            (
                json!({"slow_stop_timeout": null}),
                "x.slow_stop_timeout must be a number of seconds, not null",
            ),
            (json!({"spawn_throttle_retry_range": 30}), range),
            (json!({"spawn_throttle_retry_range": [60, 30]}), range),
            (json!({"spawn_throttle_retry_range": [30]}), range),
            (json!({"spawn_throttle_retry_range": [1, 2, 3]}), range),
            (json!({"spawn_throttle_retry_range": [-1, 30]}), range),
            (json!({"spawn_throttle_retry_range": ["30", 60]}), range),
            (
                json!({"slow_spawn_timeot": 3}),
                "x.slow_spawn_timeot is not a setting; did you mean slow_spawn_timeout?",
            ),
            (
                json!({"headers": {"X-Frame-Options": "DENY"}}),
                "x.headers cannot be set here: the hub sends the headers that its pages and API need; a server in front",
            ),
            (
                json!({"cookie_options": {"SameSite": "None"}}),
                "x.cookie_options cannot be set here: cookies are Secure under https and SameSite as they must be",
            ),
            (
                json!({"log_function": null}),
                "x.log_function cannot be set here: it is for Python's web server, which is not used here; \
                 slow_spawn_timeout, slow_stop_timeout and spawn_throttle_retry_range work",
            ),
        ] {
            let error = read::<Tornado>(value.clone()).unwrap_err();
            assert!(error.starts_with(expected), "{value}: {error}");
        }
        let all = json!({"headers": {}, "slow_spawn_timeout": true, "xsrf_cookies": false});
        let error = read::<Tornado>(all).unwrap_err();
        for key in ["x.headers ", "x.slow_spawn_timeout ", "x.xsrf_cookies "] {
            assert!(error.contains(key), "{error}");
        }
    }
}
