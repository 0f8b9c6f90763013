//! The arithmetic that servers and users share: idle for too long, else too old; announced before, if need be.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Kind, Limits, Verdict, WhyCull, WhyKeep};
use crate::facts::Stamp;

/// How far ahead of the hub's own clock a timestamp may lie before it is called wrong and not just fresh.
///
/// The hub's `Date` header is cut to seconds, and activity may be newer than the page it is read from.
const FRESH: TimeDelta = TimeDelta::seconds(60);

/// Everything that counts for one server or user.
pub(super) struct Case<'a> {
    /// The hub's time.
    pub(super) now: DateTime<Utc>,
    pub(super) limits: &'a Limits,
    /// What exempts it from being culled for idleness.
    pub(super) exempt: Option<Kind>,
    /// Whether that does not save it from its age.
    pub(super) age_ignores_exemption: bool,
    /// When it began, with the name of the field.
    pub(super) born: (&'static str, &'a Stamp),
    /// When it was last used, with the name of the field.
    pub(super) used: (&'static str, &'a Stamp),
    /// From when on it was announced to be stopped.
    pub(super) announced: Option<DateTime<Utc>>,
}

/// A reason to cull, and from when on it holds.
struct Due {
    from: DateTime<Utc>,
    why: WhyCull,
}

/// Decides.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let idle = idle_since(case);
    let by_idleness = idle.as_ref().ok().map(|idle| Due {
        from: idle.counted + case.limits.timeout,
        why: WhyCull::Inactive {
            since: idle.told,
            inactive: case.now - idle.counted,
            limit: case.limits.timeout,
        },
    });
    let dues = [
        by_idleness.filter(|_| case.exempt.is_none()),
        by_age(case).filter(|_| case.exempt.is_none() || case.age_ignores_exemption),
    ];
    // What is due comes before what will be; idleness before age. A notice is given in time for the stop.
    let first = |time| dues.iter().flatten().find(|due| due.from <= time);
    match first(case.now).or_else(|| first(case.now + case.limits.notice)) {
        None => Verdict::Keep(why_kept(case, idle)),
        Some(due) if case.limits.notice <= TimeDelta::zero() => Verdict::Cull(due.why.clone()),
        Some(due) => announced(case, due),
    }
}

/// A stop that needs a notice: announced at first, done when the notice is over.
///
/// Only a notice counts that could be for this stop: not one for an earlier time, which was for another reason, and none for a time
/// later than we would say now, with which anybody who may stop a server could keep it for ever.
fn announced(case: &Case<'_>, due: &Due) -> Verdict {
    let latest = due.from.max(case.now + case.limits.notice);
    match case.announced.filter(|at| (due.from..=latest).contains(at)) {
        None => Verdict::Announce {
            stop_at: due.from.max(case.now + case.limits.notice),
            why: due.why.clone(),
        },
        Some(at) if at <= case.now => Verdict::Cull(due.why.clone()),
        Some(at) => Verdict::Keep(WhyKeep::Announced {
            left: at - case.now,
        }),
    }
}

fn why_kept(case: &Case<'_>, idle: Result<Idle, WhyKeep>) -> WhyKeep {
    match (idle, case.exempt) {
        (Err(why), _) => why,
        (Ok(idle), Some(kind)) if case.now - idle.counted >= case.limits.timeout => {
            WhyKeep::Exempt(kind)
        }
        (Ok(idle), _) => WhyKeep::Active {
            inactive: case.now - idle.counted,
            limit: case.limits.timeout,
        },
    }
}

/// Since when something is idle.
struct Idle {
    /// The instant from which idle time counts.
    counted: DateTime<Utc>,
    /// The activity that was read: the hub refuses the stop when it knows of a later one.
    told: DateTime<Utc>,
}

fn idle_since(case: &Case<'_>) -> Result<Idle, WhyKeep> {
    let born = readable(case.now, case.born)?;
    match (readable(case.now, case.used)?, born) {
        // Something that was started after it was last used is not idle for longer than it runs.
        (Some(used), born) => Ok(Idle {
            counted: born.map_or(used, |born| born.max(used)),
            told: used,
        }),
        // Null means "never used": then it is idle since it was started. A field that is not there means nothing.
        (None, Some(born)) if *case.used.1 == Stamp::Never => Ok(Idle {
            counted: born,
            told: born,
        }),
        (None, Some(_)) => Err(WhyKeep::Unknown(case.used.0)),
        (None, None) => Err(WhyKeep::Unknown(case.born.0)),
    }
}

/// The time in a field, `None` when there is none, or why it proves nothing.
fn readable(
    now: DateTime<Utc>,
    (field, stamp): (&'static str, &Stamp),
) -> Result<Option<DateTime<Utc>>, WhyKeep> {
    match stamp {
        Stamp::Missing | Stamp::Never => Ok(None),
        Stamp::Unreadable(text) => Err(WhyKeep::Unreadable {
            field,
            text: text.clone(),
        }),
        Stamp::At(time) if *time - now > FRESH => Err(WhyKeep::Future {
            field,
            ahead: *time - now,
        }),
        Stamp::At(time) => Ok(Some(*time)),
    }
}

fn by_age(case: &Case<'_>) -> Option<Due> {
    let (limit, born) = (case.limits.max_age?, case.born.1.time()?);
    Some(Due {
        from: born + limit,
        why: WhyCull::TooOld {
            age: case.now - born,
            limit,
        },
    })
}
