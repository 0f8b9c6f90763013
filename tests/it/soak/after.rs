//! What must hold when the load is over: everybody's server once, routed, and nothing else; tokens as the hub said; and what
//! was used by whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use e2e::{Running, eventually, eventually_some};
use serde_json::Value;

use super::flat::courses;
use super::{Scene, WAIT};

/// What must have been done at least once, or the run shows nothing.
const DONE: [&str; 17] = [
    "login",
    "logout",
    "logged out",
    "home page",
    "spawn by page",
    "spawn by API",
    "stop by page",
    "stop by API",
    "server stopped",
    "server culled",
    "visit of own server",
    "message",
    "message to a steady server",
    "whoami by cookie",
    "whoami by token",
    "revoked token refused",
    "list of users",
];

impl Scene {
    /// Waits for the last of the crowd; returns the figures.
    ///
    /// # Panics
    /// When anything was wrong.
    pub(super) async fn figures(&mut self) -> String {
        while let Some(joined) = self.crowd.join_next().await {
            joined.expect("nobody panicked");
        }
        let mut report = String::new();
        self.tell_what_was_done(&mut report);
        let mut complaints = self.flatness(&mut report);
        let (listed, wrong) = self.load.record.complaints();
        let _ = writeln!(report, "wrong-user answers: {wrong}");
        complaints.extend(listed);
        assert!(complaints.is_empty(), "{report}\n{}", complaints.join("\n"));
        report
    }

    /// Looks at everything once more, and ends it.
    pub(super) async fn end(mut self) {
        self.only_what_should_runs().await;
        self.tokens_are_as_the_hub_said().await;
        self.nothing_stays().await;
    }

    fn tell_what_was_done(&self, report: &mut String) {
        let tallies = self.load.record.tallies();
        for (what, tally) in &tallies {
            let _ = writeln!(report, "{what}: {} ({} excused)", tally.good, tally.excused);
        }
        let good: u64 = tallies.values().map(|tally| tally.good).sum();
        let excused: u64 = tallies.values().map(|tally| tally.excused).sum();
        let _ = writeln!(report, "all: {good} ({excused} excused)");
        for (event, took) in &self.recoveries {
            let _ = writeln!(report, "{} {event:?}: answers after {took:?}", event.name());
        }
        for what in DONE {
            let done = tallies.get(what).is_some_and(|tally| tally.good > 0);
            assert!(
                done,
                "nobody did this: {what}\n{report}\n{:#?}",
                self.load.record.complaints()
            );
        }
    }

    /// Says how resources went; complains of what was not flat in the last life of each program. Those before it were short:
    /// in them connections are still being made.
    fn flatness(&self, report: &mut String) -> Vec<String> {
        let mut complaints = Vec::new();
        for (program, lives) in [("proxy", &self.proxy), ("hub", &self.hub)] {
            let lives = lives.so_far();
            let life = lives.last().expect("it was looked at from the beginning");
            let courses = courses(&life.samples);
            if courses.is_empty() {
                complaints.push(format!("{program}: too few samples for a judgement"));
            }
            for course in courses {
                let count = lives.len();
                let line = format!("{program}, life {count}, {}: {course}", life.span());
                let _ = writeln!(report, "{line}");
                if !course.is_flat() {
                    complaints.push(line);
                }
            }
        }
        complaints
    }

    /// What the hub lists: everybody's server, once nothing is under way.
    async fn settled(&self) -> BTreeSet<String> {
        let api = self.stack.api();
        let users = eventually_some(WAIT, "nothing is under way", async || {
            let users = api.get("/users?limit=200").await.expect(200).json();
            let settled = |user: &Value| {
                let server = &user["servers"][""];
                server.is_null() || server["ready"] == true
            };
            let all = users.as_array().expect("a list");
            all.iter().all(settled).then(|| all.clone())
        })
        .await;
        let with_server = users.iter().filter(|user| !user["servers"][""].is_null());
        with_server
            .map(|user| user["name"].as_str().expect("a name").to_owned())
            .collect()
    }

