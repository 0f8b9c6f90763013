use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use hub_types::names::{ServerName, Username};
use tempfile::TempDir;

use super::*;

fn at(name: &str) -> ServerRef {
    ServerRef::new(Username::stored("mal"), ServerName::stored(name))
}

/// When all is prepared.
fn at_last(servers: PathBuf) -> Cgroups {
    let cgroups = Cgroups::default();
    cgroups.servers.set(servers).unwrap();
    cgroups
}

fn limits(memory: Option<u64>, cpu: Option<f64>) -> Limits {
    Limits { memory, cpu }
}

#[test]
fn limits_as_the_kernel_reads_them() {
    for (memory, cpu, expected) in [
        (Some(1 << 30), None, vec![("memory.max", "1073741824")]),
        (None, Some(0.5), vec![("cpu.max", "50000 100000")]),
        (None, Some(0.001), vec![("cpu.max", "1000 100000")]),
        (
            Some(7),
            Some(2.0),
            vec![("memory.max", "7"), ("cpu.max", "200000 100000")],
        ),
    ] {
        let files = limits(memory, cpu).files();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(file, text)| (*file, text.as_str()))
            .collect();
        assert_eq!(files, expected);
    }
    assert_eq!(Limits::of(&Spawner::default()), None);
}

#[test]
fn where_this_process_is() {
    let mounts = "24 1 0:22 / /sys rw - sysfs sysfs rw\n35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
    for (cgroup, mounts, expected) in [
        (
            "0::/system.slice/hub.service\n",
            mounts,
            Ok("/sys/fs/cgroup/system.slice/hub.service"),
        ),
        ("9:memory:/x\n0::/\n", mounts, Ok("/sys/fs/cgroup/")),
        (
            "0::/docker/1/a\n",
            "35 24 0:30 /docker/1 /cg rw - cgroup2 cgroup2 rw\n",
            Ok("/cg/a"),
        ),
        (
            "9:memory:/x\n",
            mounts,
            Err("this machine has no cgroups of version 2"),
        ),
        (
            "0::/\n",
            "35 24 0:30 / /cg rw - cgroup cgroup rw,memory\n",
            Err("no cgroups of version 2 are mounted"),
        ),
    ] {
        let found = place(cgroup, mounts);
        assert_eq!(
            found,
            expected.map(PathBuf::from).map_err(ToOwned::to_owned),
            "{cgroup}"
        );
    }
}

/// A folder with the files that the kernel would make.
fn stand_in(controllers: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("cgroup.controllers", controllers),
        ("cgroup.type", "domain"),
    ] {
        fs::write(dir.path().join(file), text).unwrap();
    }
    fs::create_dir(dir.path().join(HUB)).unwrap();
    dir
}

/// The same steps on plain files: what is written where.
#[test]
fn steps_of_a_hub_that_may() {
    let dir = stand_in("cpuset cpu io memory pids\n");
    let read = |path: &str| fs::read_to_string(dir.path().join(path)).unwrap();
    let servers = prepare(&dir.path().join(HUB)).unwrap();
    assert_eq!(servers, dir.path().join("servers"));
    assert_eq!(read("cgroup.subtree_control"), "+memory +cpu");
    assert_eq!(read("servers/cgroup.subtree_control"), "+memory +cpu");
    // For the next hub it is the same place.
    assert_eq!(prepare(&dir.path().join(HUB)), Ok(servers.clone()));
    for name in ["gpu", ""] {
        let folder = servers.join(super::name(&at(name)));
        fs::create_dir(&folder).unwrap();
        for file in ["memory.max", "memory.swap.max", "cpu.max", "cgroup.procs"] {
            fs::write(folder.join(file), "").unwrap();
        }
    }

    let cgroups = at_last(servers);
    let folder = cgroups
        .hold(&at("gpu"), 42, limits(Some(1 << 20), None))
        .unwrap();
    for (file, text) in [
        ("memory.max", "1048576"),
        ("memory.swap.max", "0"),
        ("cpu.max", "max"),
        ("cgroup.procs", "42"),
    ] {
        assert_eq!(
            fs::read_to_string(folder.join(file)).unwrap(),
            text,
            "{file}"
        );
    }
    let other = cgroups.hold(&at(""), 43, limits(None, Some(1.0))).unwrap();
    assert_ne!(folder, other);
    let again = cgroups
        .hold(&at("gpu"), 44, limits(None, Some(2.0)))
        .unwrap();
    assert_eq!(again, folder);
    assert_eq!(
        fs::read_to_string(folder.join("memory.max")).unwrap(),
        "max"
    );
}

