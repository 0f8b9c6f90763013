//! A mixed load for minutes or hours, during which the hub and its database are killed, stopped, silenced and started at
//! random: nobody gets another's answer, nothing is lost, nothing leaks.
//!
//! `E2E_SOAK_SECONDS` sets how long, `E2E_SOAK_SEED` repeats the choices of an earlier run, `E2E_PROGRAMS` names a folder with
//! other programs (those of a release build).

mod after;
mod flat;
mod load;
mod people;
mod plan;
mod programs;
mod record;
mod steady;
mod usage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::{Postgres, Stack, eventually, ports, programs as built};
use hub_types::env::{EnvSource as _, ProcessEnv};
use nix::sys::signal::Signal;
use tokio::task::JoinSet;

use self::load::Load;
use self::people::Habit;
use self::plan::Event;
use self::usage::Lives;
use crate::spec;

/// Longest time from the start of a hub, or the return of its database, until everything is answered again, on however busy a
/// machine.
const RECOVERY: Duration = Duration::from_secs(30);

/// How long that is waited for, to see how long it takes.
const WAIT: Duration = Duration::from_secs(120);

/// Seconds after which an idle server is culled: longer than anything that happens keeps people from theirs.
const IDLE: u32 = 60;

/// How many there are of each sort.
const STEADY: usize = 4;
const PROGRAMS: usize = 4;
const ORDERLY: usize = 8;
const FORGETFUL: usize = 4;

fn user(number: usize) -> String {
    format!("soak-{number:03}")
}

/// What the hub and its services are told. The addresses that must be the same after a restart are this process's own.
fn config(postgres: &Postgres) -> String {
    let hub = format!("http://{}:{}", ports::own_address(), ports::free());
    let echo = built::path("echo-service").display().to_string();
    let (database, idle) = (postgres.url(), format!("--timeout={IDLE}"));
    format!(
        "[JupyterHub]\ndb_url = {database:?}\nhub_bind_url = {hub:?}\nlast_activity_interval = 5\n\
         cleanup_servers = false\ncleanup_proxy = false\n\
         [Spawner]\ncmd = [{echo:?}, 'server']\nargs = []\n[Spawner.environment]\nHUBAUTH_CACHE_MAX_AGE = '20'\n\
         {whoami}environment = {{ HUBAUTH_CACHE_MAX_AGE = '20' }}\n{culler}",
        whoami = spec::whoami(),
        culler = spec::culler(&["hub", "cull-idle", idle.as_str(), "--cull-every=5"]),
    )
}

/// The deployment, and all who use it.
struct Scene {
    postgres: Postgres,
    stack: Stack,
    load: Arc<Load>,
    crowd: JoinSet<()>,
    hub: Lives,
    proxy: Lives,
    /// How long each recovery took.
    recoveries: Vec<(Event, Duration)>,
    /// The servers that must be there at the end as they were at the beginning.
    steady: Vec<(String, i32)>,
}

impl Scene {
    async fn set(seed: u64) -> Self {
        let postgres = Postgres::start().await;
        let stack = Stack::builder()
            .without_python()
            .config(&config(&postgres))
            .config(spec::USERS_MAY_OPEN_SERVICES)
            .start()
            .await;
        stack.service_is_up("whoami").await;
        let users = STEADY + PROGRAMS + ORDERLY + FORGETFUL;
        // The administrator of the configuration is one more.
        let load = Arc::new(Load::new(stack.client(), stack.api().token(), users + 1));
        let mut scene = Self {
            postgres,
            stack,
            load,
            crowd: JoinSet::new(),
            hub: Lives::default(),
            proxy: Lives::default(),
            recoveries: Vec::new(),
            steady: Vec::new(),
        };
        scene.hub.begin(scene.stack.hub().id());
        scene.proxy.begin(scene.proxy_pid());
        scene.people_come(users, seed).await;
        scene
    }

    fn proxy_pid(&self) -> u32 {
        let running = self.stack.sandbox().running();
        let is_proxy = |argv: &[String]| argv.get(1).is_some_and(|arg| arg == "proxy");
        let mut found = running.iter().filter(|process| is_proxy(&process.argv));
        let proxy = found.next().expect("a proxy runs");
        assert!(found.next().is_none(), "two proxies: {running:#?}");
        u32::try_from(proxy.pid).expect("process ids are positive")
    }

