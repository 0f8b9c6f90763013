//! What a helper may do to the hub, and what it is told.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn question() -> Question {
    Question {
        task: Task::Authenticate { account: true },
        service: "login".into(),
        user: b"nobody-at-all".to_vec(),
        answers: vec![b"x".to_vec()],
        from: None,
    }
}

/// A helper that is this shell script.
fn script(text: &str, limit: Duration) -> (Helper, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("helper");
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
    let helper = Helper {
        limit,
        ..Helper::new(file, 1)
    };
    (helper, folder)
}

#[test]
fn a_directory_that_is_away_refuses_nobody() {
    for code in 1..=31 {
        let text = "because".to_owned();
        let verdict = not_done(&PamError { code, text });
        let broken = matches!(verdict, Verdict::Broken { .. });
        assert_eq!(broken, [1, 2, 3, 4, 5, 9, 26].contains(&code), "{code}");
    }
}

#[tokio::test]
async fn a_helper_that_hangs_or_dies_is_no_answer() {
    for (text, limit, expected) in [
        ("cat > /dev/null; sleep 1000", 1, "no answer within 1 s"),
        ("cat > /dev/null; exit 3", 30, "ended without an answer"),
        (
            "cat > /dev/null; kill -SEGV $$",
            30,
            "ended without an answer",
        ),
        (
            "cat > /dev/null; echo nonsense",
            30,
            "ended without an answer",
        ),
    ] {
        let (helper, _folder) = script(text, Duration::from_secs(limit));
        let why = helper.ask(&question()).await.unwrap_err().to_string();
        assert!(why.contains(expected), "{text}: {why}");
    }
}

#[tokio::test]
async fn what_modules_print_is_not_the_answer() {
    let (helper, _folder) = script(
        "cat > /dev/null; echo '{\"verdict\":\"Done\"}'; echo '{\"verdict\":{\"Refused\":{\"why\":\"x\"}},\"delay\":7}'",
        LIMIT,
    );
    let (answer, _) = helper.ask(&question()).await.unwrap();
    let why = "x".to_owned();
    assert_eq!(
        answer,
        Answer {
            verdict: Verdict::Refused { why },
            delay: 7
        }
    );
}

#[tokio::test]
async fn what_a_module_leaves_behind_is_not_waited_for_and_lives_on_in_a_session_only() {
    let leaves = "cat > /dev/null; sleep 1000 & echo $! > \"${0%/*}/left\"; echo '{\"verdict\":\"Done\",\"delay\":0}';";
    for (task, lives) in [(Task::Open, true), (Task::Account, false)] {
        let (helper, folder) = script(leaves, LIMIT);
        let mut question = question();
        question.task = task;
        let (answer, _) = helper.ask(&question).await.unwrap();
        assert_eq!(answer.verdict, Verdict::Done);
        let left = std::fs::read_to_string(folder.path().join("left")).unwrap();
        let left = Pid::from_raw(left.trim().parse().unwrap());
        // It got the signal before the answer was given, or it never does.
        if !lives {
            while runs(left) {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(runs(left), lives, "{task:?}");
        let _ = nix::sys::signal::kill(left, Signal::SIGKILL);
    }
}

/// Whether a process is there and has not got its last signal.
fn runs(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = status
        .lines()
        .filter(|line| line.starts_with("SigPnd:") || line.starts_with("ShdPnd:"))
        .filter_map(|line| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok())
        .any(|signals| signals & (1 << 8) != 0);
    state.is_some_and(|state| !matches!(state, 'Z' | 'X')) && !pending
}

#[tokio::test]
async fn a_helper_gets_nothing_of_the_environment() {
    let (helper, folder) = script("cat > /dev/null; env > \"${0%/*}/env\"; exit 1", LIMIT);
    helper.ask(&question()).await.unwrap_err();
    let env = std::fs::read_to_string(folder.path().join("env")).unwrap();
    let names: Vec<&str> = env
        .lines()
        .filter_map(|line| line.split('=').next())
        .filter(|name| !matches!(*name, "PWD" | "_" | "OLDPWD" | "SHLVL"))
        .collect();
    assert_eq!(names, ["PATH"]);
}

#[tokio::test]
async fn a_helper_has_the_limit_of_open_files_that_the_hub_was_given() {
    services::process::give_children_descriptors(512);
    let note = "cat > /dev/null; ulimit -Sn > \"${0%/*}/limit\"; exit 1";
    let (helper, folder) = script(note, LIMIT);
    helper.ask(&question()).await.unwrap_err();
    let limit = std::fs::read_to_string(folder.path().join("limit")).unwrap();
    assert_eq!(limit, "512\n");
}

#[tokio::test]
async fn logins_beyond_the_bound_are_told_so_at_once() {
    let (helper, _folder) = script("cat > /dev/null; sleep 1000", LIMIT);
    let crowd: Vec<_> = (0..WAITING)
        .map(|_| {
            let helper = helper.clone();
            tokio::spawn(async move { helper.ask(&question()).await.map(drop) })
        })
        .collect();
    while helper.waiting.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let why = helper.ask(&question()).await.unwrap_err().to_string();
    assert!(why.contains("busy"), "{why}");
    for one in crowd {
        one.abort();
    }
}

#[test]
fn a_machine_without_the_library_is_broken_not_refusing() {
    let answer = answer("libpam-of-nowhere.so.0", question());
    assert!(
        matches!(answer.verdict, Verdict::Broken { .. }),
        "{answer:?}"
    );
}
