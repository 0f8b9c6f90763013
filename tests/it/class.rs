//! `docs/howto/a-class-on-one-machine.md`, followed as it stands: its commands and files, with real users of this machine.

mod machine;
mod page;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use e2e::{Client, Process, Visitor, eventually, eventually_some, programs};
use nix::sys::signal::Signal;
use nix::unistd::User;

use self::machine::{Machine, WAIT};
use self::page::Page;

/// The programs, the class, the configuration: sections 1 to 3.
fn install(machine: &Machine) {
    let programs = machine.page.commands("The programs");
    let install: Vec<_> = programs[0]
        .lines()
        .filter(|line| line.starts_with("install"))
        .collect();
    assert_eq!(install.len(), 1, "{programs:?}");
    machine.run(install[0]);
    let class = machine.page.commands("The class");
    let [list, make] = class.as_slice() else {
        panic!("a list, and what makes the class of it")
    };
    machine.run(list);
    machine.run(make);
    // Again, as for somebody who comes later.
    machine.run(make);
    for command in machine.page.commands("The configuration") {
        machine.run(&command);
    }
    let file = "/etc/hub/hub.toml";
    machine.write(file, &machine.page.file(file));
}

/// Somebody's server that runs, and whose it is.
struct Student {
    name: String,
    browser: Visitor,
    pid: i32,
}

impl Student {
    async fn comes(machine: &Machine, client: &Client, name: &str) -> Self {
        let mut browser = machine.visitor(client, name).await;
        browser.follow("hub/spawn").await;
        let server = format!("user/{name}/");
        let what = format!("the server of {name} answers");
        eventually(WAIT, &what, async || {
            browser.follow(&server).await.status == 200
        })
        .await;
        let found = machine.sandbox.servers_of(name);
        assert_eq!(found.len(), 1, "{found:#?}");
        let student = Self {
            name: name.to_owned(),
            browser,
            pid: found[0].pid,
        };
        student.is_themselves();
        student
    }

    fn is_themselves(&self) {
        let account = User::from_name(&self.name).expect("passwd").expect("there");
        let proc = PathBuf::from(format!("/proc/{}", self.pid));
        let owner = std::fs::metadata(&proc).expect("it runs");
        let ids = (owner.uid(), owner.gid());
        assert_eq!(ids, (account.uid.as_raw(), account.gid.as_raw()));
        let folder = std::fs::read_link(proc.join("cwd")).expect("it runs");
        assert_eq!(folder, account.dir);
        let home = std::fs::metadata(&account.dir).expect("a home");
        assert_eq!(home.permissions().mode() & 0o777, 0o700, "{}", self.name);
    }

    async fn is_served(&mut self) {
        let server = format!("user/{}/", self.name);
        self.browser.follow(&server).await.expect(200);
        let pid = self.pid;
        assert!(PathBuf::from(format!("/proc/{pid}")).exists(), "{pid}");
    }
}

/// Who may what: the page promises it of students, the teacher and strangers.
async fn everybody_is_in_their_place(machine: &Machine, client: &Client, class: &mut [Student]) {
    let teacher = machine.teacher().to_owned();
    let mut boss = machine.visitor(client, &teacher).await;
    boss.follow("hub/admin").await.expect(200);
    let other = format!("user/{}/", class[1].name);
    class[0].browser.follow(&other).await.expect(403);
    class[0].browser.follow("hub/admin").await.expect(403);
    let mut stranger = Visitor::new(client.clone(), "/");
    let wrong = stranger.try_login(&class[0].name, "guessed").await;
    wrong.expect(403);
    for student in class {
        let log = format!("logs/user-{}.log", student.name);
        let log = std::fs::metadata(machine.sandbox.data().join(log)).expect("its output");
        assert_eq!((log.uid(), log.permissions().mode() & 0o777), (0, 0o600));
    }
}

/// The culler runs as somebody who is nobody, in a folder that is closed to them.
async fn the_culler_runs(machine: &Machine, hub: &Process) {
    let culler = eventually_some(WAIT, "the culler runs", async || {
        let running = machine.sandbox.running().into_iter();
        let mut cullers =
            running.filter(|process| process.argv.iter().any(|arg| arg == "cull-idle"));
        let culler = cullers.find(|process| process.argv.iter().all(|arg| arg != "launch"))?;
        let log = machine.sandbox.data().join("logs/services/cull-idle.log");
        // It has read its settings and spoken.
        std::fs::read_to_string(log)
            .ok()
            .filter(|text| !text.is_empty())?;
        Some(culler)
    })
    .await;
    let proc = std::fs::metadata(format!("/proc/{}", culler.pid)).expect("it runs");
    let nobody = User::from_name("nobody").expect("passwd").expect("there");
    assert_eq!(proc.uid(), nobody.uid.as_raw());
    let log = hub.output();
    assert!(!log.contains("service cull-idle: exited"), "{log}");
}

async fn stop(mut hub: Process, signal: Signal) {
    hub.signal(signal);
    let exit = hub.wait(WAIT).await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
}

