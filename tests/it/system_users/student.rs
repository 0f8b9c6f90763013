//! A student of the class: a system user with a running server.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use e2e::{Notebook, Stack, Visitor};
use nix::unistd::User;
use serde_json::{Value, json};

use super::SENTINEL;
use crate::accounts::RIGHT;

/// The variables that a server of the machine's users has; all others are named for Jupyter.
const VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "MEM_LIMIT",
    "CPU_LIMIT",
    "TZ",
];

/// What a student can do from a notebook, as a student who is not to be trusted. Prints JSON.
const EXPLORES: &str = r#"
import json, os, subprocess, sys, urllib.error, urllib.request
seen = {"uid": os.getuid(), "groups": os.getgroups(), "cwd": os.getcwd()}
seen["limits"] = [os.environ["MEM_LIMIT"], os.environ["CPU_LIMIT"]]
open("mine.txt", "w").write("mine")
def refused(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "done"
seen["other home"] = refused(lambda: os.listdir(OTHER_HOME))
seen["other file"] = refused(lambda: open(OTHER_HOME + "/uploaded.txt"))
seen["other process"] = refused(lambda: os.kill(OTHER_PID, 0))
seen["other environment"] = refused(lambda: open(f"/proc/{OTHER_PID}/environ").read())
seen["hub's environment"] = refused(lambda: open(f"/proc/{HUB_PID}/environ").read())
seen["hub's database"] = refused(lambda: open(HUB_DATA + "/jupyterhub.sqlite", "rb"))
seen["hub's secret"] = refused(lambda: open(HUB_DATA + "/jupyterhub_cookie_secret", "rb"))
def ask(url, headers, body=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
own = {"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]}
seen["own server"] = ask(PUBLIC + "user/" + ME + "/api/contents", own)
seen["other server"] = ask(PUBLIC + "user/" + OTHER + "/api/contents", own)
guess = json.dumps({"auth": {"username": OTHER, "password": "guess"}}).encode()
for number, hub in enumerate([os.environ["JUPYTERHUB_API_URL"] + "/", PUBLIC + "hub/api/"]):
    headers = {"X-Forwarded-For": f"6.6.6.{number}", "Content-Type": "application/json"}
    seen[f"guess {number}"] = ask(hub + "users/" + OTHER + "/tokens", headers, guess)
if HELD:
    seen["greedy"] = subprocess.run([sys.executable, "-c", "b'x' * (700 << 20)"]).returncode
print(json.dumps(seen))
"#;

/// Somebody whose server runs.
pub(super) struct Student {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) token: String,
    pub(super) browser: Visitor,
    uid: u32,
    home: PathBuf,
    pid: i32,
}

impl Student {
    /// Logs in at the public address, and has a server started and opened.
    pub(super) async fn comes(stack: &Stack, name: &str) -> Self {
        let account = User::from_name(name).expect("passwd").expect("an account");
        let mut browser = stack.visitor();
        browser.login(name, RIGHT).await;
        stack.api().start_server(name).await;
        // Whatever its front page is, the login of the hub is good there now.
        browser.open(&format!("user/{name}/")).await;
        let files = browser.get(&format!("user/{name}/api/contents")).await;
        files.expect(200);
        let servers = stack.sandbox().servers_of(name);
        assert_eq!(servers.len(), 1, "{servers:#?}");
        Self {
            name: name.to_owned(),
            uid: account.uid.as_raw(),
            gid: account.gid.as_raw(),
            home: account.dir,
            pid: servers[0].pid,
            browser,
            token: stack.api().new_token(name, &[]).await,
        }
    }

    pub(super) fn server(&self) -> String {
        format!("/user/{}/", self.name)
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string()).join(name)
    }

    fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.proc(name)).expect("it runs");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Security case 88: the account and nothing of root.
    pub(super) fn is_nobody_else(&self, groups: &BTreeSet<u32>) {
        let status = self.read("status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let words = line.unwrap_or_default().split_whitespace();
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(field("Uid:"), vec![self.uid.to_string(); 4]);
        assert_eq!(field("Gid:"), vec![self.gid.to_string(); 4]);
        let theirs: BTreeSet<u32> = field("Groups:")
            .iter()
            .map(|group| group.parse().expect("a number"))
            .collect();
        assert_eq!(&theirs, groups, "{}", self.name);
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(field(set), ["0000000000000000"], "{set}");
        }
        let stat = self.read("stat");
        let after_name = stat.rsplit(") ").next().expect("a name");
        let session = after_name.split(' ').nth(3).expect("a session");
        assert_eq!(session, self.pid.to_string(), "a session of its own");
    }

    /// Security cases 89 and 94: what it is told, and nothing of what only the hub knows.
    pub(super) fn knows_no_secret(&self, stack: &Stack) {
        let (environ, cmdline) = (self.read("environ"), self.read("cmdline"));
        for text in [&environ, &cmdline] {
            assert!(!text.contains(SENTINEL), "{text}");
            assert!(!text.contains(stack.api().token()), "the administrator's");
        }
        let variables: Vec<(&str, &str)> = environ
            .split('\0')
            .filter_map(|variable| variable.split_once('='))
            .collect();
        for (name, _) in &variables {
            let known = name.starts_with("JUPYTER") || name == &"JPY_API_TOKEN";
            assert!(known || VARIABLES.contains(name), "{name}");
        }
        let value = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map_or("", |(_, value)| *value)
        };
        let token = value("JUPYTERHUB_API_TOKEN");
        assert!(!token.is_empty() && !cmdline.contains(token), "{cmdline}");
        assert_eq!(
            (value("MEM_LIMIT"), value("CPU_LIMIT")),
            ("536870912", "1.5")
        );
    }

    /// Security case 90: nothing that the hub has open.
    pub(super) fn has_none_of(&self, hub: &BTreeSet<String>, data: &Path) {
        let own = open_files(&self.proc("fd"));
        let shared: Vec<_> = own
            .intersection(hub)
            .filter(|file| *file != "/dev/null")
            .collect();
        assert!(shared.is_empty(), "{shared:?}");
        let output = data.join("logs");
        for file in own
            .iter()
            .filter(|file| file.starts_with(&*data.to_string_lossy()))
        {
            assert!(Path::new(file).starts_with(&output), "{file}");
        }
    }

    /// Whether the server is in a cgroup of its own, which holds it to its limits.
    pub(super) fn is_held(&self) -> bool {
        self.read("cgroup").contains("/servers/server-")
    }

    /// Saves a file through the public address, as a browser does. It belongs to nobody else.
    pub(super) async fn uploads(&self, stack: &Stack) {
        let path = format!("{}api/contents/uploaded.txt", self.server());
        let file = json!({"type": "file", "format": "text", "content": self.name});
        let own = stack.client().token(&self.token);
        own.put(&path, &file).await.expect(201);
        self.owns("uploaded.txt");
    }

    fn owns(&self, name: &str) {
        let file = std::fs::metadata(self.home.join(name)).expect("it was written");
        assert_eq!((file.uid(), file.gid()), (self.uid, self.gid), "{name}");
    }

    /// Looks around in a notebook for what is `other`'s, and for what is the hub's.
    pub(super) async fn explores(&self, stack: &Stack, other: &Self) {
        let values = [
            ("OTHER_HOME", format!("{:?}", other.home)),
            ("OTHER_PID", other.pid.to_string()),
            ("HUB_PID", stack.hub().id().to_string()),
            ("HUB_DATA", format!("{:?}", stack.sandbox().data())),
            ("PUBLIC", format!("{:?}", stack.url())),
            ("ME", format!("{:?}", self.name)),
            ("OTHER", format!("{:?}", other.name)),
            ("HELD", u8::from(self.is_held()).to_string()),
        ];
        let define: String = values
            .iter()
            .map(|(name, value)| format!("{name} = {value}\n"))
            .collect();
        let mut notebook = Notebook::start(&stack.client(), &self.server(), &self.token).await;
        let printed = notebook.run(&format!("{define}{EXPLORES}")).await;
        let seen: Value = serde_json::from_str(printed.trim())
            .unwrap_or_else(|error| panic!("{error}: {printed}"));
        self.saw_nothing_of_others(&seen);
        self.owns("mine.txt");
    }

    fn saw_nothing_of_others(&self, seen: &Value) {
        assert_eq!(seen["uid"], self.uid);
        assert_eq!(seen["cwd"], self.home.display().to_string());
        assert_eq!(seen["limits"], json!(["536870912", "1.5"]));
        for what in [
            "other home",
            "other file",
            "other process",
            "other environment",
            "hub's environment",
            "hub's database",
            "hub's secret",
        ] {
            assert_eq!(seen[what], "PermissionError", "{what}");
        }
        let statuses = ["own server", "other server", "guess 0", "guess 1"];
        let statuses = statuses.map(|what| seen[what].as_u64());
        assert_eq!(statuses, [200, 403, 403, 403].map(Some));
        if self.is_held() {
            assert_eq!(seen["greedy"], -9, "more memory than there is for it");
        }
    }
}

/// Files and sockets that a process has open.
pub(super) fn open_files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("it runs");
    entries
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .map(|target| target.display().to_string())
        .filter(|target| !target.starts_with("anon_inode:"))
        .collect()
}
