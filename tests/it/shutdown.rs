//! Case 125: the hub is told to stop while it is busy. Also the last part of case 123: a start that comes too late.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::{Running, Stack, eventually, peers};
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use crate::fleet::{WAIT, demo_servers};

/// A server that INT and TERM do not end.
const STUBBORN: &str =
    "#!/bin/sh\ntrap '' INT TERM\nhub demo-server &\nwhile :; do sleep 1; done\n";

/// A request at the hub itself, whose body is not all there yet.
struct Held(TcpStream);

impl Held {
    async fn open(hub: &Url, path: &str, token: &str) -> Self {
        let host = format!("127.0.0.1:{}", hub.port().expect("a port"));
        let mut stream = TcpStream::connect(&host).await.expect("the hub listens");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: token {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        Self(stream)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().expect("it is open").port()
    }

    /// Sends the rest and reads the whole reply.
    async fn finish(mut self) -> String {
        // Whoever answered already may have closed it.
        let _ = self.0.write_all(b"}").await;
        let mut reply = Vec::new();
        let read = tokio::time::timeout(WAIT, self.0.read_to_end(&mut reply)).await;
        read.expect("a reply in time").expect("a whole reply");
        String::from_utf8_lossy(&reply).into_owned()
    }
}

/// From which ports somebody has a connection that the program at `port` has accepted: until then it has no inode.
fn accepted(port: u16) -> BTreeSet<u16> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("/proc");
    let port_of = |address: &str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
    table
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let open = port_of(fields.get(1)?)? == port && *fields.get(9)? != "0";
            open.then(|| port_of(fields[2]))?
        })
        .collect()
}

/// Where the hub itself listens, as its servers know it.
fn hub_url(stack: &Stack) -> Url {
    let servers = stack.sandbox().servers_of("mal");
    let url = &servers.first().expect("mal's server runs").env["JUPYTERHUB_API_URL"];
    Url::parse(url).expect("a URL")
}

async fn told_to_stop(stack: &Stack) {
    stack.hub().signal(Signal::SIGTERM);
    eventually(WAIT, "the hub has heard it", async || {
        stack.log().contains("Received SIGTERM: stopping in order")
    })
    .await;
}

/// Holds `count` requests in flight. The hub waits thirty seconds for a body: on a machine so busy that most of them are gone
/// before all requests are there, they are made again.
async fn in_flight(stack: &Stack, count: usize, path: &str) -> Vec<Held> {
    for _ in 0..10 {
        let begin = Instant::now();
        let held = held(stack, count, path).await;
        if begin.elapsed() < Duration::from_secs(12) {
            return held;
        }
    }
    panic!("the machine is too busy for {count} requests at a time");
}

async fn held(stack: &Stack, count: usize, path: &str) -> Vec<Held> {
    let (hub, api) = (hub_url(stack), stack.api());
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(Held::open(&hub, path, api.token()).await);
    }
    let port = hub.port().expect("a port");
    eventually(WAIT, "the hub has all requests", async || {
        let accepted = accepted(port);
        held.iter().all(|one| accepted.contains(&one.port()))
    })
    .await;
    // What was there first has been looked at when others are answered.
    for _ in 0..5 {
        stack.client().get("/hub/api").await.expect(200);
    }
    held
}

/// Makes users until the hub does not answer any more; what it has said yes to is in the list.
async fn make_users(stack: &Stack, writer: usize, made: Arc<Mutex<BTreeSet<String>>>) {
    let client = stack.client().token(stack.api().token());
    for number in 0.. {
        let name = format!("w{writer}-{number}");
        let path = format!("/hub/api/users/{name}");
        let reply = client.try_send(client.request("POST".parse().expect("a method"), &path));
        match reply.await {
            Ok(reply) if reply.status == 201 => {
                made.lock().expect("no panic").insert(name);
            }
            // The proxy says that there is no hub, or the hub that it stops.
            Ok(reply) => {
                assert!([502, 503, 504].contains(&reply.status), "{reply:#?}");
                return;
            }
            Err(error) => panic!("half a reply: {error:?}"),
        }
    }
}

