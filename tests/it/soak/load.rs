//! What all who make the load share: the deployment's address, the record, and the tokens that were handed out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use e2e::{Client, Reply};
use reqwest::Method;
use serde_json::Value;

use super::record::Record;

/// How many revoked tokens are remembered: the last ones.
const REMEMBERED: usize = 500;

#[derive(Debug)]
pub(super) struct Load {
    pub(super) record: Record,
    /// Somebody who may see everybody.
    pub(super) admin: Caller,
    pub(super) users: usize,
    client: Client,
    ends: AtomicBool,
    ledger: Mutex<Ledger>,
}

/// What the hub has said of tokens.
#[derive(Debug, Default, Clone)]
pub(super) struct Ledger {
    pub(super) good: Vec<(String, String)>,
    pub(super) revoked: Vec<(String, String)>,
}

/// A program with a token.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    client: Client,
    whose: Option<String>,
}

impl Load {
    pub(super) fn new(client: Client, admin: &str, users: usize) -> Self {
        Self {
            record: Record::new(),
            admin: Caller {
                client: client.clone().token(admin),
                whose: None,
            },
            users,
            client,
            ends: AtomicBool::new(false),
            ledger: Mutex::default(),
        }
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(super) fn caller(&self, whose: &str, token: &str) -> Caller {
        Caller {
            client: self.client.clone().token(token),
            whose: Some(whose.to_owned()),
        }
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.ends.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    pub(super) fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request, with a JSON body if there is one, and judges the reply.
    pub(super) async fn ask(
        &self,
        caller: &Caller,
        what: &'static str,
        (method, path): (Method, &str),
        body: Option<&Value>,
        accepted: &[u16],
    ) -> Option<Reply> {
        let mut request = caller.client.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        let begin = Instant::now();
        let reply = caller.client.try_send(request).await;
        let whose = caller.whose.as_deref();
        self.record.judge(whose, what, begin, reply, accepted)
    }

    pub(super) async fn get(
        &self,
        caller: &Caller,
        what: &'static str,
        path: &str,
    ) -> Option<Reply> {
        self.ask(caller, what, (Method::GET, path), None, &[200])
            .await
    }
}

impl Ledger {
    pub(super) fn revoke(&mut self, whose: &str, token: &str) {
        if self.revoked.len() >= REMEMBERED {
            self.revoked.remove(0);
        }
        self.revoked.push((whose.to_owned(), token.to_owned()));
    }
}

/// Time that somebody takes before the next thing. Nothing waits for it: it makes the load what it is.
pub(super) async fn think(random: &mut fastrand::Rng, milliseconds: std::ops::Range<u64>) {
    tokio::time::sleep(Duration::from_millis(random.u64(milliseconds))).await;
}
