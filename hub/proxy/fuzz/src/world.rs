//! A proxy and a target on one thread, joined by UNIX domain sockets, where nothing takes time: the clock moves to the
//! next deadline when nobody has anything to do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub_proxy::config::Config;
use hub_proxy::listener::{Bind, Listener};
use hub_proxy::{Listeners, Proxy, cli};
use hub_types::clock::FakeClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::strict::{self, Message};

/// The API's token.
pub const TOKEN: &str = "s3cret";

/// What the target got on each of its connections, up to a switch of protocols.
type Seen = Arc<Mutex<Vec<Vec<u8>>>>;

/// One of the proxy's sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// For everybody.
    Public,
    /// For the hub.
    Api,
}

/// Everything that takes part.
pub struct World {
    runtime: Runtime,
    seen: Seen,
    folder: tempfile::TempDir,
}

impl World {
    /// Starts everything.
    ///
    /// # Panics
    /// When a socket or the proxy cannot be made.
    #[must_use]
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let seen = Seen::default();
        let world = Self {
            runtime,
            seen,
            folder,
        };
        world.runtime.block_on(async {
            world.start_target();
            world.start_proxy().await;
        });
        world.reset();
        world
    }

    fn start_target(&self) {
        let path = self.folder.path().join("target");
        let listener = UnixListener::bind(path).expect("a socket");
        let seen = self.seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone()));
            }
        });
    }

    async fn start_proxy(&self) {
        let path = |name: &str| Bind::Unix(self.folder.path().join(name));
        let options = ["hub-proxy", "--timeout", "100000", "--log-level", "error"];
        let args = cli::parse_from(options).expect("options");
        let env = BTreeMap::from([("CONFIGPROXY_AUTH_TOKEN".to_owned(), TOKEN.to_owned())]);
        let config = Config::from_args(&args, &env).expect("a configuration");
        let clock = FakeClock::at("2026-11-22T03:31:47.762Z".parse().expect("a time"));
        let proxy = Proxy::new(config, Arc::new(clock)).expect("a proxy");
        let listeners = Listeners {
            public: Listener::bind(&path("public")).await.expect("a socket"),
            api: Listener::bind(&path("api")).await.expect("a socket"),
            redirect: None,
            metrics: None,
        };
        tokio::spawn(proxy.run(listeners, CancellationToken::new()));
    }

    /// All requests go to the target.
    ///
    /// # Panics
    /// When the API does not take the route.
    pub fn reset(&self) {
        let target = self.folder.path().join("target");
        let target = target.to_str().expect("a path").replace('/', "%2F");
        let body = format!(r#"{{"target":"http+unix://{target}"}}"#);
        let answer = self.call("POST", "/api/routes/", &body);
        assert_eq!(answer.status(), 201, "{answer:?}");
    }

    /// Calls the API as the hub does.
    ///
    /// # Panics
    /// When it does not answer as HTTP asks.
    #[must_use]
    pub fn call(&self, method: &str, path: &str, body: &str) -> Message {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: api\r\nAuthorization: token {TOKEN}\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (answer, _) = self.feed(Door::Api, request.as_bytes());
        let read = strict::response(&answer, method, true);
        let (message, _) = read.expect("an answer").expect("a whole answer");
        message
    }

    /// Sends `bytes` on a connection of their own, in one or two pieces, and reads until the proxy closes it, or for a
    /// long time. Returns what came back, and what the target got meanwhile on each of its connections.
    ///
    /// # Panics
    /// When the proxy does not accept a connection.
    #[must_use]
    pub fn feed(&self, door: Door, bytes: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
        self.seen.lock().expect("no panic").clear();
        let path = self.folder.path().join(match door {
            Door::Public => "public",
            Door::Api => "api",
        });
        let sum = bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        let (first, second) = bytes.split_at(sum % (bytes.len() + 1));
        let answer = self.runtime.block_on(async {
            let mut stream = UnixStream::connect(path).await.expect("a connection");
            let (mut read, mut write) = stream.split();
            let sending = async {
                // A proxy that has refused the beginning need not take the rest.
                if write.write_all(first).await.is_ok() {
                    tokio::task::yield_now().await;
                    let _ = write.write_all(second).await;
                }
            };
            let mut answer = Vec::new();
            let reading = async {
                let patience = Duration::from_secs(500);
                let _ = tokio::time::timeout(patience, read.read_to_end(&mut answer)).await;
            };
            tokio::join!(sending, reading);
            answer
        });
        // The next one starts with new connections to the target.
        let pause = async { tokio::time::sleep(Duration::from_secs(10)).await };
        self.runtime.block_on(pause);
        let seen = std::mem::take(&mut *self.seen.lock().expect("no panic"));
        (answer, seen)
    }
}

/// The target: answers whole requests, in ways that their paths choose.
async fn serve(mut stream: UnixStream, seen: Seen) {
    let number = {
        let mut seen = seen.lock().expect("no panic");
        seen.push(Vec::new());
        seen.len() - 1
    };
    let mut waiting = Vec::new();
    let mut space = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut space).await {
        if let Some(own) = seen.lock().expect("no panic").get_mut(number) {
            own.extend_from_slice(&space[..count]);
        }
        waiting.extend_from_slice(&space[..count]);
        while let Ok(Some((request, used))) = strict::request(&waiting) {
            waiting.drain(..used);
            let (answer, end) = answer(&request);
            if stream.write_all(&answer).await.is_err() || end == End::Close {
                return;
            }
            if end == End::Tunnel {
                return tunnel(stream).await;
            }
        }
    }
}

/// What follows an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Next,
    Close,
    Tunnel,
}

fn answer(request: &Message) -> (Vec<u8>, End) {
    let path = request.word(1);
    let head = request.word(0) == "HEAD";
    let upgrade = request.header("upgrade").is_some();
    let body = if head { "" } else { "ok" };
    let (text, end) = match path.get(..2).unwrap_or_default() {
        "/c" if head => ("Transfer-Encoding: chunked\r\n\r\n".to_owned(), End::Next),
        "/c" => (
            "Transfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\nX-End: 1\r\n\r\n"
                .to_owned(),
            End::Next,
        ),
        "/e" => (format!("Connection: close\r\n\r\n{body}"), End::Close),
        "/n" => return (b"HTTP/1.1 204 None\r\n\r\n".to_vec(), End::Next),
        "/w" if upgrade => {
            let switch = b"HTTP/1.1 101 Now\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            return (switch.to_vec(), End::Tunnel);
        }
        _ => (format!("Content-Length: 2\r\n\r\n{body}"), End::Next),
    };
    (format!("HTTP/1.1 200 OK\r\n{text}").into_bytes(), end)
}

/// Says back what it hears.
async fn tunnel(mut stream: UnixStream) {
    let (mut read, mut write) = stream.split();
    let _ = tokio::io::copy(&mut read, &mut write).await;
}
