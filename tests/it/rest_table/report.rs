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

/// A pattern of a deviation that explained something: the deviation's place in [`DEVIATIONS`], its id, the pattern.
type Reason = (usize, &'static str, &'static str);

/// What became of one exchange.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Equal,
    /// Different on purpose, for these reasons.
    Meant(BTreeSet<Reason>),
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
        let mut tally = Tally::default();
        for exchange in &self.exchanges {
            tally.add(exchange, &self.verdict(exchange));
        }
        let head = format!(
            "{:?}: {} calls of each hub\n",
            self.suite,
            self.exchanges.len()
        );
        let stale = self.stale(&tally.seen);
        let text = |most: usize| format!("{head}{}", tally.text(&stale, most));
        self.keep(&text(usize::MAX));
        eprintln!("{}", text(EXAMPLES));
        assert!(
            stale.is_empty() && tally.wrong.is_empty(),
            "{} stale deviations and {} kinds of differences, see above; all of them are in target/artefacts",
            stale.len(),
            tally.wrong.len()
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
        let mut reasons = BTreeSet::new();
        let mut rest = Vec::new();
        for line in lines {
            let meant = self.deviations().find_map(|(place, deviation)| {
                Some((place, deviation.id, deviation.covers(exchange, &line)?))
            });
            match meant {
                Some((place, id, patterns)) => {
                    reasons.extend(patterns.map(|pattern| (place, id, pattern)));
                }
                None => rest.push(line),
            }
        }
        if rest.is_empty() {
            Verdict::Meant(reasons)
        } else {
            Verdict::Unexplained(rest)
        }
    }

    fn deviations(&self) -> impl Iterator<Item = (usize, &'static Deviation)> {
        let suite = self.suite;
        DEVIATIONS
            .iter()
            .enumerate()
            .filter(move |(_, deviation)| deviation.suite == suite)
    }

    /// Patterns of deviations that explained nothing, and deviations that `docs/compat.md` does not have.
    fn stale(&self, seen: &BTreeSet<Reason>) -> Vec<String> {
        let docs = peers::workspace().join("docs/compat.md");
        let docs = std::fs::read_to_string(docs).expect("docs/compat.md");
        let ids: BTreeSet<_> = self.deviations().map(|(_, one)| one.id).collect();
        let unseen = self.deviations().flat_map(|(place, deviation)| {
            let patterns = deviation
                .patterns()
                .map(move |one| (place, deviation.id, one));
            patterns.filter(|one| !seen.contains(one))
        });
        let unseen = unseen.map(|(_, id, pattern)| {
            format!("of the deviation {id} nothing needed the pattern {pattern:?}: take it out")
        });
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

/// What became of all exchanges.
#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<String, usize>,
    /// What explained something.
    seen: BTreeSet<Reason>,
    /// What must not be, with the exchanges in which it was seen.
    wrong: BTreeMap<String, Vec<String>>,
}

impl Tally {
    fn add(&mut self, exchange: &Exchange, verdict: &Verdict) {
        let mut wrong = |what: String| self.wrong.entry(what).or_default().push(shown(exchange));
        let class = match verdict {
            Verdict::Equal => "equal".to_owned(),
            Verdict::Meant(reasons) => {
                self.seen.extend(reasons.iter().copied());
                let ids: BTreeSet<_> = reasons.iter().map(|(_, id, _)| *id).collect();
                format!("meant: {}", ids.into_iter().collect::<Vec<_>>().join(", "))
            }
            Verdict::ModelIsWrong => {
                wrong(format!("model says {:?}", exchange.expected));
                "MODEL".to_owned()
            }
            Verdict::Unexplained(lines) => {
                wrong(lines.join("; "));
                "UNEXPLAINED".to_owned()
            }
        };
        *self.counts.entry(class).or_default() += 1;
    }

    /// Counts and problems, with so many examples of each.
    fn text(&self, stale: &[String], most: usize) -> String {
        let mut text = String::new();
        for (class, count) in &self.counts {
            let _ = writeln!(text, "{count:6} {class}");
        }
        for one in stale {
            let _ = writeln!(text, "\n{one}");
        }
        for (what, examples) in &self.wrong {
            let shown: Vec<_> = examples.iter().take(most).map(String::as_str).collect();
            let _ = writeln!(text, "\n{} × {what}\n{}", examples.len(), shown.join("\n"));
        }
        text
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
