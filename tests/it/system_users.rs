//! The users of this machine: they log in with its own passwords, and their servers run as themselves.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Notebook, Sandbox, Stack, StackBuilder, Visitor, peers};
use nix::unistd::User;
use serde_json::Value;

use crate::accounts::{Accounts, PLAIN, RIGHT};

/// What the hub's own environment holds that nobody else is to see.
const SECRETS: [(&str, &str); 7] = [
    ("CONFIGPROXY_AUTH_TOKEN", "sentinel-of-the-proxy"),
    ("OAUTH_CLIENT_SECRET", "sentinel-of-oauth"),
    ("AWS_SECRET_ACCESS_KEY", "sentinel-of-a-cloud"),
    (
        "DATABASE_URL",
        "postgresql://hub:sentinel-of-the-database@db/hub",
    ),
    ("PGPASSWORD", "sentinel-of-postgres"),
    ("LD_AUDIT_NOTE", "sentinel-of-a-loader"),
    ("NOTEBOOK_ARGS", "sentinel-of-arguments"),
];

/// The variables that a server of the machine's users has; all others are named for Jupyter.
const VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "SHELL",
    "LANG",
    "LC_ALL",
    "PYTHONPATH",
    "MEM_LIMIT",
    "CPU_LIMIT",
    "TZ",
];

/// The real `jupyterhub-singleuser` as other users can run it: the one of the peers, or the same packages in a folder that
/// everybody can read, for Debian's Python.
struct Singleuser {
    cmd: Vec<String>,
    python_path: Option<PathBuf>,
    /// Holds the copy, if there is one.
    _copy: Option<tempfile::TempDir>,
}

impl Singleuser {
    fn find() -> Self {
        let direct = vec![peers::python("jupyterhub-singleuser").display().to_string()];
        if runs_as_nobody(&direct, None) {
            return Self {
                cmd: direct,
                python_path: None,
                _copy: None,
            };
        }
        let copy = tempfile::tempdir().expect("a new folder");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(copy.path(), open).expect("our own folder");
        let packages = peers::python_bin().join("../lib");
        let copied = Command::new("sh")
            .args(["-c", "cp -r \"$1\"/python3*/site-packages \"$2\"", "sh"])
            .args([packages.as_path(), copy.path()])
            .status();
        assert!(copied.expect("sh").success());
        let path = copy.path().join("site-packages");
        let module = ["/usr/bin/python3", "-m", "jupyterhub.singleuser"];
        let cmd: Vec<String> = module.map(str::to_owned).into();
        assert!(
            runs_as_nobody(&cmd, Some(&path)),
            "other users of this machine can run neither {direct:?} nor {cmd:?} with its packages"
        );
        Self {
            cmd,
            python_path: Some(path),
            _copy: Some(copy),
        }
    }
}

fn runs_as_nobody(command: &[String], python_path: Option<&Path>) -> bool {
    let mut as_nobody = Command::new("setpriv");
    as_nobody
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        // What root may, setpriv hands on to the first program.
        .args(["sh", "-c", "exec \"$@\"", "sh"])
        .args(command)
        .arg("--version")
        .env_clear()
        .env("HOME", "/nonexistent")
        .envs(python_path.map(|path| ("PYTHONPATH", path)));
    as_nobody.output().is_ok_and(|done| done.status.success())
}

/// A hub of the members of a system group, with real servers.
fn class(service: &str, group: &str, singleuser: &Singleuser) -> StackBuilder {
    let path = singleuser.python_path.as_ref();
    let path = path.map_or_else(String::new, |path| {
        format!("environment = {{ PYTHONPATH = {path:?} }}")
    });
    let builder = Stack::builder().config(&format!(
        "[JupyterHub]\nauthenticator_class = 'pam'\nspawner_class = 'local'\n\
         [PAMAuthenticator]\nservice = '{service}'\n\
         [LocalAuthenticator]\nallowed_groups = ['{group}']\n\
         [Authenticator]\nallow_all = false\nadmin_users = []\n\
         [Spawner]\ncmd = {:?}\nargs = []\nmem_limit = '512M'\ncpu_limit = 1.5\n{path}\n",
        singleuser.cmd
    ));
    let secrets = SECRETS.iter();
    secrets.fold(builder, |builder, (name, value)| builder.env(name, value))
}

