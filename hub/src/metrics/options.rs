//! What the environment says of metrics: their prefix and their buckets.

use hub_types::env::{
    EnvSource, JUPYTERHUB_METRICS_PREFIX, JUPYTERHUB_SERVER_SPAWN_DURATION_SECONDS_BUCKETS,
    JUPYTERHUB_SERVER_STOP_DURATION_SECONDS_BUCKETS,
};

/// Upper bounds of the buckets of most histograms, in seconds. Source: the Python client of Prometheus.
pub(super) const BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Of starts, which take longer. Source: JupyterHub 6.1.
const SPAWN_BUCKETS: &[f64] = &[
    0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0,
];

/// Of the scheduler, finer between 50 and 75 ms. Source: JupyterHub 6.1.
pub(super) const LOOP_BUCKETS: &[f64] = &[
    0.05, 0.055, 0.06, 0.065, 0.07, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// What the environment says of metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsOptions {
    /// Stands before every name, with an underscore between; may be empty.
    pub prefix: String,
    /// Upper bounds of the buckets of starts, in seconds.
    pub spawn_buckets: Vec<f64>,
    /// Upper bounds of the buckets of stops, in seconds.
    pub stop_buckets: Vec<f64>,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        Self {
            prefix: "jupyterhub".to_owned(),
            spawn_buckets: SPAWN_BUCKETS.to_vec(),
            stop_buckets: BUCKETS.to_vec(),
        }
    }
}

/// A variable of the environment that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value:?} {why}")]
pub struct BadVariable {
    /// The variable.
    pub name: &'static str,
    /// What it holds.
    pub value: String,
    /// What is wrong, and what to write.
    pub why: &'static str,
}

impl MetricsOptions {
    /// Reads `JUPYTERHUB_METRICS_PREFIX` and the two lists of buckets.
    ///
    /// # Errors
    /// [`BadVariable`].
    pub fn from_env(env: &dyn EnvSource) -> Result<Self, BadVariable> {
        let default = Self::default();
        let prefix = env.get(JUPYTERHUB_METRICS_PREFIX);
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b':';
        if let Some(prefix) = prefix.as_deref()
            && (prefix.starts_with(|c: char| c.is_ascii_digit()) || !prefix.bytes().all(word))
        {
            return Err(BadVariable {
                name: JUPYTERHUB_METRICS_PREFIX,
                value: prefix.to_owned(),
                why: "cannot begin a name of Prometheus; use letters, digits and underscores",
            });
        }
        let buckets = |name, default| {
            env.get_nonempty(name)
                .map_or(Ok(default), |text| buckets(name, text))
        };
        Ok(Self {
            prefix: prefix.unwrap_or(default.prefix),
            spawn_buckets: buckets(
                JUPYTERHUB_SERVER_SPAWN_DURATION_SECONDS_BUCKETS,
                default.spawn_buckets,
            )?,
            stop_buckets: buckets(
                JUPYTERHUB_SERVER_STOP_DURATION_SECONDS_BUCKETS,
                default.stop_buckets,
            )?,
        })
    }
}

/// Reads `0.5,1,inf`: numbers that go up. Infinity is always there and may be left out.
fn buckets(name: &'static str, text: String) -> Result<Vec<f64>, BadVariable> {
    let parsed: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match parsed {
        Ok(mut bounds) if bounds.is_sorted_by(|a: &f64, b| a < b) => {
            bounds.retain(|bound| bound.is_finite());
            if !bounds.is_empty() {
                return Ok(bounds);
            }
        }
        _ => {}
    }
    Err(BadVariable {
        name,
        value: text,
        why: "is no list of numbers of seconds that go up, such as 0.5,1,5,60",
    })
}
