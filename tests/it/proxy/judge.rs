//! Vectors: bytes that a client sends, what may become of them, and the count of those that did well.

use std::fmt::Write as _;

use e2e::peers;
use futures_util::{StreamExt as _, stream};

use super::door::{Door, Kind};
use super::recorder::Recorder;
use super::strict::{self, Message};
use super::wire::{self, Heard};

/// Stands in a vector for the folder that its bytes may ask for.
pub(super) const HERE: &str = "/HERE";
/// Vectors that are sent at the same time.
const LANES: usize = 8;
/// Idle connections are closed soon, so that a vector ends soon.
pub(super) const OPTIONS: [&str; 2] = ["--keep-alive-timeout", "60"];

/// What may become of a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Answered with a 4xx, 501 or 505, then closed; the target gets no byte.
    Refused,
    /// Forwarded in a form that has one reading.
    Forwarded,
    /// One or the other.
    Either,
}

/// Bytes on a connection of their own.
#[derive(Debug, Clone)]
pub(super) struct Vector {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) fate: Fate,
}

impl Vector {
    pub(super) fn new(name: impl Into<String>, fate: Fate, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
            fate,
        }
    }
}

/// What became of a vector.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The bytes as they were sent.
    pub(super) sent: Vec<u8>,
    pub(super) heard: Heard,
    /// What the target got, by connection.
    pub(super) received: Vec<Vec<u8>>,
}

impl Outcome {
    /// The requests that the target got, or why they are not plain.
    pub(super) fn forwarded(&self) -> Result<Vec<Message>, &'static str> {
        let mut found = Vec::new();
        for bytes in &self.received {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                // The proxy may give up in the middle of a body, and closes that connection.
                let Some((request, used)) = strict::request(rest)? else {
                    break;
                };
                rest = &rest[used..];
                found.push(request);
            }
        }
        Ok(found)
    }

    /// The answers that the client got, without interim ones, or why they are not.
    pub(super) fn answers(&self) -> Result<Vec<Message>, &'static str> {
        let meant = self.meant();
        let mut found = Vec::new();
        let mut rest = self.heard.bytes.as_slice();
        while !rest.is_empty() {
            let method = meant.get(found.len()).map_or("GET", |one| one.word(0));
            let read = strict::response(rest, method, self.heard.closed)?;
            let Some((answer, used)) = read else {
                return Err("an answer is not complete");
            };
            rest = &rest[used..];
            let status = answer.status();
            if status == 101 || status >= 200 {
                found.push(answer);
            }
            if status == 101 {
                break;
            }
        }
        Ok(found)
    }

    /// The requests that a strict reader finds in what was sent.
    fn meant(&self) -> Vec<Message> {
        self.read().0
    }

    /// The same, and whether what follows them is the beginning of another one.
    fn read(&self) -> (Vec<Message>, bool) {
        let mut found = Vec::new();
        let mut rest = self.sent.as_slice();
        loop {
            while let Some(after) = rest.strip_prefix(b"\r\n") {
                rest = after;
            }
            match strict::request(rest) {
                Ok(Some((request, used))) => {
                    rest = &rest[used..];
                    found.push(request);
                }
                Ok(None) => return (found, !rest.is_empty()),
                Err(_) => return (found, false),
            }
        }
    }

    /// Whether everything that was forwarded has one reading, which is that of the client's bytes, and the client knows
    /// what became of it.
    fn is_sound(&self) -> Result<(), String> {
        let forwarded = self.forwarded()?;
        let meant = self.meant();
        let mut left = meant.iter();
        for request in &forwarded {
            let same = |one: &Message| one.word(0) == request.word(0) && one.body == request.body;
            if !left.any(same) {
                return Err(format!("not what was sent: {request:?}"));
            }
        }
        let answers = self.answers()?;
        // A client that has not said all may be waited for.
        if answers.is_empty() && !self.read().1 {
            return Err("no answer".to_owned());
        }
        match answers
            .iter()
            .find(|answer| fault_of_server(answer.status()))
        {
            Some(answer) => Err(format!("answered {}", answer.line)),
            None => Ok(()),
        }
    }

    pub(super) fn fits(&self, fate: Fate) -> Result<(), String> {
        self.is_sound()?;
        let received = !self.received.is_empty();
        let status = self.answers()?.first().map_or(0, Message::status);
        match fate {
            Fate::Refused if received => Err("the target got something".to_owned()),
            Fate::Refused if status < 400 => Err(format!("answered {status}")),
            Fate::Refused if !self.heard.closed => Err("not closed".to_owned()),
            Fate::Refused if self.answers()?.len() > 1 => Err("answered more than once".to_owned()),
            Fate::Forwarded if !received => Err(format!("not forwarded: {status}")),
            _ => Ok(()),
        }
    }

    /// In one line.
    fn shown(&self) -> String {
        let statuses: Vec<_> = self
            .answers()
            .map(|all| all.iter().map(|one| one.line.clone()).collect())
            .unwrap_or_else(|why| vec![why.to_owned()]);
        let received: Vec<_> = self
            .received
            .iter()
            .map(|bytes| bytes[..bytes.len().min(400)].escape_ascii().to_string())
            .collect();
        format!(
            "answers {statuses:?}{}; the target got {received:?}",
            if self.heard.closed { ", closed" } else { "" }
        )
    }
}