/// Somebody whose server runs.
struct Student {
    name: String,
    uid: u32,
    gid: u32,
    home: PathBuf,
    pid: i32,
    browser: Visitor,
    token: String,
}

impl Student {
    async fn comes(stack: &Stack, name: &str) -> Self {
        let account = User::from_name(name).expect("passwd").expect("an account");
        let mut browser = stack.visitor();
        browser.login(name, RIGHT).await;
        stack.api().start_server(name).await;
        // Whatever its front page is, the login of the hub is good there now.
        browser.open(&format!("user/{name}/")).await;
        let files = browser.get(&format!("user/{name}/api/contents")).await;
        files.expect(200);
        Self {
            name: name.to_owned(),
            uid: account.uid.as_raw(),
            gid: account.gid.as_raw(),
            home: account.dir,
            pid: server_of(stack.sandbox(), name),
            browser,
            token: stack.api().new_token(name, &[]).await,
        }
    }

    fn server(&self) -> String {
        format!("/user/{}/", self.name)
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string()).join(name)
    }

    /// Security case 88: the account and nothing of root.
    fn is_nobody_else(&self, groups: &BTreeSet<u32>) {
        let status = std::fs::read_to_string(self.proc("status")).expect("it runs");
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
        for set in ["CapInh:", "CapPrm:", "CapEff:"] {
            assert_eq!(field(set), ["0000000000000000"], "{set}");
        }
        let stat = std::fs::read_to_string(self.proc("stat")).expect("it runs");
        let after_name = stat.rsplit(") ").next().expect("a name");
        let session = after_name.split(' ').nth(3).expect("a session");
        assert_eq!(session, self.pid.to_string(), "a session of its own");
    }

    /// Security cases 89 and 94: what it is told, and nothing of what only the hub knows.
    fn knows_no_secret(&self, stack: &Stack) {
        let read = |name: &str| {
            let bytes = std::fs::read(self.proc(name)).expect("it runs");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (environ, cmdline) = (read("environ"), read("cmdline"));
        for text in [&environ, &cmdline] {
            assert!(!text.contains("sentinel"), "{text}");
            assert!(!text.contains(stack.api().token()), "the administrator's");
        }
        for variable in environ.split('\0').filter(|variable| !variable.is_empty()) {
            let name = variable.split('=').next().unwrap_or_default();
            let known = name.starts_with("JUPYTER") || VARIABLES.contains(&name);
            assert!(known, "{name}");
        }
        let own = environ
            .split('\0')
            .find(|text| text.starts_with("JUPYTERHUB_API_TOKEN="));
        let own = own
            .and_then(|text| text.split_once('='))
            .expect("a token")
            .1;
        assert!(!cmdline.contains(own), "a token in the arguments");
        for (name, value) in [("MEM_LIMIT", "536870912"), ("CPU_LIMIT", "1.5")] {
            assert!(
                environ
                    .split('\0')
                    .any(|text| text == format!("{name}={value}")),
                "{name}: {environ}"
            );
        }
    }

    /// Security case 90: nothing that the hub has open.
    fn has_none_of(&self, hub: &BTreeSet<String>, data: &Path) {
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
}

/// Files and sockets that a process has open.
fn open_files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("it runs");
    entries
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .map(|target| target.display().to_string())
        .filter(|target| !target.starts_with("anon_inode:"))
        .collect()
}

fn server_of(sandbox: &Sandbox, name: &str) -> i32 {
    let servers = sandbox.servers_of(name);
    assert_eq!(servers.len(), 1, "{servers:#?}");
    servers[0].pid
}

