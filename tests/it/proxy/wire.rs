//! A client that sends bytes as they are.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::strict::{self, Message};

/// Whoever says nothing for so long will not say more: node keeps a connection a second longer than it is told to, and a
/// machine may be busy.
pub(super) const SILENCE: Duration = Duration::from_millis(2500);
/// The same where an answer must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often somebody may be silent who does not take what is sent either.
const PAUSES: usize = 10;

/// What a client got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) bytes: Vec<u8>,
    /// Whether the other side has closed (or reset) the connection.
    pub(super) closed: bool,
}

/// Sends `bytes` and reads until the other side closes, or has been silent for [`SILENCE`].
pub(super) async fn say(to: SocketAddr, bytes: &[u8]) -> Heard {
    let stream = TcpStream::connect(to).await.expect("the proxy listens");
    converse(stream, bytes, SILENCE).await
}

/// The same on an open connection.
pub(super) async fn converse(mut stream: TcpStream, bytes: &[u8], silence: Duration) -> Heard {
    let (mut read, mut write) = stream.split();
    let sent = Cell::new(false);
    let sending = async {
        // Whoever has refused the beginning need not take the rest.
        let _ = write.write_all(bytes).await;
        sent.set(true);
    };
    let mut heard = Heard::default();
    let reading = async {
        let mut space = vec![0; 64 * 1024];
        let mut pauses = 0;
        loop {
            let Ok(count) = tokio::time::timeout(silence, read.read(&mut space)).await else {
                pauses += 1;
                if sent.get() || pauses == PAUSES {
                    return;
                }
                continue;
            };
            // A reset after an answer is an end like any other.
            let count = count.unwrap_or(0);
            heard.bytes.extend_from_slice(&space[..count]);
            if count == 0 {
                heard.closed = true;
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = async { tokio::join!(sending, std::future::pending::<()>()); } => {}
    }
    heard
}

/// Sends a request that asks for the connection to be closed, and reads the one answer.
pub(super) async fn ask(to: SocketAddr, request: &[u8]) -> Message {
    let stream = TcpStream::connect(to).await.expect("the proxy listens");
    let heard = converse(stream, request, PATIENCE).await;
    let method = request.split(|byte| *byte == b' ').next();
    let method = String::from_utf8_lossy(method.unwrap_or_default()).into_owned();
    match strict::response(&heard.bytes, &method, heard.closed) {
        Ok(Some((answer, _))) => answer,
        other => panic!(
            "no answer to {}: {other:?} {}",
            request.escape_ascii(),
            heard.bytes.escape_ascii()
        ),
    }
}

/// Reads one answer from an open connection; what follows it stays in `rest`.
pub(super) async fn answer(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
    rest: &mut Vec<u8>,
    method: &str,
) -> Option<Message> {
    let mut space = vec![0; 16 * 1024];
    loop {
        if let Some((answer, used)) = strict::response(rest, method, false).ok()? {
            rest.drain(..used);
            return Some(answer);
        }
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut space)).await;
        match read.ok()?.ok()? {
            0 => return None,
            count => rest.extend_from_slice(&space[..count]),
        }
    }
}
