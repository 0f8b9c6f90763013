use std::collections::BTreeMap;
use std::time::Duration;

use clap::Parser as _;

use super::*;
use crate::cli::Args;

async fn metrics(flags: &[&str]) -> Metrics {
    let args = Args::try_parse_from(std::iter::once(&"cull-idle").chain(flags)).unwrap();
    let env: BTreeMap<String, String> = [
        ("JUPYTERHUB_API_TOKEN", "t"),
        ("JUPYTERHUB_API_URL", "http://h/hub/api"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    Metrics::new(&args.settings(&env).unwrap()).await.unwrap()
}

fn value(page: &str, name: &str) -> Option<f64> {
    let start = format!("{name} ");
    let line = page.lines().find(|line| line.starts_with(&start))?;
    line[name.len()..].trim().parse().ok()
}

#[tokio::test]
async fn numbers_are_there_from_the_start_and_count() {
    let metrics = metrics(&[]).await;
    for name in [SERVERS_CULLED, USERS_CULLED, FAILED, ANNOUNCED] {
        assert_eq!(value(&metrics.page(), name), Some(0.0), "{name}");
    }
    let summary = Summary {
        users: 7,
        servers: 9,
        servers_culled: 2,
        failed: 1,
        took: Duration::from_millis(1_500),
        ..Summary::default()
    };
    metrics.note(Some(&summary)).await;
    metrics.note(Some(&summary)).await;
    metrics.note(None).await;
    let page = metrics.page();
    for (name, expected) in [
        (SERVERS_CULLED, 4.0),
        (FAILED, 2.0),
        (SERVERS, 9.0),
        (USERS, 7.0),
        (DURATION, 1.5),
        ("cull_idle_sweeps_total{result=\"done\"}", 2.0),
        ("cull_idle_sweeps_total{result=\"failed\"}", 1.0),
    ] {
        assert_eq!(value(&page, name), Some(expected), "{name} in\n{page}");
    }
    assert!(value(&page, LAST).is_some_and(|time| time > 1.7e9));
}

#[tokio::test]
async fn what_is_only_rehearsed_is_not_counted_as_done() {
    let metrics = metrics(&["--dry-run"]).await;
    let rehearsal = Summary {
        servers_culled: 2,
        dry_run: true,
        ..Summary::default()
    };
    metrics.note(Some(&rehearsal)).await;
    assert_eq!(value(&metrics.page(), SERVERS_CULLED), Some(0.0));
}

#[tokio::test]
async fn the_file_is_whole_after_each_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cull-idle.prom");
    let metrics = metrics(&[&format!("--metrics-file={}", file.display())]).await;
    metrics.note(Some(&Summary::default())).await;
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        lines.sort();
        lines
    };
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(sorted(&written), sorted(&metrics.page()));
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no draft stays"
    );
}
