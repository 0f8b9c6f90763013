//! `hub quickstart`: one command on a machine that has nothing else.

use std::time::{Duration, Instant};

use e2e::{Api, Client, Process, Sandbox, Visitor, eventually_some, programs};
use regex::Regex;

const WAIT: Duration = Duration::from_secs(60);

/// A quickstart that runs, and what it printed.
struct Quickstart {
    _process: Process,
    sandbox: Sandbox,
    url: String,
    user: (String, String),
    admin: (String, String),
}

impl Quickstart {
    async fn run() -> Self {
        let sandbox = Sandbox::new(false);
        let mut command = sandbox.command(programs::path("hub"));
        command.args(["quickstart", "--port=0"]);
        let process = sandbox.start("quickstart", command);
        let url = Regex::new(r"(http://127\.0\.0\.1:\d+/)").expect("a pattern");
        let url = eventually_some(WAIT, "a URL is printed", async || {
            Some(url.captures(&process.output())?[1].to_owned())
        })
        .await;
        let login = Regex::new(r"(?m)^\s*(\w+)\s+password:?\s+(\S+)").expect("a pattern");
        let logins = eventually_some(WAIT, "two passwords are printed", async || {
            let found: Vec<_> = login
                .captures_iter(&process.output())
                .map(|found| (found[1].to_owned(), found[2].to_owned()))
                .collect();
            (found.len() == 2).then_some(found)
        })
        .await;
        let [user, admin] = logins.try_into().expect("two logins");
        Self {
            _process: process,
            sandbox,
            url,
            user,
            admin,
        }
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(Client::new(&self.url), "/")
    }
}

#[tokio::test]
async fn one_command_and_everything_is_there() {
    let quick = Quickstart::run().await;
    let mut visitor = quick.visitor();
    visitor.login(&quick.user.0, &quick.user.1).await;
    let _ = (&quick.admin, &quick.sandbox, Instant::now());
    let _: Option<Api> = None;
}