    /// Everybody gets a token of their own and begins.
    async fn people_come(&mut self, users: usize, seed: u64) {
        let api = self.stack.api();
        for number in 0..users {
            api.ensure_user(&user(number)).await;
        }
        for number in 0..users {
            let me = user(number);
            let seed = seed.wrapping_mul(1_000).wrapping_add(number as u64);
            let token = api.new_token(&me, &[]).await;
            self.load.ledger().good.push((me.clone(), token.clone()));
            let load = Arc::clone(&self.load);
            if number < STEADY {
                api.start_server(&me).await;
                let servers = self.stack.sandbox().servers_of(&me);
                self.steady
                    .push((me.clone(), servers.first().expect("it runs").pid));
                self.crowd.spawn(steady::stay(load, me, token, seed));
            } else if number < STEADY + PROGRAMS {
                self.crowd.spawn(programs::work(load, me, token, seed));
            } else {
                let orderly = number < STEADY + PROGRAMS + ORDERLY;
                let habit = if orderly {
                    Habit::Orderly
                } else {
                    Habit::Forgetful
                };
                self.crowd.spawn(people::live(load, me, token, habit, seed));
            }
        }
    }

    /// Makes something happen, and waits until everything is answered again.
    async fn happen(&mut self, event: Event) {
        self.load.record.trouble_begins();
        match event {
            Event::Kill => self.stack.kill_hub().await,
            Event::KillTwice(soon) => {
                self.stack.kill_hub().await;
                self.stack.launch_hub_again();
                // Not a wait for anything: the moment of the kill.
                tokio::time::sleep(soon).await;
                self.stack.kill_hub().await;
            }
            Event::Restart => {
                self.stack.hub().signal(Signal::SIGTERM);
                let exit = self.stack.hub_ended().await;
                assert_eq!(exit.status.code(), Some(0), "the hub was told to stop");
            }
            Event::DatabaseEnds(away) => {
                self.postgres.end().await;
                tokio::time::sleep(away).await;
            }
            Event::DatabaseHangs(away) => {
                self.postgres.hang();
                tokio::time::sleep(away).await;
            }
        }
        let begin = Instant::now();
        match event {
            Event::Kill | Event::KillTwice(_) | Event::Restart => {
                self.stack.restart_hub().await;
                self.hub.begin(self.stack.hub().id());
            }
            Event::DatabaseEnds(_) => self.postgres.begin().await,
            Event::DatabaseHangs(_) => self.postgres.go_on(),
        }
        self.recovered(event, begin).await;
        self.load.record.trouble_is_over();
    }

    async fn recovered(&mut self, event: Event, begin: Instant) {
        let (client, api) = (self.stack.client(), self.stack.api());
        eventually(WAIT, "everything is answered again", async || {
            let mut all = true;
            for (reply, status) in [
                (client.try_get("/hub/health").await, 200),
                (client.try_get("/hub/login").await, 200),
                (
                    client
                        .clone()
                        .token(api.token())
                        .try_get("/hub/api/users?limit=1")
                        .await,
                    200,
                ),
                (client.try_get("/services/whoami/").await, 302),
            ] {
                all &= reply.is_ok_and(|reply| reply.status == status);
            }
            all
        })
        .await;
        let took = begin.elapsed();
        if took > RECOVERY {
            self.load
                .record
                .fail(&format!("{}: back after {took:?} only", event.name()));
        }
        self.recoveries.push((event, took));
    }
}

fn number(name: &str) -> Option<u64> {
    ProcessEnv
        .get(name)
        .map(|text| text.parse().expect("a number"))
}

#[expect(clippy::print_stdout, reason = "what was seen is the result")]
async fn soak(seconds: u64) {
    let length = Duration::from_secs(number("E2E_SOAK_SECONDS").unwrap_or(seconds));
    let seed = number("E2E_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("soak: {length:?} with E2E_SOAK_SEED={seed}");
    let mut scene = Scene::set(seed).await;
    let watch = usage::watch([scene.hub.clone(), scene.proxy.clone()]);
    let begin = Instant::now();
    for (at, event) in plan::plan(seed, length) {
        tokio::time::sleep_until((begin + at).into()).await;
        scene.happen(event).await;
    }
    tokio::time::sleep_until((begin + length).into()).await;
    watch.abort();
    scene.load.end();
    println!("{}", scene.figures().await);
    scene.end().await;
}

/// Six minutes with what comes before and after: in CI, beside other tests.
#[tokio::test]
async fn a_mixed_load_for_minutes_leaks_and_confuses_nothing() {
    soak(300).await;
}

#[tokio::test]
#[ignore = "takes an hour: tests/run --slow"]
async fn a_mixed_load_for_an_hour_leaks_and_confuses_nothing() {
    soak(3_600).await;
}