/// Whether a status blames the server for what a client sent.
pub(super) fn fault_of_server(status: u16) -> bool {
    status >= 500 && !matches!(status, 501 | 505)
}

/// Sends all vectors to both proxies, and shows how many of them do well with how many.
///
/// # Panics
/// When ours does not do well with all.
pub(super) async fn case(number: u32, vectors: &[Vector]) {
    sent_and_judged(number, vectors, &OPTIONS, |vector, outcome| {
        outcome.fits(vector.fate)
    })
    .await;
}

/// The same with options of the proxies and another judge.
pub(super) async fn sent_and_judged(
    number: u32,
    vectors: &[Vector],
    options: &[&str],
    judge: impl Fn(&Vector, &Outcome) -> Result<(), String>,
) {
    let doors = Door::both(options).await;
    let mut tally = Tally::new(format!("case {number}"));
    for door in &doors {
        for (vector, outcome) in vectors.iter().zip(outcomes(door, vectors).await) {
            let verdict = judge(vector, &outcome);
            tally.add(door.kind, &vector.name, verdict, &outcome.shown());
        }
    }
    tally.close(&format!("proxy-case-{number}"));
}

/// What becomes of each vector at one proxy.
async fn outcomes(door: &Door, vectors: &[Vector]) -> Vec<Outcome> {
    let mut lanes = Vec::new();
    for number in 0..LANES {
        let recorder = Recorder::named("lane").await;
        door.route(&format!("/lane{number}"), &recorder.url()).await;
        lanes.push(recorder);
    }
    // Whatever asks for no lane ends here; these go one after the other.
    let root = Recorder::named("root").await;
    door.route("/", &root.url()).await;
    let in_lane = |vector: &&Vector| find(&vector.bytes, HERE.as_bytes()).is_some();
    let numbers: Vec<usize> = (0..vectors.len()).collect();
    let (shared, alone): (Vec<_>, Vec<_>) =
        numbers.into_iter().partition(|n| in_lane(&&vectors[*n]));
    let by_lane = (0..LANES).map(|lane| {
        let own = shared.iter().skip(lane).step_by(LANES).copied();
        let (recorder, own): (_, Vec<_>) = (&lanes[lane], own.collect());
        async move {
            let mut done = Vec::new();
            for n in own {
                let bytes = replace(&vectors[n].bytes, &format!("/lane{lane}"));
                done.push((n, one(door, recorder, bytes).await));
            }
            done
        }
    });
    let mut done: Vec<_> = stream::iter(by_lane)
        .buffer_unordered(LANES)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .flatten()
        .collect();
    for n in alone {
        done.push((n, one(door, &root, vectors[n].bytes.clone()).await));
    }
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

async fn one(door: &Door, recorder: &Recorder, sent: Vec<u8>) -> Outcome {
    recorder.take();
    let heard = wire::say(door.public, &sent).await;
    Outcome {
        sent,
        heard,
        received: recorder.take(),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}

fn replace(bytes: &[u8], with: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = find(rest, HERE.as_bytes()) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(with.as_bytes());
        rest = &rest[at + HERE.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// Counts what went well with either proxy.
#[derive(Debug)]
pub(super) struct Tally {
    title: String,
    counts: [(usize, usize); 2],
    text: String,
    wrong: Vec<String>,
}

impl Tally {
    pub(super) fn new(title: String) -> Self {
        Self {
            title,
            counts: [(0, 0); 2],
            text: String::new(),
            wrong: Vec::new(),
        }
    }

    /// Adds the verdict on one vector; `shown` says what happened.
    pub(super) fn add(&mut self, kind: Kind, name: &str, verdict: Result<(), String>, shown: &str) {
        let (good, all) = &mut self.counts[kind as usize];
        *all += 1;
        let Err(why) = verdict else {
            *good += 1;
            let _ = writeln!(self.text, "{}: {name}: well: {shown}", kind.name());
            return;
        };
        let line = format!("{}: {name}: BADLY ({why}): {shown}", kind.name());
        let _ = writeln!(self.text, "{line}");
        if kind == Kind::Ours {
            self.wrong.push(line);
        }
    }

    /// Shows the counts and keeps the rest in a file.
    ///
    /// # Panics
    /// When ours did badly with something, or was asked nothing.
    pub(super) fn close(self, file: &str) {
        let mut line = self.title.clone();
        for kind in [Kind::Ours, Kind::Theirs] {
            let (good, all) = self.counts[kind as usize];
            let _ = write!(line, ": {} {good} of {all}", kind.name());
        }
        eprintln!("{line}");
        let folder = peers::workspace().join("target/artefacts");
        std::fs::create_dir_all(&folder).expect("target is writable");
        std::fs::write(
            folder.join(format!("{file}.txt")),
            format!("{line}\n{}", self.text),
        )
        .expect("target is writable");
        assert!(self.counts[Kind::Ours as usize].1 > 0, "nothing was sent");
        assert!(self.wrong.is_empty(), "{line}\n{}", self.wrong.join("\n"));
    }
}
