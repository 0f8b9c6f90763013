use super::*;

#[test]
fn state_is_read_back_and_junk_is_not_running() {
    let state = serde_json::json!({"pid": 1, "start_ticks": 2, "boot_id": "b", "pgid": 1, "output": "/x/y.log"});
    assert_eq!(shown_state(&state), serde_json::json!({"pid": 1}));
    assert_eq!(read(&state).unwrap().record.pid, 1);
    assert!(read(&serde_json::json!({"pid": "x"})).is_none());
}

#[test]
fn messages_name_the_setting() {
    let error = Failure::NotFound {
        program: "jupyterhub-singleuser".into(),
        path: "/bin".into(),
    };
    let text = explain(&error.into()).to_string();
    assert!(
        text.contains("not found") && text.contains("Spawner.cmd"),
        "{text}"
    );
}

/// Nothing can be seen of such a process, as when no descriptor is free.
#[test]
fn a_child_runs_until_its_end_is_reported() {
    let children = Children::new(ChildDeps {
        config: Arc::default(),
        env: Arc::new(std::collections::BTreeMap::<String, String>::new()),
        launcher: PathBuf::new(),
        logs: PathBuf::new(),
    });
    let state = serde_json::json!({"pid": 1, "start_ticks": 2, "boot_id": "b", "pgid": 1, "output": "/x/y.log"});
    let unknown = Poll::Exited(Exit::default().to_string());
    assert_eq!(children.poll(&state), unknown, "it is nobody's child");
    let (tell, exit) = watch::channel(None);
    let record = read(&state).unwrap().record;
    children.exits().insert(key(&record), exit.clone());
    assert_eq!(children.poll(&state), Poll::Running);
    let code = Exit {
        code: Some(3),
        signal: None,
    };
    tell.send_replace(Some(code));
    assert_eq!(children.poll(&state), Poll::Exited(code.to_string()));
    drop(tell);
    assert_eq!(children.poll(&state), Poll::Exited(code.to_string()));
    // Whoever waited for it has been given up without a word.
    let (_, lost) = watch::channel(None);
    children.exits().insert(key(&record), lost);
    assert_eq!(children.poll(&state), unknown);
}

#[test]
fn what_a_server_has_written_follows_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let children = Children::new(ChildDeps {
        config: Arc::default(),
        env: Arc::new(std::collections::BTreeMap::<String, String>::new()),
        launcher: PathBuf::new(),
        logs: folder.path().to_owned(),
    });
    let at = |name: &str| {
        let name = hub_types::names::ServerName::stored(name);
        ServerRef::new(hub_types::names::Username::stored("mal"), name)
    };
    let names = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    children.rename_outputs(&at("old"), &at("new")).unwrap();
    for file in ["user-mal+old.log", "user-mal+old.log.1", "user-mal.log"] {
        std::fs::write(folder.path().join(file), file).unwrap();
    }
    children.rename_outputs(&at("old"), &at("new")).unwrap();
    let moved = ["user-mal+new.log", "user-mal+new.log.1", "user-mal.log"];
    assert_eq!(names(), moved);
    let text = std::fs::read_to_string(folder.path().join("user-mal+new.log.1"));
    assert_eq!(text.unwrap(), "user-mal+old.log.1");
    children.rename_outputs(&at(""), &at("third")).unwrap();
    let named = [
        "user-mal+new.log",
        "user-mal+new.log.1",
        "user-mal+third.log",
    ];
    assert_eq!(names(), named);
    // When only one of the two can be moved, neither is.
    std::fs::create_dir(folder.path().join("user-mal+dir.log")).unwrap();
    let refused = children.rename_outputs(&at("new"), &at("dir"));
    assert!(matches!(refused, Err(SpawnError::Failed(_))), "{refused:?}");
    assert_eq!(names()[1..], named);
}
