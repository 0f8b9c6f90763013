use super::*;

#[test]
fn looks_at_servers_are_spread_over_the_jitter() {
    let mut config = Config::default();
    config.spawner.poll_interval = Duration::from_secs(100);
    config.spawner.poll_jitter = 0.1;
    let looks = |job: Job| -> Vec<Duration> {
        let next = || job.jittered(job.interval(&config), &config);
        std::iter::repeat_with(next).take(1_000).collect()
    };
    let spread = looks(Job::PollServers);
    assert!(
        spread
            .iter()
            .all(|pause| (95..=105).contains(&pause.as_secs()))
    );
    assert!(spread.iter().any(|pause| *pause < Duration::from_secs(99)));
    assert!(spread.iter().any(|pause| *pause > Duration::from_secs(101)));
    assert!(
        looks(Job::Heartbeat)
            .iter()
            .all(|pause| *pause == HEARTBEAT)
    );
    config.spawner.poll_jitter = 0.0;
    let pause = Job::PollServers.jittered(Duration::from_secs(100), &config);
    assert_eq!(pause, Duration::from_secs(100));
}

#[test]
fn a_proxy_that_is_away_is_asked_more_often() {
    let config = Config::default();
    let pause = |job: Job, interval, failing| job.pause(interval, failing, &config);
    let usual = Duration::from_secs(5);
    assert_eq!(pause(Job::WatchRoutes, usual, false), usual);
    assert_eq!(pause(Job::WatchRoutes, usual, true), ASK_AGAIN);
    assert_eq!(pause(Job::WatchRoutes, SHORTEST, true), SHORTEST);
    assert_eq!(pause(Job::WatchProxy, usual, true), usual);
}

#[tokio::test]
async fn a_panic_is_a_failed_round() {
    let number = 7;
    let failed = caught(async { panic!("number {number}") }).await;
    assert!(failed.unwrap_err().to_string().contains("number 7"));
    let failed = caught(async { panic!("plain") }).await;
    assert!(failed.unwrap_err().to_string().contains("plain"));
    assert!(caught(async { Ok(()) }).await.is_ok());
}
