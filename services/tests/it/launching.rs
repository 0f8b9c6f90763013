//! Starting: nothing runs before it is released, and what runs gets exactly what the plan says.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};

use services::process::{
    Exit, Failure, LaunchError, Liveness, RunAs, StopReport, StopTimes, adopt, hold, poll, stop,
};

use crate::scene::{Scene, eventually, launcher};

#[tokio::test]
async fn nothing_runs_unless_released() {
    let scene = Scene::new();
    let plan = scene.sh("touch ran");
    let held = hold(launcher(), &plan).await.unwrap();
    let record = held.record().clone();
    assert_eq!(poll(&record), Liveness::Alive);
    assert_eq!(record.pgid, record.pid);
    drop(held);
    eventually("launcher gone", || {
        (poll(&record) != Liveness::Alive).then_some(())
    })
    .await;
    assert!(!scene.path("ran").exists());
    assert_eq!(scene.log(), "");
}

#[tokio::test]
async fn a_released_program_keeps_the_recorded_identity() {
    let scene = Scene::new();
    let plan = scene.sh("echo $$; exit 3");
    let held = hold(launcher(), &plan).await.unwrap();
    let record = held.record().clone();
    let mut running = held.release().await.unwrap();
    assert_eq!(running.record(), &record);
    let exit = running.wait().await;
    assert_eq!(exit.code, Some(3));
    assert_eq!(exit.to_string(), "exited with code 3");
    assert_eq!(scene.log(), format!("{}\n", record.pid));
    assert_eq!(poll(&record), Liveness::Exited(None));
}

#[tokio::test]
async fn environment_arguments_and_folder_are_exact() {
    let scene = Scene::new();
    let mut plan = scene.plan(&["env"]);
    plan.env.insert("X".into(), "a=b\nc $HOME".into());
    scene.run(&plan).await.unwrap().wait().await;
    assert_eq!(scene.log(), "PATH=/usr/bin:/bin\nX=a=b\nc $HOME\n");

    let scene = Scene::new();
    let mut plan = scene.plan(&[
        "sh",
        "-c",
        "pwd; umask; printf '<%s>' \"$@\"",
        "sh",
        "a b",
        "",
        "*",
    ]);
    plan.cwd = Some("/usr".into());
    plan.umask = Some(0o077);
    scene.run(&plan).await.unwrap().wait().await;
    assert_eq!(scene.log(), "/usr\n0077\n<a b><><*>");
}

#[tokio::test]
async fn only_the_three_standard_descriptors_are_open() {
    let scene = Scene::new();
    // An open socket and file of the parent must not be seen.
    let _socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let plan = scene.plan(&["ls", "-l", "/proc/self/fd"]);
    scene.run(&plan).await.unwrap().wait().await;
    let log = scene.log();
    let fds: BTreeSet<&str> = log
        .lines()
        .filter_map(|line| line.split_once(" -> ")?.0.rsplit(' ').next())
        .collect();
    // ls itself opens 3 to list the folder.
    assert_eq!(fds, BTreeSet::from(["0", "1", "2", "3"]), "{log}");
    assert!(log.contains("0 -> /dev/null"), "{log}");
}

#[tokio::test]
async fn signals_and_session_are_fresh() {
    let scene = Scene::new();
    let plan = scene.plan(&["cat", "/proc/self/status", "/proc/self/stat"]);
    let mut running = scene.run(&plan).await.unwrap();
    let pid = running.record().pid;
    running.wait().await;
    let log = scene.log();
    for set in ["SigBlk", "SigIgn", "SigCgt"] {
        let line = log.lines().find(|l| l.starts_with(set)).unwrap();
        assert!(line.ends_with("0000000000000000"), "{line}");
    }
    let stat: Vec<&str> = log.lines().last().unwrap().split(' ').collect();
    assert_eq!((stat[4], stat[5]), (&*pid.to_string(), &*pid.to_string()));
}

