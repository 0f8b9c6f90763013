//! The program: its loop and its exit codes.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use cull_idle::cli::Args;
use cull_idle::metrics::Metrics;
use cull_idle::settings::Settings;
use cull_idle::sweep::Sweeper;
use hub_types::clock::SystemClock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fake_hub::{Answer, FakeHub, idle, user};

fn args(flags: &[&str]) -> Args {
    Args::try_parse_from(std::iter::once(&"cull-idle").chain(flags)).unwrap()
}

/// A culler that sweeps until it is stopped, or until the test ends.
struct Culler {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Culler {
    async fn of(settings: Settings) -> Self {
        let sweeper = Sweeper::new(&settings, Arc::new(SystemClock)).unwrap();
        let metrics = Metrics::new(&settings).await.unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            cull_idle::run::forever(&sweeper, &settings, &metrics, &stopped).await;
        });
        Self { stop, task }
    }

    async fn with(hub: &FakeHub, flags: &[&str]) -> Self {
        Self::of(hub.settings(flags)).await
    }

    /// Asks it to stop, and waits until it has.
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn case_109_sweeps_follow_each_other_and_never_overlap() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(900))]))
        .answer("DELETE /users/alice/server", Answer::Hang);
    let culler = Culler::with(&hub, &["--timeout=600", "--cull-every=1"]).await;
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
    culler.stop().await;
}

#[tokio::test]
async fn after_an_outage_activity_is_waited_for() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(900))]))
        .answer("GET /", Answer::Status(503, ""));
    let culler = Culler::with(&hub, &["--timeout=1", "--cull-every=1"]).await;
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
    culler.stop().await;
}

/// A hub that was away for longer than the timeout says first what it knew before: everybody looks idle. What happened
/// meanwhile it hears within one activity interval.
#[tokio::test]
async fn case_106_a_hub_that_was_away_hears_of_activity_first() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(9_000))]))
        .answer("GET /", Answer::Status(503, ""));
    let culler = Culler::with(&hub, &["--timeout=600"]).await;
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
    culler.stop().await;
}

/// Lets time pass for the culler.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn case_106_a_hub_that_starts_its_culler_may_have_been_away() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(900))]));
    let mut settings = hub.settings(&["--timeout=600"]);
    settings.started_by_hub = true;
    let _culler = Culler::of(settings).await;
    hub.until("a first look", || !hub.lines("GET /").is_empty())
        .await;
    hub.serve_others().await;
    assert_eq!(hub.lines("GET /users"), [""; 0], "nobody is judged yet");
    pass(361).await;
    let sweeps = || hub.lines("GET /users").len();
    hub.until("the first sweep", || sweeps() > 0).await;
    hub.serve_others().await;
    assert_eq!(sweeps(), 1, "what came due meanwhile is not done twice");
}

#[tokio::test]
async fn case_106_an_outage_between_two_sweeps_is_noticed() {
    let hub = FakeHub::start()
        .await
        .user(user("alice", 0, &[("", idle(5))]));
    let _culler = Culler::with(&hub, &["--timeout=600", "--cull-every=300"]).await;
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
