//! Cases 116 and 117 in numbers: a million look-ups, a million wrong tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hubauth::config::DEFAULT_CACHE_SIZE;
use hubauth::resolve::BoxFuture;
use hubauth::{
    CacheUse, ClientError, HubAuth, HubAuthConfig, Identity, Kind, Lookup, Resolve, Token,
};

/// Knows `token-N` as `userN`, for N below 10,000, and counts how often it is asked.
#[derive(Default)]
struct People(AtomicU64);

const USERS: u64 = 10_000;

impl Resolve for People {
    fn resolve<'a>(
        &'a self,
        lookup: &'a Lookup,
    ) -> BoxFuture<'a, Result<Option<Identity>, ClientError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let Lookup::Token(token) = lookup else {
            return Box::pin(async { Ok(None) });
        };
        let number = token.expose().strip_prefix("token-");
        let known = number
            .and_then(|n| n.parse::<u64>().ok())
            .filter(|n| *n < USERS);
        Box::pin(async move {
            Ok(known.map(|n| Identity {
                kind: Kind::User,
                name: format!("user{n}"),
                admin: false,
                groups: Vec::new(),
                scopes: Vec::new(),
                session_id: None,
                token_id: None,
                user_info: None,
                extra: serde_json::Map::new(),
            }))
        })
    }
}

fn auth() -> (HubAuth, Arc<People>) {
    let people = Arc::new(People::default());
    let config = HubAuthConfig::new(Token::from_config("t")).unwrap();
    let auth = HubAuth::with_resolver(config, Arc::clone(&people) as Arc<dyn Resolve>).unwrap();
    (auth, people)
}

/// Looks tokens up from 64 tasks at once; everybody must be who they are.
async fn mix(checks: u64) {
    const TASKS: u64 = 64;
    let (auth, _) = auth();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let auth = auth.clone();
            tokio::spawn(async move {
                for step in 0..checks / TASKS {
                    // A walk through all users that differs from task to task.
                    let user = (task * 7_919 + step * (2 * task + 1)) % USERS;
                    let token = Lookup::Token(Token::from_config(format!("token-{user}")));
                    let session = ["", "s1", "s2"][(step % 3) as usize];
                    let found = auth.look_up(session, &token, CacheUse::Normal).await;
                    let found = found.unwrap().unwrap();
                    assert_eq!(found.name[4..].parse::<u64>().unwrap(), user);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stats = auth.cache_stats();
    assert!(stats.size <= 10_000, "{stats:?}");
    assert!(
        stats.hits + stats.misses >= checks / TASKS * TASKS,
        "{stats:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_116_nobody_is_taken_for_somebody_else() {
    mix(64_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a million checks: a minute"]
async fn case_116_nobody_is_taken_for_somebody_else_in_full() {
    mix(1_000_000).await;
}

/// Memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What the process may grow by, in KiB, once the stores are full. A million kept misses would be 340 MiB.
const ROOM: u64 = 16 * 1024;

/// Random tokens leave no entries behind, and nobody who is known is forgotten for them. Gives the memory, in KiB, that
/// the process has grown by after the first tenth.
async fn flood(tokens: u64) -> u64 {
    let (auth, people) = auth();
    let alice = Token::from_config("token-1");
    assert!(auth.user_for_token(&alice).await.unwrap().is_some());
    let wave = async |tokens: u64| {
        for _ in 0..tokens {
            let user = auth.user_for_token(&Token::generate()).await.unwrap();
            assert!(user.is_none());
        }
    };
    // The stores are full and the allocator has what it needs.
    wave(tokens / 10).await;
    let before = resident();
    wave(tokens).await;
    let grown = resident().saturating_sub(before);
    let stats = auth.cache_stats();
    assert_eq!(stats.size, 1, "{stats:?}");
    assert!(
        (1..=DEFAULT_CACHE_SIZE / 10).contains(&stats.negative_size),
        "misses have a bound of their own: {stats:?}"
    );
    let asked = people.0.load(Ordering::Relaxed);
    assert!(auth.user_for_token(&alice).await.unwrap().is_some());
    assert_eq!(people.0.load(Ordering::Relaxed), asked);
    let shown = format!("{auth:?} {stats:?}");
    assert!(!shown.contains("token-1"), "{shown}");
    grown
}

#[tokio::test]
async fn case_117_random_tokens_leave_nothing_behind() {
    flood(20_000).await;
}

#[tokio::test]
#[ignore = "a million tokens: some minutes"]
async fn case_117_random_tokens_leave_nothing_behind_in_full() {
    let grown = flood(1_000_000).await;
    assert!(grown < ROOM, "{grown} KiB more");
}

#[tokio::test]
async fn case_117_known_users_are_bounded_too() {
    let people = Arc::new(People::default());
    let config = HubAuthConfig::new(Token::from_config("t"))
        .unwrap()
        .with_cache_size(100);
    let auth = HubAuth::with_resolver(config, people).unwrap();
    for n in 0..USERS {
        let token = Token::from_config(format!("token-{n}"));
        assert!(auth.user_for_token(&token).await.unwrap().is_some());
    }
    assert!(auth.cache_stats().size <= 100, "{:?}", auth.cache_stats());
}
