//! What processes use, as `/proc` shows it, looked at every two seconds.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::flat::Sample;

const EVERY: Duration = Duration::from_secs(2);

/// One process, from when it was first looked at.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) pid: u32,
    begin: Instant,
    pub(super) samples: Vec<Sample>,
}

/// The lives of one program, the present one last.
#[derive(Debug, Clone, Default)]
pub(super) struct Lives(Arc<Mutex<Vec<Life>>>);

impl Life {
    /// How long it was looked at, in words.
    pub(super) fn span(&self) -> String {
        let last = self
            .samples
            .last()
            .map_or(Duration::ZERO, |sample| sample.at);
        format!("{:.0} s", last.as_secs_f32())
    }
}

/// `None` once it has ended.
fn look(pid: u32, at: Duration) -> Option<Sample> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some(Sample {
        at,
        memory: field("RssAnon:")?,
        descriptors: u32::try_from(descriptors).ok()?,
        threads: field("Threads:")?,
    })
}

impl Lives {
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Life>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this process is looked at.
    pub(super) fn begin(&self, pid: u32) {
        self.all().push(Life {
            pid,
            begin: Instant::now(),
            samples: Vec::new(),
        });
    }

    fn sample(&self) {
        if let Some(life) = self.all().last_mut() {
            let sample = look(life.pid, life.begin.elapsed());
            life.samples.extend(sample);
        }
    }

    pub(super) fn so_far(&self) -> Vec<Life> {
        self.all().clone()
    }
}

/// Looks at the present lives until it is aborted.
pub(super) fn watch(programs: [Lives; 2]) -> JoinHandle<()> {
    let mut tick = tokio::time::interval(EVERY);
    tokio::spawn(async move {
        loop {
            tick.tick().await;
            programs.iter().for_each(Lives::sample);
        }
    })
}
