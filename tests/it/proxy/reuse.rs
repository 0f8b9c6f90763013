//! Cases 72 and 73: what follows a request on its connection.

use super::door::{Door, Kind};
use super::judge::{Fate, HERE, OPTIONS, Outcome, Tally, Vector, case, sent_and_judged};
use super::recorder::Recorder;
use super::wire;
use Fate::{Either, Forwarded};
use futures_util::{StreamExt as _, stream};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// A request whose connection may go on.
fn ask(method: &str, path: &str, lines: &str, body: &str) -> String {
    format!("{method} {HERE}/{path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}")
}

fn get(path: &str) -> String {
    ask("GET", path, "", "")
}

#[tokio::test]
async fn case_72_what_follows_on_a_connection() {
    let smuggled = get("smuggled");
    let length = |body: &str| format!("Content-Length: {}\r\n", body.len());
    let long = smuggled.repeat(2000);
    let expect = format!("Expect: 100-continue\r\n{}", length("hello"));
    let mut vectors = Vec::new();
    for (name, fate, bytes) in [
        ("three at once", Forwarded, get("1") + &get("2") + &get("3")),
        (
            "early answer, body after it",
            Forwarded,
            ask("POST", "early", &length(&smuggled), &smuggled) + &get("next"),
        ),
        (
            "early answer, long body",
            Forwarded,
            ask("POST", "early", &length(&long), &long) + &get("next"),
        ),
        (
            "early answer, body that never comes",
            Forwarded,
            ask("POST", "early", "Content-Length: 9999\r\n", &smuggled),
        ),
        (
            "early answer, chunks that are none",
            Either,
            ask(
                "POST",
                "early",
                "Transfer-Encoding: chunked\r\n",
                "5\r\nhello\r\nX\r\n",
            ) + &smuggled,
        ),
        (
            "a path that cannot be decoded, with a body",
            Either,
            ask("POST", "%zz", &length(&smuggled), &smuggled) + &get("next"),
        ),
        (
            "health check with a body",
            Either,
            format!(
                "POST /_chp_healthz HTTP/1.1\r\nHost: h\r\n{}\r\n{smuggled}",
                length(&smuggled)
            ) + &get("next"),
        ),
        (
            "HEAD, then GET",
            Forwarded,
            ask("HEAD", "1", "", "") + &get("2"),
        ),
        (
            "chunks, then GET",
            Forwarded,
            ask(
                "POST",
                "1",
                "Transfer-Encoding: chunked\r\n",
                "2\r\nab\r\n0\r\n\r\n",
            ) + &get("2"),
        ),
        (
            "an expectation, the body at once",
            Forwarded,
            ask("POST", "1", &expect, "hello") + &get("2"),
        ),
        (
            "a body that is a request",
            Forwarded,
            ask("POST", "1", &length(&smuggled), &smuggled),
        ),
        (
            "GET with a body that is a request",
            Forwarded,
            ask("GET", "1", &length(&smuggled), &smuggled) + &get("2"),
        ),
        (
            "after Connection: close",
            Forwarded,
            ask("GET", "1", "Connection: close\r\n", "") + &smuggled,
        ),
        (
            "after HTTP/1.0",
            Forwarded,
            format!("GET {HERE}/1 HTTP/1.0\r\nHost: h\r\n\r\n{smuggled}"),
        ),
    ] {
        vectors.push(Vector::new(name, fate, bytes));
    }
    case(72, &vectors).await;
}

