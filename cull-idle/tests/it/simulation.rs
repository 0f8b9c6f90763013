//! Ten thousand sweeps over the pure decision, at hubs that hide, garble and postdate what they know.

use cull_idle::cli::Args;
use cull_idle::decide::WhyCull;
use cull_idle::plan::{Plan, plan};
use cull_idle::source::wire::{self, Era};
use hub_types::clock::{Clock as _, SystemClock};

use crate::fake_hub::env_of;
use crate::world::{Dice, Flags, Person, World, may_delete, may_stop};

/// What was done, so that a simulation in which nothing happens is not taken for a safe one.
#[derive(Debug, Default)]
struct Count {
    servers: usize,
    users: usize,
    stopped: usize,
    deleted: usize,
    refused: usize,
}

/// One user's turn at a hub that refuses what was used since it was read.
fn turn(flags: &Flags, person: &Person, plan: &Plan, count: &mut Count) {
    let mut alive = person.servers.len() - plan.servers.len();
    for stop in &plan.servers {
        let truth = &person.servers[&stop.server];
        if truth.wakes && matches!(stop.why, WhyCull::Inactive { .. }) {
            count.refused += 1;
            alive += 1;
            continue;
        }
        assert!(
            may_stop(flags, &stop.server, truth),
            "{flags:?} stops {truth:?} because of {:?}",
            stop.why
        );
        count.stopped += 1;
    }
    // The actor deletes nobody whose stops were not all done.
    if plan.delete.is_some() && alive == 0 && !person.wakes {
        assert!(may_delete(flags, person), "{flags:?} deletes {person:?}");
        count.deleted += 1;
    }
}

#[test]
fn case_105_ten_thousand_sweeps_stop_nothing_wrongly() {
    use clap::Parser as _;
    let now = SystemClock.now();
    let mut count = Count::default();
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed);
        let flags = Flags::thrown(&mut dice);
        let world = World::thrown(&mut dice, &flags, now, 4);
        let args = std::iter::once("cull-idle".to_owned()).chain(flags.args());
        let settings = Args::try_parse_from(args)
            .unwrap()
            .settings(&env_of("http://hub.invalid/hub/api"))
            .unwrap();
        for said in &world.said {
            let facts = wire::user(said, Era::new(6, 1)).unwrap();
            let person = &world.people[&facts.name];
            count.users += 1;
            count.servers += person.servers.len();
            let plan = plan(&settings.policy, now, &facts, |_, _| {});
            turn(&flags, person, &plan, &mut count);
        }
    }
    println!("10,000 sweeps, seeds 0 to 9,999: {count:?}");
    assert!(
        count.stopped > 4_000 && count.deleted > 500 && count.refused > 500,
        "{count:?}"
    );
}
