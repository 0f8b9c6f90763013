//! Our hub with the real configurable-http-proxy: as its child, and run by somebody else, alone or two of them. Each side
//! is killed and started again alone; the routes are whole again within seconds.

use std::process::Command;
use std::time::Duration;

use e2e::{
    Client, Process, Running, Stack, Visitor, eventually, eventually_some, peers, ports, programs,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::spec;

/// What "within seconds" means at most, on a machine that is busy with other tests.
pub(crate) const SECONDS: Duration = Duration::from_secs(30);
const TOKEN: &str = "a-token-that-both-sides-know";

/// Small servers, and a hub that looks after its proxy every second.
pub(crate) fn config() -> String {
    let hub = programs::path("hub").display().to_string();
    format!(
        "[Spawner]\ncmd = [{hub:?}, 'demo-server']\nargs = []\n[ConfigurableHTTPProxy]\ncheck_running_interval = 1\n{}",
        spec::USERS_MAY_OPEN_SERVICES
    )
}

/// The real proxy, run by nobody's hub.
pub(crate) struct External {
    folder: tempfile::TempDir,
    pub(crate) public: u16,
    pub(crate) api: u16,
    process: Process,
}

impl External {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (public, api) = (ports::free(), ports::free());
        let process = Self::run(&folder, public, api);
        let proxy = Self {
            folder,
            public,
            api,
            process,
        };
        proxy.answers().await;
        proxy
    }

    fn run(folder: &tempfile::TempDir, public: u16, api: u16) -> Process {
        let mut command = Command::new(peers::node_bin().join("configurable-http-proxy"));
        command
            .args(["--ip", "127.0.0.1", "--port", &public.to_string()])
            .args(["--api-ip", "127.0.0.1", "--api-port", &api.to_string()])
            .env("CONFIGPROXY_AUTH_TOKEN", TOKEN);
        Process::start("chp", command, &folder.path().join("chp.log"))
    }

    pub(crate) fn api_client(&self) -> Client {
        Client::new(&format!("http://127.0.0.1:{}", self.api)).token(TOKEN)
    }

    async fn answers(&self) {
        let client = self.api_client();
        eventually(SECONDS, "the proxy answers", async || {
            client
                .try_get("/api/routes")
                .await
                .is_ok_and(|reply| reply.status == 200)
        })
        .await;
    }

    /// The targets of all routes, by path.
    pub(crate) async fn routes(&self) -> Value {
        self.api_client().get("/api/routes").await.json()
    }

    /// Kills it, and starts it again at the same ports: without any route.
    async fn restart(&mut self) {
        self.process.signal(Signal::SIGKILL);
        self.process.wait(SECONDS).await;
        self.process = Self::run(&self.folder, self.public, self.api);
        self.answers().await;
    }

    /// Where people reach it.
    fn visitor(&self) -> Visitor {
        let origin = format!("http://127.0.0.1:{}", self.public);
        Visitor::new(Client::new(&origin), "/")
    }
}

/// Somebody logs in through this proxy and sees their server and a service.
async fn is_whole(mut visitor: Visitor, when: &str) {
    let what = format!("{when}: the hub, the server and the service are there");
    eventually(SECONDS, &what, async || {
        let mut answers = Vec::new();
        for path in ["hub/login", "user/mal/", "services/whoami/"] {
            answers.push(visitor.get(path).await.status);
        }
        // The server and the service send who is not logged in to the hub.
        answers == [200, 302, 302]
    })
    .await;
    visitor.login("mal", "x").await;
    visitor.open("services/whoami/").await.expect(200);
    visitor.open("user/mal/").await.expect(200);
}

fn node(stack: &Stack) -> Vec<Running> {
    let all = stack.sandbox().running().into_iter();
    all.filter(|process| {
        let program = process.argv.iter().take(2);
        program
            .into_iter()
            .any(|arg| arg.ends_with("configurable-http-proxy"))
    })
    .collect()
}

