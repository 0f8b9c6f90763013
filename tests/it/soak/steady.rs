//! Users whose servers and sockets are in use from the beginning to the end: neither hubs nor databases nor the culler may
//! touch them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::Ws;

use super::load::{Load, think};

/// A message every second or so, and a look at the server now and then.
pub(super) async fn stay(load: Arc<Load>, me: String, token: String, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let own = load.caller(&me, &token);
    let path = format!("/user/{me}/");
    let mut socket = open(&load, &me, &token)
        .await
        .expect("nothing has happened yet");
    while load.goes_on() {
        say(&load, &me, &mut socket, "message to a steady server").await;
        if random.u8(0..4) == 0
            && let Some(reply) = load.get(&own, "steady server", &path).await
        {
            let holds = reply.body == format!("{me} {me}");
            load.record
                .holds("the steady server is mine", holds, &reply.body);
        }
        think(&mut random, 500..1_500).await;
    }
    socket.close().await;
}

/// Opens the WebSocket of `me`'s server.
pub(super) async fn open(load: &Load, me: &str, token: &str) -> Option<Ws> {
    let url = load.client().url(&format!("/user/{me}/echo"));
    let begin = Instant::now();
    let opened = Ws::open(&url, &[("authorization", format!("token {token}"))]).await;
    let status = *opened.as_ref().err().unwrap_or(&101);
    let good = load.record.weigh(
        Some(me),
        "WebSocket",
        begin,
        Some(status),
        &[101],
        url.path(),
    );
    opened.ok().filter(|_| good)
}

/// Sends a message, which must come back from `me`'s server.
pub(super) async fn say(load: &Load, me: &str, socket: &mut Ws, what: &'static str) {
    let begin = Instant::now();
    let text = format!("{begin:?}");
    socket.send(&text).await;
    let back = socket.text().await;
    load.record.only(me, what, &back);
    load.record
        .holds(what, back == format!("{me} {me} {text}"), &back);
    if begin.elapsed() > Duration::from_secs(30) {
        load.record
            .fail(&format!("{what}: back after {:?}", begin.elapsed()));
    }
}