/// What a student can do from a notebook, as a student who is not to be trusted. Prints JSON.
const EXPLORES: &str = r#"
import json, os, urllib.error, urllib.request
seen = {"uid": os.getuid(), "groups": os.getgroups(), "cwd": os.getcwd(), "mem": os.environ["MEM_LIMIT"]}
open("mine.txt", "w").write("mine")
def refused(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "done"
seen["other home"] = refused(lambda: os.listdir(OTHER_HOME))
seen["other process"] = refused(lambda: os.kill(OTHER_PID, 0))
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
print(json.dumps(seen))
"#;

/// What `me` sees, who would like to see `other`.
async fn explores(stack: &Stack, me: &Student, other: &Student) -> Value {
    let values = [
        ("OTHER_HOME", format!("{:?}", other.home)),
        ("OTHER_PID", other.pid.to_string()),
        ("HUB_PID", stack.hub().id().to_string()),
        ("HUB_DATA", format!("{:?}", stack.sandbox().data())),
        ("PUBLIC", format!("{:?}", stack.url())),
        ("ME", format!("{:?}", me.name)),
        ("OTHER", format!("{:?}", other.name)),
    ];
    let define: String = values
        .iter()
        .map(|(name, value)| format!("{name} = {value}\n"))
        .collect();
    let mut notebook = Notebook::start(&stack.client(), &me.server(), &me.token).await;
    let printed = notebook.run(&format!("{define}{EXPLORES}")).await;
    serde_json::from_str(printed.trim()).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

fn check(seen: &Value, me: &Student) {
    assert_eq!(seen["uid"], me.uid);
    assert_eq!(seen["cwd"], me.home.display().to_string());
    assert_eq!(seen["mem"], "536870912");
    for what in [
        "other home",
        "other process",
        "hub's environment",
        "hub's database",
        "hub's secret",
    ] {
        assert_eq!(seen[what], "PermissionError", "{what}");
    }
    assert_eq!(
        (&seen["own server"], &seen["other server"]),
        (&200.into(), &403.into())
    );
    assert_eq!(
        (&seen["guess 0"], &seen["guess 1"]),
        (&403.into(), &403.into())
    );
    let file = std::fs::metadata(me.home.join("mine.txt")).expect("it was written");
    assert_eq!((file.uid(), file.gid()), (me.uid, me.gid));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_students_of_one_machine_have_servers_of_their_own() {
    let mut accounts = Accounts::new();
    let service = accounts.service(PLAIN);
    let [ada, grace, stranger] = [(); 3].map(|()| accounts.user(&[]));
    let group = accounts.group(&[&ada, &grace]);
    for name in [&ada, &grace] {
        accounts.change("chmod", &["700", &format!("/home/{name}")]);
    }
    let stack = class(&service, &group, &Singleuser::find()).start().await;
    for (name, password) in [(&ada, "wrong"), (&stranger, RIGHT)] {
        stack.visitor().try_login(name, password).await.expect(403);
    }
    let (mut ada, mut grace) =
        tokio::join!(Student::comes(&stack, &ada), Student::comes(&stack, &grace));
    let class = nix::unistd::Group::from_name(&group)
        .expect("group")
        .expect("the class");
    let hub = open_files(Path::new(&format!("/proc/{}/fd", stack.hub().id())));
    for student in [&ada, &grace] {
        student.is_nobody_else(&[student.gid, class.gid.as_raw()].into());
        student.knows_no_secret(&stack);
        student.has_none_of(&hub, &stack.sandbox().data());
    }

    // Neither enters the other's server, with a browser or with a token.
    let servers = [ada.server(), grace.server()];
    for (one, other) in [(&mut ada, &servers[1]), (&mut grace, &servers[0])] {
        one.browser.open(other).await.expect(403);
        let with_token = stack.client().token(&one.token);
        with_token
            .get(&format!("{other}api/contents"))
            .await
            .expect(403);
    }
    let (adas, graces) = tokio::join!(
        explores(&stack, &ada, &grace),
        explores(&stack, &grace, &ada)
    );
    check(&adas, &ada);
    check(&graces, &grace);

    // Who works on the hub's machine makes up no addresses: security case 120.
    let log = stack.log();
    assert!(
        log.contains(&format!(
            "Failed login from 127.0.0.1 for \"{}\"",
            grace.name
        )),
        "{log}"
    );
    assert!(!log.contains("Failed login from 6.6.6."), "{log}");
    assert!(!log.contains(RIGHT) && !log.contains("sentinel"), "{log}");
}
