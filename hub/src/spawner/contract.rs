//! What any [`Spawner`] is held to, as a suite that its author runs.
//!
//! ```no_run
//! # async fn run(mine: &dyn hub::spawner::Spawner, again: &dyn hub::spawner::Spawner) {
//! use hub::spawner::contract::{Subject, check};
//!
//! let broken = check(mine, &Subject::of(again, "alice")).await;
//! assert!(broken.is_empty(), "{broken:#?}");
//! # }
//! ```
//!
//! Servers are a small program for `python3`, given as [`PerServer`] settings `cmd`; a spawner that does not run that sets
//! another with [`Subject::settings`]: it must do what the environment says, as `jupyterhub-singleuser` does, print
//! `READY`, and answer below `/env` with its environment as JSON. The suite begins and ends with nothing running.

mod start;

use std::time::Duration;

use futures_util::future::{BoxFuture, join};
use hub_types::names::{ServerName, Username};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use self::start::{Committing, Started};
use super::{Poll, SpawnError, Spawner};
use crate::config::PerServer;
use crate::domain::server::ServerRef;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A server that answers with its environment.
const SERVER: &str = r#"
import http.server, json, os, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(dict(os.environ)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
address = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
server = http.server.HTTPServer((address.hostname, address.port), Handler)
print("READY", flush=True)
server.serve_forever()
"#;

/// What the suite works with.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Another instance of the same spawner, as a hub has that was started anew.
    pub again: &'a dyn Spawner,
    /// Whose servers are started; for spawners of system users, one of them.
    pub user: Username,
    /// What every server gets.
    pub settings: PerServer,
}

impl<'a> Subject<'a> {
    /// Servers of `user`, with the suite's own program.
    #[must_use]
    pub fn of(again: &'a dyn Spawner, user: &str) -> Self {
        let mut settings = PerServer::default();
        settings.spawner.cmd = ["python3", "-c", SERVER].map(ToOwned::to_owned).into();
        Self {
            again,
            user: Username::stored(user),
            settings,
        }
    }
}

/// A clause that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What should be so.
    pub clause: &'static str,
    /// What was seen instead.
    pub why: String,
}

/// Why a clause does not hold.
type Kept = Result<(), String>;

/// Checks every clause; the answer is empty when all hold.
pub async fn check(spawner: &dyn Spawner, subject: &Subject<'_>) -> Vec<Broken> {
    let suite = Suite { spawner, subject };
    let clauses: [(&'static str, BoxFuture<'_, Kept>); 10] = [
        ("it has a name", Box::pin(suite.name())),
        (
            "a server gets its settings and environment, listens where it was placed, and its progress can be read",
            Box::pin(suite.starts()),
        ),
        (
            "nothing runs that was not committed",
            Box::pin(suite.uncommitted()),
        ),
        (
            "whoever has the state finds the server again, and it holds no secret",
            Box::pin(suite.found_again()),
        ),
        (
            "a server that has ended is known to have ended, and can be stopped again",
            Box::pin(suite.ended()),
        ),
        (
            "waiting may be given up, and tells the end",
            Box::pin(suite.waited_for()),
        ),
        (
            "servers of a user do not disturb each other",
            Box::pin(suite.two()),
        ),
        (
            "a server that is deleted for good can be deleted twice, and made anew",
            Box::pin(suite.deleted()),
        ),
        (
            "a server that is renamed starts under its new name, and under the old one when that is taken back",
            Box::pin(suite.renamed()),
        ),
        (
            "a state that is none is not running, and harms nothing",
            Box::pin(suite.junk()),
        ),
    ];
    let mut broken = Vec::new();
    for (clause, kept) in clauses {
        let kept = match timeout(PATIENCE * 2, kept).await {
            Ok(kept) => kept,
            Err(_) => Err("it takes too long".to_owned()),
        };
        if let Err(why) = kept {
            broken.push(Broken { clause, why });
        }
    }
    broken
}

struct Suite<'a> {
    spawner: &'a dyn Spawner,
    subject: &'a Subject<'a>,
}

fn require(holds: bool, why: impl Into<String>) -> Kept {
    if holds { Ok(()) } else { Err(why.into()) }
}

