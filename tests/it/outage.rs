//! A database that goes away under a hub, or falls silent: security case 100. Here it is a real PostgreSQL server.

mod file;

use std::time::{Duration, Instant};

use e2e::{Api, Postgres, Reply, Stack, StackBuilder, Visitor, eventually};
use serde_json::json;

/// How long the hub may take to find that the server is there again.
const RECOVERY: Duration = Duration::from_secs(60);

/// A hub, and who knows it.
struct People {
    stack: Stack,
    /// Whom the hub has seen.
    known: Api,
    /// Whom it has not, and who is as good.
    unknown: Api,
    visitor: Visitor,
    /// Who is registered next.
    newcomer: &'static str,
}

/// Come again: nothing was changed.
fn refused(reply: &Reply) {
    assert_eq!(reply.status, 503, "{reply:#?}");
    let seconds = reply.header("retry-after").map(str::parse::<u32>);
    assert!(matches!(seconds, Some(Ok(1..))), "{reply:#?}");
}

impl People {
    async fn of(builder: StackBuilder) -> Self {
        let stack = builder.start().await;
        let api = stack.api();
        api.ensure_user("mal").await;
        let known = api.with(&api.new_token("mal", &[]).await);
        let unknown = api.with(&api.new_token("mal", &[]).await);
        let mut visitor = stack.visitor();
        visitor.login("zoe", "x").await;
        visitor.get("hub/home").await.expect(200);
        // Last: a new user concerns what was known of all others.
        known.get("/user").await.expect(200);
        Self {
            stack,
            known,
            unknown,
            visitor,
            newcomer: "ned",
        }
    }

    /// What people see while the database does not answer.
    async fn is_away(&mut self) {
        let me = self.known.get("/user").await.expect(200).json();
        assert_eq!(me["name"], "mal");
        refused(&self.unknown.get("/user").await);
        refused(&self.visitor.get("hub/home").await);
        let api = self.stack.api();
        let path = format!("/users/{}", self.newcomer);
        refused(&api.post(&path, &json!({})).await);
        self.stack.client().get("/hub/health").await.expect(200);
    }

    /// The hub goes on by itself, nothing is lost, and nothing was done of what was refused.
    async fn is_back(&mut self) {
        eventually(RECOVERY, "the hub goes on", async || {
            self.unknown.get("/user").await.status == 200
        })
        .await;
        self.visitor.get("hub/home").await.expect(200);
        let api = self.stack.api();
        let path = format!("/users/{}", self.newcomer);
        api.get(&path).await.expect(404);
        api.post(&path, &json!({})).await.expect(201);
        self.known.get("/user").await.expect(200);
    }
}

/// A hub with a server.
struct Scene {
    postgres: Postgres,
    people: People,
}

impl Scene {
    async fn set() -> Self {
        let postgres = Postgres::start().await;
        let config = format!("[JupyterHub]\ndb_url = {:?}\n", postgres.url());
        let people = People::of(Stack::builder().config(&config)).await;
        Self { postgres, people }
    }

    async fn goes_and_comes(&mut self, away: Duration) {
        let heard = self.heard();
        self.postgres.end().await;
        let begin = Instant::now();
        eventually(away * 10, "the time is over", async || {
            self.people.is_away().await;
            begin.elapsed() >= away
        })
        .await;
        self.postgres.begin().await;
        // From then on nothing is believed that was known before: who is known is known anew.
        eventually(RECOVERY, "the hub hears others again", async || {
            self.heard() > heard
        })
        .await;
        self.people.is_back().await;
    }

    /// How often the hub has said that it hears others again.
    fn heard(&self) -> usize {
        let log = self.people.stack.log();
        log.matches("hearing other hubs again").count()
    }
}

#[tokio::test]
async fn case_100_a_database_that_goes_away_and_comes_back() {
    let mut scene = Scene::set().await;
    scene.goes_and_comes(Duration::from_secs(3)).await;
    // Once more: what the first time left behind does not matter.
    scene.people.newcomer = "nell";
    scene.goes_and_comes(Duration::from_secs(1)).await;
}

/// Longer than anything is believed without a look.
#[tokio::test]
#[ignore = "takes a minute and a half: tests/run --slow"]
async fn case_100_a_database_that_is_away_for_long() {
    let mut scene = Scene::set().await;
    scene.goes_and_comes(Duration::from_secs(75)).await;
}

/// Connections stay, and nothing is said: what waits is given up.
#[tokio::test]
async fn case_100_a_database_that_hangs() {
    let mut scene = Scene::set().await;
    scene.postgres.hang();
    scene.people.is_away().await;
    scene.postgres.go_on();
    scene.people.is_back().await;
}
