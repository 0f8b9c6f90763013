//! Stopping: the whole session goes, in the gentlest way that works.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use services::process::{
    Liveness, ProcessRecord, Running, StopReport, StopTimes, adopt, poll, signal_group, stop,
};

use crate::scene::{Scene, eventually};

fn quick() -> StopTimes {
    StopTimes {
        interrupt: Duration::from_millis(300),
        term: Duration::from_millis(300),
        kill: Duration::from_secs(5),
    }
}

/// Starts `script` and waits until it has said `ready`.
async fn ready(scene: &Scene, script: &str) -> Running {
    let running = scene.run(&scene.sh(script)).await.unwrap();
    eventually("ready", || scene.log().contains("ready").then_some(())).await;
    running
}

fn alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn the_gentlest_signal_suffices() {
    for (script, last) in [
        (
            "trap 'exit 0' INT; echo ready; while :; do sleep 0.05; done",
            Signal::SIGINT,
        ),
        (
            "trap '' INT; trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done",
            Signal::SIGTERM,
        ),
        (
            "trap '' INT TERM; echo ready; while :; do sleep 0.05; done",
            Signal::SIGKILL,
        ),
    ] {
        let scene = Scene::new();
        let mut running = ready(&scene, script).await;
        let record = running.record().clone();
        let (report, exit) = tokio::join!(stop(&record, quick()), running.wait());
        assert_eq!(report, StopReport::Stopped(last), "{script}");
        let by = exit.signal.map_or(0, |signal| signal);
        assert_eq!(by, if last == Signal::SIGKILL { 9 } else { 0 }, "{exit}");
        assert_eq!(stop(&record, quick()).await, StopReport::AlreadyGone);
    }
}

#[tokio::test]
async fn grandchildren_go_too_even_in_groups_of_their_own() {
    let scene = Scene::new();
    // `set -m` gives the background job a group of its own; both ignore what can be ignored.
    let script = "trap '' INT TERM; sleep 60 & echo $! > child; set -m; (trap '' INT TERM; sleep 60) & echo $! > job; echo ready; wait";
    let mut plan = scene.sh(script);
    plan.cwd = Some(scene.path(""));
    let mut running = scene.run(&plan).await.unwrap();
    eventually("ready", || scene.log().contains("ready").then_some(())).await;
    let pids = ["child", "job"].map(|name| std::fs::read_to_string(scene.path(name)).unwrap());
    assert!(pids.iter().all(|pid| alive(pid)));
    let record = running.record().clone();
    let (report, _) = tokio::join!(stop(&record, quick()), running.wait());
    assert_eq!(report, StopReport::Stopped(Signal::SIGKILL));
    for pid in &pids {
        assert!(!alive(pid), "{pid}");
    }
}

#[tokio::test]
async fn leftovers_of_a_dead_leader_are_found_and_ended() {
    let scene = Scene::new();
    let mut plan = scene.sh("(trap '' INT TERM; sleep 60) & echo $! > child; exit 1");
    plan.cwd = Some(scene.path(""));
    let mut running = scene.run(&plan).await.unwrap();
    assert_eq!(running.wait().await.code, Some(1));
    let child = std::fs::read_to_string(scene.path("child")).unwrap();
    assert!(alive(&child));
    let record = running.record().clone();
    assert!(adopt(&record).is_none());
    assert_eq!(poll(&record), Liveness::Exited(None));
    let start = Instant::now();
    assert!(matches!(
        stop(&record, StopTimes::default()).await,
        StopReport::Stopped(_)
    ));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "leftovers get one second per signal"
    );
    assert!(!alive(&child));
}

#[tokio::test]
async fn without_their_leader_only_those_with_our_mark_are_ended() {
    let scene = Scene::new();
    let mut plan = scene.sh("(trap '' INT TERM; sleep 60) & echo $! > child; exit 1");
    plan.cwd = Some(scene.path(""));
    plan.env
        .insert("JUPYTERHUB_CLIENT_ID".into(), "service-x".into());
    let mut running = scene.run(&plan).await.unwrap();
    running.wait().await;
    let child = std::fs::read_to_string(scene.path("child")).unwrap();
    let ours = running.record().clone();
    assert_eq!(ours.mark.as_deref(), Some("JUPYTERHUB_CLIENT_ID=service-x"));
    let other = ProcessRecord {
        mark: Some("JUPYTERHUB_CLIENT_ID=service-y".into()),
        ..ours.clone()
    };
    assert_eq!(stop(&other, quick()).await, StopReport::AlreadyGone);
    assert!(!signal_group(&other, Signal::SIGKILL) && alive(&child));
    assert!(matches!(stop(&ours, quick()).await, StopReport::Stopped(_)));
    assert!(!alive(&child));
}

#[tokio::test]
async fn another_process_with_our_id_is_left_alone() {
    let scene = Scene::new();
    let mut running = ready(&scene, "echo ready; exec sleep 60").await;
    let ours = running.record().clone();
    for stale in [
        ProcessRecord {
            start_ticks: ours.start_ticks - 1,
            ..ours.clone()
        },
        ProcessRecord {
            boot_id: "another".into(),
            ..ours.clone()
        },
    ] {
        assert!(!signal_group(&stale, Signal::SIGKILL));
        assert_eq!(stop(&stale, quick()).await, StopReport::AlreadyGone);
        assert!(adopt(&stale).is_none());
    }
    assert_eq!(poll(&ours), Liveness::Alive);
    assert!(signal_group(&ours, Signal::SIGTERM));
    assert_eq!(running.wait().await.to_string(), "ended by SIGTERM");
}
