//! What was seen: how often each thing worked, what was excused because something had just happened, and what was not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use e2e::Reply;
use regex::Regex;

/// How long after it was back something may still be felt: who asked meanwhile waits a moment before asking again.
const AFTERMATH: Duration = Duration::from_secs(5);

/// How many failures are shown.
const SHOWN: usize = 40;

/// The only names that users have here.
static NAMES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"soak-\d{3}").expect("a pattern"));

/// What is kept while the load runs.
#[derive(Debug)]
pub(super) struct Record {
    begin: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    troubles: Vec<(Instant, Option<Instant>)>,
    tallies: BTreeMap<&'static str, Tally>,
    failures: Vec<String>,
    wrong: Vec<String>,
}

/// How often.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) good: u64,
    pub(super) excused: u64,
}

/// What a reply is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// Come again: allowed while something is away, and shortly after.
    Excused,
    Bad,
}

fn verdict(status: Option<u16>, accepted: &[u16], trouble: bool) -> Verdict {
    match status {
        Some(status) if accepted.contains(&status) => Verdict::Good,
        None | Some(429 | 502 | 503) if trouble => Verdict::Excused,
        _ => Verdict::Bad,
    }
}

/// Whether what was asked from `begin` to `end` can have felt one of these.
fn felt(troubles: &[(Instant, Option<Instant>)], begin: Instant, end: Instant) -> bool {
    troubles
        .iter()
        .any(|(from, until)| *from <= end && until.is_none_or(|until| begin <= until + AFTERMATH))
}

/// How much of the time from `begin` to `end` nothing was felt of any of these, which are in their order.
fn calm(troubles: &[(Instant, Option<Instant>)], begin: Instant, end: Instant) -> Duration {
    let (mut from, mut calm) = (begin, Duration::ZERO);
    for (trouble, over) in troubles {
        calm += (*trouble).min(end).saturating_duration_since(from);
        let felt_until = over.map_or(end, |over| over + AFTERMATH);
        from = from.max(felt_until);
    }
    calm + end.saturating_duration_since(from)
}

fn beginning(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(900)
        .map_or(text.len(), |(end, _)| end);
    &text[..end]
}

