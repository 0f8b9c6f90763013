//! The program: its loop and its exit codes.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use cull_idle::cli::Args;
use cull_idle::metrics::Metrics;
use cull_idle::sweep::Sweeper;
use hub_types::clock::SystemClock;
use tokio_util::sync::CancellationToken;

use crate::fake_hub::{Answer, FakeHub, idle, user};

fn args(flags: &[&str]) -> Args {
    Args::try_parse_from(std::iter::once(&"cull-idle").chain(flags)).unwrap()
}

#[tokio::test]
async fn case_109_sweeps_follow_each_other_and_never_overlap() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(900))]))
        .answer("DELETE /users/alice/server", Answer::Hang);
    let settings = hub.settings(&["--timeout=600", "--cull-every=1"]);
    let sweeper = Sweeper::new(&settings, Arc::new(SystemClock)).unwrap();
    let stop = CancellationToken::new();
    let (task_stop, task_settings) = (stop.clone(), settings.clone());
    let task = tokio::spawn(async move {
        let metrics = Metrics::new(&task_settings).await.unwrap();
        cull_idle::run::forever(&sweeper, &task_settings, &metrics, &task_stop).await;
    });
    let stops = || hub.lines("DELETE").len();
    let sweeps = || hub.lines("GET /users").len();
    hub.until("the first stop is under way", || stops() == 1)
        .await;
    // Two intervals pass while the first sweep hangs.
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(2_200)).await;
    tokio::time::resume();
    hub.serve_others().await;
    assert_eq!(sweeps(), 1, "no second sweep has begun");
    hub.go_on.notify_one();
    hub.until("a second sweep", || sweeps() >= 2).await;
    assert_eq!(hub.lines("DELETE").len(), 1);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn after_an_outage_activity_is_waited_for() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(900))]))
        .answer("GET /", Answer::Status(503, ""));
    let settings = hub.settings(&["--timeout=1", "--cull-every=1"]);
    let sweeper = Sweeper::new(&settings, Arc::new(SystemClock)).unwrap();
    let stop = CancellationToken::new();
    let task_stop = stop.clone();
    let task = tokio::spawn(async move {
        let metrics = Metrics::new(&settings).await.unwrap();
        cull_idle::run::forever(&sweeper, &settings, &metrics, &task_stop).await;
    });
    hub.until("a first attempt", || !hub.lines("GET").is_empty())
        .await;
    let hub = hub.answer("GET /", Answer::Busy(0));
    hub.until("a stop", || hub.deleted() == ["alice/server"])
        .await;
    let reads = hub.lines("GET");
    let list = reads
        .iter()
        .position(|line| line.starts_with("GET /users"))
        .unwrap();
    assert!(
        list >= 3,
        "refused, answered, waited, asked again: {reads:?}"
    );
    stop.cancel();
    task.await.unwrap();
}

/// A hub that was away for longer than the timeout says first what it knew before: everybody looks idle. What happened
/// meanwhile it hears within one activity interval.
#[tokio::test]
async fn case_106_a_hub_that_was_away_hears_of_activity_first() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(9_000))]))
        .answer("GET /", Answer::Status(503, ""));
    let settings = hub.settings(&["--timeout=600"]);
    let sweeper = Sweeper::new(&settings, Arc::new(SystemClock)).unwrap();
    let stop = CancellationToken::new();
    let task_stop = stop.clone();
    let task = tokio::spawn(async move {
        let metrics = Metrics::new(&settings).await.unwrap();
        cull_idle::run::forever(&sweeper, &settings, &metrics, &task_stop).await;
    });
    let asked = |hub: &FakeHub| hub.lines("GET /").len();
    hub.until("a first attempt", || asked(&hub) > 0).await;
    let hub = hub.answer("GET /", Answer::Busy(0));
    let refused = asked(&hub);
    hub.until("an attempt after it came back", || asked(&hub) > refused)
        .await;
    hub.serve_others().await;
    assert_eq!(hub.lines("GET /users"), [""; 0], "nobody is judged yet");
    // The proxy says that alice worked all the time.
    let hub = hub.forget_users().user(user("alice", 0, &[("", idle(5))]));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(361)).await;
    tokio::time::resume();
    hub.until("the first sweep", || !hub.lines("GET /users").is_empty())
        .await;
    hub.serve_others().await;
    assert_eq!(hub.deleted(), [""; 0]);
    stop.cancel();
    task.await.unwrap();
}

/// Lets time pass for the culler.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// A culler that runs until the test ends.
async fn running(hub: &FakeHub, flags: &[&str], started_by_hub: bool) {
    let mut settings = hub.settings(flags);
    settings.started_by_hub = started_by_hub;
    let sweeper = Sweeper::new(&settings, Arc::new(SystemClock)).unwrap();
    let metrics = Metrics::new(&settings).await.unwrap();
    tokio::spawn(async move {
        let never = CancellationToken::new();
        cull_idle::run::forever(&sweeper, &settings, &metrics, &never).await;
    });
}

#[tokio::test]
async fn case_106_a_hub_that_starts_its_culler_may_have_been_away() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(900))]));
    running(&hub, &["--timeout=600"], true).await;
    hub.until("a first look", || !hub.lines("GET /").is_empty())
        .await;
    hub.serve_others().await;
    assert_eq!(hub.lines("GET /users"), [""; 0], "nobody is judged yet");
    pass(361).await;
    hub.until("the first sweep", || !hub.lines("GET /users").is_empty())
        .await;
}

#[tokio::test]
async fn case_106_an_outage_between_two_sweeps_is_noticed() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(5))]));
    running(&hub, &["--timeout=600", "--cull-every=300"], false).await;
    let sweeps = || hub.lines("GET /users").len();
    hub.until("the first sweep", || sweeps() == 1).await;
    hub.serve_others().await;
    let hub = hub.clone().answer("GET /", Answer::Status(503, ""));
    let before = hub.lines("GET /").len();
    pass(31).await;
    hub.until("a look between", || hub.lines("GET /").len() > before)
        .await;
    let hub = hub.answer("GET /", Answer::Busy(0));
    hub.serve_others().await;
    let before = hub.lines("GET /").len();
    pass(270).await;
    hub.until("the next sweep's look", || {
        hub.lines("GET /").len() > before
    })
    .await;
    hub.serve_others().await;
    let sweeps = hub.lines("GET /users").len();
    assert_eq!(sweeps, 1, "it waits for reports of activity first");
}

#[tokio::test]
async fn exit_codes() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(900))]));
    let code = cull_idle::run(args(&["--once"]), &hub.env()).await;
    assert_eq!(code, ExitCode::SUCCESS);
    assert_eq!(hub.deleted(), ["alice/server"]);
    let hub = hub
        .user(user("bob", 0, &[("", idle(900))]))
        .answer("DELETE /users/bob/server", Answer::Status(500, ""));
    let code = cull_idle::run(args(&["--once"]), &hub.env()).await;
    assert_eq!(code, ExitCode::FAILURE);
    let nothing: BTreeMap<String, String> = BTreeMap::new();
    assert_eq!(
        cull_idle::run(args(&["--once"]), &nothing).await,
        ExitCode::from(64)
    );
}
