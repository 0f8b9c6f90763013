//! Comparing what was seen at both, and the report.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use e2e::peers;
use serde_json::Value;

use super::deviations::DEVIATIONS;

/// Examples shown for each kind of difference.
const EXAMPLES: usize = 3;

/// A call and what was seen of it.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) call: String,
    pub(super) theirs: Value,
    pub(super) ours: Value,
}

impl Exchange {
    /// Where the two differ, one line for each place.
    fn differences(&self) -> Vec<String> {
        let mut lines = Vec::new();
        differ("", &self.theirs, &self.ours, &mut lines);
        lines
    }
}

fn differ(at: &str, theirs: &Value, ours: &Value, lines: &mut Vec<String>) {
    let below = |name: &str| {
        if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}.{name}")
        }
    };
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
            for name in names {
                match (theirs.get(name), ours.get(name)) {
                    (Some(theirs), Some(ours)) => differ(&below(name), theirs, ours, lines),
                    (Some(value), None) => {
                        lines.push(format!("{}: only theirs, {value}", below(name)));
                    }
                    (_, value) => lines.push(format!(
                        "{}: only ours, {}",
                        below(name),
                        value.unwrap_or(&Value::Null)
                    )),
                }
            }
        }
        // Lines of headers are compared as sets: their order means nothing.
        (Value::Array(theirs), Value::Array(ours)) if at.ends_with("headers") => {
            for line in theirs.iter().filter(|line| !ours.contains(line)) {
                lines.push(format!("{at}: only theirs, {line}"));
            }
            for line in ours.iter().filter(|line| !theirs.contains(line)) {
                lines.push(format!("{at}: only ours, {line}"));
            }
        }
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            for (n, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
                differ(&below(&n.to_string()), theirs, ours, lines);
            }
        }
        (theirs, ours) if theirs == ours => {}
        (theirs, ours) => lines.push(format!("{at}: {theirs} ≠ {ours}")),
    }
}

/// All exchanges.
#[derive(Debug)]
pub(super) struct Report {
    exchanges: Vec<Exchange>,
}

impl Report {
    pub(super) fn of(exchanges: Vec<Exchange>) -> Self {
        Self { exchanges }
    }

    /// Shows the counts.
    ///
    /// # Panics
    /// When there are differences that nobody meant, or deviations that did not occur.
    pub(super) fn judge(&self) {
        let mut seen = BTreeSet::new();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut wrong: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for exchange in &self.exchanges {
            let mut ids = BTreeSet::new();
            let mut rest = Vec::new();
            for line in exchange.differences() {
                let mut meant = DEVIATIONS.iter().enumerate();
                match meant.find(|(_, deviation)| deviation.covers(&exchange.call, &line)) {
                    Some((n, deviation)) => {
                        seen.insert(n);
                        ids.insert(deviation.id);
                    }
                    None => rest.push(line),
                }
            }
            let class = match (rest.is_empty(), ids.is_empty()) {
                (true, true) => "equal".to_owned(),
                (true, false) => {
                    format!("meant: {}", ids.into_iter().collect::<Vec<_>>().join(", "))
                }
                (false, _) => "UNEXPLAINED".to_owned(),
            };
            *counts.entry(class).or_default() += 1;
            for line in rest {
                wrong.entry(line).or_default().push(&exchange.call);
            }
        }
        let mut text = format!("{} calls of each proxy\n", self.exchanges.len());
        for (class, count) in &counts {
            let _ = writeln!(text, "{count:6} {class}");
        }
        let stale = stale(&seen);
        for line in &stale {
            let _ = writeln!(text, "{line}");
        }
        let mut whole = text.clone();
        for (line, calls) in &wrong {
            let shown: Vec<_> = calls.iter().take(EXAMPLES).collect();
            let _ = writeln!(text, "{line}\n    {} calls, such as {shown:?}", calls.len());
            let _ = writeln!(whole, "{line}\n    {calls:?}");
        }
        for exchange in &self.exchanges {
            let _ = writeln!(
                whole,
                "{}\n    theirs {}\n    ours   {}",
                exchange.call, exchange.theirs, exchange.ours
            );
        }
        let folder = peers::workspace().join("target/artefacts");
        std::fs::create_dir_all(&folder).expect("target is writable");
        std::fs::write(folder.join("proxy-table.txt"), whole).expect("target is writable");
        eprintln!("{text}");
        assert!(
            stale.is_empty() && wrong.is_empty(),
            "{} stale deviations, {} kinds of differences, see above; everything is in target/artefacts/proxy-table.txt",
            stale.len(),
            wrong.len()
        );
    }
}

/// Deviations that did not occur, and those that `COMPAT.md` has under no id, or has and the list does not.
fn stale(seen: &BTreeSet<usize>) -> Vec<String> {
    let docs = peers::workspace().join("hub/proxy/COMPAT.md");
    let docs = std::fs::read_to_string(docs).expect("COMPAT.md");
    let (_, docs) = docs
        .split_once("## What the comparison sees")
        .expect("a section of what this sees");
    let documented: BTreeSet<&str> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(id, _)| id)
        .collect();
    let listed: BTreeSet<&str> = DEVIATIONS.iter().map(|deviation| deviation.id).collect();
    let unseen = DEVIATIONS
        .iter()
        .enumerate()
        .filter(|(n, _)| !seen.contains(n));
    unseen
        .map(|(_, deviation)| format!("did not occur: {deviation:?}"))
        .chain(
            listed
                .difference(&documented)
                .map(|id| format!("COMPAT.md has no row `{id}`")),
        )
        .chain(
            documented
                .difference(&listed)
                .map(|id| format!("COMPAT.md has a row `{id}`, the list of deviations has not")),
        )
        .collect()
}
