//! Many running servers, each with an open WebSocket that is used: what must outlive hubs.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use e2e::{Running, Stack, Ws, eventually, programs};
use futures_util::future::join_all;
use serde_json::Value;

/// Longest wait for something that a restarted hub does. What is measured is much shorter.
pub(crate) const WAIT: Duration = Duration::from_secs(90);

/// How many servers are asked for at once.
const TOGETHER: usize = 10;

/// Servers that are our own small program: what they do costs little, and they check their visitors with the hub.
pub(crate) fn demo_servers() -> String {
    let hub = programs::path("hub").display().to_string();
    format!("[Spawner]\ncmd = [{hub:?}, 'demo-server']\nargs = []\n")
}

/// A deployment with its users, each with a server.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) stack: Stack,
    sockets: Vec<Ws>,
    /// Tokens that users made for themselves.
    tokens: BTreeMap<String, String>,
    /// Everything that runs beside the hub.
    before: Snapshot,
}

/// What must be the same before and after.
#[derive(Debug, PartialEq)]
struct Snapshot {
    /// Process id of the proxy.
    proxy: Vec<i32>,
    /// Process ids and tokens by user: two of one user would be in here twice.
    servers: Vec<(String, i32, String)>,
    /// Everything else in the sandbox.
    others: Vec<String>,
    /// The routes, without their last use.
    routes: BTreeMap<String, Value>,
    /// What the hub says of the servers, without their last use.
    models: BTreeMap<String, Value>,
}

fn without_use(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.remove("last_activity");
    }
    if let Some(data) = value.get_mut("data").and_then(Value::as_object_mut) {
        data.remove("last_activity");
    }
    value
}

fn fields(object: &Value) -> BTreeMap<String, Value> {
    let object = object.as_object().expect("an object");
    object
        .iter()
        .map(|(name, value)| (name.clone(), without_use(value.clone())))
        .collect()
}

fn is_proxy(process: &Running) -> bool {
    process.argv.get(1).is_some_and(|arg| arg == "proxy")
}

/// Every server that the hub lists, by user; only those that are ready.
async fn ready(stack: &Stack) -> BTreeMap<String, Value> {
    let reply = stack.api().get("/users?state=ready&limit=200").await;
    let users = reply.expect(200).json();
    let users = users.as_array().expect("a list").iter();
    users
        .map(|user| {
            let name = user["name"].as_str().expect("a name").to_owned();
            (name, without_use(user["servers"][""].clone()))
        })
        .collect()
}

async fn snapshot(stack: &Stack) -> Snapshot {
    let hub = i32::try_from(stack.hub().id()).expect("process ids fit");
    let (mut proxy, mut servers, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for process in stack.sandbox().running() {
        let var = |name: &str| process.env.get(name).cloned();
        if is_proxy(&process) {
            proxy.push(process.pid);
        } else if let (Some(user), Some(token)) =
            (var("JUPYTERHUB_USER"), var("JUPYTERHUB_API_TOKEN"))
        {
            servers.push((user, process.pid, token));
        } else if process.pid != hub {
            others.push(process.argv.join(" "));
        }
    }
    servers.sort();
    Snapshot {
        proxy,
        servers,
        others,
        routes: fields(&stack.api().routes().await),
        models: ready(stack).await,
    }
}

/// Fails with what differs, not with two pages of what does not.
fn same<T: PartialEq + Debug>(what: &str, when: &str, before: &T, now: &T) {
    assert!(
        before == now,
        "{when}: other {what}\nbefore: {before:?}\nnow: {now:?}"
    );
}

impl Fleet {
    /// Starts a hub and `size` servers, and opens their sockets.
    pub(crate) async fn start(size: usize, config: &str) -> Self {
        let stack = Stack::builder()
            .without_python()
            .config(&demo_servers())
            .config(config)
            .start()
            .await;
        let users: Vec<String> = (0..size)
            .map(|number| format!("user-{number:03}"))
            .collect();
        for some in users.chunks(TOGETHER) {
            let api = stack.api();
            join_all(some.iter().map(|user| api.start_server(user))).await;
        }
        let (mut sockets, mut tokens) = (Vec::new(), BTreeMap::new());
        for user in users {
            let token = stack.api().new_token(&user, &[]).await;
            let url = stack
                .client()
                .url(&format!("{}echo", stack.server_path(&user)));
            let headers = [("authorization", format!("token {token}"))];
            let socket = Ws::open(&url, &headers).await;
            sockets.push(socket.unwrap_or_else(|status| panic!("{url} answers {status}")));
            tokens.insert(user, token);
        }
        let before = snapshot(&stack).await;
        assert_eq!(before.servers.len(), size, "{before:#?}");
        assert_eq!((before.proxy.len(), before.models.len()), (1, size));
        assert_eq!(before.others, Vec::<String>::new());
        Self {
            stack,
            sockets,
            tokens,
            before,
        }
    }

    /// Every socket still leads to its server, which sends back what it gets.
    pub(crate) async fn sockets_live(&mut self, when: &str) {
        join_all(self.sockets.iter_mut().map(async |socket| {
            socket.send(when).await;
            assert_eq!(socket.text().await, when);
        }))
        .await;
    }

    /// Starts the hub again; returns how long it takes until it says that it runs, and until it lists all servers.
    pub(crate) async fn restart(&mut self) -> (Duration, Duration) {
        let begin = Instant::now();
        self.stack.restart_hub().await;
        let running = begin.elapsed();
        let size = self.tokens.len();
        let stack = &self.stack;
        eventually(WAIT, "all servers are listed as ready", async || {
            ready(stack).await.len() == size
        })
        .await;
        (running, begin.elapsed())
    }

    /// The same processes, routes and servers as at the beginning, and every token is good.
    pub(crate) async fn nothing_has_changed(&self, when: &str) {
        let now = snapshot(&self.stack).await;
        same("proxy", when, &self.before.proxy, &now.proxy);
        same("servers", when, &self.before.servers, &now.servers);
        same("processes", when, &self.before.others, &now.others);
        same("routes", when, &self.before.routes, &now.routes);
        same("models", when, &self.before.models, &now.models);
        let own = self.tokens.iter();
        let servers = now.servers.iter().map(|(user, _, token)| (user, token));
        for (user, token) in own.chain(servers) {
            let whose = self.stack.api().with(token).get("/user").await;
            assert_eq!(whose.expect(200).json()["name"], *user, "{when}");
        }
    }

    /// Ends the hub in order: nothing that was started in its folder is left.
    pub(crate) async fn stop(mut self) {
        let exit = self.stack.stop_hub().await;
        assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
        let sandbox = self.stack.sandbox();
        eventually(WAIT, "nothing runs any more", async || {
            sandbox.running().is_empty()
        })
        .await;
    }
}
