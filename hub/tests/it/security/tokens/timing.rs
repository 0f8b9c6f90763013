//! Case 46: whether the time of an answer tells what a secret begins with, or whether somebody exists.
//!
//! Requests go in pairs, one of each kind, in an order that is drawn anew each time. So whatever makes a machine slower for
//! a while (another program, a growing database) makes both of a pair slower, and a place within the pair is no
//! advantage. What is judged is the difference within the pairs, by Wilcoxon's signed-rank test. Mann and Whitney's test
//! takes all times as independent, which times of neighbours are not: over 20,000 of them it found 2 µs of 600 between
//! kinds that the hub cannot tell apart.

use std::time::{Duration, Instant};

use hub_types::secret::{Token, random_bytes};

use super::who;
use crate::harness::Hub;

/// Beyond this, two kinds differ with an error of one in a hundred (of both sides).
const DIFFERENT: f64 = 2.576;

/// Two kinds of request, timed.
struct Compared {
    z: f64,
    medians: [Duration; 2],
}

/// Sends `pairs` pairs; `send` gets the kind (0 or 1) and the number of the pair.
#[expect(
    clippy::print_stdout,
    reason = "the figures are the point of a statistical test"
)]
async fn compare(pairs: u32, send: impl AsyncFn(usize, u32)) -> Compared {
    let mut times = [Vec::new(), Vec::new()];
    for pair in 0..pairs {
        let first = usize::from(random_bytes::<1>()[0] & 1);
        for kind in [first, 1 - first] {
            let begin = Instant::now();
            send(kind, pair).await;
            times[kind].push(begin.elapsed());
        }
    }
    let z = signed_ranks(&times[0], &times[1]);
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    println!("z = {z:.2}, medians {medians:?}");
    Compared { z, medians }
}

/// Wilcoxon's statistic of paired samples, normally distributed for as many as these. Equal pairs count for neither side.
fn signed_ranks(one: &[Duration], other: &[Duration]) -> f64 {
    let nanos = |time: &Duration| i128::try_from(time.as_nanos()).unwrap();
    let pairs = one.iter().zip(other);
    let mut differences: Vec<i128> = pairs
        .map(|(one, other)| nanos(one) - nanos(other))
        .filter(|difference| *difference != 0)
        .collect();
    differences.sort_by_key(|difference| difference.abs());
    let ranks = (1_u32..).map(f64::from).zip(&differences);
    let sum: f64 = ranks
        .map(|(rank, difference)| if *difference > 0 { rank } else { -rank })
        .sum();
    let n = f64::from(u32::try_from(differences.len()).unwrap());
    sum / (n * (n + 1.0) * (2.0 * n + 1.0) / 6.0).sqrt()
}

/// Random tokens of full length that begin like this one, made before anything is timed. None of them is the token: with 60
/// of 64 characters right, one of 20,000 would be in every fourth run.
fn guesses(token: &str, known: usize, count: u32) -> Vec<String> {
    let guess = || {
        let mut guess = Token::generate().expose().to_owned();
        guess.replace_range(..known, &token[..known]);
        guess
    };
    let wrong = std::iter::repeat_with(guess).filter(|guess| guess != token);
    wrong.take(count as usize).collect()
}

#[test]
fn the_statistic_tells_what_differs() {
    let mut state = 1_u64;
    let mut noise = |_| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        Duration::from_nanos(1_000_000 + (state >> 54))
    };
    let one: Vec<_> = (0..5_000).map(&mut noise).collect();
    let alike: Vec<_> = (0..5_000).map(&mut noise).collect();
    let later = Duration::from_nanos(50);
    let longer: Vec<_> = alike.iter().map(|each| *each + later).collect();
    assert!(signed_ranks(&one, &alike).abs() < DIFFERENT);
    assert!(signed_ranks(&one, &longer) < -DIFFERENT);
    assert!(signed_ranks(&longer, &one) > DIFFERENT);
}

#[tokio::test]
#[ignore = "20,000 requests of each kind take minutes; statistical: one run in a hundred fails by chance"]
async fn case_46_timing_of_tokens() {
    const PAIRS: u32 = 20_000;
    let hub = Hub::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    for known in [4, 60] {
        let kinds = [guesses(&me, known, PAIRS), guesses(&me, 0, PAIRS)];
        let found = compare(PAIRS, async |kind, pair| {
            who(&hub, &kinds[kind][pair as usize]).await.expect(403);
        })
        .await;
        let Compared { z, medians } = found;
        assert!(
            z.abs() < DIFFERENT,
            "{known} right characters: z = {z}, medians {medians:?}"
        );
    }
    // What does differ is seen: the right token against a wrong one.
    let kinds = [vec![me.clone()], guesses(&me, 0, 1)];
    let found = compare(1_000, async |kind, _| {
        let expected = if kind == 0 { 200 } else { 403 };
        who(&hub, &kinds[kind][0]).await.expect(expected);
    })
    .await;
    assert!(found.z.abs() > DIFFERENT, "blind: z = {}", found.z);
}

#[tokio::test]
#[ignore = "thousands of logins take minutes; statistical: one run in a hundred fails by chance"]
async fn case_46_timing_of_logins() {
    const PAIRS: u32 = 5_000;
    let hub = Hub::with(|config| config.own.failed_logins_per_minute = 0).await;
    hub.log_in("alice").await;
    let page = hub.request("GET", "/hub/login").send().await.expect(200);
    let xsrf = page.cookie("_xsrf").unwrap();
    let cookie = format!("_xsrf={xsrf}");
    let found = compare(PAIRS, async |kind, _| {
        let username = ["alice", "nobod"][kind];
        let fields = [
            ("_xsrf", &*xsrf),
            ("username", username),
            ("password", "a wrong one"),
        ];
        let form = hub.request("POST", "/hub/login").header("cookie", &cookie);
        form.form(&fields).send().await.expect(403);
    })
    .await;
    let Compared { z, medians } = found;
    assert!(
        z.abs() < DIFFERENT,
        "known and unknown users: z = {z}, medians {medians:?}"
    );
}