impl Suite<'_> {
    fn at(&self, name: &str) -> ServerRef {
        ServerRef::new(self.subject.user.clone(), ServerName::stored(name))
    }

    /// Starts a server and waits until it answers.
    async fn start(&self, name: &str, settings: &PerServer) -> Result<Started, String> {
        let committing = Committing::willing();
        let begun = committing
            .start(self.spawner, &self.at(name), settings)
            .await;
        begun.map_err(|error| format!("the start failed: {error}"))?;
        let started = committing.started()?;
        let answers = started.answers(PATIENCE).await;
        if let Err(why) = answers.and(committing.told()) {
            let tail = self.spawner.output_tail(&started.placed.state, 5).await;
            let _ = self.spawner.stop(&started.placed.state, true).await;
            return Err(format!("{why}; its last output is {tail:?}"));
        }
        Ok(started)
    }

    async fn stop(&self, spawner: &dyn Spawner, started: &Started) -> Kept {
        let stopped = spawner.stop(&started.placed.state, false).await;
        stopped.map_err(|error| format!("the stop failed: {error}"))?;
        require(
            !started.is_there().await,
            "the server still answers after its stop",
        )
    }

    /// Does something with a running server, and stops it in any case.
    async fn with<'s, F>(&'s self, name: &str, act: impl FnOnce(Started) -> F) -> Kept
    where
        F: Future<Output = Kept> + 's,
    {
        let started = self.start(name, &self.subject.settings).await?;
        let kept = act(started.clone()).await;
        let stopped = self.stop(self.spawner, &started).await;
        kept.and(stopped)
    }

    async fn name(&self) -> Kept {
        let name = self.spawner.name();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        require(
            !name.is_empty() && name.chars().all(plain) && name == self.subject.again.name(),
            format!("it is {name:?}"),
        )
    }

    async fn starts(&self) -> Kept {
        let mut settings = self.subject.settings.clone();
        let environment = &mut settings.spawner.environment;
        environment.insert("CONTRACT".into(), "{username} 'é' $HOME".into());
        let started = self.start("", &settings).await?;
        let env = started.environment().await;
        let tail = self.output("READY", &started).await;
        self.stop(self.spawner, &started).await?;
        let env = env?;
        let user = self.subject.user.as_str();
        for (name, value) in [
            ("JUPYTERHUB_USER", user),
            ("JUPYTERHUB_SERVER_NAME", ""),
            ("JUPYTERHUB_API_TOKEN", started.token.expose()),
            ("CONTRACT", "{username} 'é' $HOME"),
        ] {
            let seen = env.get(name).and_then(Value::as_str);
            require(
                seen == Some(value),
                format!("{name} is {:?}", seen.is_some()),
            )?;
        }
        tail
    }

    async fn output(&self, text: &str, started: &Started) -> Kept {
        let look = async {
            loop {
                let tail = self.spawner.output_tail(&started.placed.state, 50).await;
                if tail.iter().any(|line| line.contains(text)) {
                    return;
                }
                sleep(PAUSE).await;
            }
        };
        let seen = timeout(PATIENCE, look).await;
        require(seen.is_ok(), "output_tail does not have what it printed")
    }

    async fn uncommitted(&self) -> Kept {
        let committing = Committing::refusing();
        let begun = committing
            .start(self.spawner, &self.at("refused"), &self.subject.settings)
            .await;
        require(
            matches!(begun, Err(SpawnError::Commit(_))),
            format!("a refused commit became {begun:?}"),
        )?;
        let started = committing.started()?;
        // What waited for the commit may need a moment to go away.
        let gone = async {
            while self.spawner.poll(&started.placed.state).await == Poll::Running {
                sleep(PAUSE).await;
            }
        };
        require(
            timeout(PATIENCE, gone).await.is_ok(),
            "it runs, though it was not committed",
        )?;
        require(!started.is_there().await, "something answers")
    }

    async fn found_again(&self) -> Kept {
        let again = self.subject.again;
        self.with("", async |started| {
            let text = started.placed.state.to_string();
            require(
                !text.contains(started.token.expose()),
                "the state holds the token of the server",
            )?;
            let shown = again.shown_state(&started.placed.state).to_string();
            require(
                !shown.contains(started.token.expose()),
                "the shown state holds the token",
            )?;
            let state: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            for spawner in [self.spawner, again] {
                let poll = spawner.poll(&state).await;
                require(poll == Poll::Running, format!("it is {poll:?}"))?;
            }
            self.stop(again, &started).await
        })
        .await
    }

    async fn ended(&self) -> Kept {
        let started = self.start("", &self.subject.settings).await?;
        self.stop(self.spawner, &started).await?;
        for spawner in [self.spawner, self.subject.again] {
            let poll = spawner.poll(&started.placed.state).await;
            require(poll != Poll::Running, "it is still running after its stop")?;
            let stopped = spawner.stop(&started.placed.state, true).await;
            stopped.map_err(|error| format!("it cannot be stopped twice: {error}"))?;
        }
        Ok(())
    }

    async fn waited_for(&self) -> Kept {
        let started = self.start("", &self.subject.settings).await?;
        let state = &started.placed.state;
        let early = timeout(PAUSE, self.spawner.wait(state)).await;
        let waiting = join(self.spawner.wait(state), self.subject.again.wait(state));
        let (stopped, ends) = join(
            self.stop(self.spawner, &started),
            timeout(PATIENCE, waiting),
        )
        .await;
        stopped?;
        require(early.is_err(), "wait() returned while the server ran")?;
        let (one, other) = ends.map_err(|_| "wait() does not return at the end".to_owned())?;
        require(
            !one.is_empty() && !other.is_empty(),
            "wait() does not say how it ended",
        )
    }

    async fn two(&self) -> Kept {
        self.with("", async |first| {
            self.with("second", async |second| {
                require(
                    first.placed.target != second.placed.target,
                    "both are at the same target",
                )
            })
            .await?;
            require(
                first.is_there().await,
                "the stop of one server ended the other",
            )
        })
        .await
    }

    async fn deleted(&self) -> Kept {
        let at = self.at("deleted");
        let owner = start::OWNER;
        self.with("deleted", async |_| Ok(())).await?;
        for spawner in [self.spawner, self.subject.again, self.spawner] {
            let deleted = spawner.delete_forever(&at, owner).await;
            deleted.map_err(|error| format!("it cannot be deleted: {error}"))?;
        }
        let begun = self.with("deleted", async |_| Ok(())).await;
        let deleted = self.spawner.delete_forever(&at, owner).await;
        begun.and(deleted.map_err(|error| error.to_string()))
    }

    async fn runs(&self, at: &ServerRef) -> Kept {
        self.with(at.name.as_str(), async |_| Ok(())).await
    }

    async fn renamed(&self) -> Kept {
        let (old, new) = (self.at("renamed"), self.at("renamed-anew"));
        let owner = start::OWNER;
        self.runs(&old).await?;
        for (spawner, from, to) in [(self.spawner, &old, &new), (self.subject.again, &new, &old)] {
            match spawner.rename(from, to, owner).await {
                Ok(()) => self.runs(to).await?,
                // A spawner need not be able to.
                Err(SpawnError::Refused { .. }) => self.runs(from).await?,
                Err(error) => return Err(format!("{from} cannot be renamed: {error}")),
            }
        }
        for at in [&old, &new] {
            let deleted = self.spawner.delete_forever(at, owner).await;
            deleted.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn junk(&self) -> Kept {
        for state in [json!(null), json!({}), json!({"pid": "x"}), json!([1])] {
            let poll = self.spawner.poll(&state).await;
            require(poll != Poll::Running, format!("{state} is running"))?;
            let waited = timeout(PATIENCE, self.spawner.wait(&state)).await;
            require(
                waited.is_ok(),
                format!("wait() does not return for {state}"),
            )?;
            let stopped = self.spawner.stop(&state, true).await;
            stopped.map_err(|error| format!("{state} cannot be stopped: {error}"))?;
            self.spawner.output_tail(&state, 5).await;
        }
        Ok(())
    }
}