    /// By user, or by service, the processes that were started for them.
    fn processes(&self) -> BTreeMap<String, Vec<i32>> {
        let mut found: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        let whose = |process: &Running| {
            // Services are given an empty name of a user.
            let var = |name: &str| process.env.get(name).filter(|text| !text.is_empty());
            let hub = u32::try_from(process.pid).is_ok_and(|pid| pid == self.stack.hub().id());
            if hub {
                "the hub".to_owned()
            } else if process.argv.get(1).is_some_and(|arg| arg == "proxy") {
                "the proxy".to_owned()
            } else {
                let name = var("JUPYTERHUB_USER").or_else(|| var("JUPYTERHUB_SERVICE_NAME"));
                name.map_or_else(|| process.argv.join(" "), Clone::clone)
            }
        };
        for process in self.stack.sandbox().running() {
            found.entry(whose(&process)).or_default().push(process.pid);
        }
        found
    }

    /// Each server that is listed runs once and is routed; nothing else does and is.
    async fn only_what_should_runs(&self) {
        let mut last = String::new();
        let look = async || {
            let mut expected = self.settled().await;
            let routes = self.stack.api().routes().await;
            let routed: BTreeSet<_> = routes
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect();
            let mut paths: BTreeSet<_> = expected
                .iter()
                .map(|user| format!("/user/{user}/"))
                .collect();
            paths.extend(["/", "/services/whoami/"].map(str::to_owned));
            expected.extend(["the hub", "the proxy", "whoami", "cull-idle"].map(str::to_owned));
            let processes = self.processes();
            let running: BTreeSet<_> = processes.keys().cloned().collect();
            let once = processes.values().all(|pids| pids.len() == 1);
            last = format!("listed {expected:?}\nrunning {processes:?}\nrouted {routed:?}");
            once && running == expected && routed == paths
        };
        eventually(WAIT, "what is listed runs once and is routed", look).await;
        let processes = self.processes();
        for (user, pid) in &self.steady {
            assert_eq!(
                processes.get(user),
                Some(&vec![*pid]),
                "{user}'s server is another\n{last}"
            );
        }
        assert_eq!(
            self.proxy_pid(),
            self.proxy.so_far()[0].pid,
            "the proxy was replaced"
        );
        eventually(
            WAIT,
            "the hub has seen every end of its children",
            async || zombies(self.stack.hub().id()) == 0,
        )
        .await;
    }

    async fn tokens_are_as_the_hub_said(&self) {
        let ledger = self.load.ledger().clone();
        for (user, token) in &ledger.good {
            let whose = self
                .stack
                .api()
                .with(token)
                .get("/user")
                .await
                .expect(200)
                .json();
            assert_eq!(whose["name"], user.as_str());
        }
        for (_, token) in &ledger.revoked {
            self.stack.api().with(token).get("/user").await.expect(403);
        }
    }

    /// Stops all servers, and the hub: nothing is left but the proxy, which was to stay.
    async fn nothing_stays(&mut self) {
        let log = self.stack.log();
        assert!(!log.contains("panicked"), "the hub panicked");
        for user in self.settled().await {
            self.stack.api().stop_server(&user).await;
        }
        let exit = self.stack.stop_hub().await;
        assert_eq!(exit.status.code(), Some(0), "the hub was told to stop");
        eventually(WAIT, "only the proxy runs", async || {
            self.processes().keys().eq(["the proxy"])
        })
        .await;
    }
}

/// Children of a process that have ended without its having looked.
fn zombies(parent: u32) -> usize {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let is_one = |stat: &str| {
        let mut fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        fields.next() == Some("Z") && fields.next() == Some(parent.to_string().as_str())
    };
    let stats = processes.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    stats.filter(|stat| is_one(stat)).count()
}
