//! What clients may ask, asked of both proxies; the answers, and what the targets saw, differ only where
//! [`deviations`] says so.

mod compare;
mod deviations;
mod scenarios;
mod target;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use e2e::ports;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::door::{Door, Kind};
use super::strict::{self, Message};
use super::wire::{self, Heard};
use compare::{Exchange, Report};
use scenarios::{Call, Group, Side};
use target::Target;

/// Groups of calls at the same time.
const AT_ONCE: usize = 4;

/// Long enough for a proxy to note the use of a route after the client has its answer.
const NOTED: Duration = Duration::from_millis(60);

/// The addresses of one proxy and its targets, which differ from run to run, by the words that stand for them.
struct World {
    door: Door,
    redirect: u16,
    words: Vec<(String, &'static str)>,
    _targets: Vec<Target>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start(kind: Kind, group: &Group) -> Self {
        let (a, b) = tokio::join!(Target::start("A"), Target::start("B"));
        let folder = tempfile::tempdir().expect("a folder");
        let own = rcgen::generate_simple_self_signed(["front".to_owned()]).expect("a certificate");
        for (name, text) in [
            ("404.html", "not here"),
            ("error.html", "an error"),
            ("cert.pem", &own.cert.pem()),
            ("key.pem", &own.signing_key.serialize_pem()),
        ] {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let redirect = ports::free();
        let mut words = vec![
            (a.address.to_string(), "TARGET-A"),
            (b.address.to_string(), "TARGET-B"),
            (folder.path().display().to_string(), "FOLDER"),
            (redirect.to_string(), "REDIRECT-PORT"),
        ];
        let options: Vec<String> = group
            .options
            .iter()
            .map(|text| filled(text, &words))
            .collect();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let door = Door::open(kind, &options).await;
        words.push((door.public.to_string(), "PUBLIC"));
        words.push((door.public.port().to_string(), "PUBLIC-PORT"));
        for (path, target) in group.routes {
            door.route(path, &filled(target, &words)).await;
        }
        Self {
            door,
            redirect,
            words,
            _targets: vec![a, b],
            _folder: folder,
        }
    }

    /// Does what a call says and tells what could be seen.
    async fn observe(&self, group: &Group, call: &Call) -> Value {
        let uses = if group.activity {
            Some(self.used().await)
        } else {
            None
        };
        let bytes = filled(&call.text, &self.words);
        let to = match call.side {
            Side::Public => self.door.public,
            Side::Api => self.door.api,
            Side::Redirect => SocketAddr::from((Ipv4Addr::LOCALHOST, self.redirect)),
        };
        let heard = wire::say(to, bytes.as_bytes()).await;
        let mut seen = self.seen(&heard, bytes.split(' ').next().unwrap_or_default());
        if let Some(before) = uses {
            tokio::time::sleep(NOTED).await;
            let used = self.used().await.into_iter();
            let used = used.filter(|(key, last)| before.get(key) != Some(last));
            seen["used"] = used.map(|(key, _)| key).collect();
        }
        seen
    }

    /// When each route was used last.
    async fn used(&self) -> BTreeMap<String, String> {
        let routes = self.door.routes().await;
        let routes = routes.as_object().expect("an object").iter();
        routes
            .map(|(key, route)| (key.clone(), route["last_activity"].to_string()))
            .collect()
    }

    fn seen(&self, heard: &Heard, method: &str) -> Value {
        let mut answers = Vec::new();
        let mut rest = heard.bytes.as_slice();
        while !rest.is_empty() {
            match strict::response(rest, method, heard.closed) {
                Ok(Some((answer, used))) => {
                    rest = &rest[used..];
                    let switched = answer.status() == 101;
                    answers.push(self.answer(&answer));
                    if switched {
                        answers.push(json!(String::from_utf8_lossy(rest)));
                        break;
                    }
                }
                Ok(None) => {
                    answers.push(json!("cut off"));
                    break;
                }
                Err(why) => {
                    answers.push(json!(why));
                    break;
                }
            }
        }
        json!({"answers": answers, "closed": heard.closed})
    }

    /// Without what belongs to one hop, and without what time it is.
    fn answer(&self, answer: &Message) -> Value {
        let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, value) in &answer.headers {
            let hop = [
                "date",
                "connection",
                "keep-alive",
                "transfer-encoding",
                "content-length",
            ];
            if !hop.contains(&name.as_str()) {
                let value = self.unfilled(&String::from_utf8_lossy(value));
                headers.entry(name).or_default().push(value);
            }
        }
        let body = self.unfilled(&String::from_utf8_lossy(&answer.body));
        let body = match serde_json::from_str::<Value>(&body) {
            Ok(body) => timeless(body),
            Err(_) => Value::String(body),
        };
        json!({"status": answer.status(), "reason": answer.line.splitn(3, ' ').nth(2), "headers": headers, "body": body})
    }

    fn unfilled(&self, text: &str) -> String {
        let replace = |text: String, (value, word): &(String, &str)| text.replace(value, word);
        self.words.iter().fold(text.to_owned(), replace)
    }
}

/// `text` with addresses instead of words.
fn filled(text: &str, words: &[(String, &'static str)]) -> String {
    let replace = |text: String, (value, word): &(String, &str)| text.replace(word, value);
    words.iter().fold(text.to_owned(), replace)
}

/// Times of uses have a form, but their value differs from run to run.
fn timeless(mut body: Value) -> Value {
    match &mut body {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                *value = match (name.as_str(), value.as_str()) {
                    ("last_activity", Some(text)) => {
                        let digit = |c: char| if c.is_ascii_digit() { '0' } else { c };
                        text.chars().map(digit).collect::<String>().into()
                    }
                    _ => timeless(value.take()),
                };
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| *value = timeless(value.take())),
        _ => {}
    }
    body
}

/// All calls of a group at both, one after the other.
async fn exchanges(group: Group) -> Vec<Exchange> {
    let (theirs, ours) = tokio::join!(
        World::start(Kind::Theirs, &group),
        World::start(Kind::Ours, &group)
    );
    let mut exchanges = Vec::new();
    for call in &group.calls {
        let (theirs, ours) = tokio::join!(theirs.observe(&group, call), ours.observe(&group, call));
        exchanges.push(Exchange {
            call: format!("{}: {}", group.name, call.name).trim().to_owned(),
            theirs,
            ours,
        });
    }
    exchanges
}

#[tokio::test]
async fn both_proxies_do_the_same() {
    let groups = stream::iter(scenarios::all()).map(exchanges);
    let all: Vec<_> = groups.buffered(AT_ONCE).collect().await;
    Report::of(all.into_iter().flatten().collect()).judge();
}
