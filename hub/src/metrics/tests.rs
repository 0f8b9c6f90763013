use std::collections::BTreeMap;

use ::services::supervisor::{ServiceStatus, State};

use super::*;

#[test]
fn everything_is_there_from_the_start_and_counts() {
    let metrics = Metrics::new(&MetricsOptions::default()).unwrap();
    metrics.set_running_servers(0);
    metrics.set_total_users(3);
    for period in Period::ALL {
        metrics.set_active_users(period, 0);
    }
    metrics.request(
        "GET",
        "/hub/api/users/{user}",
        200,
        Duration::from_millis(30),
    );
    metrics.spawn(SpawnEnd::Success, Duration::from_secs(3));
    let failed = ServiceStatus {
        state: State::Backoff,
        restarts: 4,
        ..ServiceStatus::default()
    };
    metrics.set_service("grader", &failed, true);
    metrics.set_service("culler", &failed, false);
    let page = metrics.page();
    for (name, _) in DESCRIPTIONS {
        assert!(
            page.contains(&format!("# HELP jupyterhub_{name} ")),
            "{name}: {page}"
        );
    }
    assert!(
        !page.contains("service_answers{service=\"culler\"}"),
        "{page}"
    );
    for line in [
        "jupyterhub_total_users 3",
        "jupyterhub_csp_reports_total 0",
        "jupyterhub_active_users{period=\"7d\"} 0",
        "jupyterhub_request_duration_seconds_bucket{method=\"GET\",handler=\"/hub/api/users/{user}\",code=\"200\",le=\"0.025\"} 0",
        "jupyterhub_request_duration_seconds_bucket{method=\"GET\",handler=\"/hub/api/users/{user}\",code=\"200\",le=\"0.05\"} 1",
        "jupyterhub_server_spawn_duration_seconds_bucket{status=\"success\",reason=\"\",le=\"2.5\"} 0",
        "jupyterhub_server_spawn_duration_seconds_bucket{status=\"success\",reason=\"\",le=\"5\"} 1",
        "jupyterhub_server_spawn_duration_seconds_count{status=\"failure\",reason=\"throttled\"} 0",
        "jupyterhub_proxy_add_duration_seconds_count{status=\"failure\"} 0",
        "jupyterhub_event_loop_interval_seconds_count 0",
        "jupyterhub_service_state{service=\"grader\",state=\"backoff\"} 1",
        "jupyterhub_service_state{service=\"grader\",state=\"running\"} 0",
        "jupyterhub_service_restarts_total{service=\"grader\"} 4",
        "jupyterhub_service_answers{service=\"grader\"} 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
}

#[test]
fn the_environment_names_prefix_and_buckets() {
    let read = |name: &str, value: &str| {
        MetricsOptions::from_env(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    };
    let options = read("JUPYTERHUB_METRICS_PREFIX", "lab").unwrap();
    let page = Metrics::new(&options).unwrap().page();
    assert!(
        page.contains("lab_logout_duration_seconds_count 0"),
        "{page}"
    );
    let options = read("JUPYTERHUB_METRICS_PREFIX", "").unwrap();
    assert!(
        Metrics::new(&options)
            .unwrap()
            .page()
            .contains("\nlogout_duration_seconds_count 0")
    );
    assert!(read("JUPYTERHUB_METRICS_PREFIX", "1 lab").is_err());
    let name = "JUPYTERHUB_SERVER_SPAWN_DURATION_SECONDS_BUCKETS";
    assert_eq!(read(name, " 1, 2.5,inf").unwrap().spawn_buckets, [1.0, 2.5]);
    assert_eq!(read(name, "").unwrap(), MetricsOptions::default());
    for bad in ["1,1", "2,1", "x", "inf", "1,,2", "nan"] {
        assert!(read(name, bad).is_err(), "{bad}");
    }
}
