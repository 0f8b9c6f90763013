use chrono::TimeDelta;

use super::*;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
}

/// A server that was started at minute 0, last used at minute 5, and announced at minute 60 to be stopped.
fn announced(since: Option<DateTime<Utc>>) -> Server {
    Server {
        id: ServerId(1),
        user_id: UserId(1),
        at: ServerRef::new(
            Username::stored("alice".to_owned()),
            ServerName::default_server(),
        ),
        display_name: String::new(),
        state: ServerState::Ready,
        epoch: 1,
        lease: None,
        target: None,
        started: Some(at(0)),
        last_activity: Some(at(5)),
        user_options: Map::new(),
        spawner_state: None,
        notice: Some(Notice {
            stop_at: at(70),
            given: at(60),
            reason: "inactive".into(),
            since,
        }),
        last_failure: None,
    }
}

#[test]
fn a_notice_holds_for_this_run_until_the_server_is_used() {
    let idle = || announced(Some(at(5)));
    assert!(idle().stop_notice().is_some());
    let used = Server {
        last_activity: Some(at(6)),
        ..idle()
    };
    assert_eq!(used.stop_notice(), None);
    let used_though_old = Server {
        last_activity: Some(at(65)),
        ..announced(None)
    };
    assert!(
        used_though_old.stop_notice().is_some(),
        "use does not save it"
    );
    let restarted = Server {
        started: Some(at(61)),
        last_activity: None,
        ..announced(None)
    };
    assert_eq!(restarted.stop_notice(), None);
    for state in [
        ServerState::Stopped,
        ServerState::Spawning,
        ServerState::Stopping,
        ServerState::Removing,
    ] {
        assert_eq!(Server { state, ..idle() }.stop_notice(), None, "{state:?}");
    }
    let never_used = Server {
        last_activity: None,
        ..idle()
    };
    assert!(never_used.stop_notice().is_some());
}
