use super::*;
use crate::cli::LogLevel;
use crate::rules::Then;

fn toml(text: &str) -> Result<File, Vec<String>> {
    parse("culler.toml", text, false).map_err(|error| error.problems)
}

fn python(text: &str) -> Result<File, Vec<String>> {
    parse("idle_culler_config.py", text, true).map_err(|error| error.problems)
}

#[test]
fn settings_and_rules() {
    let file = toml(
        r#"
            [IdleCuller]
            timeout = "2h"
            cull_users = true
            concurrency = 0x10
            log_level = "DEBUG"

            [[rule]]
            name = "staff"
            groups = ["staff", "course-*"]
            timeout = "12h"
            max_age = 0

            [[rule]]
            profiles = "unlimited"
            keep = true
        "#,
    )
    .unwrap();
    assert_eq!(file.flags.timeout, Some(7_200));
    assert_eq!(file.flags.cull_users, Some(true));
    assert_eq!(file.flags.concurrency, Some(16));
    assert_eq!(file.flags.log_level, Some(LogLevel::Debug));
    assert_eq!(file.flags.max_age, None);
    let [staff, unlimited] = &file.rules[..] else {
        panic!("{:?}", file.rules);
    };
    assert_eq!(staff.name, "staff (culler.toml:9)");
    assert!(staff.groups.as_ref().unwrap().matches("course-7"));
    assert_eq!(
        staff.then,
        Then::Limits {
            timeout: Some(chrono::TimeDelta::hours(12)),
            max_age: Some(None),
            notice: None
        }
    );
    assert_eq!(unlimited.name, "culler.toml:15");
    assert_eq!(unlimited.then, Then::Keep);
}

#[test]
fn what_is_wrong_is_named_with_file_line_and_key() {
    for (text, expected) in [
        (
            "[IdleCuler]\n",
            "culler.toml:1: there is no IdleCuler; did you mean IdleCuller?; expected [IdleCuller] or [[rule]]",
        ),
        (
            "\n[IdleCuller]\ntimout = 5\n",
            "culler.toml:3: [IdleCuller] has no timout; did you mean timeout?",
        ),
        (
            "[IdleCuller]\nonce = true\n",
            "culler.toml:2: [IdleCuller] has no once",
        ),
        (
            "[IdleCuller]\nconfig_file = \"x\"\n",
            "culler.toml:2: [IdleCuller] has no config_file",
        ),
        (
            "[IdleCuller]\ntimeout = \"soon\"\n",
            "culler.toml:2: [IdleCuller] timeout = \"soon\": expected a number of seconds, or a time such as 90min, 2h or 7d",
        ),
        (
            "[IdleCuller]\ntimeout = -1\n",
            "culler.toml:2: [IdleCuller] timeout = \"-1\": expected a number of seconds, or a time such as 90min, 2h or 7d",
        ),
        (
            "[IdleCuller]\ncull_users = \"maybe\"\n",
            "culler.toml:2: [IdleCuller] cull_users = \"maybe\": expected true or false",
        ),
        (
            "[IdleCuller]\ntimeout = [1]\n",
            "culler.toml:2: [IdleCuller] timeout: expected a text, a whole number, or true or false",
        ),
        (
            "IdleCuller = 1\n",
            "culler.toml:1: IdleCuller is a table: write [IdleCuller]",
        ),
        (
            "[rule]\nkeep = true\n",
            "culler.toml:1: rules are a list: write [[rule]], with two brackets",
        ),
        (
            "[[rule]]\nuser = [\"a\"]\nkeep = true\n",
            "culler.toml:2: [[rule]] has no user; did you mean users?; expected one of name, users, groups, servers, profiles, keep, timeout, max_age, notice",
        ),
        (
            "[[rule]]\nusers = [1]\nkeep = true\n",
            "culler.toml:2: [[rule]] users: expected a list of names or patterns, such as [\"a*\", \"bob\"]",
        ),
        (
            "[[rule]]\nusers = []\nkeep = true\n",
            "culler.toml:2: [[rule]] users: an empty list matches nothing, so this rule would never count; leave the key out for any",
        ),
        (
            "[[rule]]\nusers = \"a\"\ntimeout = \"1w\"\n",
            "culler.toml:3: [[rule]] timeout: expected a number of seconds, or a time such as \"90min\", \"2h\" or \"7d\"",
        ),
        (
            "[[rule]]\nusers = \"a\"\ntimeout = true\n",
            "culler.toml:3: [[rule]] timeout: expected a number of seconds, or a time such as \"90min\", \"2h\" or \"7d\"",
        ),
        (
            "[[rule]]\nusers = \"a\"\nkeep = 1\n",
            "culler.toml:3: [[rule]] keep: expected true or false",
        ),
        (
            "[[rule]]\nusers = \"a\"\n",
            "culler.toml:2: [[rule]] decides nothing: add keep = true, or one of timeout, max_age and notice",
        ),
        (
            "[[rule]]\nkeep = true\ntimeout = 5\n",
            "culler.toml:2: [[rule]] keep = true never culls, so it has no timeout, max_age or notice",
        ),
        (
            "[[rule]]\nkeep = true\n[[rule]]\nusers = \"a\"\ntimeout = 5\n",
            "[[rule]] culler.toml:4 never counts: culler.toml:2 before it has no condition, so it applies to everything",
        ),
    ] {
        assert_eq!(toml(text).unwrap_err(), [expected], "{text}");
    }
    let broken = toml("[IdleCuller]\ntimeout = = 5\n").unwrap_err();
    assert!(broken[0].starts_with("culler.toml:2: "), "{broken:?}");
    let several = toml("[IdleCuller]\na = 1\nb = 2\n[[rule]]\nc = 3\n").unwrap_err();
    assert_eq!(several.len(), 3, "all at once: {several:?}");
}

