use super::*;

#[test]
fn looks_at_servers_are_spread_over_the_jitter() {
    let mut config = Config::default();
    config.spawner.poll_interval = Some(Duration::from_secs(100));
    config.spawner.poll_jitter = 0.1;
    let looks = |job: Job| -> Vec<Duration> {
        let next = || job.pause(false, &config).unwrap();
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
    let pause = |job: Job, interval, failing| {
        let mut config = Config::default();
        config.proxy.check_running_interval = interval;
        job.pause(failing, &config).unwrap()
    };
    let usual = Duration::from_secs(5);
    assert_eq!(pause(Job::WatchRoutes, usual, false), usual);
    assert_eq!(pause(Job::WatchRoutes, usual, true), ASK_AGAIN);
    assert_eq!(pause(Job::WatchRoutes, SHORTEST, true), SHORTEST);
    assert_eq!(pause(Job::WatchProxy, usual, true), usual);
    assert_eq!(pause(Job::WatchProxy, Duration::ZERO, true), SHORTEST);
}

#[test]
fn what_is_turned_off_is_not_repeated() {
    let config = "[JupyterHub]\nauthenticator_class = 'dummy'\nlast_activity_interval = 0\n[Spawner]\npoll_interval = 0";
    let config = Config::from_toml(config).unwrap();
    for job in [Job::PollServers, Job::CheckRoutes] {
        assert_eq!(job.pause(false, &config), None);
        assert_eq!(job.pause(true, &config), Some(ASK_AGAIN));
    }
    // Servers that are adopted may have died while no hub ran.
    assert!(Job::PollServers.at_once() && !Job::CheckRoutes.at_once());
    let others = Job::ALL
        .into_iter()
        .filter(|job| job.pause(false, &config).is_some());
    assert_eq!(others.count(), Job::ALL.len() - 2);
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
