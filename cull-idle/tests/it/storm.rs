//! A thousand sweeps over HTTP at a hub that fails in every way it can: nothing is stopped or deleted wrongly.

use std::time::Duration;

use chrono::TimeDelta;
use cull_idle::sweep::Sweeper;
use hub_types::clock::{Clock as _, FakeClock, SystemClock};
use hub_types::names::escape;

use crate::fake_hub::{Answer, FakeHub};
use crate::world::{Dice, Flags, World, may_delete, may_stop};

/// Minutes by which a clock is wrong: mostly not at all, rarely by more than the culler bears.
const OFFSETS: [i64; 20] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -25, -25, -5, 5, 25, 25, -2_880, 2_880,
];

/// What was done and what went wrong on the way.
#[derive(Debug, Default)]
struct Count {
    servers: usize,
    stopped: usize,
    deleted: usize,
    became_active: usize,
    failed: usize,
    no_sweep: usize,
}

fn fault(dice: &mut Dice) -> Answer {
    if dice.one_in(50) {
        return Answer::Slow;
    }
    dice.pick(&[
        Answer::Status(500, "{}"),
        Answer::Status(403, "{}"),
        Answer::Status(404, "{}"),
        Answer::Status(412, "{}"),
        Answer::Status(502, "<html>"),
        Answer::Status(202, ""),
        Answer::Busy(1),
        Answer::Busy(9),
        Answer::Broken,
        Answer::Lost,
    ])
}

/// Makes the hub fail here and there.
fn spoil(hub: FakeHub, dice: &mut Dice, world: &World) -> FakeHub {
    let mut hub = hub.page_size(usize::try_from(1 + dice.roll(4)).unwrap());
    if dice.one_in(12) {
        let line = dice.pick(&["GET /users", "GET /"]);
        let fault = fault(dice);
        hub = hub.answer(line, fault);
    }
    if dice.one_in(15) {
        hub = hub.without_date();
    }
    if dice.one_in(3) {
        hub = hub.without_conditions();
    }
    for (name, person) in &world.people {
        let user = escape(name);
        if person.wakes {
            hub = hub.awaken_before_delete(&user);
        }
        for (server, truth) in &person.servers {
            let path = match &**server {
                "" => format!("{user}/server"),
                named => format!("{user}/servers/{}", escape(named)),
            };
            if truth.wakes {
                hub = hub.awaken_before_delete(&path);
            }
            if dice.one_in(8) {
                hub = hub.answer(&format!("DELETE /users/{path}"), fault(dice));
            }
        }
        for method in ["GET", "DELETE"] {
            if dice.one_in(12) {
                hub = hub.answer(&format!("{method} /users/{user}"), fault(dice));
            }
        }
    }
    hub
}

/// One sweep over one world.
async fn sweep(hub: &FakeHub, seed: u64, count: &mut Count) {
    let mut dice = Dice::new(seed);
    let flags = Flags::thrown(&mut dice);
    let fresh = hub.clone().emptied();
    // The hub's clock is wrong, or ours, or both.
    let mut offset = || TimeDelta::minutes(dice.pick(&OFFSETS));
    let (theirs, ahead) = (offset(), offset());
    let world = World::thrown(&mut dice, &flags, SystemClock.now() + theirs, 8);
    let mut hub = spoil(fresh.clock_ahead(theirs), &mut dice, &world);
    for said in &world.said {
        hub = hub.user(said.clone());
    }
    let args = flags.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut settings = hub.settings(&args);
    settings.request_timeout = Duration::from_secs(3);
    let ours = FakeClock::at(SystemClock.now() + ahead);
    let mut sweeper = Sweeper::new(&settings, std::sync::Arc::new(ours)).unwrap();
    if hub.is_without_conditions() || dice.one_in(3) {
        sweeper = sweeper.stale_after(Duration::ZERO);
    }
    let swept = match sweeper.era().await {
        Ok(era) => sweeper.sweep(era).await,
        Err(why) => Err(why),
    };
    match swept {
        Ok(summary) => {
            count.failed += summary.failed;
            count.became_active += summary.became_active;
        }
        Err(_) => count.no_sweep += 1,
    }
    let left = hub.users();
    for (name, person) in &world.people {
        let user = left.iter().find(|user| user["name"] == **name);
        for (server, truth) in &person.servers {
            count.servers += 1;
            let gone = user.is_none_or(|user| user["servers"].get(server).is_none());
            let right = may_stop(&flags, server, truth);
            assert!(
                !gone || right,
                "seed {seed}: {flags:?} stopped {name}/{server}: {truth:?}"
            );
            count.stopped += usize::from(gone);
        }
        let right = may_delete(&flags, person);
        assert!(
            user.is_some() || right,
            "seed {seed}: {flags:?} deleted {name}: {person:?}"
        );
        count.deleted += usize::from(user.is_none());
    }
}

/// A fourth of the sweeps, at a hub of their own.
async fn quarter(first: u64) -> Count {
    let hub = FakeHub::start().await;
    let mut count = Count::default();
    for seed in (first..1_000).step_by(4) {
        sweep(&hub, seed, &mut count).await;
    }
    count
}

#[tokio::test]
async fn case_108_a_thousand_sweeps_at_a_faulty_hub() {
    let quarters = futures_util::future::join_all((0..4).map(quarter)).await;
    let sum = |of: fn(&Count) -> usize| quarters.iter().map(of).sum::<usize>();
    println!("1,000 sweeps over HTTP, seeds 0 to 999: {quarters:#?}");
    assert!(sum(|count| count.stopped) > 200 && sum(|count| count.deleted) > 30);
    assert!(sum(|count| count.failed) > 30 && sum(|count| count.no_sweep) > 50);
    assert!(sum(|count| count.became_active) > 15);
}