#[test]
fn the_template_names_every_setting_and_is_right() {
    let comments_out: String = TEMPLATE
        .lines()
        .map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            let data = bare.starts_with('[')
                || bare
                    .split_once(" = ")
                    .is_some_and(|(key, _)| !key.contains(' '));
            if data {
                format!("{bare}\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    let file = toml(&comments_out).unwrap();
    assert_eq!(file.rules.len(), 2, "{comments_out}");
    for name in settings() {
        assert!(
            comments_out
                .lines()
                .any(|line| line.starts_with(&format!("{name} = "))),
            "{name} is missing"
        );
    }
    assert!(toml(TEMPLATE).unwrap().rules.is_empty());
}

#[test]
fn plain_python_is_understood() {
    let file = python(
        "# Configuration file for idle-culler.\n\nc = get_config()  #noqa\n\n\
         c.IdleCuller.timeout = 60 * 60  # an hour\nc.IdleCuller.timeout = 7_200\n\
         c.IdleCuller.cull_users=True\nc.IdleCuller.url = 'http://h/hub/api'\n\
         c.IdleCuller.internal_certs_location = \"/a#b\"\nc.Application.log_level = 30\n",
    )
    .unwrap();
    assert_eq!(file.flags.timeout, Some(7_200), "the last one counts");
    assert_eq!(file.flags.cull_users, Some(true));
    assert_eq!(file.flags.url.as_deref(), Some("http://h/hub/api"));
    assert_eq!(
        file.flags.internal_certs_location.as_deref(),
        Some(Path::new("/a#b"))
    );
    assert_eq!(file.flags.log_level, Some(LogLevel::Warn));
}

#[test]
fn what_would_need_python_is_refused() {
    for text in [
        "import os",
        "c.IdleCuller.timeout = int(os.environ['T'])",
        "c.IdleCuller.timeout = 5 + 5",
        "    c.IdleCuller.timeout = 5",
        "c.IdleCuller.url = 'a' + 'b'",
        "c.IdleCuller.url = 'a\\n'",
        "c.IdleCuller.url = f'a'",
        "c.Spawner.timeout = 5",
        "def hook(inactive, inactive_limit, server):",
        "timeout = 5",
    ] {
        let problems = python(&format!("\n{text}\n")).unwrap_err();
        assert!(
            problems[0].starts_with("idle_culler_config.py:2: Python is not run here"),
            "{problems:?}"
        );
    }
    let hook = python("c.IdleCuller.cull_arbiter_hook = hook\n").unwrap_err();
    assert!(hook[0].contains("rules in a TOML file"), "{hook:?}");
    let typo = python("c.IdleCuller.timout = 5\n").unwrap_err();
    assert_eq!(
        typo,
        ["idle_culler_config.py:1: [IdleCuller] has no timout; did you mean timeout?"]
    );
}

#[test]
fn files_are_read_where_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    let why = read(Some(&missing)).unwrap_err().to_string();
    assert!(
        why.contains("cannot read") && why.contains("none.toml"),
        "{why}"
    );
    let file = folder.path().join("x.toml");
    std::fs::write(&file, "[IdleCuller]\ntimeout = 7\n").unwrap();
    assert_eq!(read(Some(&file)).unwrap().flags.timeout, Some(7));
    let file = folder.path().join("x.py");
    std::fs::write(&file, "c.IdleCuller.timeout = 8\n").unwrap();
    assert_eq!(read(Some(&file)).unwrap().flags.timeout, Some(8));
}