/// What SQLite itself says of the file.
fn integrity(stack: &Stack) -> String {
    let code = "import sqlite3; print(sqlite3.connect('jupyterhub.sqlite').execute('PRAGMA integrity_check').fetchall())";
    let mut command = stack.sandbox().command(peers::python("python"));
    let output = command.args(["-c", code]).output().expect("python runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[expect(clippy::print_stdout, reason = "what was seen is the result")]
async fn drains(requests: usize) {
    let mut stack = Stack::builder().config(&demo_servers()).start().await;
    stack.api().start_server("mal").await;
    let made = Arc::new(Mutex::new(BTreeSet::new()));
    let writers = join_all((0..8).map(|writer| make_users(&stack, writer, Arc::clone(&made))));
    let stop = async {
        eventually(WAIT, "users are being made", async || {
            made.lock().expect("no panic").len() > 50
        })
        .await;
        let held = in_flight(&stack, requests, "/hub/api/users/mal").await;
        told_to_stop(&stack).await;
        let begin = Instant::now();
        let replies = join_all(held.into_iter().map(Held::finish)).await;
        (replies, begin)
    };
    let (_, (replies, begin)) = tokio::join!(writers, stop);
    let whole = |reply: &&String| reply.starts_with("HTTP/1.1 409") && reply.ends_with('}');
    let answered = replies.iter().filter(whole).count();
    assert_eq!(
        answered,
        requests,
        "{:?}",
        replies.iter().find(|one| !whole(one))
    );

    let exit = stack.hub_ended().await;
    let took = begin.elapsed();
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    assert_eq!(stack.sandbox().servers_of("mal").len(), 0);
    let journal = stack.sandbox().data().join("jupyterhub.sqlite-wal");
    assert!(
        !journal.exists(),
        "a copy of the database alone lacks something"
    );
    assert_eq!(integrity(&stack), "[('ok',)]");
    stack.restart_hub().await;
    let made = made.lock().expect("no panic").clone();
    println!(
        "case 125: {requests} requests in flight answered, {} users made, down after {took:?}",
        made.len()
    );
    let known = async |name: &String| {
        let path = format!("/users/{name}");
        stack.api().get(&path).await.status == 200
    };
    for name in &made {
        assert!(known(name).await, "{name} is forgotten, of {}", made.len());
    }
}

#[tokio::test]
async fn case_125_requests_in_flight_are_answered_and_nothing_is_lost() {
    drains(200).await;
}

#[tokio::test]
#[ignore = "takes a while on a busy machine: tests/run --slow"]
async fn case_125_a_thousand_requests_in_flight() {
    drains(1_000).await;
}

#[tokio::test]
async fn case_125_a_hung_server_is_ended_in_the_end() {
    let mut stack =
        stubborn("[LocalProcessSpawner]\ninterrupt_timeout = 1\nterm_timeout = 1").await;
    told_to_stop(&stack).await;
    let exit = stack.hub_ended().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    let sandbox = stack.sandbox();
    eventually(WAIT, "nothing runs any more", async || {
        sandbox.running().is_empty()
    })
    .await;
}

#[tokio::test]
async fn case_125_a_second_signal_stops_at_once_and_the_next_hub_goes_on() {
    let mut stack = stubborn("[LocalProcessSpawner]\ninterrupt_timeout = 600\n").await;
    let before = pids(&stack);
    assert_eq!(before.len(), 1);
    told_to_stop(&stack).await;
    // The route goes after the row says that it is being stopped: not before is that the next hub's business.
    let path = stack.server_path("mal") + "api";
    eventually(WAIT, "the server is being stopped", async || {
        stack.client().get(&path).await.status != 200
    })
    .await;
    stack.hub().signal(Signal::SIGTERM);
    let exit = stack.hub_ended().await;
    assert_eq!(exit.status.code(), Some(1), "{}", exit.output);
    assert_eq!(integrity(&stack), "[('ok',)]");
    assert_eq!(pids(&stack), before, "a hub in a hurry kills nobody");

    // The stop was begun, so the next hub ends it: known, and not for ever.
    let short = [
        "--LocalProcessSpawner.interrupt_timeout=1",
        "--LocalProcessSpawner.term_timeout=1",
    ];
    stack.restart_hub_with(&short).await;
    eventually(WAIT, "the server is gone", async || {
        pids(&stack).is_empty() && stack.api().server("mal").await.is_none()
    })
    .await;
    stack.api().start_server("mal").await;
}

/// As upstream's settings of these names: who updates a hub lets the notebooks of everybody run on.
#[tokio::test]
async fn servers_and_the_proxy_may_outlive_the_hub() {
    let stays = "[JupyterHub]\ncleanup_servers = false\ncleanup_proxy = false\n";
    let config = format!("{}\n{stays}", demo_servers());
    let mut stack = Stack::builder().config(&config).start().await;
    stack.api().start_server("mal").await;
    let running = |stack: &Stack| -> Vec<i32> {
        let servers = stack.sandbox().servers_of("mal");
        servers.iter().map(|one| one.pid).collect()
    };
    let before = running(&stack);
    assert_eq!(before.len(), 1);
    let path = stack.server_path("mal") + "api";

    told_to_stop(&stack).await;
    let exit = stack.hub_ended().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    stack.client().get(&path).await.expect(200);
    stack.restart_hub().await;
    stack.client().get(&path).await.expect(200);
    let server = stack.api().server("mal").await.expect("it is known");
    assert_eq!(server["ready"], true, "{server}");
    assert_eq!(running(&stack), before, "nothing was started again");
}

/// The server itself, which ends by nothing but KILL; not what it starts, which comes and goes.
fn pids(stack: &Stack) -> Vec<i32> {
    let servers = stack.sandbox().servers_of("mal");
    let hung = |process: &&Running| process.argv.iter().any(|arg| arg.ends_with("/hung"));
    servers
        .iter()
        .filter(hung)
        .map(|process| process.pid)
        .collect()
}

/// A hub with a server that does not end when it is asked to.
async fn stubborn(config: &str) -> Stack {
    let builder = Stack::builder().config(config).program("hung", STUBBORN);
    // By its absolute path: servers start in their owner's home.
    let program = "[Spawner]\ncmd = ['/bin/sh', '-c', 'exec \"$HOME/../../data/hung\"']\nargs = []";
    let stack = builder.config(program).start().await;
    stack.api().start_server("mal").await;
    stack
}

/// A start that was asked for in time, but read too late: refused, or its server is stopped with the others.
#[tokio::test]
async fn case_123_a_start_during_the_stop_leaves_nothing() {
    let mut stack = Stack::builder().config(&demo_servers()).start().await;
    stack.api().start_server("mal").await;
    stack.api().ensure_user("zoe").await;
    let held = in_flight(&stack, 20, "/hub/api/users/zoe/server").await;
    told_to_stop(&stack).await;
    let replies = join_all(held.into_iter().map(Held::finish)).await;
    for reply in &replies {
        let status = reply.split(' ').nth(1).unwrap_or_default();
        assert!(
            ["201", "202", "400", "413", "500", "503"].contains(&status),
            "{reply}"
        );
    }
    let exit = stack.hub_ended().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.output);
    let sandbox = stack.sandbox();
    eventually(WAIT, "nothing runs any more", async || {
        sandbox.running().is_empty()
    })
    .await;
    stack.restart_hub().await;
    eventually(WAIT, "the server is not there", async || {
        stack.api().server("zoe").await.is_none()
    })
    .await;
    stack.api().start_server("zoe").await;
}
