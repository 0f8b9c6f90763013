//! People with browsers: they log in, start their servers, work, stop them or forget to, and log out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::{Reply, Visitor};
use reqwest::Method;
use serde_json::{Value, json};

use super::load::{Caller, Load, think};
use super::steady;

/// Longest wait for a server to be ready or gone, while nothing is in the way; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same for the culler: its time-out, its sweeps and a busy machine.
const CULLED: Duration = Duration::from_secs(110);

const MAX_HOPS: usize = 20;

/// How somebody leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Stops the server.
    Orderly,
    /// Leaves it to the culler.
    Forgetful,
}

struct Person {
    load: Arc<Load>,
    me: String,
    token: String,
    own: Caller,
    visitor: Visitor,
    random: fastrand::Rng,
}

/// One day after the other.
pub(super) async fn live(load: Arc<Load>, me: String, token: String, habit: Habit, seed: u64) {
    let mut person = Person {
        own: load.caller(&me, &token),
        visitor: Visitor::new(load.client(), "/"),
        random: fastrand::Rng::with_seed(seed),
        load,
        me,
        token,
    };
    while person.load.goes_on() {
        // What could not be done is in the record; tomorrow is another day.
        let _ = person.day(habit).await;
        person.think().await;
    }
}

impl Person {
    async fn think(&mut self) {
        think(&mut self.random, 300..1_200).await;
    }

    async fn day(&mut self, habit: Habit) -> Option<()> {
        self.visitor = Visitor::new(self.load.client(), "/");
        self.log_in().await?;
        self.think().await;
        self.bring_up().await?;
        for _ in 0..self.random.u8(1..4) {
            self.visit().await?;
            self.think().await;
            self.meet_whoami().await?;
            self.think().await;
        }
        self.talk().await?;
        match habit {
            Habit::Orderly => self.stop().await?,
            Habit::Forgetful => self.be_culled().await?,
        }
        self.think().await;
        self.log_out().await
    }

    /// One request with the cookies of today.
    async fn send(
        &mut self,
        what: &'static str,
        (method, path): (Method, &str),
        form: Option<&[(String, String)]>,
        accepted: &[u16],
    ) -> Option<Reply> {
        let begin = Instant::now();
        let reply = self.visitor.try_send(method, path, form).await;
        self.load
            .record
            .judge(Some(&self.me), what, begin, reply, accepted)
    }

    /// Opens a page, wherever it leads, agreeing to what the hub asks on the way.
    async fn open(&mut self, what: &'static str, path: &str) -> Option<Reply> {
        const PAGE: [u16; 5] = [200, 301, 302, 303, 307];
        let mut reply = self.send(what, (Method::GET, path), None, &PAGE).await?;
        for _ in 0..MAX_HOPS {
            let consent = reply.url.path().ends_with("/api/oauth2/authorize");
            let at = reply.url.clone();
            reply = if reply.status != 200 {
                let next = at.join(reply.location()).expect("a location is a URL");
                self.send(what, (Method::GET, next.as_str()), None, &PAGE)
                    .await?
            } else if consent {
                let form = reply.hidden_fields();
                self.send(what, (Method::POST, at.as_str()), Some(&form), &PAGE)
                    .await?
            } else {
                return Some(reply);
            };
        }
        self.load
            .record
            .fail(&format!("{what}: no end of redirects from {path}"));
        None
    }

    async fn log_in(&mut self) -> Option<()> {
        let path = "/hub/login?next=";
        let page = self
            .send("login page", (Method::GET, path), None, &[200])
            .await?;
        let mut form = page.hidden_fields();
        form.push(("username".to_owned(), self.me.clone()));
        form.push(("password".to_owned(), "x".to_owned()));
        self.send("login", (Method::POST, path), Some(&form), &[302])
            .await?;
        self.home().await.map(drop)
    }

    /// The page of somebody who is logged in: nothing but a logout ends that.
    async fn home(&mut self) -> Option<Reply> {
        let page = self
            .send("home page", (Method::GET, "/hub/home"), None, &[200])
            .await?;
        let holds = page.body.contains(&self.me);
        self.load
            .record
            .holds("the home page is mine", holds, &page.body)?;
        Some(page)
    }

