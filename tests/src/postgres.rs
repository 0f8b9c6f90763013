//! A PostgreSQL server of one test, which can go away, come back, and fall silent.

use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{Process, eventually};

/// Where Debian puts the programs, one folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Longest wait for the server to start, to answer, or to end.
const WAIT: Duration = Duration::from_secs(90);

/// The address is this process's own; tests that share it have ports of their own.
static PORTS: AtomicU16 = AtomicU16::new(5_432);

/// A server that listens on TCP, with an empty database. Ends when it is dropped.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    folder: TempDir,
    address: Ipv4Addr,
    port: u16,
    server: Option<Process>,
}

impl Postgres {
    /// Starts one and waits until it answers.
    pub async fn start() -> Self {
        let [_, a, b, c] = std::process::id().to_be_bytes();
        let mut postgres = Self {
            bin: newest(Path::new(VERSIONS)).join("bin"),
            folder: tempfile::Builder::new()
                .prefix("e2e-postgres-")
                .tempdir()
                .expect("the temporary folder is writable"),
            address: Ipv4Addr::new(127, a, b, c),
            port: PORTS.fetch_add(1, Ordering::Relaxed),
            server: None,
        };
        if let Some((user, group)) = theirs() {
            chown(postgres.folder.path(), Some(user), Some(group)).expect("root may");
        }
        let mut init = postgres.command("initdb");
        init.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "-N", "-D"]);
        init.arg("data").arg("--locale=C.UTF-8");
        let made = init.output().expect("initdb can be started");
        assert!(made.status.success(), "initdb: {made:?}");
        postgres.begin().await;
        postgres
    }

    /// Its database, as `db_url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "postgresql://postgres@{}:{}/postgres",
            self.address, self.port
        )
    }

    /// Starts it (again), and waits until it answers.
    pub async fn begin(&mut self) {
        let mut command = self.command("postgres");
        let (address, port) = (self.address.to_string(), self.port.to_string());
        command.args(["-D", "data", "-h", &address, "-p", &port, "-k", "."]);
        command.args(["-c", "fsync=off", "-c", "shared_buffers=32MB"]);
        let log = self.folder.path().join("server.log");
        self.server = Some(Process::start("postgres", command, &log));
        let what = "PostgreSQL answers";
        eventually(WAIT, what, async || {
            let server = self.server.as_mut().expect("it was just started");
            if server.try_wait().is_some() {
                panic!("PostgreSQL ended:\n{}", server.output());
            }
            let mut ready = self.command("pg_isready");
            ready.args(["-q", "-h", &address, "-p", &port]);
            ready.status().is_ok_and(|status| status.success())
        })
        .await;
    }

    /// Ends it at once, as a machine does that fails: whoever is connected is cut off, and nobody can connect.
    pub async fn end(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.signal(Signal::SIGQUIT);
            server.wait(WAIT).await;
        }
    }

    /// Makes it silent: connections stay, new ones are accepted by the system, and nothing is answered.
    pub fn hang(&self) {
        self.signal_all(Signal::SIGSTOP);
    }

    /// Ends the silence.
    pub fn go_on(&self) {
        self.signal_all(Signal::SIGCONT);
    }

    fn signal_all(&self, signal: Signal) {
        let Some(server) = &self.server else {
            return;
        };
        let main = i32::try_from(server.id()).expect("process ids fit");
        // The first one first: what it would start meanwhile is not known.
        for pid in std::iter::once(main).chain(children(main)) {
            // One that has just ended needs no signal.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// One of its programs, as its user, in its folder: the server refuses to be root.
    fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if theirs().is_some() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its processes end when the first one does, unless they were stopped.
        if let Some(server) = &self.server {
            server.signal(Signal::SIGQUIT);
        }
        self.go_on();
        if let Some(mut server) = self.server.take() {
            let begin = std::time::Instant::now();
            while server.try_wait().is_none() && begin.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn newest(versions: &Path) -> PathBuf {
    let found = std::fs::read_dir(versions).unwrap_or_else(|error| {
        panic!(
            "no PostgreSQL in {}: {error}; tests/run installs it",
            versions.display()
        )
    });
    let folders = found.filter_map(|entry| Some(entry.ok()?.path()));
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    folders.max_by_key(number).expect("a version of PostgreSQL")
}

/// User and group of the server, when tests run as root.
fn theirs() -> Option<(u32, u32)> {
    let ours = std::fs::metadata("/proc/self").expect("Linux").uid();
    if ours != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("there are users");
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line
        .expect("Debian's package brings a user")
        .split(':')
        .skip(2);
    let mut next = || fields.next()?.parse().ok();
    Some((next()?, next()?))
}

/// Processes that one has started.
fn children(parent: i32) -> Vec<i32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let listed = std::fs::read_to_string(path).unwrap_or_default();
    listed
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}
