//! A SQLite file that another process locks, that is moved away, replaced, damaged, or may not be written.

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{Stack, StackBuilder, eventually, peers};
use serde_json::json;

use super::{People, RECOVERY, refused};

const FILE: &str = "jupyterhub.sqlite";

/// How long the hub waits for the lock of a file. A little less: clocks are read at different times.
const WAIT: Duration = Duration::from_secs(9);

/// Another process that holds the lock for writing until its input ends.
const LOCK: &str = "
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
file.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.read()
file.execute('ROLLBACK')
";

struct Lock(Child);

impl Lock {
    fn take(stack: &Stack) -> Self {
        let mut holder = Command::new(peers::python("python"))
            .args(["-c", LOCK])
            .arg(stack.data(FILE))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let mut word = [0; 6];
        let said = holder.stdout.as_mut().expect("a pipe");
        said.read_exact(&mut word).expect("it has the lock");
        assert_eq!(&word, b"locked");
        Self(holder)
    }

    fn release(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("it ends");
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What people see while nothing can be written: what they read, and "come again", within the hub's bound.
async fn is_locked(people: &mut People) {
    let api = people.stack.api();
    let path = format!("/users/{}", people.newcomer);
    let (mut visitor, empty) = (people.stack.visitor(), json!({}));
    let begin = Instant::now();
    // All at once: who waits behind others does not wait longer.
    let (user, server, login) = tokio::join!(
        api.post(&path, &empty),
        api.post("/users/mal/server", &empty),
        visitor.try_login("yves", "x"),
    );
    for reply in [&user, &server, &login] {
        refused(reply);
    }
    let took = begin.elapsed();
    assert!(took > WAIT, "{took:?}: nobody waited for the lock");
    people.known.get("/user").await.expect(200);
    people.unknown.get("/user").await.expect(200);
    people.visitor.get("hub/home").await.expect(200);
}

#[tokio::test]
async fn case_100_a_file_that_another_process_locks() {
    let mut people = People::of(Stack::builder()).await;
    let lock = Lock::take(&people.stack);
    is_locked(&mut people).await;
    lock.release();
    people.is_back().await;

    // Not for long: whoever writes waits.
    let lock = Lock::take(&people.stack);
    let api = people.stack.api();
    let write = tokio::spawn(async move { api.post("/users/nell", &json!({})).await });
    people.known.get("/user").await.expect(200);
    assert!(!write.is_finished());
    lock.release();
    write.await.expect("an answer").expect(201);
}

/// With a start under way.
#[tokio::test]
#[ignore = "takes a minute: tests/run --slow"]
async fn case_100_a_file_that_another_process_locks_for_long() {
    let mut people = People::of(Stack::builder()).await;
    let api = people.stack.api();
    api.request_server("zoe").await;
    let lock = Lock::take(&people.stack);
    let begin = Instant::now();
    eventually(RECOVERY * 2, "the time is over", async || {
        is_locked(&mut people).await;
        begin.elapsed() >= Duration::from_secs(30)
    })
    .await;
    lock.release();
    let begin = Instant::now();
    people.is_back().await;
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    // The start went on, or is to be asked for once more; there is one process, or none.
    eventually(RECOVERY * 2, "zoe's server is ready", async || {
        let reply = api.post("/users/zoe/server", &json!({})).await;
        let ready = api
            .server("zoe")
            .await
            .is_some_and(|server| server["ready"] == true);
        ready || !matches!(reply.status, 201 | 202 | 400)
    })
    .await;
    let servers = people.stack.sandbox().servers_of("zoe").len();
    assert_eq!(servers, 1, "{}", people.stack.log());
}

#[tokio::test]
async fn case_100_a_file_that_is_moved_away_or_replaced() {
    let mut people = People::of(Stack::builder()).await;
    let (file, elsewhere) = (people.stack.data(FILE), people.stack.data("elsewhere"));
    std::fs::rename(&file, &elsewhere).expect("one folder");
    people.is_away().await;
    assert!(!file.exists(), "an empty database was made");
    std::fs::rename(&elsewhere, &file).expect("one folder");
    people.is_back().await;

    // A copy is not what was opened: what is written to either would be missing in the other.
    people.newcomer = "nell";
    std::fs::rename(&file, &elsewhere).expect("one folder");
    std::fs::copy(&elsewhere, &file).expect("a copy");
    let copy = std::fs::read(&file).expect("a file");
    people.is_away().await;
    assert_eq!(std::fs::read(&file).expect("a file"), copy);
    std::fs::rename(&elsewhere, &file).expect("one folder");
    people.is_back().await;

    // The journal belongs to it: a crash now would lose what only stands there.
    people.newcomer = "nat";
    let journal = people.stack.data("jupyterhub.sqlite-wal");
    std::fs::rename(&journal, &elsewhere).expect("one folder");
    people.is_away().await;
    std::fs::rename(&elsewhere, &journal).expect("one folder");
    people.is_back().await;
    let log = people.stack.log();
    assert!(log.contains("is gone from its place"), "{log}");
    assert!(log.contains("was replaced by another file"), "{log}");

    // Nothing that was acknowledged is lost.
    people.stack.kill_hub().await;
    people.stack.restart_hub().await;
    for name in ["ned", "nell", "nat"] {
        let path = format!("/users/{name}");
        people.stack.api().get(&path).await.expect(200);
    }
}

/// A hub to which permissions apply also when tests run as root.
fn without_privileges() -> StackBuilder {
    Stack::builder().wrapped(&[
        "sh",
        "-c",
        "[ \"$(id -u)\" != 0 ] || exec setpriv --bounding-set=-dac_override,-dac_read_search \"$@\"; exec \"$@\"",
        "sh",
    ])
}

/// Starts the hub again, which is to refuse its file and leave it as it is.
async fn refuses(stack: &mut Stack, file: &PathBuf, why: &str) {
    let before = std::fs::read(file).ok();
    stack.launch_hub_again();
    let end = stack.hub_ended().await;
    assert!(!end.status.success());
    let last = end.output.trim_end().lines().last().unwrap_or_default();
    assert!(last.contains(why), "{last:?} in {}", end.output);
    assert!(std::fs::read(file).ok() == before, "it was changed");
}

#[tokio::test]
async fn case_100_a_file_that_cannot_be_used_is_refused_at_the_start() {
    let mut stack = without_privileges().start().await;
    stack.api().ensure_user("mal").await;
    stack.stop_hub().await;
    let file = stack.data(FILE);
    // What stands in the journal moves into the file, where it is to be damaged.
    let checkpoint = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA wal_checkpoint(TRUNCATE)')";
    let done = Command::new(peers::python("python"))
        .args(["-c", checkpoint])
        .arg(&file)
        .status();
    assert!(done.expect("Python runs").success());
    let whole = std::fs::read(&file).expect("a database");

    for mode in [0o400, 0o444] {
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("it is ours");
        refuses(&mut stack, &file, "it cannot be written").await;
    }
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");

    let damage = |at: usize, length: usize| {
        let mut bytes = whole.clone();
        bytes[at..at + length].fill(0xff);
        let mut open = std::fs::File::create(&file).expect("it is ours");
        open.write_all(&bytes).expect("it is ours");
    };
    // A page, and the head.
    damage(whole.len() / 4096 / 2 * 4096, 4096);
    refuses(&mut stack, &file, "damaged").await;
    damage(0, 100);
    refuses(&mut stack, &file, "restore a backup").await;

    std::fs::write(&file, &whole).expect("it is ours");
    stack.restart_hub().await;
    stack.api().get("/users/mal").await.expect(200);
}
