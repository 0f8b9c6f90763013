//! Case 82: what targets answer. The client learns the end of it within a second of silence, and the next one gets nothing
//! of it.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::door::{Door, Kind};
use super::judge::Tally;
use super::strict;
use super::wire;

/// Targets may be silent for half a second.
const OPTIONS: [&str; 4] = ["--proxy-timeout", "500", "--keep-alive-timeout", "100"];
/// Vectors at once.
const LANES: usize = 8;
/// Nobody must see this.
const SECRET: &str = "SECRET";

/// What comes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Passed on whole.
    Whole,
    /// An error of the gateway, or cut off.
    Failed,
    /// Whatever, as long as it ends.
    Any,
}

/// An answer, and whether its connection is closed after it (or reset).
#[derive(Debug)]
struct Reply {
    name: &'static str,
    bytes: Vec<u8>,
    then: Then,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Stay,
    Close,
    Reset,
}

fn replies() -> Vec<Reply> {
    use Fate::{Any, Failed, Whole};
    use Then::{Close, Reset, Stay};
    let ok = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    let raw = |text: &str| text.as_bytes().to_vec();
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(200);
    let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    [
        ("good", raw(good), Stay, Whole),
        ("bad length", ok("Content-Length: x\r\n\r\nok"), Stay, Failed),
        ("two lengths", ok("Content-Length: 2\r\nContent-Length: 5\r\n\r\nok"), Stay, Failed),
        ("negative length", ok("Content-Length: -2\r\n\r\nok"), Stay, Failed),
        ("length and chunks", ok("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), Stay, Any),
        ("unknown coding", ok("Transfer-Encoding: cow\r\n\r\nok"), Close, Any),
        ("bad chunk size", ok("Transfer-Encoding: chunked\r\n\r\nxx\r\nok\r\n0\r\n\r\n"), Stay, Failed),
        ("huge chunk size", ok("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok\r\n"), Stay, Failed),
        ("LF in a header", ok("X: a\nY: b\r\nContent-Length: 2\r\n\r\nok"), Stay, Any),
        ("NUL in a header", ok("X: a\0b\r\nContent-Length: 2\r\n\r\nok"), Stay, Failed),
        ("no colon", ok("no colon\r\nContent-Length: 2\r\n\r\nok"), Stay, Failed),
        ("space in a name", ok("X Y: a\r\nContent-Length: 2\r\n\r\nok"), Stay, Failed),
        ("folded header", ok("X: a\r\n b\r\nContent-Length: 2\r\n\r\nok"), Stay, Any),
        ("100 KB header", ok(&format!("X: {}\r\nContent-Length: 2\r\n\r\nok", "y".repeat(100_000))), Stay, Any),
        ("endless header", ok(&format!("X: {}", "y".repeat(3_000_000))), Stay, Failed),
        ("1,000 headers", ok(&format!("{}Content-Length: 2\r\n\r\nok", "X: y\r\n".repeat(1000))), Stay, Any),
        ("200 times 100", raw(&format!("{interim}{good}")), Stay, Any),
        ("early hints", raw(&format!("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n{good}")), Stay, Whole),
        ("101 unasked", raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nSECRET"), Stay, Failed),
        ("204 with a body", raw("HTTP/1.1 204 No Content\r\n\r\nSECRET"), Stay, Whole),
        ("304 with a body", raw("HTTP/1.1 304 Not Modified\r\n\r\nSECRET"), Stay, Whole),
        ("status 999", raw("HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok"), Stay, Any),
        ("status 99", raw("HTTP/1.1 99 Odd\r\nContent-Length: 2\r\n\r\nok"), Stay, Failed),
        ("no status", raw("HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok"), Stay, Failed),
        ("control byte in the reason", raw("HTTP/1.1 200 O\u{1}K\r\nContent-Length: 2\r\n\r\nok"), Stay, Any),
        ("bytes after the answer", raw(&format!("{good}SECRETHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSECRET")), Stay, Whole),
        ("two answers", raw(&format!("{good}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSECRET")), Stay, Whole),
        ("cut in the head, closed", raw("HTTP/1.1 200 OK\r\nX: "), Close, Failed),
        ("cut in the head, silent", raw("HTTP/1.1 200 OK\r\nX: "), Stay, Failed),
        ("cut in the body, closed", ok("Content-Length: 9\r\n\r\nok"), Close, Failed),
        ("cut in the body, silent", ok("Content-Length: 9\r\n\r\nok"), Stay, Failed),
        ("cut in a chunk, closed", ok("Transfer-Encoding: chunked\r\n\r\n9\r\nok"), Close, Failed),
        ("cut in a chunk, silent", ok("Transfer-Encoding: chunked\r\n\r\n9\r\nok"), Stay, Failed),
        ("reset in the body", ok("Content-Length: 9\r\n\r\nok"), Reset, Failed),
        ("reset at once", Vec::new(), Reset, Failed),
        ("closed at once", Vec::new(), Close, Failed),
        ("silent", Vec::new(), Stay, Failed),
        ("until closed", ok("\r\nok"), Close, Whole),
        ("HTTP/0.9", raw("ok"), Close, Failed),
        ("HTTP/1.0", raw("HTTP/1.0 200 OK\r\n\r\nok"), Close, Whole),
        ("HTTP/2", raw("HTTP/2 200\r\nContent-Length: 2\r\n\r\nok"), Stay, Failed),
        ("headers for one hop", ok("Connection: X\r\nX: SECRET\r\nKeep-Alive: timeout=SECRET\r\nProxy-Authenticate: SECRET\r\n\
            Upgrade: SECRET\r\nTE: SECRET\r\nContent-Length: 2\r\n\r\nok"), Stay, Whole),
    ]
    .map(|(name, bytes, then, fate)| Reply { name, bytes, then, fate })
    .into()
}

/// Answers `/…/N` with the N-th reply, and everything else well.
struct Target {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn target(replies: Arc<Vec<Reply>>) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, replies.clone()));
        }
    });
    Target { address, task }
}