#[tokio::test]
async fn as_a_child_of_our_hub() {
    let mut stack = Stack::builder()
        .config(&config())
        .config(&spec::whoami())
        .config("[ConfigurableHTTPProxy]\ncommand = ['configurable-http-proxy']")
        .start()
        .await;
    stack.api().start_server("mal").await;
    stack.service_is_up("whoami").await;
    is_whole(stack.visitor(), "at first").await;
    let [first] = &node(&stack)[..] else {
        panic!("one proxy: {:#?}", node(&stack));
    };
    let first = first.pid;

    // The proxy dies: it is started again at the same address, and gets its routes.
    kill(Pid::from_raw(first), Signal::SIGKILL).expect("it runs");
    let second = eventually_some(SECONDS, "another proxy", async || {
        node(&stack)
            .into_iter()
            .find(|process| process.pid != first)
    })
    .await
    .pid;
    eventually(SECONDS, "it answers", async || {
        stack.client().try_get("hub/health").await.is_ok()
    })
    .await;
    is_whole(stack.visitor(), "after the proxy was killed").await;

    // The hub dies: the proxy goes on, serves who has a server, and is adopted.
    stack.kill_hub().await;
    let reply = stack.client().get("/user/mal/api").await;
    assert!(reply.status < 500, "{reply:#?}");
    stack.restart_hub().await;
    is_whole(stack.visitor(), "after the hub was killed").await;
    let now: Vec<i32> = node(&stack).iter().map(|process| process.pid).collect();
    assert_eq!(now, [second], "adopted, not replaced");

    stack.stop_hub().await;
    assert_eq!(node(&stack).len(), 0, "it ends with an orderly stop");
}

pub(crate) fn run_by_others(apis: &[u16]) -> String {
    let apis: Vec<String> = apis
        .iter()
        .map(|port| format!("http://127.0.0.1:{port}"))
        .collect();
    format!(
        "[Proxy]\nshould_start = false\n[ConfigurableHTTPProxy]\nauth_token = {TOKEN:?}\napi_url = {apis:?}\n"
    )
}

#[tokio::test]
async fn run_by_somebody_else() {
    let mut proxy = External::start().await;
    let mut stack = Stack::builder()
        .config(&config())
        .config(&spec::whoami())
        .config(&run_by_others(&[proxy.api]))
        .config("[Proxy.extra_routes]\n'/docs' = 'http://127.0.0.1:9'")
        .config(&format!(
            "[JupyterHub]\nbind_url = 'http://127.0.0.1:{}/'",
            proxy.public
        ))
        .start()
        .await;
    stack.api().start_server("mal").await;
    is_whole(proxy.visitor(), "at first").await;

    proxy.restart().await;
    is_whole(proxy.visitor(), "after the proxy was restarted").await;

    stack.kill_hub().await;
    let routes = proxy.routes().await;
    let paths: Vec<_> = routes.as_object().expect("a table").keys().collect();
    assert_eq!(paths, ["/", "/docs", "/services/whoami", "/user/mal"]);
    assert_eq!(routes["/docs"]["extra"], true);
    stack.restart_hub().await;
    is_whole(proxy.visitor(), "after the hub was killed").await;

    // Both at once.
    stack.kill_hub().await;
    proxy.restart().await;
    stack.restart_hub().await;
    is_whole(proxy.visitor(), "after both were killed").await;
    stack.stop_hub().await;
    proxy.answers().await;
}

#[tokio::test]
async fn two_of_them_have_the_same_routes() {
    let [one, mut two] = [External::start().await, External::start().await];
    let stack = Stack::builder()
        .config(&config())
        .config(&spec::whoami())
        .config(&run_by_others(&[one.api, two.api]))
        .config(&format!(
            "[JupyterHub]\nbind_url = 'http://127.0.0.1:{}/'",
            one.public
        ))
        .start()
        .await;
    stack.api().start_server("mal").await;
    is_whole(one.visitor(), "one").await;
    is_whole(two.visitor(), "two").await;

    // While one is away, servers start, and those of the other are served. It gets what it missed.
    two.process.signal(Signal::SIGKILL);
    two.process.wait(SECONDS).await;
    stack.api().start_server("zoe").await;
    is_whole(one.visitor(), "while the other is away").await;
    two.process = External::run(&two.folder, two.public, two.api);
    two.answers().await;
    is_whole(two.visitor(), "back again").await;
    eventually(SECONDS, "both have the same routes", async || {
        let paths = |routes: Value| -> Vec<String> {
            let routes = routes.as_object().expect("a table");
            routes
                .iter()
                .map(|(path, route)| format!("{path} {}", route["target"]))
                .collect()
        };
        let both = [paths(one.routes().await), paths(two.routes().await)];
        both[0].len() == 4 && both[0] == both[1]
    })
    .await;
}
