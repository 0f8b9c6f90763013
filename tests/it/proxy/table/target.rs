//! A target that tells what it was asked, or does what the path says.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::super::strict::{self, Message};

/// The target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Target {
    pub(super) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, name, address));
            }
        });
        Self { address, task }
    }
}

async fn serve(mut stream: TcpStream, name: &'static str, address: SocketAddr) {
    let mut waiting = Vec::new();
    let mut space = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut space).await {
        waiting.extend_from_slice(&space[..count]);
        while let Ok(Some((request, used))) = strict::request(&waiting) {
            waiting.drain(..used);
            let url = request.word(1).to_owned();
            if url.contains("/dead") {
                return;
            }
            if url.contains("/silent") {
                continue;
            }
            let tunnel = url.contains("/tunnel") && request.header("upgrade").is_some();
            let answer = if tunnel {
                switch(&request)
            } else {
                answer(&request, name, address)
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            if tunnel {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                return;
            }
        }
    }
}

fn switch(request: &Message) -> String {
    let headers: Vec<_> = names(request).collect();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\
         X-Seen: {} {}\r\n\r\n",
        request.word(1),
        headers.join(" | ")
    )
}

/// The headers, apart from those between the proxy and us.
fn names(request: &Message) -> impl Iterator<Item = String> {
    let mut all: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "connection" | "keep-alive"))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
        .collect();
    all.sort();
    all.into_iter()
}

fn answer(request: &Message, name: &str, address: SocketAddr) -> String {
    let url = request.word(1);
    let head = request.word(0) == "HEAD";
    let path = url.split('?').next().unwrap_or_default();
    if let Some((_, status)) = path.split_once("/status/") {
        return format!(
            "HTTP/1.1 {status} Of Its Own\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\nX-Own: {name}\r\nContent-Length: \
             0\r\n\r\n"
        );
    }
    if let Some((_, redirect)) = path.split_once("/redirect/") {
        let (status, to) = redirect.split_once('/').unwrap_or((redirect, "self"));
        let to = match to {
            "self" => format!("http://{address}/next?x=1"),
            "relative" => "/next".to_owned(),
            _ => "http://elsewhere.example/next".to_owned(),
        };
        return format!("HTTP/1.1 {status} Away\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    }
    if path.contains("/chunks") {
        let body = if head { "" } else { "3\r\nabc\r\n0\r\n\r\n" };
        return format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    }
    let seen = json!({
        "name": name,
        "asked": format!("{} {url}", request.word(0)),
        "headers": names(request).collect::<Vec<_>>(),
        "body": String::from_utf8_lossy(&request.body),
    });
    let body = seen.to_string();
    let head_only = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    if head { head_only } else { head_only + &body }
}
