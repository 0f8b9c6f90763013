//! Users of this machine that a test makes, and PAM services for them. They go when the test ends.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};

/// The password of everybody here.
pub(crate) const RIGHT: &str = "Right horse, battery: ström";

/// A service that checks passwords and accounts with the files of this machine, and nothing else.
pub(crate) const PLAIN: &str = "auth required pam_unix.so\naccount required pam_unix.so\n";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A name that no other test, or other run of this one, uses.
pub(crate) fn unique() -> String {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("hubtest-{}-{count}", std::process::id())
}

/// Tools that change the machine's users give up when another is at work: one at a time, whichever process.
pub(crate) struct Turn(#[expect(dead_code, reason = "held, not read")] File);

impl Turn {
    pub(crate) fn take() -> Self {
        let file = File::create(std::env::temp_dir().join("hub-test-accounts.lock")).unwrap();
        file.lock().unwrap();
        Self(file)
    }
}

fn run(program: &str, args: &[&str], input: &str) {
    let mut child = Command::new(program)
        .args(args)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; install the Debian package passwd"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {args:?}: {said}");
}

/// Runs a tool; what it cannot do is no failure of a test.
fn quietly(program: &str, args: &[&str]) {
    let mut command = Command::new(program);
    let command = command
        .args(args)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Whether [`unique`] made this name in a process that was killed: it is gone, and cannot clear up any more.
fn is_left_over(name: &str) -> bool {
    let process = name
        .strip_prefix("hubtest-")
        .and_then(|rest| rest.split('-').next());
    process
        .and_then(|process| process.parse::<u32>().ok())
        .is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists())
}

/// The first fields of a file of accounts, of those that are left over.
fn left_over_in(file: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split(':').next());
    let names = names.filter(|name| is_left_over(name));
    names.map(str::to_owned).collect()
}

/// Ends whatever runs as this user.
fn end_all_of(user: &str) {
    let Ok(Some(user)) = User::from_name(user) else {
        return;
    };
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().parse::<i32>();
        let uid = entry.metadata().map(|folder| folder.uid());
        if let (Ok(pid), Ok(uid)) = (pid, uid)
            && uid == user.uid.as_raw()
        {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// Removes what killed tests have left on this machine.
fn sweep() {
    let _turn = Turn::take();
    for user in left_over_in("/etc/passwd") {
        end_all_of(&user);
        quietly("userdel", &["--force", "--remove", &user]);
    }
    for group in left_over_in("/etc/group") {
        quietly("groupdel", &[&group]);
    }
    for entry in fs::read_dir("/etc/pam.d").into_iter().flatten().flatten() {
        if is_left_over(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// What a test has made on this machine.
#[derive(Default)]
pub(crate) struct Accounts {
    users: Vec<String>,
    groups: Vec<String>,
    services: Vec<PathBuf>,
}

impl Accounts {
    /// Nothing yet, and nothing of earlier tests that were killed. Fails where it could make nothing.
    pub(crate) fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test makes users of this machine, for which it must run as root (in a container, for example)"
        );
        sweep();
        Self::default()
    }

    /// A user with the password [`RIGHT`] and a home folder; `changes` are arguments of commands that follow, with the
    /// name added.
    pub(crate) fn user(&mut self, changes: &[&[&str]]) -> String {
        let name = unique();
        let _turn = Turn::take();
        run(
            "useradd",
            &["--create-home", "--shell", "/bin/sh", &name],
            "",
        );
        self.users.push(name.clone());
        run("chpasswd", &[], &format!("{name}:{RIGHT}\n"));
        for change in changes {
            let (program, args) = change.split_first().unwrap();
            let args: Vec<&str> = args.iter().copied().chain([name.as_str()]).collect();
            run(program, &args, "");
        }
        name
    }

    /// Changes a user.
    pub(crate) fn change(&self, program: &str, args: &[&str]) {
        let _turn = Turn::take();
        run(program, args, "");
    }

    /// A group with these members.
    pub(crate) fn group(&mut self, members: &[&str]) -> String {
        let name = unique();
        let _turn = Turn::take();
        run("groupadd", &[&name], "");
        self.groups.push(name.clone());
        for member in members {
            run("usermod", &["--append", "--groups", &name, member], "");
        }
        name
    }

    /// A PAM service of these lines.
    pub(crate) fn service(&mut self, lines: &str) -> String {
        let name = unique();
        let file = PathBuf::from("/etc/pam.d").join(&name);
        fs::write(&file, lines).unwrap();
        self.services.push(file);
        name
    }

    /// A user that somebody else makes, to go as well.
    pub(crate) fn expect_user(&mut self, name: &str) {
        self.users.push(name.to_owned());
    }
}

impl Drop for Accounts {
    fn drop(&mut self) {
        let _turn = Turn::take();
        // What is gone already is no failure of the test.
        for user in &self.users {
            quietly("userdel", &["--force", "--remove", user]);
        }
        for group in &self.groups {
            quietly("groupdel", &[group]);
        }
        for service in &self.services {
            let _ = fs::remove_file(service);
        }
    }
}
