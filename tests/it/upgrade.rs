//! Case 103: the database of an older hub, and an upgrade that is killed at every step. What was in it is there afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::Duration;

use e2e::{Exit, Stack, peers, programs};
use nix::sys::signal::Signal;

use crate::fleet::WAIT;

/// The database of a hub that knew four changes of the schema, as sqlx writes them down, with `zoe` in it.
const OLD: &str = r#"
import hashlib, pathlib, sqlite3, sys
file = sqlite3.connect("old.sqlite")
file.execute("CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, "
    "installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, "
    "execution_time BIGINT NOT NULL)")
for version, change in enumerate(sorted(pathlib.Path(sys.argv[1]).glob("*.sql"))[:4], 1):
    sql = change.read_text()
    file.executescript(sql)
    file.execute("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) "
        "VALUES (?, ?, TRUE, ?, 0)", (version, change.stem, hashlib.sha384(sql.encode()).digest()))
file.execute("INSERT INTO users (name, admin, created) VALUES ('zoe', FALSE, 0)")
file.commit()
"#;

/// Where an upgrade is killed, in order: the point, how it was asked for, and which change is the last then.
const KILLED: &[(&str, &str, u32)] = &[
    ("upgrade.copied", "upgrade-db", 4),
    ("upgrade.5", "--upgrade-db", 5),
    ("upgrade.6", "upgrade-db", 6),
];

/// A deployment whose hub has ended, with an old database beside its own.
struct Scene {
    stack: Stack,
    runs: usize,
}

impl Scene {
    async fn set() -> Self {
        let mut stack = Stack::builder().without_python().start().await;
        assert!(stack.stop_hub().await.status.success());
        let mut command = stack.sandbox().command(peers::python("python"));
        let changes = peers::workspace().join("hub/migrations/sqlite");
        let made = command.args(["-c", OLD]).arg(changes).output();
        let made = made.expect("python runs");
        assert!(made.status.success(), "{made:?}");
        Self { stack, runs: 0 }
    }

    /// Runs the hub's program with the database `file` until it ends; it dies at `point`.
    async fn run(&mut self, args: &[&str], file: &str, point: &str) -> Exit {
        let sandbox = self.stack.sandbox();
        let mut command = sandbox.command(programs::path("hub"));
        command.args(args).arg(format!("--db=sqlite:///{file}"));
        command.env("HUB_FAILPOINT", point);
        // Each with a log of its own.
        self.runs += 1;
        let mut process = sandbox.start(&format!("run-{}", self.runs), command);
        process.wait(WAIT).await
    }

    /// The hub does not start with the file, and says what to do.
    async fn is_refused(&mut self, file: &str, version: u32) {
        let exit = self.run(&[], file, "").await;
        assert_eq!(exit.status.code(), Some(1), "{}", exit.output);
        let why = format!("it was written by an older hub (migration {version} of ");
        for said in [&*why, "run \"hub upgrade-db\"", "--upgrade-db"] {
            assert!(exit.output.contains(said), "{said}: {}", exit.output);
        }
    }

    /// The copies that were made of a file, the oldest first.
    fn copies(&self, file: &str) -> Vec<PathBuf> {
        let start = format!("{file}.2");
        let found = fs::read_dir(self.stack.sandbox().data()).expect("a folder");
        let mut found: Vec<_> = found
            .map(|entry| entry.expect("an entry"))
            .map(|entry| entry.path())
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                // Not what SQLite and the hub keep beside one.
                name.starts_with(&start) && name.ends_with(|end: char| end.is_ascii_digit())
            })
            .collect();
        found.sort();
        found
    }
}

#[tokio::test]
async fn case_103_an_upgrade_that_is_killed_can_be_repeated() {
    let mut scene = Scene::set().await;
    let (old, second) = ("old.sqlite", "second.sqlite");
    fs::copy(scene.stack.data(old), scene.stack.data(second)).expect("a copy");

    scene.is_refused(old, 4).await;
    for (point, how, version) in KILLED {
        let exit = scene.run(&[how], old, point).await;
        let signal = Some(Signal::SIGKILL as i32);
        assert_eq!(exit.status.signal(), signal, "{point}: {}", exit.output);
        scene.is_refused(old, *version).await;
        // Copies are named by the second.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let exit = scene.run(&["upgrade-db"], old, "").await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    let said = "has the present schema now; what it was before is in";
    assert!(exit.output.contains(said), "{}", exit.output);

    // The first copy is the database as it was; the others are what each attempt had found.
    let copies = scene.copies(old);
    assert_eq!(copies.len(), KILLED.len() + 1, "{copies:?}");
    for (copy, version) in copies.iter().zip([4, 4, 5, 6]) {
        let mode = fs::metadata(copy).expect("a copy").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{copy:?}");
        let name = copy.file_name().expect("a name").to_string_lossy();
        scene.is_refused(&name, version).await;
    }

    // Only users who are there get a token.
    let exit = scene.run(&["token", "zoe"], old, "").await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    let exit = scene.run(&["upgrade-db"], old, "").await;
    assert!(exit.output.contains("is up to date"), "{}", exit.output);
    assert_eq!(scene.copies(old).len(), copies.len());

    // The same at the start of the hub, on a file that nobody has touched.
    let db = format!("--db=sqlite:///{second}");
    let stack = &mut scene.stack;
    stack.restart_hub_with(&["--upgrade-db", &db]).await;
    assert!(stack.log().contains(said), "{}", stack.log());
    assert_eq!(stack.api().user("zoe").await["name"], "zoe");
    assert_eq!(scene.copies(second).len(), 1);
}
