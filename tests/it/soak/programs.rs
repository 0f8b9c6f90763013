//! Programs that make tokens, use them, look at lists, and revoke what they made.

use std::sync::Arc;

use hub_types::clock::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use super::load::{Caller, Load, think};

/// Of so many tokens one is kept.
const KEPT: u8 = 10;

/// A program of one user.
struct Program {
    load: Arc<Load>,
    me: String,
    own: Caller,
    random: fastrand::Rng,
}

pub(super) async fn work(load: Arc<Load>, me: String, token: String, seed: u64) {
    let own = load.caller(&me, &token);
    let mut program = Program {
        load,
        me,
        own,
        random: fastrand::Rng::with_seed(seed),
    };
    while program.load.goes_on() {
        // What could not be done is in the record.
        let _ = program.round().await;
        think(&mut program.random, 300..900).await;
    }
}

impl Program {
    async fn round(&mut self) -> Option<()> {
        let (id, token) = self.new_token().await?;
        let caller = self.load.caller(&self.me, &token);
        self.is_me(&caller).await?;
        think(&mut self.random, 100..400).await;
        self.whoami(&caller).await?;
        self.everybody().await?;
        self.report_activity().await?;
        think(&mut self.random, 100..400).await;
        if self.random.u8(0..KEPT) == 0 {
            self.load.ledger().good.push((self.me.clone(), token));
            return Some(());
        }
        self.revoke(&id, &token, &caller).await
    }

    async fn new_token(&self) -> Option<(String, String)> {
        let (load, path) = (&self.load, format!("/hub/api/users/{}/tokens", self.me));
        let body = json!({ "note": "soak" });
        let asked = (Method::POST, path.as_str());
        let reply = load
            .ask(&self.own, "new token", asked, Some(&body), &[201])
            .await?;
        let model = reply.json();
        let text = |name: &str| model[name].as_str().map(str::to_owned);
        Some((text("id")?, text("token")?))
    }

    async fn is_me(&self, caller: &Caller) -> Option<()> {
        let me = self
            .load
            .get(caller, "whose token", "/hub/api/user")
            .await?
            .json();
        let holds = me["name"] == self.me.as_str();
        self.load
            .record
            .holds("the hub knows me", holds, &me.to_string())
    }

    async fn whoami(&self, caller: &Caller) -> Option<()> {
        let reply = self
            .load
            .get(caller, "whoami by token", "/services/whoami/")
            .await?;
        let holds = reply.json()["name"] == self.me.as_str();
        self.load
            .record
            .holds("the service knows me", holds, &reply.body)
    }

    async fn everybody(&self) -> Option<()> {
        let path = "/hub/api/users?limit=200";
        let users = self
            .load
            .get(&self.load.admin, "list of users", path)
            .await?
            .json();
        let count = users.as_array().map_or(0, Vec::len);
        let holds = count == self.load.users;
        self.load
            .record
            .holds("everybody is listed", holds, &format!("{count}"))
    }

    async fn report_activity(&self) -> Option<()> {
        let path = format!("/hub/api/users/{}/activity", self.me);
        let body: Value = json!({ "last_activity": SystemClock.now().to_rfc3339() });
        let asked = (Method::POST, path.as_str());
        let reply = self
            .load
            .ask(&self.own, "activity", asked, Some(&body), &[200]);
        reply.await.map(drop)
    }

    /// Once the hub has said that it is revoked, nobody gets in with it.
    async fn revoke(&self, id: &str, token: &str, caller: &Caller) -> Option<()> {
        let path = format!("/hub/api/users/{}/tokens/{id}", self.me);
        let asked = (Method::DELETE, path.as_str());
        self.load
            .ask(&self.own, "revocation", asked, None, &[204])
            .await?;
        self.load.ledger().revoke(&self.me, token);
        let asked = (Method::GET, "/hub/api/user");
        let refused = self
            .load
            .ask(caller, "revoked token refused", asked, None, &[403]);
        refused.await.map(drop)
    }
}
