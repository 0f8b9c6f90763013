//! Case 101: the hub's clock is set while it runs (by libfaketime, which leaves the clock alone that timers go by). Nothing
//! expires, comes back or is stopped beyond what the clock says.

use std::time::Duration;

use e2e::{Stack, eventually};
use serde_json::json;

use crate::fleet::WAIT;

/// Where Debian's package libfaketime has it.
const LIBRARY: &str = "/usr/lib/*/faketime/libfaketimeMT.so.1";

/// A server that begins when there is a file `go` in its owner's home.
const GATED: &str = "[Spawner]\ncmd = ['/bin/sh', '-c', 'while ! [ -e go ]; do sleep 0.1; done; exec hub demo-server']\nargs = []\nhttp_timeout = 600\n";

fn library() -> String {
    let shell = std::process::Command::new("sh")
        .args(["-c", &format!("ls {LIBRARY}")])
        .output();
    let found = String::from_utf8(shell.expect("a shell").stdout).expect("a path");
    let found = found
        .lines()
        .next()
        .expect("libfaketime: tests/run installs it");
    found.to_owned()
}

struct Scene {
    stack: Stack,
    jumps: usize,
}

impl Scene {
    async fn set() -> Self {
        let stack = Stack::builder()
            .config(GATED)
            .program("clock", "+0")
            .env("LD_PRELOAD", &library())
            .env("FAKETIME_TIMESTAMP_FILE", "./clock")
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .start()
            .await;
        Self { stack, jumps: 0 }
    }

    /// Sets the hub's clock, and waits until it says so, once.
    async fn set_clock(&mut self, to: &str) {
        let new = self.stack.sandbox().write("clock.new", to);
        std::fs::rename(new, self.stack.data("clock")).expect("our own file");
        self.jumps += 1;
        let what = format!("the hub notices that its clock is at {to}");
        eventually(WAIT, &what, async || self.warnings() == self.jumps).await;
    }

    fn warnings(&self) -> usize {
        self.stack
            .log()
            .matches("the clock of this machine was set")
            .count()
    }

    /// Lets `user`'s server begin.
    fn go(&self, user: &str) {
        let home = self.stack.sandbox().home().join(user);
        std::fs::create_dir_all(&home).expect("a home");
        std::fs::write(home.join("go"), "").expect("a file");
    }

    async fn token(&self, seconds: u32) -> String {
        let body = json!({ "note": "clock", "expires_in": seconds });
        let made = self.stack.api().post("/users/mal/tokens", &body).await;
        let made = made.expect(201).json();
        made["token"].as_str().expect("a token").to_owned()
    }

    async fn works(&self, token: &str) -> bool {
        self.stack.api().with(token).get("/user").await.status == 200
    }

    /// The server of before is there, with its token; `zoe`'s still starts; people can log in.
    async fn goes_on(&self, before: &[i32], when: &str) {
        let servers = self.stack.sandbox().servers_of("mal");
        let pids: Vec<i32> = servers.iter().map(|process| process.pid).collect();
        assert_eq!(pids, before, "{when}");
        assert!(
            self.works(&servers[0].env["JUPYTERHUB_API_TOKEN"]).await,
            "{when}"
        );
        let mal = self.stack.api().server("mal").await.expect("a server");
        assert_eq!(mal["ready"], true, "{when}");
        let zoe = self.stack.api().server("zoe").await.expect("a server");
        assert_eq!(zoe["pending"], "spawn", "{when}");
        let mut visitor = self.stack.visitor();
        visitor.login("ned", "x").await;
        visitor.get("hub/home").await.expect(200);
    }
}

#[tokio::test]
async fn case_101_a_clock_that_is_set_changes_what_it_must_and_no_more() {
    let mut scene = Scene::set().await;
    scene.go("mal");
    let api = scene.stack.api();
    api.start_server("mal").await;
    let before: Vec<i32> = scene
        .stack
        .sandbox()
        .servers_of("mal")
        .iter()
        .map(|one| one.pid)
        .collect();
    // Starts for as long as the clocks are set; its time-outs are not theirs.
    api.request_server("zoe").await;
    let (short, long) = (scene.token(1_800).await, scene.token(36_000).await);
    let forever = api.new_token("mal", &[]).await;
    let mut visitor = scene.stack.visitor();
    visitor.login("mal", "x").await;

    // Short tokens end, everything else does not. The clock goes back, too, and nothing is worse for it.
    for (clock, short_lives, long_lives, logged_in) in [
        ("+1h", false, true, true),
        ("+0", true, true, true),
        // Who logged in in what is now the future waits for it, or logs in again.
        ("-1h", true, true, false),
        ("+0", true, true, true),
        ("+10y", false, false, false),
        ("+0", true, true, true),
    ] {
        scene.set_clock(clock).await;
        scene.goes_on(&before, clock).await;
        assert!(scene.works(&forever).await, "{clock}");
        // What has expired may be forgotten by the time that the clock is right again.
        if !short_lives {
            assert!(!scene.works(&short).await, "{clock}");
        }
        if !long_lives {
            assert!(!scene.works(&long).await, "{clock}");
        }
        if clock == "+1h" || clock == "-1h" {
            assert!(scene.works(&long).await, "{clock}");
        }
        let home = visitor.get("hub/home").await.status;
        assert_eq!(home == 200, logged_in, "{clock}: {home}");
    }
    assert_eq!(scene.warnings(), 6, "one warning for each");
    scene.go("zoe");
    let ready = tokio::time::timeout(Duration::from_secs(90), api.ready_server("zoe"));
    ready.await.expect("zoe's server is ready");
    api.stop_server("mal").await;
}