/// `rounds` times 20 requests on each of 10 connections, two at a time; each answer names its request.
async fn tagged(rounds: usize, file: &str) {
    const CONNECTIONS: usize = 10;
    let mut tally = Tally::new(format!(
        "case 72, {} requests in pairs",
        rounds * CONNECTIONS * 20
    ));
    for door in Door::both(&[]).await {
        let target = Recorder::named("t").await;
        door.route("/", &target.url()).await;
        let pairs = |number: usize| {
            let public = door.public;
            async move {
                let mut wrong = 0;
                let mut stream = TcpStream::connect(public).await.expect("a connection");
                let mut rest = Vec::new();
                for n in 0..10 {
                    let paths = [0, 1].map(|second| format!("/c{number}/{n}/{second}"));
                    let both = paths
                        .clone()
                        .map(|path| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
                    stream
                        .write_all(both.concat().as_bytes())
                        .await
                        .expect("it is taken");
                    for path in paths {
                        let answer = wire::answer(&mut stream, &mut rest, "GET").await;
                        let own = answer.is_some_and(|answer| {
                            let body = String::from_utf8_lossy(&answer.body).into_owned();
                            body.contains(&format!("\"url\":\"{path}\""))
                        });
                        wrong += usize::from(!own);
                    }
                }
                wrong
            }
        };
        let wrong: usize = stream::iter(0..rounds * CONNECTIONS)
            .map(pairs)
            .buffer_unordered(CONNECTIONS)
            .fold(0, |sum, wrong| async move { sum + wrong })
            .await;
        let verdict = if wrong == 0 {
            Ok(())
        } else {
            Err(format!("{wrong} answers of others"))
        };
        tally.add(door.kind, "every answer names its request", verdict, "");
        if door.kind == Kind::Ours {
            assert!(door.log().is_empty(), "{}", door.log());
        }
    }
    tally.close(file);
}

#[tokio::test]
async fn case_72_answers_belong_to_their_requests() {
    tagged(10, "proxy-case-72-tagged").await;
}

#[tokio::test]
#[ignore = "a minute or more: 200,000 requests"]
async fn case_72_answers_belong_to_their_requests_in_full() {
    tagged(1000, "proxy-case-72-tagged").await;
}

const UPGRADE: &str =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Switched only if the target did, and only when the client asked for it in the way that RFC 6455 tells.
fn judge(vector: &Vector, outcome: &Outcome) -> Result<(), String> {
    outcome.fits(vector.fate)?;
    for request in outcome.forwarded()? {
        let asked = request.header("upgrade");
        let plain = asked.is_none() || (request.word(0) == "GET" && request.body.is_empty());
        if !plain || asked.is_some_and(|to| to != "websocket") {
            return Err(format!("passed on: {request:?}"));
        }
    }
    let switched = outcome.answers()?.iter().any(|one| one.status() == 101);
    if switched != vector.name.starts_with("good") {
        return Err(format!("switched: {switched}"));
    }
    Ok(())
}

#[tokio::test]
async fn case_73_upgrades() {
    let version = "Sec-WebSocket-Version: 13\r\n";
    let good = format!("{UPGRADE}{version}");
    let length = format!("{good}Content-Length: 5\r\n");
    let next = get("smuggled");
    let mut vectors = Vec::new();
    for (name, fate, bytes) in [
        (
            "good",
            Forwarded,
            ask("GET", "tunnel", &good, "") + "frames",
        ),
        (
            "good, with frames that look like a request",
            Forwarded,
            ask("GET", "tunnel", &good, "") + &next,
        ),
        (
            "good, with a list in Connection",
            Forwarded,
            ask(
                "GET",
                "tunnel",
                &good.replace("Connection: ", "Connection: keep-alive, "),
                "",
            ),
        ),
        (
            "bad version, refused by the target, with a request behind",
            Forwarded,
            ask(
                "GET",
                "x",
                &format!("{UPGRADE}Sec-WebSocket-Version: 99\r\n"),
                "",
            ) + &next,
        ),
        (
            "the target answers 200, with frames behind",
            Forwarded,
            ask("GET", "x", &good, "") + "\u{1}frames" + &next,
        ),
        (
            "POST",
            Either,
            ask("POST", "tunnel", &length, "hello") + &next,
        ),
        (
            "GET with a body",
            Either,
            ask("GET", "tunnel", &length, "hello") + &next,
        ),
        (
            "chunks",
            Either,
            ask(
                "GET",
                "tunnel",
                &format!("{good}Transfer-Encoding: chunked\r\n"),
                "5\r\nhello\r\n0\r\n\r\n",
            ) + &next,
        ),
        (
            "h2c",
            Either,
            ask(
                "GET",
                "tunnel",
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
                "",
            ) + &next,
        ),
        (
            "another protocol",
            Either,
            ask(
                "GET",
                "tunnel",
                "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
                "",
            ) + &next,
        ),
        (
            "two protocols",
            Either,
            ask("GET", "x", &good.replace("websocket", "h2c, websocket"), ""),
        ),
        (
            "HTTP/1.0",
            Either,
            format!("GET {HERE}/tunnel HTTP/1.0\r\nHost: h\r\n{good}\r\n{next}"),
        ),
        (
            "without Connection",
            Either,
            ask(
                "GET",
                "tunnel",
                &good.replace("Connection: Upgrade\r\n", ""),
                "",
            ) + &next,
        ),
        (
            "without a protocol",
            Either,
            ask("GET", "tunnel", "Connection: Upgrade\r\n", "") + &next,
        ),
    ] {
        vectors.push(Vector::new(name, fate, bytes));
    }
    sent_and_judged(73, &vectors, &OPTIONS, judge).await;
}
