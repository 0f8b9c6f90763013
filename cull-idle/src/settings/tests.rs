use std::collections::BTreeMap;

use clap::Parser as _;

use super::*;

fn parse(args: &[&str]) -> Args {
    Args::try_parse_from(std::iter::once(&"cull-idle").chain(args)).unwrap()
}

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn hub_env() -> BTreeMap<String, String> {
    env(&[
        ("JUPYTERHUB_API_TOKEN", "secret"),
        ("JUPYTERHUB_API_URL", "http://127.0.0.1:8081/hub/api/"),
    ])
}

#[test]
fn defaults_are_those_of_the_python_culler() {
    let settings = parse(&[]).settings(&hub_env()).unwrap();
    assert_eq!(settings.policy.timeout, TimeDelta::seconds(600));
    assert_eq!(settings.policy.max_age, None);
    assert!(settings.policy.default_servers && settings.policy.named_servers);
    assert!(!settings.policy.users && settings.policy.admin_users);
    assert!(!settings.remove_named_servers);
    assert_eq!(settings.every, Duration::from_secs(300));
    assert_eq!(settings.concurrency, Some(10));
    assert_eq!(settings.page_size, Some(200));
    assert_eq!(settings.policy.notice, TimeDelta::zero());
    assert!(settings.tls.is_none() && settings.policy.rules.is_empty());
    assert_eq!(settings.request_timeout, Duration::from_secs(60));
    assert_eq!(settings.url.as_str(), "http://127.0.0.1:8081/hub/api");
}

#[test]
fn numbers_and_zeros() {
    let args = parse(&[
        "--timeout",
        "1",
        "--max-age=7",
        "--concurrency=0",
        "--api-page-size=3",
    ]);
    let settings = args.settings(&hub_env()).unwrap();
    assert_eq!(
        settings.every,
        Duration::from_secs(1),
        "half of 1, at least 1"
    );
    assert_eq!(settings.policy.max_age, Some(TimeDelta::seconds(7)));
    assert_eq!(settings.concurrency, None);
    assert_eq!(settings.page_size, Some(3));
    for bad in [
        "--timeout=-1",
        "--timeout=x",
        "--timeout=99999999999999",
        "--cull-every=0",
        "--timout=5",
        "--ssl-enabled=maybe",
    ] {
        assert!(Args::try_parse_from(["cull-idle", bad]).is_err(), "{bad}");
    }
}

#[test]
fn the_flag_wins_over_the_environment() {
    let settings = parse(&["--url=https://hub.example/x/hub/api"])
        .settings(&hub_env())
        .unwrap();
    assert_eq!(settings.url.as_str(), "https://hub.example/x/hub/api");
    let socket = "http+unix://%2Frun%2Fhub.sock/hub/api";
    let settings = parse(&[&format!("--url={socket}")]).settings(&hub_env());
    assert_eq!(settings.unwrap().url.as_str(), socket);
}

#[test]
fn what_is_missing_is_named() {
    let message = |args: &[&str], pairs: &[(&str, &str)]| {
        parse(args).settings(&env(pairs)).unwrap_err().to_string()
    };
    assert!(message(&[], &[]).contains("JUPYTERHUB_API_TOKEN"));
    assert!(message(&[], &[("JUPYTERHUB_API_TOKEN", "")]).contains("no API token"));
    assert!(message(&[], &[("JUPYTERHUB_API_TOKEN", "t")]).contains("--url"));
    for bad in ["nonsense", "ftp://a/hub/api", "http://", "http+unix:///s"] {
        let message = message(&[&format!("--url={bad}")], &[("JUPYTERHUB_API_TOKEN", "t")]);
        assert!(message.contains("not usable"), "{message}");
    }
    let secret = message(
        &["--url=http://u:pw@h/hub/api"],
        &[("JUPYTERHUB_API_TOKEN", "t")],
    );
    assert!(!secret.contains("pw@"), "{secret}");
    let mut env = hub_env();
    env.insert(JUPYTERHUB_REQUEST_TIMEOUT.into(), "soon".into());
    assert!(
        parse(&[])
            .settings(&env)
            .unwrap_err()
            .to_string()
            .contains("JUPYTERHUB_REQUEST_TIMEOUT")
    );
}

#[test]
fn internal_tls_takes_the_files_where_the_hub_puts_them() {
    let settings = parse(&["--ssl-enabled", "--internal-certs-location=/srv/certs"]);
    let tls = settings.settings(&hub_env()).unwrap().tls.unwrap();
    assert_eq!(
        tls.keyfile,
        Path::new("/srv/certs/hub-internal/hub-internal.key")
    );
    assert_eq!(
        tls.certfile,
        Path::new("/srv/certs/hub-internal/hub-internal.crt")
    );
    assert_eq!(tls.client_ca, Path::new("/srv/certs/hub-ca/hub-ca.crt"));
}
