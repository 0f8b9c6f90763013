//! Which names reach the machine, and who makes users of it.

use super::*;

#[test]
fn names_that_may_reach_the_machine() {
    for (name, known, new) in [
        ("mal", true, true),
        ("_daemon-2.x", true, true),
        ("DOMAIN\\mal", true, false),
        ("mal@example.org", true, false),
        ("zoë", true, false),
        ("2pac", true, false),
        ("-rf", false, false),
        ("--help", false, false),
        ("../../etc", false, false),
        (".ssh", false, false),
        ("a b", false, false),
        ("a\nroot", false, false),
        ("a\0", false, false),
        ("a:0:0", false, false),
        ("$(id)", false, false),
        ("", false, false),
        (&"x".repeat(33), true, false),
        (&"x".repeat(256), false, false),
    ] {
        assert_eq!(is_system_name(name), known, "{name:?}");
        assert_eq!(is_new_system_name(name), new, "{name:?}");
    }
}

fn users(change: impl FnOnce(&mut crate::config::LocalAuthenticator)) -> SystemUsers {
    let mut config = Config::default();
    change(&mut config.local_users);
    SystemUsers::new(&config)
}

#[test]
fn the_command_names_the_user_last() {
    let users = users(|local| {
        local.add_user_cmd = Some(["mk", "--home", "/h/USERNAME"].map(Into::into).into());
        local.uids = [("mal".to_owned(), 1234)].into();
    });
    assert_eq!(
        users.command("mal"),
        ["mk", "--home", "/h/mal", "--uid", "1234", "mal"]
    );
    assert_eq!(users.command("zoe"), ["mk", "--home", "/h/zoe", "zoe"]);
}

#[test]
fn what_makes_users_must_be_there_where_users_are_made() {
    let missing = |create, command: Option<&str>| {
        let mut config = Config::default();
        config.local_users.create_system_users = create;
        config.local_users.add_user_cmd = command.map(|program| vec![program.to_owned()]);
        missing_command(&config)
    };
    let start = "[LocalAuthenticator] add_user_cmd: no system user can be made: command not found: \"no-such-tool\"";
    let said = missing(true, Some("no-such-tool")).unwrap();
    // Its folders, which are not the hub's PATH, are in it.
    assert!(said.starts_with(start) && said.contains(PATH), "{said}");
    assert_eq!(missing(false, Some("no-such-tool")), None);
    assert_eq!(missing(true, Some("sh")), None);
    assert_eq!(
        missing(true, None),
        None,
        "the machine has a tool of its own"
    );
}

#[tokio::test]
async fn groups_of_the_machine_allow() {
    let root_group = Group::from_gid(Gid::from_raw(0)).unwrap().unwrap().name;
    let users = users(|local| {
        local.allowed_groups = ["no-such-group".to_owned(), root_group.clone()].into();
    });
    assert!(users.is_allowed("root").await.unwrap());
    assert!(!users.is_allowed("nobody-at-all").await.unwrap());
    assert!(users.groups_of("root").await.unwrap().contains(&root_group));
    let named = BTreeSet::from(["no-such-group".to_owned(), root_group]);
    let why = users.is_in_one_of("root", &named).await.unwrap_err();
    assert!(
        why.to_string().contains("no group \"no-such-group\""),
        "{why}"
    );
}

#[tokio::test]
async fn users_are_made_only_when_that_is_asked_for_and_of_names_that_fit() {
    let absent = "hub-test-nobody";
    let why = users(|_| {}).ensure(absent).await.unwrap_err().to_string();
    assert!(why.contains("create_system_users"), "{why}");
    let makes = |command: &str| {
        let command = vec![
            "/bin/sh".into(),
            "-c".into(),
            command.to_owned(),
            "sh".into(),
        ];
        users(|local| {
            local.create_system_users = true;
            local.add_user_cmd = Some(command);
        })
    };
    for (command, name, expected) in [
        (
            "echo \"no room for $1\" >&2; exit 7",
            absent,
            "no room for hub-test-nobody",
        ),
        ("exit 0", "--help", "no system user can be made"),
        ("exit 0", "zoë", "no system user can be made"),
    ] {
        let why = makes(command).ensure(name).await.unwrap_err().to_string();
        assert!(why.contains(expected), "{why}");
    }
    makes("exit 1").ensure("root").await.unwrap();
    let why = makes("exit 0")
        .may_have("zoë")
        .await
        .unwrap_err()
        .to_string();
    assert!(why.contains("no system user can be made"), "{why}");
    makes("exit 1").may_have(absent).await.unwrap();
    makes("exit 1").may_have("root").await.unwrap();
}

#[tokio::test]
async fn who_makes_users_has_the_limit_of_open_files_that_the_hub_was_given() {
    services::process::give_children_descriptors(512);
    let limit = "echo \"limit $(ulimit -Sn)\" >&2; exit 7";
    let command = ["/bin/sh", "-c", limit].map(str::to_owned);
    let why = make(&command).await.unwrap_err();
    assert!(why.contains("limit 512"), "{why}");
}

#[tokio::test]
async fn what_was_begun_for_somebody_who_went_away_is_done_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let fifo = |name: &str| {
        nix::unistd::mkfifo(&at(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
        at(name).display().to_string()
    };
    let (begun, go, done) = (fifo("begun"), fifo("go"), fifo("done"));
    let script = format!(
        "echo $$ > {begun}; read go < {go}; read -r pid comm state parent group rest < /proc/$$/stat; \
         echo $group > {done}"
    );
    let users = users(|local| {
        local.create_system_users = true;
        local.add_user_cmd = Some(["/bin/sh", "-c", &script].map(Into::into).into());
    });
    let asks = tokio::spawn(async move { users.ensure("hub-test-nobody").await });
    let read = async |path: std::path::PathBuf| {
        let text = tokio::fs::read_to_string(path).await.unwrap();
        text.trim().to_owned()
    };
    let pid = read(at("begun")).await;
    // The client goes away.
    asks.abort();
    let _ = asks.await;
    tokio::fs::write(at("go"), "go\n").await.unwrap();
    assert_eq!(read(at("done")).await, pid, "a group of its own");
}
