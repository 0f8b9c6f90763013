//! What was compared: counts, differences, and whether each difference is one that is meant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use e2e::peers;

use super::answer::Answer;
use super::deviations::{DEVIATIONS, Deviation, Suite};

/// One call and what both hubs answered.
#[derive(Debug)]
pub(super) struct Exchange {
    /// What was called: an operation, or a case of a list.
    pub(super) call: String,
    pub(super) caller: String,
    /// The status that the model says, if there is a model.
    pub(super) expected: Option<u16>,
    pub(super) theirs: Answer,
    pub(super) ours: Answer,
}

/// All exchanges of one test.
#[derive(Debug)]
pub(super) struct Report {
    suite: Suite,
    exchanges: Vec<Exchange>,
}

/// What became of one exchange.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Equal,
    /// Different on purpose, for these reasons.
    Meant(BTreeSet<&'static str>),
    /// JupyterHub does not do what the model says: the model is wrong.
    ModelIsWrong,
    /// Different, and nobody wants it so.
    Unexplained(Vec<String>),
}

impl Report {
    pub(super) fn new(suite: Suite) -> Self {
        Self {
            suite,
            exchanges: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, exchange: Exchange) {
        self.exchanges.push(exchange);
    }

    /// Shows the counts, and fails when a difference is not meant, a meant one did not occur, or the documentation does
    /// not have it.
    pub(super) fn judge(&self) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut wrong = BTreeMap::<String, Vec<String>>::new();
        for exchange in &self.exchanges {
            let verdict = self.verdict(exchange);
            let class = match &verdict {
                Verdict::Equal => "equal".to_owned(),
                Verdict::Meant(ids) => {
                    seen.extend(ids.iter().copied());
                    format!(
                        "meant: {}",
                        ids.iter().copied().collect::<Vec<_>>().join(", ")
                    )
                }
                Verdict::ModelIsWrong => {
                    let line = format!("model says {:?}", exchange.expected);
                    wrong.entry(line).or_default().push(shown(exchange));
                    "MODEL".to_owned()
                }
                Verdict::Unexplained(lines) => {
                    wrong
                        .entry(lines.join("; "))
                        .or_default()
                        .push(shown(exchange));
                    "UNEXPLAINED".to_owned()
                }
            };
            *counts.entry(class).or_default() += 1;
        }
        let mut text = format!(
            "{:?}: {} calls of each hub\n",
            self.suite,
            self.exchanges.len()
        );
        for (class, count) in &counts {
            let _ = writeln!(text, "{count:6} {class}");
        }
        let stale = self.stale(&seen);
        let problems = |most: usize| {
            let wrong = wrong.iter().map(move |(what, examples)| {
                let shown: Vec<_> = examples.iter().take(most).map(String::as_str).collect();
                format!("\n{} × {what}\n{}\n", examples.len(), shown.join("\n"))
            });
            let stale = stale.iter().map(|text| format!("\n{text}\n"));
            stale.chain(wrong).collect::<String>()
        };
        self.keep(&format!("{text}{}", problems(usize::MAX)));
        text.push_str(&problems(EXAMPLES));
        eprintln!("{text}");
        assert!(
            stale.is_empty() && wrong.is_empty(),
            "{} stale deviations and {} kinds of differences, see above; all of them are in target/artefacts",
            stale.len(),
            wrong.len()
        );
    }

    fn verdict(&self, exchange: &Exchange) -> Verdict {
        if exchange
            .expected
            .is_some_and(|status| status != exchange.theirs.status)
        {
            return Verdict::ModelIsWrong;
        }
        let lines = exchange.theirs.differences(&exchange.ours);
        if lines.is_empty() {
            return Verdict::Equal;
        }
        let mut ids = BTreeSet::new();
        let mut rest = Vec::new();
        for line in lines {
            let mut meant = self
                .deviations()
                .filter(|deviation| deviation.covers(exchange, &line));
            match meant.next() {
                Some(deviation) => {
                    ids.insert(deviation.id);
                }
                None => rest.push(line),
            }
        }
        if rest.is_empty() {
            Verdict::Meant(ids)
        } else {
            Verdict::Unexplained(rest)
        }
    }

    fn deviations(&self) -> impl Iterator<Item = &'static Deviation> {
        let suite = self.suite;
        DEVIATIONS
            .iter()
            .filter(move |deviation| deviation.suite == suite)
    }

    /// Deviations that did not occur, or that `docs/compat.md` does not have.
    fn stale(&self, seen: &BTreeSet<&str>) -> Vec<String> {
        let docs = peers::workspace().join("docs/compat.md");
        let docs = std::fs::read_to_string(docs).expect("docs/compat.md");
        let ids: BTreeSet<_> = self.deviations().map(|deviation| deviation.id).collect();
        let unseen = ids.iter().filter(|id| !seen.contains(*id));
        let unseen = unseen.map(|id| format!("the deviation {id} did not occur: take it out"));
        let undocumented = ids
            .iter()
            .filter(|id| !docs.contains(&format!("| `{id}` |")));
        unseen
            .chain(undocumented.map(|id| format!("docs/compat.md has no row `{id}`")))
            .collect()
    }

    /// Keeps the text for who wants to read it later.
    fn keep(&self, text: &str) {
        let folder = peers::workspace().join("target/artefacts");
        std::fs::create_dir_all(&folder).expect("target is writable");
        let path = folder.join(format!("rest-{:?}.txt", self.suite).to_lowercase());
        std::fs::write(path, text).expect("target is writable");
    }
}

/// Exchanges shown for each kind of difference.
const EXAMPLES: usize = 3;

fn shown(exchange: &Exchange) -> String {
    format!(
        "    {} by {}\n        theirs {}\n        ours   {}",
        exchange.call, exchange.caller, exchange.theirs, exchange.ours
    )
}
