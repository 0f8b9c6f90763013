//! Case 93: what the hub writes can be read by its own user only, whatever the umask, and it writes through no link.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use e2e::{Stack, StackBuilder};

use crate::fleet::demo_servers;

/// Becomes the hub under the umask that hides nothing.
const NO_UMASK: &[&str] = &["/bin/sh", "-c", "umask 000; exec \"$@\"", "sh"];

fn builder() -> StackBuilder {
    Stack::builder().without_python().wrapped(NO_UMASK)
}

/// Everything below `folder`.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("our own folder");
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(below(&path));
        }
        found.push(path);
    }
    found
}

/// Of the hub's working folder, what others can reach, except for the configuration, which the test wrote.
fn open_to_others(stack: &Stack) -> Vec<String> {
    let folder = stack.sandbox().data();
    let files = below(&folder);
    let shown = |path: &PathBuf| {
        let mode = path
            .symlink_metadata()
            .expect("it is there")
            .permissions()
            .mode();
        format!("{} {:o}", path.display(), mode & 0o7777)
    };
    files
        .iter()
        .filter(|path| !path.ends_with("hub.toml"))
        .filter(|path| {
            let data = path.symlink_metadata().expect("it is there");
            data.permissions().mode() & 0o077 != 0 || data.uid() != nix::unistd::geteuid().as_raw()
        })
        .map(shown)
        .collect()
}

fn names(stack: &Stack) -> Vec<String> {
    let name = |path: &PathBuf| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    below(&stack.sandbox().data())
        .iter()
        .filter_map(name)
        .collect()
}

#[tokio::test]
async fn case_93_what_the_hub_writes_is_its_own() {
    let mut stack = builder()
        .config(&demo_servers())
        .config("[JupyterHub]\npid_file = 'hub.pid'")
        .start()
        .await;
    stack.api().start_server("mal").await;
    let expected = [
        "jupyterhub.sqlite",
        "jupyterhub.sqlite-wal",
        "jupyterhub.sqlite-shm",
        "jupyterhub_cookie_secret",
        "hub.pid",
        "jupyterhub-proxy.pid",
        "user-mal.log",
    ];
    let found = names(&stack);
    for name in expected {
        assert!(
            found.iter().any(|one| one == name),
            "no {name} in {found:?}"
        );
    }
    assert_eq!(open_to_others(&stack), Vec::<String>::new());
    let home = stack.sandbox().home().join("mal");
    let mode = home.metadata().expect("mal's home").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // Files of later runs as well: a log that is moved aside, a second start.
    stack.api().stop_server("mal").await;
    stack.api().start_server("mal").await;
    stack.stop_hub().await;
    stack.restart_hub().await;
    assert_eq!(open_to_others(&stack), Vec::<String>::new());
}

/// A secret that others could have read is none; a link leads the hub to write, or read, what somebody else chose.
#[tokio::test]
async fn case_93_what_others_can_read_or_lead_elsewhere_is_refused() {
    let secret = "ab".repeat(32);
    let (exit, _) = builder()
        .program("jupyterhub_cookie_secret", &secret)
        .start_refused()
        .await;
    assert!(exit.output.contains("chmod 600"), "{}", exit.output);

    for (link, says) in [
        (
            "jupyterhub_cookie_secret",
            "symbolic links are not followed",
        ),
        ("jupyterhub.sqlite", "symbolic link"),
        ("hub.pid", "symbolic links are not followed"),
    ] {
        let builder = builder().link(link, "precious").program("precious", "");
        let config = builder.config("[JupyterHub]\npid_file = 'hub.pid'");
        let (exit, sandbox) = config.start_refused().await;
        assert!(exit.output.contains(says), "{link}: {}", exit.output);
        let precious = std::fs::read_to_string(sandbox.data().join("precious"));
        assert_eq!(precious.expect("it is there"), "", "{link}");
    }
}

/// A database that others could read (as JupyterHub makes it) is made private before anything is written to it.
#[tokio::test]
async fn case_93_a_database_that_others_could_read_is_made_private() {
    let stack = builder().program("jupyterhub.sqlite", "").start().await;
    assert_eq!(open_to_others(&stack), Vec::<String>::new());
}
