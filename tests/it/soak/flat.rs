//! Whether what a process uses stays what it was: a pure judgement of samples.
//!
//! Through the samples, without the first half of the time (warming up: pools, caches, pages of code), goes the line whose
//! slope is the median of the slopes between any two of them (Theil and Sen). Up to three samples in ten may lie anywhere:
//! a database that is away makes requests wait, with their connections, and that is no leak. What this line rises
//! from its one end to its other is what must be small: the same on a short stretch as on a long one, so that an hour finds
//! leaks that are twelve times slower than those which five minutes find.

use std::fmt;
use std::time::Duration;

/// What a process uses at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// Since the process was first looked at.
    pub(super) at: Duration,
    /// Memory that is its own, in KiB (`RssAnon`): pages of the program's file come and go.
    pub(super) memory: u32,
    /// Open descriptors.
    pub(super) descriptors: u32,
    /// Threads.
    pub(super) threads: u32,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    Memory,
    Descriptors,
    Threads,
}

/// How one of them went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    resource: Resource,
    first: u32,
    last: u32,
    /// Of the stretch that is judged.
    median: f64,
    /// Of the line through that stretch, from end to end.
    rise: f64,
    allowed: f64,
}

impl Resource {
    const ALL: [Self; 3] = [Self::Memory, Self::Descriptors, Self::Threads];

    fn of(self, sample: &Sample) -> u32 {
        match self {
            Self::Memory => sample.memory,
            Self::Descriptors => sample.descriptors,
            Self::Threads => sample.threads,
        }
    }

    /// What the line may rise. Memory: allocators give back late, and bounded caches fill. Descriptors: every user's server
    /// keeps a connection to the hub, and it is chance how many run. Threads: those for work that blocks come and go.
    fn allowed(self) -> f64 {
        match self {
            Self::Memory => 6_144.0,
            Self::Descriptors => 30.0,
            Self::Threads => 4.0,
        }
    }
}

impl Course {
    pub(super) fn is_flat(&self) -> bool {
        self.rise <= self.allowed
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = match self.resource {
            Resource::Memory => ("memory", " KiB"),
            Resource::Descriptors => ("descriptors", ""),
            Resource::Threads => ("threads", ""),
        };
        let verdict = if self.is_flat() { "flat" } else { "NOT FLAT" };
        write!(
            f,
            "{name} {} → {}{unit} (median {:.0}, the line rises {:+.1}, allowed {:.0}: {verdict})",
            self.first, self.last, self.median, self.rise, self.allowed
        )
    }
}

/// The middle one; of an even number the upper of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The median of the slopes between any two points, per second.
fn slope(points: &[(f64, f64)]) -> f64 {
    let from = |(index, first): (usize, &(f64, f64))| {
        let first = *first;
        points[index + 1..]
            .iter()
            .filter(move |later| later.0 > first.0)
            .map(move |later| (later.1 - first.1) / (later.0 - first.0))
    };
    median(points.iter().enumerate().flat_map(from).collect())
}

/// How each resource went; nothing when there are too few samples for a judgement.
pub(super) fn courses(samples: &[Sample]) -> Vec<Course> {
    let [first, .., last] = samples else {
        return Vec::new();
    };
    let warm = first.at + (last.at - first.at) / 2;
    let judged: Vec<_> = samples.iter().filter(|sample| sample.at >= warm).collect();
    if judged.len() < 10 {
        return Vec::new();
    }
    let course = |resource: Resource| {
        let points: Vec<_> = judged
            .iter()
            .map(|sample| (sample.at.as_secs_f64(), f64::from(resource.of(sample))))
            .collect();
        let median = median(points.iter().map(|point| point.1).collect());
        Course {
            resource,
            first: resource.of(first),
            last: resource.of(last),
            median,
            rise: slope(&points) * (last.at - warm).as_secs_f64(),
            allowed: resource.allowed(),
        }
    };
    Resource::ALL.map(course).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that is busy: everything goes up and down, by what `more` adds at each second.
    fn samples(seconds: u32, more: impl Fn(u32) -> (u32, u32, u32)) -> Vec<Sample> {
        let mut random = fastrand::Rng::with_seed(7);
        (0..seconds / 2)
            .map(|number| {
                let second = number * 2;
                let (memory, descriptors, threads) = more(second);
                Sample {
                    at: Duration::from_secs(second.into()),
                    memory: 60_000 + random.u32(0..3_000) + memory,
                    descriptors: 40 + random.u32(0..30) + descriptors,
                    threads: 6 + random.u32(0..5) + threads,
                }
            })
            .collect()
    }

    fn not_flat(seconds: u32, more: impl Fn(u32) -> (u32, u32, u32)) -> Vec<Resource> {
        let courses = courses(&samples(seconds, more));
        assert_eq!(courses.len(), 3);
        let steep = courses.iter().filter(|course| !course.is_flat());
        steep.map(|course| course.resource).collect()
    }

    #[test]
    fn ups_and_downs_are_flat() {
        for seconds in [100, 300, 3_600] {
            assert_eq!(not_flat(seconds, |_| (0, 0, 0)), []);
        }
    }

    #[test]
    fn leaks_are_found() {
        use Resource::{Descriptors, Memory, Threads};
        // One of each with every request, of which there are twenty each second.
        assert_eq!(not_flat(100, |at| (0, at * 20, 0)), [Descriptors]);
        assert_eq!(not_flat(100, |at| (at * 20 * 16, 0, 0)), [Memory]);
        assert_eq!(not_flat(100, |at| (0, 0, at * 20)), [Threads]);
        // With every login, every third second.
        assert_eq!(
            not_flat(300, |at| (0, at / 3, at / 3)),
            [Descriptors, Threads]
        );
        // 500 bytes with every request: too little for five minutes, not for an hour.
        assert_eq!(not_flat(300, |at| (at * 10, 0, 0)), []);
        assert_eq!(not_flat(3_600, |at| (at * 10, 0, 0)), [Memory]);
    }

    #[test]
    fn warming_up_and_single_peaks_are_no_leaks() {
        assert_eq!(not_flat(300, |at| (at.min(60) * 500, at.min(60), 0)), []);
        let peaks = |at: u32| {
            if at % 40 < 8 {
                (20_000, 200, 20)
            } else {
                (0, 0, 0)
            }
        };
        assert_eq!(not_flat(300, peaks), []);
        // And a leak is one in spite of them.
        let both = |at: u32| (0, peaks(at).1 + at, 0);
        assert_eq!(not_flat(300, both), [Resource::Descriptors]);
    }

    #[test]
    fn a_few_samples_are_no_judgement() {
        assert!(courses(&samples(20, |at| (0, at * 100, 0))).is_empty());
        assert!(courses(&[]).is_empty());
    }
}