impl Record {
    pub(super) fn new() -> Self {
        Self {
            begin: Instant::now(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, and until further notice, errors are excused.
    pub(super) fn trouble_begins(&self) {
        self.state().troubles.push((Instant::now(), None));
    }

    pub(super) fn trouble_is_over(&self) {
        if let Some((_, end)) = self.state().troubles.last_mut() {
            *end = Some(Instant::now());
        }
    }

    /// Whether anything that began at `begin` and lasts until now can have felt some trouble.
    pub(super) fn felt_since(&self, begin: Instant) -> bool {
        felt(&self.state().troubles, begin, Instant::now())
    }

    /// For how long, of the time since `begin`, nothing was in the way of what should come to pass.
    pub(super) fn calm_since(&self, begin: Instant) -> Duration {
        calm(&self.state().troubles, begin, Instant::now())
    }

    /// Something worked.
    pub(super) fn count(&self, what: &'static str) {
        self.state().tallies.entry(what).or_default().good += 1;
    }

    fn excuse(&self, what: &'static str) {
        self.state().tallies.entry(what).or_default().excused += 1;
    }

    /// Something that nothing excuses.
    pub(super) fn fail(&self, text: &str) {
        let at = self.begin.elapsed().as_secs_f32();
        self.state().failures.push(format!("at {at:.1} s: {text}"));
    }

    /// An answer that was somebody else's.
    fn wrong(&self, text: &str) {
        let at = self.begin.elapsed().as_secs_f32();
        self.state().wrong.push(format!("at {at:.1} s: {text}"));
    }

    /// `text` was said to `whose` alone: nobody else's name is in it.
    pub(super) fn only(&self, whose: &str, what: &str, text: &str) {
        let names: BTreeSet<_> = NAMES.find_iter(text).map(|name| name.as_str()).collect();
        if names.iter().any(|name| *name != whose) {
            self.wrong(&format!(
                "{what}, asked by {whose}: {names:?}: {}",
                beginning(text)
            ));
        }
    }

    /// Judges a reply to what was asked at `begin`. `None` when there is nothing to go on with. Without `whose` it was
    /// asked by somebody who may see everybody.
    pub(super) fn judge(
        &self,
        whose: Option<&str>,
        what: &'static str,
        begin: Instant,
        reply: Result<Reply, reqwest::Error>,
        accepted: &[u16],
    ) -> Option<Reply> {
        let status = reply.as_ref().ok().map(|reply| reply.status);
        let text = match &reply {
            Ok(reply) => format!("{} {:?} {}", reply.url, reply.headers, reply.body),
            Err(error) => format!("{error:?}"),
        };
        if let Some(whose) = whose {
            self.only(whose, what, &text);
        }
        let good = self.weigh(whose, what, begin, status, accepted, &text);
        reply.ok().filter(|_| good)
    }

    /// The same for a bare status; `text` is what is shown of it.
    pub(super) fn weigh(
        &self,
        whose: Option<&str>,
        what: &'static str,
        begin: Instant,
        status: Option<u16>,
        accepted: &[u16],
        text: &str,
    ) -> bool {
        let verdict = verdict(status, accepted, self.felt_since(begin));
        match verdict {
            Verdict::Good => self.count(what),
            Verdict::Excused => self.excuse(what),
            Verdict::Bad => {
                let (took, text) = (begin.elapsed(), beginning(text));
                self.fail(&format!(
                    "{what}, {whose:?}: {status:?} after {took:?}: {text}"
                ));
            }
        }
        verdict == Verdict::Good
    }

    /// Counts what holds, and complains of what does not.
    pub(super) fn holds(&self, what: &'static str, holds: bool, text: &str) -> Option<()> {
        if holds {
            self.count(what);
        } else {
            self.fail(&format!("{what}: {}", beginning(text)));
        }
        holds.then_some(())
    }

    /// Something did not come to pass, although nothing was in its way for long enough.
    pub(super) fn too_late(&self, what: &'static str, begin: Instant, text: &str) {
        let (took, calm) = (begin.elapsed(), self.calm_since(begin));
        self.fail(&format!(
            "{what}: not within {took:?}, {calm:?} of it calm: {}",
            beginning(text)
        ));
    }

    pub(super) fn tallies(&self) -> BTreeMap<&'static str, Tally> {
        self.state().tallies.clone()
    }

    /// What is wrong, in words, and how many of it was shown to the wrong user.
    pub(super) fn complaints(&self) -> (Vec<String>, usize) {
        let state = self.state();
        let all = state.wrong.iter().chain(&state.failures);
        let mut shown: Vec<_> = all.take(SHOWN).cloned().collect();
        let more = (state.wrong.len() + state.failures.len()).saturating_sub(SHOWN);
        if more > 0 {
            shown.push(format!("and {more} more"));
        }
        (shown, state.wrong.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_is_excused_and_only_for_a_while() {
        for (status, trouble, expected) in [
            (Some(200), false, Verdict::Good),
            (Some(200), true, Verdict::Good),
            (Some(503), true, Verdict::Excused),
            (Some(502), true, Verdict::Excused),
            (Some(429), true, Verdict::Excused),
            (None, true, Verdict::Excused),
            (Some(503), false, Verdict::Bad),
            (None, false, Verdict::Bad),
            (Some(500), true, Verdict::Bad),
            (Some(403), true, Verdict::Bad),
            (Some(404), true, Verdict::Bad),
            (Some(302), true, Verdict::Bad),
        ] {
            let verdict = verdict(status, &[200], trouble);
            assert_eq!(verdict, expected, "{status:?} {trouble}");
        }
    }

    #[test]
    fn trouble_is_felt_while_it_lasts_and_shortly_after() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let over = [(at(100), Some(at(110)))];
        for (begin, end, expected) in [
            (98, 99, false),
            (90, 101, true),
            (114, 120, true),
            (116, 120, false),
        ] {
            assert_eq!(felt(&over, at(begin), at(end)), expected, "{begin} {end}");
        }
        assert!(felt(&[(at(100), None)], at(500), at(501)));
    }

    #[test]
    fn time_counts_while_nothing_is_felt() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        // Felt from 100 to 115, from 120 to 135, and from 200 on.
        let troubles = [
            (at(100), Some(at(110))),
            (at(120), Some(at(130))),
            (at(200), None),
        ];
        for (begin, end, expected) in [
            (0, 90, 90),
            (0, 105, 100),
            (105, 112, 0),
            (105, 125, 5),
            (90, 140, 10 + 5 + 5),
            (0, 500, 100 + 5 + 65),
            (210, 300, 0),
        ] {
            let found = calm(&troubles, at(begin), at(end));
            assert_eq!(found.as_secs(), expected, "{begin} {end}");
        }
    }

    #[test]
    fn what_never_comes_is_told() {
        let record = Record::new();
        record.trouble_begins();
        record.trouble_is_over();
        record.too_late("it", Instant::now(), "");
        assert_eq!(record.complaints().0.len(), 1);
    }

    #[test]
    fn other_names_are_seen() {
        let record = Record::new();
        record.only("soak-001", "it", "soak-001 is soak-001");
        assert_eq!(record.complaints().1, 0);
        record.only("soak-001", "it", "soak-001 sees soak-002");
        assert_eq!(record.complaints().1, 1);
    }
}
