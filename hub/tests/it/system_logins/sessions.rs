//! PAM sessions of servers.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hub::auth::Authenticator as _;
use hub::auth::pam::PamUsers;
use hub::config::Config;
use hub::domain::server::ServerRef;
use hub_types::names::{ServerName, Username};

use super::accounts::{Accounts, PLAIN};
use super::pam;
use crate::scene::launcher;

/// Somebody whose sessions leave a line each, and are then judged by a module.
struct Scene {
    _accounts: Accounts,
    folder: tempfile::TempDir,
    users: PamUsers,
    start: ServerRef,
}

impl Scene {
    fn new(judge: &str, program: impl FnOnce(&Path) -> std::path::PathBuf) -> Self {
        let mut accounts = Accounts::new();
        let folder = tempfile::tempdir().unwrap();
        let name = accounts.user(&[]);
        let script = folder.path().join("note");
        let notes = folder.path().join("notes");
        let text = format!(
            "#!/bin/sh\necho \"$PAM_TYPE $PAM_USER\" >> {}\n",
            notes.display()
        );
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let noted = format!("session optional pam_exec.so {}", script.display());
        let service = accounts.service(&format!("{PLAIN}{noted}\nsession required {judge}\n"));
        let mut config = Config::default();
        pam(&mut config, &service);
        config.pam.open_sessions = true;
        Self {
            users: PamUsers::new(&config, &program(folder.path())),
            start: ServerRef::new(Username::stored(name), ServerName::default_server()),
            folder,
            _accounts: accounts,
        }
    }

    /// What was noted so far, without the name.
    fn notes(&self) -> Vec<String> {
        let notes = std::fs::read_to_string(self.folder.path().join("notes")).unwrap_or_default();
        let kind = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        notes.lines().map(kind).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_opened_and_closed() {
    let scene = Scene::new("pam_permit.so", |_| launcher());
    scene.users.pre_spawn(&scene.start).await.unwrap();
    assert_eq!(scene.notes(), ["open_session"]);
    scene.users.post_stop(&scene.start).await;
    assert_eq!(scene.notes(), ["open_session", "close_session"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_session_that_is_refused_is_the_last() {
    let scene = Scene::new("pam_deny.so", |_| launcher());
    // The server starts all the same.
    scene.users.pre_spawn(&scene.start).await.unwrap();
    assert_eq!(scene.notes(), ["open_session"]);
    scene.users.pre_spawn(&scene.start).await.unwrap();
    scene.users.post_stop(&scene.start).await;
    assert_eq!(scene.notes(), ["open_session"], "nobody was asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_could_not_be_asked_for_is_not_the_last() {
    // The helper cannot be started at first: as when the machine is too busy for it.
    let scene = Scene::new("pam_permit.so", |folder| folder.join("helper"));
    scene.users.pre_spawn(&scene.start).await.unwrap();
    assert!(scene.notes().is_empty());
    std::os::unix::fs::symlink(launcher(), scene.folder.path().join("helper")).unwrap();
    scene.users.pre_spawn(&scene.start).await.unwrap();
    assert_eq!(scene.notes(), ["open_session"]);
}