    /// What the hub says of the server, if it has one.
    async fn server(&self) -> Option<Option<Value>> {
        let path = format!("/hub/api/users/{}", self.me);
        let user = self.load.get(&self.own, "user model", &path).await?.json();
        let holds = user["name"] == self.me.as_str();
        self.load
            .record
            .holds("the model is mine", holds, &user.to_string())?;
        Some(user["servers"].get("").cloned())
    }

    async fn ask_for_server(&mut self) -> Option<()> {
        if self.random.bool() {
            return self.open("spawn by page", "/hub/spawn").await.map(drop);
        }
        let path = format!("/hub/api/users/{}/server", self.me);
        let asked = (Method::POST, path.as_str());
        let body = json!({});
        let reply = self
            .load
            .ask(&self.own, "spawn by API", asked, Some(&body), &[201, 202]);
        reply.await.map(drop)
    }

    /// Makes sure that the server runs, whatever came of the one of yesterday.
    async fn bring_up(&mut self) -> Option<()> {
        let (begin, mut starts) = (Instant::now(), 0);
        while self.load.record.calm_since(begin) < PATIENCE {
            match self.server().await? {
                Some(server) if server["ready"] == true => {
                    self.load.record.count("server ready");
                    return Some(());
                }
                Some(_) => {}
                None if starts > 0 && !self.load.record.felt_since(begin) => {
                    self.load
                        .record
                        .fail(&format!("{}'s server is gone again", self.me));
                    return None;
                }
                None => {
                    starts += 1;
                    self.ask_for_server().await?;
                }
            }
            if !self.load.goes_on() {
                return None;
            }
            think(&mut self.random, 200..500).await;
        }
        self.load.record.too_late("server ready", begin, &self.me);
        None
    }

    async fn visit(&mut self) -> Option<()> {
        let path = format!("/user/{}/", self.me);
        let page = self.open("visit of own server", &path).await?;
        let holds = page.body == format!("{0} {0}", self.me);
        self.load.record.holds(
            "the server is mine",
            holds,
            &format!("{} {}", page.url, page.body),
        )
    }

    async fn meet_whoami(&mut self) -> Option<()> {
        let page = self.open("whoami by cookie", "/services/whoami/").await?;
        let holds = page.url.path() == "/services/whoami/" && page.body.contains(&self.me);
        self.load.record.holds(
            "the service knows me",
            holds,
            &format!("{} {}", page.url, page.body),
        )
    }

    async fn talk(&mut self) -> Option<()> {
        let mut socket = steady::open(&self.load, &self.me, &self.token).await?;
        for _ in 0..self.random.u8(1..6) {
            steady::say(&self.load, &self.me, &mut socket, "message").await;
            think(&mut self.random, 50..300).await;
        }
        socket.close().await;
        Some(())
    }

    async fn stop(&mut self) -> Option<()> {
        if self.random.bool() {
            let page = self.home().await?;
            let mut form = vec![("server".to_owned(), String::new())];
            form.extend(
                page.hidden_field("_xsrf")
                    .map(|token| ("_xsrf".to_owned(), token)),
            );
            let asked = (Method::POST, "/hub/home/stop-server");
            self.send("stop by page", asked, Some(&form), &[302, 303])
                .await?;
        } else {
            let path = format!("/hub/api/users/{}/server", self.me);
            let asked = (Method::DELETE, path.as_str());
            self.load
                .ask(&self.own, "stop by API", asked, None, &[202, 204])
                .await?;
        }
        self.gone("server stopped", PATIENCE).await
    }

    /// Does nothing until the culler has noticed.
    async fn be_culled(&mut self) -> Option<()> {
        self.gone("server culled", CULLED).await
    }

    async fn gone(&mut self, what: &'static str, patience: Duration) -> Option<()> {
        let begin = Instant::now();
        while self.load.record.calm_since(begin) < patience {
            // Who was told to come again comes again: a server that was left is not gone back to.
            if self.server().await == Some(None) {
                self.load.record.count(what);
                return Some(());
            }
            if !self.load.goes_on() {
                return None;
            }
            self.think().await;
        }
        self.load.record.too_late(what, begin, &self.me);
        None
    }

    /// Logged out is logged out, for whoever kept a copy of the cookies, too.
    async fn log_out(&mut self) -> Option<()> {
        let copy = self.visitor.clone();
        self.send("logout", (Method::GET, "/hub/logout"), None, &[302])
            .await?;
        self.visitor = copy;
        let asked = (Method::GET, "/hub/home");
        self.send("logged out", asked, None, &[302]).await.map(drop)
    }
}
