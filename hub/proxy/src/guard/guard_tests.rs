use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

const SHORT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(30);

fn guarded(
    head_time: Duration,
    keep_alive: Duration,
) -> (DuplexStream, Guard<DuplexStream>, Arc<Link>) {
    let (client, io) = duplex(1000);
    let link = Arc::new(Link::default());
    let limits = GuardLimits {
        head: HeadLimits::default(),
        head_time,
        keep_alive,
        silence: None,
    };
    let guard = Guard::new(io, link.clone(), limits);
    (client, guard, link)
}

#[tokio::test]
async fn half_a_head_is_given_up_with_408() {
    let (mut client, mut guard, _) = guarded(SHORT, LONG);
    client.write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap();
    assert_eq!(guard.read(&mut [0; 100]).await.unwrap(), 0);
    drop(tokio::spawn(async move { guard.shutdown().await }));
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_client_that_says_nothing_is_told_nothing() {
    let (mut client, mut guard, _) = guarded(SHORT, LONG);
    assert_eq!(guard.read(&mut [0; 100]).await.unwrap(), 0);
    guard.shutdown().await.unwrap();
    drop(guard);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn the_next_head_waits_for_the_answer() {
    let (mut client, mut guard, link) = guarded(LONG, SHORT);
    let head = b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
    client
        .write_all(&[&head[..], &head[..]].concat())
        .await
        .unwrap();
    let mut space = [0; 100];
    assert_eq!(guard.read(&mut space).await.unwrap(), head.len());
    tokio::time::timeout(SHORT, guard.read(&mut space))
        .await
        .unwrap_err();
    drop(Answered::on(link.clone()));
    assert_eq!(guard.read(&mut space).await.unwrap(), head.len());
    drop(Answered::on(link));
    assert_eq!(
        guard.read(&mut space).await.unwrap(),
        0,
        "the keep-alive time is over"
    );
}

#[tokio::test]
async fn idle_connections_hold_no_buffer() {
    let (mut client, mut guard, link) = guarded(LONG, SHORT);
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        .await
        .unwrap();
    let mut space = [0; 100];
    assert_eq!(
        guard.read(&mut space).await.unwrap() + guard.read(&mut space).await.unwrap(),
        50
    );
    drop(Answered::on(link));
    assert_eq!(guard.buf.capacity(), 0);
}
