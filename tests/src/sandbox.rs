//! A temporary folder in which programs run, and the certainty that none of them outlives the test.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::panicking;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{Process, peers, programs};

/// Lines of each log that are shown when a test fails.
const SHOWN_LINES: usize = 150;

/// A temporary folder with its own `HOME` and `PATH`.
///
/// `PATH` starts with a folder of this sandbox. Hubs hand `PATH` on to what they start, so that every process of this
/// sandbox can be found in `/proc` by it, wherever it was reparented to: [`Sandbox::running`]. All of them are killed
/// when the sandbox is dropped, and when the test failed, their logs are shown.
#[derive(Debug)]
pub struct Sandbox {
    dir: TempDir,
    path: OsString,
}

/// A process of a sandbox, as `/proc` shows it.
#[derive(Debug, Clone)]
pub struct Running {
    /// Process id.
    pub pid: i32,
    /// Process id of its parent.
    pub parent: i32,
    /// Its command line.
    pub argv: Vec<String>,
    /// The environment it was started with.
    pub env: BTreeMap<String, String>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Sandbox {
    /// An empty sandbox. With `python`, the Python peers are on its `PATH`.
    #[must_use]
    pub fn new(python: bool) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("e2e-")
            .tempdir()
            .expect("the temporary folder is writable");
        for folder in ["bin", "home", "data", "logs"] {
            fs::create_dir(dir.path().join(folder)).expect("a new folder");
        }
        let mut path = vec![dir.path().join("bin")];
        if python {
            path.push(peers::python_bin());
            path.push(peers::node_bin());
        }
        path.push(programs::folder());
        path.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
        let path = std::env::join_paths(path).expect("no folder has a colon in its name");
        Self { dir, path }
    }

    /// The folder itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Working folder of what is started: a hub's database, cookie secret and logs.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir().join("data")
    }

    /// `HOME` of what is started.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.dir().join("home")
    }

    /// Writes a file below the working folder and returns its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.data().join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Writes a script below the working folder that can be run.
    pub fn write_program(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
        path
    }

    /// The `PATH` of whatever is started in here.
    #[must_use]
    pub fn path(&self) -> &OsStr {
        &self.path
    }

    /// A command with this sandbox's environment and nothing else, in its working folder.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.home())
            .env("LANG", "C.UTF-8")
            .env("TMPDIR", self.dir())
            .current_dir(self.data());
        command
    }

    /// Starts `command`; its output goes to `logs/NAME.log`.
    #[must_use]
    pub fn start(&self, name: &str, command: Command) -> Process {
        Process::start(name, command, &self.log_path(name))
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.dir().join("logs").join(format!("{name}.log"))
    }

    /// Every process that was started in here and still runs, in the order of their ids.
    #[must_use]
    pub fn running(&self) -> Vec<Running> {
        let marker = self.dir().to_string_lossy().into_owned();
        let mut found: Vec<_> = fs::read_dir("/proc")
            .expect("/proc")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(Running::read)
            .filter(|process| process.mentions(&marker))
            .collect();
        found.sort_by_key(|process| process.pid);
        found
    }

    /// The processes that serve `user`'s servers: single-user servers themselves, without kernels.
    #[must_use]
    pub fn servers_of(&self, user: &str) -> Vec<Running> {
        self.running()
            .into_iter()
            .filter(|process| {
                process.env.get("JUPYTERHUB_USER").map(String::as_str) == Some(user)
                    && !process.env.contains_key("JPY_PARENT_PID")
            })
            .collect()
    }

    fn kill_all(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let running = self.running();
            if running.is_empty() || Instant::now() > deadline {
                return;
            }
            for process in &running {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Every log and configuration file in here, with its text.
    fn log_files(&self) -> Vec<(PathBuf, String)> {
        let folders = [
            self.dir().join("logs"),
            self.data(),
            self.data().join("logs"),
        ];
        let mut paths: Vec<_> = folders
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_file() && !is_data(path))
            .collect();
        paths.sort();
        paths
            .into_iter()
            .filter_map(|path| {
                let text = String::from_utf8_lossy(&fs::read(&path).ok()?).into_owned();
                Some((path, text))
            })
            .collect()
    }

    /// What everything in here wrote: the hub, and the output of what it started, which it keeps below its working
    /// folder.
    #[must_use]
    pub fn logs(&self) -> String {
        let texts: Vec<_> = self.log_files().into_iter().map(|(_, text)| text).collect();
        texts.join("\n")
    }

    fn show_logs(&self) {
        for (path, text) in self.log_files() {
            let lines: Vec<_> = text.lines().collect();
            let hidden = lines.len().saturating_sub(SHOWN_LINES);
            eprintln!("---- {} ({hidden} lines not shown)", path.display());
            for line in &lines[hidden..] {
                eprintln!("{line}");
            }
        }
        eprintln!("---- running:");
        for process in self.running() {
            eprintln!("{} {}", process.pid, process.argv.join(" "));
        }
    }
}

/// Databases and secrets, which are no use in the output of a failed test.
fn is_data(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.contains("sqlite") || name.contains("cookie_secret")
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if panicking() {
            self.show_logs();
        }
        self.kill_all();
    }
}

impl Running {
    /// Reads `/proc/PID`; `None` for one that has ended, is a zombie or is not ours to see.
    fn read(pid: i32) -> Option<Self> {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let stat = fs::read_to_string(proc.join("stat")).ok()?;
        // The name in parentheses may contain anything; the state and the parent follow the last one.
        let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        if state == "Z" {
            return None;
        }
        let env = strings(&fs::read(proc.join("environ")).ok()?)
            .filter_map(|item| {
                let (name, value) = item.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect();
        let argv = strings(&fs::read(proc.join("cmdline")).ok()?).collect();
        Some(Self {
            pid,
            parent,
            argv,
            env,
        })
    }

    fn mentions(&self, marker: &str) -> bool {
        self.argv.iter().any(|arg| arg.contains(marker))
            || self.env.values().any(|value| value.contains(marker))
    }
}

fn strings(zero_separated: &[u8]) -> impl Iterator<Item = String> {
    zero_separated
        .split(|byte| *byte == 0)
        .filter(|item| !item.is_empty())
        .map(|item| String::from_utf8_lossy(item).into_owned())
}