async fn serve(mut stream: TcpStream, replies: Arc<Vec<Reply>>) {
    let mut waiting = Vec::new();
    let mut space = vec![0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut space).await {
        waiting.extend_from_slice(&space[..count]);
        while let Ok(Some((request, used))) = strict::request(&waiting) {
            waiting.drain(..used);
            let number = request.word(1).rsplit('/').next().unwrap_or_default();
            let reply = number.parse::<usize>().ok().and_then(|n| replies.get(n));
            let Some(reply) = reply else {
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
                    .await;
                continue;
            };
            let _ = stream.write_all(&reply.bytes).await;
            match reply.then {
                Then::Stay => {}
                Then::Close => return,
                Then::Reset => {
                    let _ = stream.set_zero_linger();
                    return;
                }
            }
        }
    }
}

#[tokio::test]
async fn case_82_hostile_targets() {
    let replies = Arc::new(replies());
    let mut tally = Tally::new("case 82".to_owned());
    for door in Door::both(&OPTIONS).await {
        // A target of its own for each, so that the connection which is used again is the one that answered badly.
        let one = |n: usize| {
            let (door, replies) = (&door, replies.clone());
            async move {
                let target = target(replies.clone()).await;
                door.route(&format!("/t{n}"), &format!("http://{}", target.address))
                    .await;
                let request = format!("GET /t{n}/{n} HTTP/1.1\r\nHost: h\r\n\r\n");
                let heard = wire::say(door.public, request.as_bytes()).await;
                let next =
                    format!("GET /t{n}/next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
                let next = wire::say(door.public, next.as_bytes()).await;
                (n, heard, next)
            }
        };
        let mut all: Vec<_> = stream::iter(0..replies.len())
            .map(one)
            .buffer_unordered(LANES)
            .collect()
            .await;
        all.sort_by_key(|(n, ..)| *n);
        for (n, heard, next) in all {
            let verdict = judge(replies[n].fate, &heard, &next);
            let shown = heard.bytes[..heard.bytes.len().min(300)].escape_ascii();
            tally.add(
                door.kind,
                replies[n].name,
                verdict,
                &format!("{shown} closed: {}", heard.closed),
            );
        }
        assert!(
            door.kind == Kind::Theirs || !door.log().contains("panicked"),
            "{}",
            door.log()
        );
    }
    tally.close("proxy-case-82");
}

fn judge(fate: Fate, heard: &wire::Heard, next: &wire::Heard) -> Result<(), String> {
    if !heard.closed {
        return Err("no end".to_owned());
    }
    let has = |bytes: &[u8]| {
        bytes
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes())
    };
    if has(&heard.bytes) || has(&next.bytes) {
        return Err("bytes that are no answer were passed on".to_owned());
    }
    if !next.bytes.starts_with(b"HTTP/1.1 200") || !next.bytes.ends_with(b"next") {
        return Err(format!("the next one got {}", next.bytes.escape_ascii()));
    }
    let mut rest = heard.bytes.as_slice();
    let status = loop {
        match strict::response(rest, "GET", false) {
            Ok(Some((answer, used))) if answer.status() < 200 => rest = &rest[used..],
            Ok(Some((answer, _))) => break answer.status(),
            // Without a length, the end of the connection is the end of the answer.
            // Cut off before the first byte.
            Ok(None) if rest.is_empty() && fate == Fate::Whole => {
                return Err("no answer".to_owned());
            }
            Ok(None) => break 0,
            Err(why) => return Err(why.to_owned()),
        }
    };
    match fate {
        Fate::Whole if !(200..500).contains(&status) => Err(format!("answered {status}")),
        Fate::Failed if !matches!(status, 0 | 500..) => Err(format!("answered {status}")),
        Fate::Failed if status == 500 => Err("answered 500".to_owned()),
        _ => Ok(()),
    }
}