#[test]
fn a_hub_that_may_not_runs_servers_all_the_same() {
    let dir = stand_in("cpu pids\n");
    let why = prepare(&dir.path().join(HUB)).unwrap_err();
    assert!(why.ends_with("cgroup.controllers lacks memory"), "{why}");
    // Nothing is rearranged that is not for the hub alone.
    let others = stand_in("cpu memory\n");
    let refused = prepare(others.path()).unwrap_err();
    assert!(
        refused.ends_with("was not delegated to the hub"),
        "{refused}"
    );
    assert!(!others.path().join("servers").exists());
}

/// What was in the way once need not be the next time, and is said once.
#[test]
fn a_hub_that_could_not_tries_again() {
    let dir = stand_in("cpu pids\n");
    let own = || Ok(dir.path().join(HUB));
    let cgroups = Cgroups::default();
    let told = || cgroups.told.lock().unwrap().clone();
    let away = || Err("no cgroups of version 2 are mounted".to_owned());
    assert_eq!(cgroups.servers(away), None);
    assert_eq!(told(), away().err());
    assert_eq!(cgroups.servers(own), None);
    let lacks = told().unwrap();
    assert!(lacks.ends_with("lacks memory"), "{lacks}");
    fs::write(dir.path().join("cgroup.controllers"), "cpu memory\n").unwrap();
    let servers = dir.path().join("servers");
    assert_eq!(cgroups.servers(own), Some(servers.as_path()));
    // Once it is known, nobody looks again.
    assert_eq!(cgroups.servers(away), Some(servers.as_path()));
}

/// The kernel's own part that needs no limits: who is in, and that nothing is left.
#[tokio::test]
#[ignore = "by a flag: needs root, and cgroups of version 2"]
async fn a_real_cgroup_ends_what_is_left_in_it() {
    let folder = own()
        .unwrap()
        .join(format!("hub-test-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = child.id();
    fs::write(folder.join("cgroup.procs"), pid.to_string()).unwrap();
    let where_it_is = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(where_it_is.contains("/hub-test-"), "{where_it_is}");
    let reaped = std::thread::spawn(move || child.wait().unwrap());
    remove(&folder).await;
    assert!(!folder.exists());
    assert_eq!(reaped.join().unwrap().signal(), Some(9));
}

/// All of it: `systemd-run --scope -p Delegate=yes cargo nextest run … --run-ignored only`.
#[tokio::test]
#[ignore = "by a flag: needs a cgroup (version 2) of its own with memory and cpu"]
async fn limits_hold() {
    let servers = prepare(&own().unwrap()).unwrap();
    let cgroups = at_last(servers);
    // Waits until it is in.
    let script = "read -r go; exec python3 -c 'x = bytearray(300 << 20); print(len(x))'";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let held = cgroups.hold(&at(""), child.id(), limits(Some(64 << 20), Some(0.5)));
    let folder = held.unwrap();
    assert_eq!(
        fs::read_to_string(folder.join("cpu.max")).unwrap(),
        "50000 100000\n"
    );
    // No room elsewhere either.
    let _ = fs::write(folder.join("memory.swap.max"), "0");
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    remove(&folder).await;
    assert!(!folder.exists());
}
