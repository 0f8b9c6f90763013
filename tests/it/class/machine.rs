//! A place on this machine for one that follows the page: its folders and names are others, so that nothing of the machine's
//! own is touched. The users are real.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use e2e::{Client, Process, Sandbox, Visitor, eventually_some, programs};
use regex::Regex;

use super::page::Page;
use crate::accounts::{Accounts, RIGHT, Turn, unique};

pub(super) const WAIT: Duration = Duration::from_secs(90);

/// The students of the page.
const STUDENTS: [&str; 3] = ["ada", "grace", "linus"];

/// The machine of a teacher.
pub(super) struct Machine {
    pub(super) page: Page,
    // Before the accounts, which are in use as long as anything of it runs.
    pub(super) sandbox: Sandbox,
    /// By the names of the page.
    names: BTreeMap<&'static str, String>,
    group: String,
    runs: u32,
    _accounts: Accounts,
}

impl Machine {
    pub(super) fn new() -> Self {
        let mut accounts = Accounts::new();
        let mut names: BTreeMap<_, _> = STUDENTS.map(|name| (name, unique())).into();
        for name in names.values() {
            accounts.expect_user(name);
        }
        names.insert("teacher", accounts.user(&[]));
        let sandbox = Sandbox::new(false);
        // Students have to reach the programs; what is nobody's business is in folders that are closed.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(sandbox.dir(), open).expect("our own folder");
        Self {
            page: Page::read(),
            sandbox,
            names,
            group: unique(),
            runs: 0,
            _accounts: accounts,
        }
    }

    /// The students, by their names on this machine.
    pub(super) fn students(&self) -> Vec<String> {
        STUDENTS.map(|name| self.names[name].clone()).into()
    }

    pub(super) fn teacher(&self) -> &str {
        &self.names["teacher"]
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(self.here(path))
    }

    /// A text of the page with this machine's names and folders in it.
    pub(super) fn here(&self, text: &str) -> String {
        let dir = self.sandbox.dir().display();
        let hub = format!("{dir}/bin/hub");
        let built = programs::path("hub").display().to_string();
        let mut text = text.to_owned();
        for (name, here) in &self.names {
            let word = Regex::new(&format!(r"\b{name}\b")).expect("a pattern");
            text = word.replace_all(&text, here).into_owned();
        }
        // Paths of this machine come last: they may hold any word.
        text.replace("target/release/hub", &built)
            .replace("/usr/local/bin/hub", &hub)
            // A small server in the place of Jupyter's: what matters here is whose it is.
            .replace(
                "[\"/opt/jupyter/bin/jupyterhub-singleuser\"]",
                &format!("[\"{hub}\", \"demo-server\"]"),
            )
            .replace("/etc/hub", &format!("{dir}/etc"))
            .replace("/var/lib/hub", &self.sandbox.data().display().to_string())
            .replace("/var/backups/hub", &format!("{dir}/backups"))
            .replace("--force class", &format!("--force {}", self.group))
            .replace("--groups class", &format!("--groups {}", self.group))
            .replace("[\"class\"]", &format!("[\"{}\"]", self.group))
            .replace("http://:8000", "http://127.0.0.1:0")
    }

    /// Runs commands of the page as root does, in the folder where the list of the class is.
    pub(super) fn run(&self, commands: &str) -> String {
        let _turn = Turn::take();
        let mut command = self.sandbox.command("bash");
        command
            .args(["-e", "-c", &self.here(commands)])
            .current_dir(self.sandbox.home());
        let path = self.sandbox.path().to_string_lossy();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
        let done = command.output().expect("bash");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = format!("{}{}", text(&done.stdout), text(&done.stderr));
        assert!(done.status.success(), "{commands}\n{said}");
        said
    }

    /// Writes a file of the page to its place.
    pub(super) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.path(path), self.here(text)).expect("the folder is there");
    }

    /// The passwords of the list, by the names of this machine.
    pub(super) fn passwords(&self) -> BTreeMap<String, String> {
        let list = std::fs::read_to_string(self.sandbox.home().join("class.txt"));
        let list = list.expect("the list of the class");
        let pairs = list.lines().filter_map(|line| line.split_once(':'));
        let pairs = pairs.map(|(name, password)| (name.to_owned(), password.to_owned()));
        pairs
            .chain([(self.teacher().to_owned(), RIGHT.to_owned())])
            .collect()
    }

    /// Starts the hub as the unit does, with no more of root's rights than that leaves, and waits until it says where it is.
    pub(super) async fn start_hub(&mut self) -> (Process, Client) {
        self.runs += 1;
        let mut command = self.sandbox.command("setpriv");
        command.arg(format!("--bounding-set=-all,{}", self.rights()));
        let unit = self.page.file("/etc/systemd/system/hub.service");
        let start = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="));
        let start = self.here(start.expect("a command"));
        command.args(start.split(' '));
        // Ports that a test may take.
        command.args([
            "--JupyterHub.hub_bind_url=http://127.0.0.1:0",
            "--ConfigurableHTTPProxy.api_url=http://127.0.0.1:0",
        ]);
        let log = format!("hub-{}", self.runs);
        let mut hub = self.sandbox.start(&log, command);
        let running = Regex::new(r"JupyterHub is now running at (http://\S+)").expect("a pattern");
        let url = eventually_some(WAIT, "the hub says that it is running", async || {
            let output = hub.output();
            assert!(hub.try_wait().is_none(), "it ended:\n{output}");
            Some(running.captures(&output)?[1].to_owned())
        })
        .await;
        (hub, Client::new(&url))
    }

    /// What the unit leaves of root's rights, in setpriv's words.
    fn rights(&self) -> String {
        let unit = self.page.file("/etc/systemd/system/hub.service");
        let lines = unit.lines();
        let sets = lines.filter_map(|line| line.strip_prefix("CapabilityBoundingSet="));
        let rights: Vec<_> = sets
            .flat_map(str::split_whitespace)
            .map(|right| right.replace("CAP_", "+").to_lowercase())
            .collect();
        assert!(rights.len() > 10, "{rights:?}");
        rights.join(",")
    }

    /// Somebody in front of a browser.
    pub(super) async fn visitor(&self, client: &Client, name: &str) -> Visitor {
        let mut visitor = Visitor::new(client.clone(), "/");
        visitor.login(name, &self.passwords()[name]).await;
        visitor
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _turn = Turn::take();
        let mut remove = Command::new("/usr/sbin/groupdel");
        // Where the page was not followed so far there is none.
        let _ = remove.arg(&self.group).output();
    }
}
