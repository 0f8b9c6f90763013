//! The users of this machine: they log in with its own passwords, and their servers run as themselves.

mod singleuser;
mod student;

use std::path::Path;

use e2e::{Stack, StackBuilder};
use futures_util::future::join_all;
use nix::unistd::Group;

use self::singleuser::Singleuser;
use self::student::{Student, open_files};
use crate::accounts::{Accounts, PLAIN, RIGHT};

/// What is in every secret of the hub's own environment.
const SENTINEL: &str = "sentinel-of-the-hub";

/// Variables of the hub's own that nobody else is to see.
const SECRETS: [&str; 7] = [
    "CONFIGPROXY_AUTH_TOKEN",
    "OAUTH_CLIENT_SECRET",
    "AWS_SECRET_ACCESS_KEY",
    "DATABASE_URL",
    "PGPASSWORD",
    "LD_AUDIT_NOTE",
    "NOTEBOOK_ARGS",
];

/// A hub for the members of a system group, with real servers.
fn class(service: &str, group: &str, singleuser: &Singleuser) -> StackBuilder {
    let libraries = singleuser.libraries.as_ref();
    let environment = libraries.map_or_else(String::new, |folder| {
        format!("environment = {{ LD_LIBRARY_PATH = {folder:?} }}")
    });
    let builder = Stack::builder().config(&format!(
        "[JupyterHub]\nauthenticator_class = 'pam'\nspawner_class = 'local'\n\
         [PAMAuthenticator]\nservice = '{service}'\n\
         [LocalAuthenticator]\nallowed_groups = ['{group}']\n\
         [Authenticator]\nallow_all = false\nadmin_users = []\n\
         [Spawner]\ncmd = [{:?}]\nargs = []\nmem_limit = '512M'\ncpu_limit = 1.5\n{environment}\n",
        singleuser.program
    ));
    SECRETS
        .iter()
        .fold(builder, |builder, name| builder.env(name, SENTINEL))
}

/// Logs in at the public address; says with which status that was answered.
async fn login(stack: &Stack, name: &str, password: &str) -> u16 {
    stack.visitor().try_login(name, password).await.status
}

/// What PAM refuses stays outside, whatever group it is in; so does who is in no group of the class.
async fn nobody_else_comes_in(stack: &Stack, accounts: &Refused, right: &str) {
    let cases = [
        ("right", right, RIGHT, 302),
        ("wrong", right, "wrong", 403),
        ("empty", right, "", 403),
        ("locked", &accounts.locked, RIGHT, 403),
        ("expired password", &accounts.expired, RIGHT, 403),
        ("to be changed", &accounts.must_change, RIGHT, 403),
        ("account has ended", &accounts.ended, RIGHT, 403),
        ("without shell", &accounts.no_shell, RIGHT, 403),
        ("not of the class", &accounts.stranger, RIGHT, 403),
        ("no such account", "hubtest-nobody", RIGHT, 403),
    ];
    let seen =
        cases.map(async |(what, name, password, _)| (what, login(stack, name, password).await));
    let seen = join_all(seen).await;
    let expected: Vec<_> = cases.iter().map(|case| (case.0, case.3)).collect();
    assert_eq!(seen, expected);
}

/// Accounts that do not come in.
struct Refused {
    locked: String,
    expired: String,
    must_change: String,
    ended: String,
    no_shell: String,
    stranger: String,
}

impl Refused {
    fn new(accounts: &mut Accounts) -> Self {
        let long_ago = ["chage", "--lastday", "2020-01-01", "--maxdays", "30"];
        Self {
            locked: accounts.user(&[&["usermod", "--lock"]]),
            expired: accounts.user(&[&long_ago]),
            must_change: accounts.user(&[&["chage", "--lastday", "0"]]),
            ended: accounts.user(&[&["chage", "--expiredate", "1"]]),
            no_shell: accounts.user(&[&["usermod", "--shell", "/usr/sbin/nologin"]]),
            stranger: accounts.user(&[]),
        }
    }

    /// All that are of the class.
    fn members(&self) -> [&str; 5] {
        let Self {
            locked,
            expired,
            must_change,
            ended,
            no_shell,
            stranger: _,
        } = self;
        [locked, expired, must_change, ended, no_shell]
    }
}

/// Neither enters the other's server, with a browser or with a token.
async fn are_strangers_to_each_other(stack: &Stack, one: &mut Student, other: &Student) {
    let server = other.server();
    one.browser.open(&server).await.expect(403);
    let files = format!("{server}api/contents");
    let with_token = stack.client().token(&one.token);
    with_token.get(&files).await.expect(403);
    one.browser.get(&files).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_students_of_one_machine_have_servers_of_their_own() {
    let mut accounts = Accounts::new();
    // The machine's files, and nobody without a shell.
    let service = accounts.service(&format!("auth required pam_shells.so\n{PLAIN}"));
    let [ada, grace] = [(); 2].map(|()| accounts.user(&[]));
    let refused = Refused::new(&mut accounts);
    let mut members = refused.members().to_vec();
    members.extend([ada.as_str(), grace.as_str()]);
    let group = accounts.group(&members);
    for name in [&ada, &grace] {
        accounts.change("chmod", &["700", &format!("/home/{name}")]);
    }
    // It holds the program's files until the servers have ended.
    let singleuser = Singleuser::find();
    let stack = class(&service, &group, &singleuser).start().await;
    let (mut ada, mut grace, ()) = tokio::join!(
        Student::comes(&stack, &ada),
        Student::comes(&stack, &grace),
        nobody_else_comes_in(&stack, &refused, &ada),
    );

    let group = Group::from_name(&group).expect("group").expect("the class");
    let hub = open_files(Path::new(&format!("/proc/{}/fd", stack.hub().id())));
    for student in [&ada, &grace] {
        student.is_nobody_else(&[student.gid, group.gid.as_raw()].into());
        student.knows_no_secret(&stack);
        student.has_none_of(&hub, &stack.sandbox().data());
    }
    are_strangers_to_each_other(&stack, &mut ada, &grace).await;
    are_strangers_to_each_other(&stack, &mut grace, &ada).await;
    tokio::join!(ada.uploads(&stack), grace.uploads(&stack));
    tokio::join!(ada.explores(&stack, &grace), grace.explores(&stack, &ada));

    let log = stack.log();
    // Where the kernel does not hold servers to their limits, the hub says so.
    let not_held = log.contains("limits of servers are told to them, but not enforced: ");
    assert_eq!(
        (ada.is_held(), grace.is_held()),
        (!not_held, !not_held),
        "{log}"
    );
    // Who works on the hub's machine makes up no addresses: security case 120.
    let failed = format!("Failed login from 127.0.0.1 for \"{}\"", grace.name);
    assert!(log.contains(&failed), "{log}");
    assert!(!log.contains("Failed login from 6.6.6."), "{log}");
    assert!(!log.contains(RIGHT) && !log.contains(SENTINEL), "{log}");
}