#[tokio::test]
async fn output_is_private_and_appended() {
    let scene = Scene::new();
    for text in ["one", "two"] {
        let plan = scene.sh(&format!("echo {text}; echo err >&2"));
        scene.run(&plan).await.unwrap().wait().await;
    }
    assert_eq!(scene.log(), "one\nerr\ntwo\nerr\n");
    let meta = std::fs::metadata(scene.path("log")).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn secrets_are_in_no_command_line() {
    let scene = Scene::new();
    let mut plan = scene.plan(&["sleep", "60"]);
    plan.env.insert("TOKEN".into(), "s3cret".into());
    let held = hold(launcher(), &plan).await.unwrap();
    let pid = held.record().pid;
    let seen = ["cmdline", "environ"]
        .map(|file| std::fs::read(format!("/proc/{pid}/{file}")).unwrap())
        .concat();
    assert!(!String::from_utf8_lossy(&seen).contains("s3cret"));
}

#[tokio::test]
async fn what_cannot_be_executed_says_why() {
    let scene = Scene::new();
    let file = |name: &str, content: &str, mode: u32| {
        std::fs::write(scene.path(name), content).unwrap();
        std::fs::set_permissions(scene.path(name), PermissionsExt::from_mode(mode)).unwrap();
        scene.path(name).display().to_string()
    };
    let plain = file("plain", "", 0o644);
    let nonsense = file("nonsense", "no interpreter line", 0o755);
    let no_interpreter = file("script", "#!/no/such/interpreter\n", 0o755);
    let failure = async |argv: &[&str]| match scene.run(&scene.plan(argv)).await {
        Err(LaunchError::Failed(failure)) => failure,
        other => panic!("{argv:?}: {other:?}"),
    };
    assert_eq!(failure(&[]).await, Failure::EmptyCommand);
    assert!(
        matches!(failure(&["no-such-command"]).await, Failure::NotFound { program, path }
        if program == "no-such-command" && path == "/usr/bin:/bin")
    );
    assert!(matches!(
        failure(&[&plain]).await,
        Failure::NotExecutable { .. }
    ));
    assert!(matches!(
        failure(&[&nonsense]).await,
        Failure::NotAProgram { .. }
    ));
    assert!(matches!(
        failure(&[&no_interpreter]).await,
        Failure::Exec { .. }
    ));
    assert!(matches!(
        failure(&["echo", "a\0b"]).await,
        Failure::BadString { .. }
    ));

    let mut plan = scene.plan(&["true"]);
    plan.cwd = Some(scene.path("missing"));
    assert!(
        matches!(scene.run(&plan).await, Err(LaunchError::Failed(Failure::Cwd { path, .. }))
        if path == scene.path("missing"))
    );
    let mut plan = scene.plan(&["true"]);
    plan.env.insert("A=B".into(), "s3cret".into());
    let error = scene.run(&plan).await.unwrap_err().to_string();
    assert!(
        error.contains("A=B") && !error.contains("s3cret"),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_launcher_is_an_error_that_names_it() {
    let scene = Scene::new();
    let plan = scene.plan(&["true"]);
    let missing = scene.path("hub");
    assert!(
        matches!(hold(&missing, &plan).await, Err(LaunchError::Launcher { path, .. }) if path == missing)
    );
    let wrong = std::path::Path::new("/bin/true");
    assert!(matches!(
        hold(wrong, &plan).await,
        Err(LaunchError::LauncherDied { .. })
    ));
}

#[tokio::test]
async fn another_user_gets_exactly_its_groups_and_no_privilege() {
    if !nix::unistd::geteuid().is_root() {
        // Only root can become somebody else: here it must be refused, with the step that failed.
        let scene = Scene::new();
        let mut plan = scene.plan(&["true"]);
        plan.run_as = Some(RunAs {
            uid: 0,
            gid: 0,
            groups: vec![0],
        });
        assert!(matches!(
            scene.run(&plan).await,
            Err(LaunchError::Failed(Failure::Identity { .. }))
        ));
        return;
    }
    let scene = Scene::new();
    std::fs::set_permissions(scene.path(""), PermissionsExt::from_mode(0o755)).unwrap();
    let mut plan = scene.plan(&[
        "grep",
        "-E",
        "^(Uid|Gid|Groups|Cap...):",
        "/proc/self/status",
    ]);
    plan.run_as = Some(RunAs {
        uid: 65_534,
        gid: 65_533,
        groups: vec![65_533, 4_242],
    });
    assert_eq!(
        scene.run(&plan).await.unwrap().wait().await,
        Exit {
            code: Some(0),
            signal: None
        }
    );
    let log = scene.log();
    let field = |name: &str| {
        let line = log.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(field("Uid"), "65534 65534 65534 65534");
    assert_eq!(field("Gid"), "65533 65533 65533 65533");
    assert_eq!(field("Groups"), "4242 65533");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(std::fs::metadata(scene.path("log")).unwrap().uid(), 0);
}

/// Who cannot take on the groups of somebody else must not run as them with groups of the hub.
#[tokio::test]
async fn case_88_nothing_runs_when_groups_cannot_be_given_up() {
    let scene = Scene::new();
    std::fs::set_permissions(scene.path(""), PermissionsExt::from_mode(0o777)).unwrap();
    let ran = scene.path("ran");
    let mut plan = scene.sh(&format!("touch {}", ran.display()));
    plan.run_as = Some(RunAs {
        uid: 65_534,
        gid: 65_533,
        groups: vec![65_533],
    });
    let mut weak = launcher().to_owned();
    // Only root may change groups; here it starts the launcher without that right.
    if nix::unistd::geteuid().is_root() {
        scene.run(&plan).await.unwrap().wait().await;
        assert!(ran.exists(), "with all rights it runs: {}", scene.log());
        std::fs::remove_file(&ran).unwrap();
        weak = scene.path("weak");
        let script = format!(
            "#!/bin/sh\nexec setpriv --bounding-set=-setgid --inh-caps=-setgid -- {} \"$@\"\n",
            launcher().display()
        );
        std::fs::write(&weak, script).unwrap();
        std::fs::set_permissions(&weak, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let held = hold(&weak, &plan).await.unwrap();
    let record = held.record().clone();
    match held.release().await {
        Err(LaunchError::Failed(Failure::Identity { uid, step, .. })) => {
            assert_eq!((uid, &*step), (65_534, "setgroups"));
        }
        other => panic!("{other:?}"),
    }
    eventually("launcher gone", || {
        (poll(&record) != Liveness::Alive).then_some(())
    })
    .await;
    assert!(!ran.exists());
    assert_eq!(scene.log(), "");
}

#[tokio::test]
async fn a_program_is_adopted_after_its_parent_is_gone() {
    // The child outlives the runtime that started it, as it outlives a killed hub.
    let scene = Scene::new();
    let plan = scene.plan(&["sleep", "60"]);
    let record = std::thread::scope(|threads| {
        let start = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let running = runtime.unwrap().block_on(scene.run(&plan)).unwrap();
            running.record().clone()
        };
        threads.spawn(start).join().unwrap()
    });
    let stored = serde_json::to_string(&record).unwrap();
    let record = serde_json::from_str(&stored).unwrap();
    let mut adopted = adopt(&record).unwrap();
    let (report, exit) = tokio::join!(stop(&record, StopTimes::default()), adopted.wait());
    assert!(matches!(report, StopReport::Stopped(_)));
    assert_eq!(exit.code, None);
    assert!(adopt(&record).is_none());
}