/// `/hub/admin/shutdown` with servers and proxy.
async fn shut_down(machine: &Machine, client: &Client, mut hub: Process) {
    let teacher = machine.teacher().to_owned();
    let mut boss = machine.visitor(client, &teacher).await;
    let page = boss.follow("hub/admin/shutdown").await.expect(200);
    let choice = [("servers", "stop"), ("proxy", "stop")];
    boss.submit(&page, "hub/admin/shutdown", &choice).await;
    let exit = hub.wait(WAIT).await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    let left = machine.sandbox.running();
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test]
async fn a_teacher_who_follows_the_page_has_a_class() {
    let mut machine = Machine::new();
    install(&machine);
    let check = machine.page.commands("Try it")[0].replace("hub -f /etc/hub/hub.toml\n", "");
    let said = machine.run(&check.replace("hub check", "/usr/local/bin/hub check"));
    assert!(said.contains("in order, 0 warnings"), "{said}");

    let (hub, client) = machine.start_hub().await;
    let mut class = Vec::new();
    for name in machine.students() {
        class.push(Student::comes(&machine, &client, &name).await);
    }
    everybody_is_in_their_place(&machine, &client, &mut class).await;
    the_culler_runs(&machine, &hub).await;

    let backups = machine.page.commands("Backups");
    let [back_up, back] = backups.as_slice() else {
        panic!("a copy, and back from it")
    };
    machine.run(back_up);

    // `systemctl restart hub`: nobody notices.
    stop(hub, Signal::SIGTERM).await;
    for student in &mut class {
        let path = format!("/user/{}/api", student.name);
        client.get(&path).await.expect(200);
    }
    let (hub, again) = machine.start_hub().await;
    assert_eq!(again.url("/"), client.url("/"));
    for student in &mut class {
        student.is_served().await;
    }

    // The copy is a whole one: with it the class goes on as it was, and those who were logged in are.
    shut_down(&machine, &client, hub).await;
    machine.run(back);
    let upgrade = machine.page.commands("A new version")[0].clone();
    let upgrade = upgrade.lines().find(|line| line.contains("upgrade-db"));
    let upgrade = upgrade
        .expect("a command")
        .replace("hub upgrade", "/usr/local/bin/hub upgrade");
    let said = machine.run(&format!("cd /var/lib/hub\n{upgrade}"));
    assert!(said.contains("is up to date"), "{said}");
    let (hub, client) = machine.start_hub().await;
    let mut late = Student::comes(&machine, &client, &class[2].name).await;
    late.is_served().await;
    shut_down(&machine, &client, hub).await;
}

/// A file and its key for the block on a certificate of one's own.
fn certificate(machine: &Machine) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let made = made.expect("a certificate");
    let [file, key] = ["/etc/hub/tls.pem", "/etc/hub/tls.key"].map(|path| machine.path(path));
    std::fs::write(file, made.cert.pem()).expect("the folder is there");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("the folder is there");
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(key, private).expect("our own file");
}

fn merged(mut whole: toml::Table, part: toml::Table) -> toml::Table {
    for (name, value) in part {
        match (whole.get_mut(&name), value) {
            (Some(toml::Value::Table(known)), toml::Value::Table(more)) => {
                let both = merged(std::mem::take(known), more);
                *known = both;
            }
            (_, value) => {
                whole.insert(name, value);
            }
        }
    }
    whole
}

#[test]
fn every_configuration_of_the_page_is_in_order() {
    let machine = Machine::new();
    install(&machine);
    certificate(&machine);
    let whole: toml::Table = machine
        .page
        .file("/etc/hub/hub.toml")
        .parse()
        .expect("TOML");
    let parts = machine.page.configurations();
    assert_eq!(parts.len(), 3, "the whole, a certificate, an ordered one");
    for part in &parts[1..] {
        let both = merged(whole.clone(), part.parse().expect("TOML"));
        machine.write("/etc/hub/hub.toml", &both.to_string());
        let check = "cd /var/lib/hub\n/usr/local/bin/hub check-config -f /etc/hub/hub.toml";
        let said = machine.run(check);
        assert!(said.contains("in order, 0 warnings"), "{part}\n{said}");
    }
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let folder = tempfile::tempdir().expect("a new folder");
    let hub = programs::path("hub").display().to_string();
    let unit = Page::read()
        .file("/etc/systemd/system/hub.service")
        .replace("/usr/local/bin/hub", &hub);
    let file = folder.path().join("hub.service");
    std::fs::write(&file, unit).expect("a new file");
    let mut verify = std::process::Command::new("systemd-analyze");
    let done = verify.arg("verify").arg(&file).output();
    let done = done.expect("systemd-analyze: tests/run installs the Debian package systemd");
    let said = String::from_utf8_lossy(&done.stderr);
    // What it says of units of this machine is none of ours.
    let ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("hub.service"))
        .collect();
    // Before systemd 254, as the page says.
    let known = |line: &&&str| !line.contains("'DelegateSubgroup'");
    assert_eq!(ours.iter().filter(known).count(), 0, "{said}");
    assert!(done.status.success(), "{said}");
}
