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
