//! `hub quickstart`: one command, and everything is there.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use e2e::{Browser, Client, Process, Sandbox, Visitor, Ws, eventually_some, programs};
use fantoccini::key::Key;
use nix::sys::signal::Signal;
use regex::Regex;

const WAIT: Duration = Duration::from_secs(90);

/// A quickstart that runs, and what it printed.
struct Quickstart {
    process: Process,
    sandbox: Sandbox,
    url: String,
}

impl Quickstart {
    /// Runs it in a new folder of its own, with the Python peers on the PATH or without.
    async fn run(python: bool) -> Self {
        Self::run_in(Sandbox::new(python), "first").await
    }

    async fn run_in(sandbox: Sandbox, log: &str) -> Self {
        let mut command = sandbox.command(programs::path("hub"));
        command.args(["quickstart", "--port=0"]);
        let mut process = sandbox.start(log, command);
        let ready =
            Regex::new(r"The hub is ready: (http://127\.0\.0\.1:\d+/)\s").expect("a pattern");
        let url = eventually_some(WAIT, "the quickstart prints its URL", async || {
            let output = process.output();
            assert!(process.try_wait().is_none(), "it ended:\n{output}");
            Some(ready.captures(&output)?[1].to_owned())
        })
        .await;
        Self {
            process,
            sandbox,
            url,
        }
    }

    /// Name and password of everybody it printed: an ordinary user, then the administrator.
    fn logins(&self) -> Vec<(String, String)> {
        let login = Regex::new(r"(?m)^\s+(\S+)\s+password: (\S+)").expect("a pattern");
        let output = self.process.output();
        login
            .captures_iter(&output)
            .map(|found| (found[1].to_owned(), found[2].to_owned()))
            .collect()
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(Client::new(&self.url), "/")
    }

    /// Opens the visitor's server and waits until its page is there.
    async fn open_server(&self, visitor: &mut Visitor, user: &str) -> e2e::Reply {
        visitor.follow("hub/spawn").await.expect(200);
        let server = format!("/user/{user}/");
        eventually_some(WAIT, "the server opens", async || {
            let page = visitor.follow("hub/spawn").await;
            (page.status == 200 && page.url.path().starts_with(&server)).then_some(page)
        })
        .await
    }

    /// Presses Ctrl-C and waits until nothing of it runs any more.
    async fn stop(mut self) -> Sandbox {
        self.process.signal(Signal::SIGINT);
        let exit = self.process.wait(WAIT).await;
        assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
        let left = self.sandbox.running();
        assert!(left.is_empty(), "{left:#?}");
        self.sandbox
    }
}

#[tokio::test]
async fn without_python_users_get_a_small_server_and_are_told_what_to_install() {
    let quick = Quickstart::run(false).await;
    let logins = quick.logins();
    let [(user, password), (admin, admin_password)] = logins.as_slice() else {
        panic!("two logins are printed, not {logins:?}");
    };
    assert!(
        password.len() >= 8 && admin_password.len() >= 32,
        "JupyterHub's rules: {logins:?}"
    );
    let output = quick.process.output();
    for word in ["services/whoami/", "pip install", "hub.toml"] {
        assert!(output.contains(word), "no {word:?} in:\n{output}");
    }

    let mut visitor = quick.visitor();
    assert_eq!(visitor.try_login(user, "wrong").await.status, 403);
    visitor.login(user, password).await;
    let page = quick.open_server(&mut visitor, user).await;
    assert!(
        page.body.contains(user) && page.body.contains("pip install"),
        "{}",
        page.body
    );
    echo(&quick, &visitor, user).await;
    let page = visitor.follow("services/whoami/").await.expect(200);
    assert_eq!(
        page.url.path(),
        "/services/whoami/",
        "no second login, no question"
    );
    assert!(page.body.contains(user), "{}", page.body);

    let mut boss = quick.visitor();
    boss.login(admin, admin_password).await;
    let services = boss.get("hub/api/services").await.expect(200).json();
    for name in ["whoami", "cull-idle"] {
        assert!(
            services[name]["pid"].as_i64().is_some_and(|pid| pid > 0),
            "{services:#}"
        );
    }
    quick.stop().await;
}

/// What is sent over the small server's WebSocket comes back; a stranger gets no WebSocket.
async fn echo(quick: &Quickstart, visitor: &Visitor, user: &str) {
    let path = format!("/user/{user}/echo");
    let url = Client::new(&quick.url).url(&path);
    let origin = quick.url.trim_end_matches('/').to_owned();
    let cookies = visitor.jar.header(&path).expect("cookies");
    let headers = [("cookie", cookies), ("origin", origin.clone())];
    let mut socket = Ws::open(&url, &headers)
        .await
        .expect("the owner may talk to the server");
    socket.send("hello").await;
    while !socket.text().await.contains("hello") {}
    let stranger = Ws::open(&url, &[("origin", origin)]).await;
    assert!(stranger.is_err(), "a stranger talks to the server");
}

#[tokio::test]
async fn with_python_users_get_notebooks() {
    let quick = Quickstart::run(true).await;
    let (user, password) = quick.logins()[0].clone();
    let mut visitor = quick.visitor();
    visitor.login(&user, &password).await;
    let page = quick.open_server(&mut visitor, &user).await;
    assert!(
        page.url.path().starts_with(&format!("/user/{user}/lab")),
        "{}",
        page.url
    );
    assert!(page.body.contains("JupyterLab"), "{}", page.body);
}

/// What the README promises, done by a person: log in, get a server, be greeted by name at a service.
#[tokio::test]
async fn a_person_with_a_browser_gets_a_server_and_is_known_to_whoami() {
    let quick = Quickstart::run(false).await;
    let (user, password) = quick.logins()[0].clone();
    let browser = Browser::start().await;
    browser.open(&quick.url).await;
    browser.at("the login page", |at| at == "/hub/login").await;
    browser.type_into("input[name=username]", &user).await;
    let typed = format!("{password}{}", char::from(Key::Enter));
    browser.type_into("input[name=password]", &typed).await;
    let server = format!("/user/{user}/");
    browser.at("the server", |at| at.starts_with(&server)).await;
    browser.shows(&user).await;
    browser.screenshot("quickstart-server").await;
    browser
        .open(&format!("{}services/whoami/", quick.url))
        .await;
    browser
        .at("whoami, without a question", |at| at == "/services/whoami/")
        .await;
    browser.shows(&user).await;
    browser.screenshot("quickstart-whoami").await;
    quick.stop().await;
}

#[tokio::test]
async fn the_folder_is_the_users_own_and_kept() {
    let quick = Quickstart::run(false).await;
    let (user, password) = quick.logins()[0].clone();
    let folder = quick.sandbox.data().join("hub-data");
    let config = folder.join("hub.toml");
    for (path, expected) in [(&folder, 0o700), (&config, 0o600)] {
        let mode = std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, expected, "{}", path.display());
    }
    let edited = std::fs::read_to_string(&config).expect("a file") + "\n# mine\n";
    std::fs::write(&config, &edited).expect("it can be edited");
    let sandbox = quick.stop().await;

    let again = Quickstart::run_in(sandbox, "second").await;
    assert_eq!(again.logins(), [], "passwords are printed once");
    assert_eq!(
        std::fs::read_to_string(&config).expect("a file"),
        edited,
        "the file was written again"
    );
    again.visitor().login(&user, &password).await;
    again.stop().await;
}
