use clap::Parser as _;

use super::*;

fn parse(args: &[&str]) -> Args {
    Args::try_parse_from(std::iter::once(&"cull-idle").chain(args)).unwrap()
}

#[test]
fn booleans_as_traitlets_writes_them() {
    for (args, expected) in [
        (&["--cull-users"][..], true),
        (&["--cull-users=true"], true),
        (&["--cull-users=True"], true),
        (&["--cull-users=1"], true),
        (&["--cull-users", "true"], true),
        (&["--cull-users=false"], false),
        (&["--cull-users", "--timeout=5"], true),
        (&["--IdleCuller.cull_users=True"], true),
        (&[], false),
    ] {
        let switch = parse(args).cull_users.unwrap_or(false);
        assert_eq!(switch, expected, "{args:?}");
    }
    let off = parse(&["--cull-default-servers=false"]);
    assert_eq!(off.cull_default_servers, Some(false));
    assert!(Args::try_parse_from(["cull-idle", "--cull-users=maybe"]).is_err());
}

#[test]
fn every_flag_of_the_python_culler_is_known() {
    // `jupyterhub-idle-culler --help` of 2.0.0, each with a value that it takes.
    for flag in [
        "--api-page-size=1",
        "--concurrency=1",
        "--config=x.py",
        "--cull-admin-users=true",
        "--cull-default-servers=true",
        "--cull-every=1",
        "--cull-named-servers=true",
        "--cull-users=true",
        "--generate-config",
        "--internal-certs-location=x",
        "--max-age=1",
        "--remove-named-servers=true",
        "--ssl-enabled=true",
        "--timeout=1",
        "--url=http://h/hub/api",
        "--IdleCuller.config_file=x.py",
        "--IdleCuller.internal_certs_location=x",
        "--IdleCuller.log_level=DEBUG",
        "--Application.log_level=30",
    ] {
        parse(&[flag]);
    }
}

#[test]
fn the_last_of_two_counts_and_levels_are_pythons() {
    assert_eq!(parse(&["--timeout=1", "--timeout=2h"]).timeout, Some(7_200));
    for (flags, level) in [
        (&[][..], LogLevel::Info),
        (&["--debug"], LogLevel::Debug),
        (&["--log-level=warning"], LogLevel::Warn),
        (&["--log-level=40"], LogLevel::Error),
    ] {
        assert_eq!(parse(flags).level(), level);
    }
    assert!(Args::try_parse_from(["cull-idle", "--log-level=loud"]).is_err());
}

#[test]
fn what_a_flag_does_not_say_the_file_may() {
    let given = parse(&["--timeout=5", "--cull-users=false", "--once"]);
    let file = parse(&["--timeout=9", "--cull-users", "--max-age=7", "--dry-run"]);
    let both = given.or(file);
    assert_eq!((both.timeout, both.max_age), (Some(5), Some(7)));
    assert_eq!(both.cull_users, Some(false));
    assert!(both.once && !both.dry_run, "actions are no settings");
}
