//! A target that keeps every byte it gets, and answers what it can read. A path with `early` in it is answered before the
//! body is there, and a WebSocket handshake for one with `tunnel` is accepted; what then comes is said back, not kept.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::strict::{self, Message};

/// What came since the log was taken last.
#[derive(Debug, Default)]
struct Fresh {
    /// How often it was taken.
    round: usize,
    /// Bytes by the number of the connection they came on.
    bytes: Vec<(usize, Vec<u8>)>,
}

type Log = Arc<Mutex<Fresh>>;

/// The target.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) address: SocketAddr,
    log: Log,
    task: JoinHandle<()>,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Recorder {
    /// Starts one that tells in its answers what it is called and what it was asked.
    pub(super) async fn named(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let log = Log::default();
        let kept = log.clone();
        let task = tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                tokio::spawn(serve(stream, number, kept.clone(), name));
            }
        });
        Self { address, log, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came since this was called last, by connection. The rest of what had not come whole by then is left out.
    pub(super) fn take(&self) -> Vec<Vec<u8>> {
        let mut log = self.log.lock().expect("no panic");
        log.round += 1;
        let bytes = std::mem::take(&mut log.bytes);
        bytes.into_iter().map(|(_, bytes)| bytes).collect()
    }
}

async fn serve(mut stream: TcpStream, number: usize, log: Log, name: &'static str) {
    let mut waiting = Vec::new();
    let mut space = vec![0; 64 * 1024];
    let mut early = false;
    let mut begun = None;
    while let Ok(count @ 1..) = stream.read(&mut space).await {
        let fresh = &space[..count];
        begun = keep(&log, number, fresh, begun.filter(|_| !waiting.is_empty()));
        waiting.extend_from_slice(fresh);
        loop {
            match strict::request(&waiting) {
                Ok(Some((request, used))) => {
                    waiting.drain(..used);
                    if is_tunnel(&request) {
                        return tunnel(stream).await;
                    }
                    let answered = std::mem::take(&mut early);
                    if !answered && stream.write_all(&answer(&request, name)).await.is_err() {
                        return;
                    }
                }
                Ok(None) => {
                    let text = String::from_utf8_lossy(&waiting[..waiting.len().min(4096)]);
                    if !early && text.contains("early") && text.contains("\r\n\r\n") {
                        early = true;
                        let _ = stream.write_all(EARLY).await;
                    }
                    break;
                }
                // Somebody let through what has no one reading: the proxy is to be done with it.
                Err(_) => {
                    let _ = stream
                        .write_all(b"HTTP/1.1 200 Odd\r\nContent-Length: 0\r\n\r\n")
                        .await;
                    return;
                }
            }
        }
    }
}

/// Notes bytes of a request of which the first came in the round `begun`; returns that round.
fn keep(log: &Log, number: usize, fresh: &[u8], begun: Option<usize>) -> Option<usize> {
    let mut log = log.lock().expect("no panic");
    let round = begun.unwrap_or(log.round);
    if round == log.round {
        match log.bytes.iter_mut().find(|(own, _)| *own == number) {
            Some((_, bytes)) => bytes.extend_from_slice(fresh),
            None => log.bytes.push((number, fresh.to_vec())),
        }
    }
    Some(round)
}

const EARLY: &[u8] = b"HTTP/1.1 413 Early\r\nContent-Length: 5\r\n\r\nearly";

fn is_tunnel(request: &Message) -> bool {
    request.header("upgrade").is_some() && request.word(1).contains("tunnel")
}

async fn tunnel(mut stream: TcpStream) {
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    if stream.write_all(switch).await.is_ok() {
        let (mut read, mut write) = stream.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
    }
}

fn answer(request: &Message, name: &str) -> Vec<u8> {
    let body = json!({
        "name": name,
        "method": request.word(0),
        "url": request.word(1),
        "body": String::from_utf8_lossy(&request.body),
    });
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let body = if request.word(0) == "HEAD" { "" } else { &body };
    format!("{head}{body}").into_bytes()
}
