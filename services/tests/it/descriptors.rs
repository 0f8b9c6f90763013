//! Open files: without a free descriptor nobody can look, and what runs is not taken for ended; what is started has the limit
//! that it is meant to have.

use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::time::Duration;

use hub_types::env::{EnvSource as _, ProcessEnv};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::signal::Signal;
use services::process::{
    Liveness, ProcessRecord, StopReport, StopTimes, adopt, child_ended, give_children_descriptors,
    poll, signal_group, stop, stop_watched, with_given_descriptors,
};
use tokio::time::{sleep, timeout};

use crate::scene::{Scene, eventually};

const LONG: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(100);

/// Whether this process is there for this test alone, which changes what all tests of a process share. If not, runs it in
/// one that is.
fn alone(test: &str) -> bool {
    if ProcessEnv.get("TEST_ALONE").is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("TEST_ALONE", "1")
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}"
    );
    false
}

/// No descriptor is free until this is dropped.
struct Starved(rlim_t);

impl Starved {
    fn begin() -> Self {
        let (soft, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 0, most).unwrap();
        let error = std::fs::File::open("/proc/self/stat").unwrap_err();
        assert_ne!(error.kind(), ErrorKind::NotFound, "{error}");
        Self(soft)
    }
}

impl Drop for Starved {
    fn drop(&mut self) {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, self.0, most).unwrap();
    }
}

fn times(each: Duration) -> StopTimes {
    StopTimes {
        interrupt: each,
        term: each,
        kill: each,
    }
}

#[tokio::test]
async fn what_cannot_be_looked_at_has_not_ended() {
    if !alone("descriptors::what_cannot_be_looked_at_has_not_ended") {
        return;
    }
    let scene = Scene::new();
    let mut running = scene.run(&scene.plan(&["sleep", "60"])).await.unwrap();
    let record = running.record().clone();
    let rebooted = ProcessRecord {
        boot_id: "another".into(),
        ..record.clone()
    };
    let starved = Starved::begin();
    assert_eq!(poll(&record), Liveness::Alive);
    let mut adopted = adopt(&record).unwrap();
    let end = timeout(MOMENT, adopted.wait()).await;
    assert!(end.is_err(), "{end:?}");
    let end = timeout(MOMENT, child_ended(record.pid)).await;
    assert!(end.is_err(), "it is taken for ended");
    assert!(!signal_group(&record, Signal::SIGKILL));
    assert_eq!(
        poll(&rebooted),
        Liveness::Exited(None),
        "which boot this is was known before"
    );
    drop(starved);

    signal_group(&record, Signal::SIGTERM);
    assert_eq!(running.wait().await.to_string(), "ended by SIGTERM");
    timeout(LONG, adopted.wait()).await.unwrap();
}

#[tokio::test]
async fn a_stop_that_sees_nothing_does_not_report_that_nothing_runs() {
    if !alone("descriptors::a_stop_that_sees_nothing_does_not_report_that_nothing_runs") {
        return;
    }
    let scene = Scene::new();
    let mut running = scene.run(&scene.plan(&["sleep", "60"])).await.unwrap();
    let record = running.record().clone();
    let starved = Starved::begin();
    let brief = times(MOMENT);
    assert_eq!(stop(&record, brief).await, StopReport::StillAlive);
    assert_eq!(stop_watched(&record, brief).await, StopReport::StillAlive);
    // It does what it is there for as soon as it can look.
    let soon = async {
        sleep(3 * MOMENT).await;
        drop(starved);
    };
    let (report, exit, ()) = tokio::join!(stop(&record, times(LONG)), running.wait(), soon);
    assert_eq!(report, StopReport::Stopped(Signal::SIGINT));
    assert_eq!(exit.to_string(), "ended by SIGINT");
}

/// Descriptors run out after the first look: the next signal comes when there are some again, and nobody is killed because
/// its leader could not be seen.
#[tokio::test]
async fn a_stop_goes_on_when_it_can_look_again() {
    if !alone("descriptors::a_stop_goes_on_when_it_can_look_again") {
        return;
    }
    let scene = Scene::new();
    let script = "trap '' INT; echo ready; sleep 60 & wait";
    let mut running = scene.run(&scene.sh(script)).await.unwrap();
    eventually("ready", || scene.log().contains("ready").then_some(())).await;
    let record = running.record().clone();
    let shortage = async {
        // The stop has looked, and waits.
        let starved = Starved::begin();
        sleep(15 * MOMENT).await;
        drop(starved);
    };
    let times = StopTimes {
        interrupt: MOMENT,
        ..times(LONG)
    };
    let (report, exit, ()) = tokio::join!(stop(&record, times), running.wait(), shortage);
    assert_eq!(report, StopReport::Stopped(Signal::SIGTERM));
    assert_eq!(exit.to_string(), "ended by SIGTERM");
}

#[tokio::test]
async fn a_child_that_somebody_has_waited_for_has_ended() {
    let scene = Scene::new();
    let mut running = scene.run(&scene.sh("exit 0")).await.unwrap();
    running.wait().await;
    for pid in [running.record().pid, 0] {
        timeout(LONG, child_ended(pid)).await.unwrap();
    }
}

#[tokio::test]
async fn programs_have_the_soft_limit_of_the_plan() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    for (wanted, expected) in [(300, 300), (most.saturating_add(1), most)] {
        let scene = Scene::new();
        let mut plan = scene.sh("ulimit -Sn; ulimit -Hn");
        plan.descriptors = Some(wanted);
        scene.run(&plan).await.unwrap().wait().await;
        assert_eq!(scene.log(), format!("{expected}\n{most}\n"));
    }
}

#[tokio::test]
async fn children_have_the_limit_that_was_given_not_the_raised_one() {
    if !alone("descriptors::children_have_the_limit_that_was_given_not_the_raised_one") {
        return;
    }
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let limit_of_child = || {
        let mut shell = Command::new("sh");
        let output = with_given_descriptors(shell.args(["-c", "ulimit -Sn"])).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(limit_of_child(), format!("{most}\n"), "nothing was raised");
    give_children_descriptors(300);
    assert_eq!(limit_of_child(), "300\n");
    let scene = Scene::new();
    let plan = scene.sh("ulimit -Sn");
    scene.run(&plan).await.unwrap().wait().await;
    assert_eq!(scene.log(), "300\n");
}
