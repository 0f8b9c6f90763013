//! What routes of the suite lead to, and what asks for it: plain HTTP/1.1, written out, so that nothing is added or
//! normalised on the way.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::PATIENCE;

/// A server that says its name and the path it was asked for, and echoes what comes over an upgraded connection.
#[derive(Debug)]
pub(super) struct Target {
    port: u16,
    serving: JoinHandle<()>,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Target {
    pub(super) async fn listen(name: &'static str) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that breaks is seen by who asked.
                tokio::spawn(async move { serve(stream, name).await.ok() });
            }
        });
        Ok(Self { port, serving })
    }

    pub(super) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

async fn serve(stream: TcpStream, name: &str) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let head = read_head(&mut stream).await?;
        let path = head[0].split(' ').nth(1).unwrap_or_default();
        if value(&head, "upgrade").is_some() {
            let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            stream.get_mut().write_all(switch.as_bytes()).await?;
            return echo(stream).await;
        }
        let body = format!("{name} {path}");
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.get_mut().write_all(answer.as_bytes()).await?;
    }
}

async fn echo(mut stream: BufReader<TcpStream>) -> io::Result<()> {
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        stream.get_mut().write_all(line.as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

/// The lines of a head; an error when the other side has closed.
async fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" if lines.is_empty() => {}
            "" => return Ok(lines),
            text => lines.push(text.to_owned()),
        }
    }
}

fn value<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    head.iter().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

async fn ask(public: &str, path: &str, more: &str) -> io::Result<BufReader<TcpStream>> {
    let authority = public.split_once("://").map_or(public, |(_, rest)| rest);
    let mut stream = BufReader::new(TcpStream::connect(authority).await?);
    let head = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n{more}\r\n");
    stream.get_mut().write_all(head.as_bytes()).await?;
    Ok(stream)
}

/// The body of the answer to a path, or the status when that is not 200.
pub(super) async fn get(public: &str, path: &str) -> io::Result<String> {
    let mut stream = ask(public, path, "Connection: close\r\n").await?;
    let head = read_head(&mut stream).await?;
    if !head[0].contains(" 200 ") {
        return Ok(head[0].clone());
    }
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await?;
    let chunked = value(&head, "transfer-encoding").is_some();
    // One chunk: the targets' answers are short.
    Ok(match chunked {
        true => rest.lines().nth(1).unwrap_or_default().to_owned(),
        false => rest,
    })
}

/// An upgraded connection.
#[derive(Debug)]
pub(super) struct Opened(BufReader<TcpStream>);

impl Opened {
    /// Sends a line and waits for it to come back.
    pub(super) async fn echo(&mut self, text: &str) -> Result<(), String> {
        let broken = |why: &dyn std::fmt::Display| format!("an open WebSocket, {text}: {why}");
        let there_and_back = async {
            let line = format!("{text}\n");
            self.0.get_mut().write_all(line.as_bytes()).await?;
            let mut back = String::new();
            self.0.read_line(&mut back).await?;
            Ok::<_, io::Error>(back == line)
        };
        match tokio::time::timeout(PATIENCE, there_and_back).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(broken(&"it was closed")),
            Ok(Err(error)) => Err(broken(&error)),
            Err(_) => Err(broken(&"nothing comes back")),
        }
    }
}

/// Opens a WebSocket; the key is the one of RFC 6455 §1.3.
pub(super) async fn upgrade(public: &str, path: &str) -> io::Result<Opened> {
    let more = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut stream = ask(public, path, more).await?;
    let head = read_head(&mut stream).await?;
    if head[0].contains(" 101 ") {
        Ok(Opened(stream))
    } else {
        Err(io::Error::other(format!("answered {}", head[0])))
    }
}
