//! The numbers for Prometheus: clean by its own critic, all that JupyterHub has, and what public dashboards ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::{Stack, StackBuilder, eventually_some, peers, programs};
use reqwest::Method;

/// What the dashboards of <https://github.com/jupyterhub/grafana-dashboards> (as of 2026) query of the hub, and the labels
/// by which they choose or sum. `jupyterhub_user_group_info`, which they query as well, is of another program,
/// jupyterhub-groups-exporter.
const DASHBOARDS: &[(&str, &[&str])] = &[
    ("jupyterhub_running_servers", &[]),
    ("jupyterhub_active_users", &["period"]),
    (
        "jupyterhub_request_duration_seconds_bucket",
        &["handler", "le"],
    ),
    ("jupyterhub_request_duration_seconds_count", &["code"]),
    ("jupyterhub_server_spawn_duration_seconds_bucket", &["le"]),
    (
        "jupyterhub_server_spawn_duration_seconds_count",
        &["status"],
    ),
];

/// The periods of `jupyterhub_active_users` that they have a panel for.
const PERIODS: [&str; 3] = ["24h", "7d", "30d"];

/// A page after a login, a start, a stop and a logout.
async fn page(builder: StackBuilder) -> String {
    let hub = programs::path("hub").display().to_string();
    let stack = builder
        .config(&format!(
            "[Spawner]\ncmd = [{hub:?}, 'demo-server']\nargs = []"
        ))
        .config("[JupyterHub]\nauthenticate_prometheus = false")
        .start()
        .await;
    let mut mal = stack.visitor();
    mal.login("mal", "x").await;
    stack.api().start_server("mal").await;
    stack.api().stop_server("mal").await;
    mal.logout().await;
    mal.send(Method::GET, "hub/nowhere", None).await;
    let client = stack.client();
    eventually_some(Duration::from_secs(60), "users are counted", async || {
        let page = client.get("hub/metrics").await.expect(200).body;
        PERIODS
            .iter()
            .all(|period| page.contains(&format!("{{period=\"{period}\"}}")))
            .then_some(page)
    })
    .await
}

/// A family: its type, and the labels of its samples (without those that tell buckets and quantiles apart).
#[derive(Debug, Default)]
struct Family {
    kind: String,
    labels: BTreeSet<String>,
    sampled: bool,
}

/// The name and the names of the labels of a sample. Values have no braces or quotes in them but of paths.
fn sample(line: &str) -> Option<(&str, BTreeSet<String>)> {
    if line.starts_with('#') || line.is_empty() {
        return None;
    }
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let inside = rest
        .strip_prefix('{')
        .and_then(|rest| rest.rsplit_once('}'));
    let labels = inside.map_or_else(BTreeSet::new, |(inside, _)| {
        let names = inside
            .split("=\"")
            .filter_map(|part| part.rsplit(['"', ',']).next());
        names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    });
    Some((name, labels))
}

fn families(page: &str) -> BTreeMap<String, Family> {
    let mut all: BTreeMap<String, Family> = BTreeMap::new();
    for line in page.lines() {
        if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            all.entry(name.to_owned()).or_default().kind = kind.to_owned();
            continue;
        }
        let Some((name, mut labels)) = sample(line) else {
            continue;
        };
        let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            let stem = name.strip_suffix(end)?;
            let parts = ["histogram", "summary"].contains(&all.get(stem)?.kind.as_str());
            parts.then_some(stem)
        });
        labels.retain(|label| label != "le" && label != "quantile");
        let family = all.entry(stem.unwrap_or(name).to_owned()).or_default();
        family.labels.extend(labels);
        family.sampled = true;
    }
    all
}

/// The families that docs/compat.md says we do not have; a `*` stands for anything.
fn known_to_be_missing() -> Vec<String> {
    let page = std::fs::read_to_string(peers::workspace().join("docs/compat.md")).expect("docs");
    let (_, section) = page
        .split_once("### Metrics that are not there\n")
        .expect("the section");
    let section = section.split("\n#").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect()
}

fn is_named(family: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((begin, end)) => family.starts_with(begin) && family.ends_with(end),
        None => family == pattern,
    }
}

#[tokio::test]
async fn everything_that_jupyterhub_counts_is_there_or_its_absence_is_told() {
    let (ours, theirs) = (
        page(Stack::builder()).await,
        page(Stack::builder().python_hub()).await,
    );
    let (ours, theirs) = (families(&ours), families(&theirs));
    let missing = known_to_be_missing();
    for (name, family) in &theirs {
        if missing.iter().any(|pattern| is_named(name, pattern)) {
            assert!(
                !ours.contains_key(name),
                "{name} is there: docs/compat.md is old"
            );
            continue;
        }
        let Some(own) = ours.get(name) else {
            panic!("{name} is missing; if that must be, say why in docs/compat.md");
        };
        assert_eq!(own.kind, family.kind, "{name}");
        if family.sampled && own.sampled {
            assert_eq!(own.labels, family.labels, "{name}");
        }
    }
    assert!(
        theirs
            .keys()
            .filter(|name| name.starts_with("jupyterhub_"))
            .count()
            > 15,
        "{theirs:#?}"
    );
    for pattern in &missing {
        assert!(
            theirs.keys().any(|name| is_named(name, pattern)),
            "{pattern}: JupyterHub has no such family"
        );
    }
}

#[tokio::test]
async fn prometheus_finds_no_fault_and_dashboards_find_their_names() {
    let page = page(Stack::builder()).await;
    for (name, wanted) in DASHBOARDS {
        let found = page
            .lines()
            .filter_map(sample)
            .find(|(found, _)| found == name);
        let (_, labels) = found.unwrap_or_else(|| panic!("{name}\n{page}"));
        for label in *wanted {
            assert!(
                labels.contains(*label),
                "{name} without {label}: {labels:?}"
            );
        }
    }
    let mut critic = Command::new(peers::promtool())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut input = critic.stdin.take().expect("its input");
    input.write_all(page.as_bytes()).expect("it reads");
    drop(input);
    let said = critic.wait_with_output().expect("its end");
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && text.is_empty(), "{text}\n{page}");
}

#[test]
fn samples_are_taken_apart() {
    for (line, name, labels) in [
        ("up 1", "up", &[][..]),
        ("a_total{} 1", "a_total", &[]),
        ("a{b=\"c\",le=\"0.5\"} 2 17", "a", &["b", "le"]),
        (
            "a{handler=\"/x/{y}\",code=\"\"} 2",
            "a",
            &["code", "handler"],
        ),
    ] {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(sample(line), Some((name, labels)), "{line}");
    }
    assert_eq!(sample("# HELP x y"), None);
}
