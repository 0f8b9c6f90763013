//! Case 97: the hub is killed again and again while servers run and sockets are open. Nobody but the hub notices.

use std::time::Duration;

use crate::fleet::Fleet;

/// Nobody waits longer for a hub that comes back, on however busy a machine. The aim is 5 s; what was seen is printed.
const LONGEST: Duration = Duration::from_secs(30);

/// Before some of the restarts that are looked at there is one that is killed as soon as it can be (all of what it does in
/// the background is under way), before others one that is killed while it comes up.
async fn kill_what_comes_up(fleet: &mut Fleet, round: u32) {
    match round % 3 {
        1 => fleet.stack.restart_hub().await,
        2 => {
            fleet.stack.launch_hub_again();
            // Not a wait for anything: the moment of the kill.
            tokio::time::sleep(Duration::from_millis(u64::from(round * 37 % 500))).await;
        }
        _ => return,
    }
    fleet.stack.kill_hub().await;
}

#[expect(clippy::print_stdout, reason = "what was seen is the result")]
async fn kill_again_and_again(rounds: u32, servers: usize) {
    let mut fleet = Fleet::start(servers, "").await;
    let mut took = Vec::new();
    for round in 0..rounds {
        fleet.stack.kill_hub().await;
        fleet.sockets_live(&format!("round {round}, no hub")).await;
        kill_what_comes_up(&mut fleet, round).await;
        took.push(fleet.restart().await);
        let when = format!("round {round}");
        fleet.nothing_has_changed(&when).await;
        fleet.sockets_live(&when).await;
    }
    fleet.stop().await;
    let mut ready: Vec<_> = took.iter().map(|(_, ready)| *ready).collect();
    ready.sort();
    let running = took.iter().map(|(running, _)| *running).max();
    let (middle, last) = (ready[ready.len() / 2], ready[ready.len() - 1]);
    println!(
        "case 97: {rounds} kills with {servers} servers: all ready after {middle:?} (median), {last:?} (longest); the hub \
         itself after {running:?} at most"
    );
    assert!(last < LONGEST, "{ready:?}");
}

#[tokio::test]
async fn case_97_a_hub_that_is_killed_takes_nothing_along() {
    kill_again_and_again(10, 20).await;
}

#[tokio::test]
#[ignore = "takes minutes: tests/run --slow"]
async fn case_97_a_hundred_kills_with_fifty_servers() {
    kill_again_and_again(100, 50).await;
}
