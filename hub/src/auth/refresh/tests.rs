//! Who waits for whom, and what counts when logins come in between.

mod blocked;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use hub_types::clock::FakeClock;
use hub_types::names::Username;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::*;
use crate::auth::{AuthModel, AuthUnavailable, Authenticator, LoginForm};
use crate::bus::Bus;
use crate::config::{Config, CryptKey};
use crate::db::{groups, users};

/// Lets in everybody. When asked again it is away the first time, or does not answer until it is told to, and then says that
/// they have left.
#[derive(Debug, Default)]
struct Hangs {
    away: AtomicU64,
    /// Whether it is away when it is told to answer.
    hangs_up: AtomicBool,
    asked: Notify,
    answers: Notify,
}

#[async_trait]
impl Authenticator for Hangs {
    fn class(&self) -> &'static str {
        "hangs"
    }

    fn refreshes(&self) -> bool {
        true
    }

    async fn authenticate(
        &self,
        name: &str,
        _: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        let name = name.to_owned();
        Ok(Some(AuthModel {
            name,
            ..AuthModel::default()
        }))
    }

    async fn refresh(&self, _: &Username) -> Result<Refreshed, AuthUnavailable> {
        if self.away.swap(0, Ordering::SeqCst) > 0 {
            return Err(AuthUnavailable("away".to_owned()));
        }
        self.asked.notify_one();
        self.answers.notified().await;
        if self.hangs_up.swap(false, Ordering::SeqCst) {
            return Err(AuthUnavailable("away".to_owned()));
        }
        Ok(Refreshed::Gone("left".to_owned()))
    }
}

/// Somebody who has logged in there, and is to be asked about again.
async fn due(hangs: &Arc<Hangs>) -> (Login, User, FakeClock) {
    let mut config = Config::default();
    config.authenticator.allow_all = Some(true);
    let clock = FakeClock::at(DateTime::UNIX_EPOCH);
    let login = Login::new(
        crate::db::testing::empty().await,
        Bus::default(),
        Arc::new(clock.clone()),
        Arc::new(config),
        Arc::<Hangs>::clone(hangs),
    );
    let user = login.check(&LoginForm::new("mal", "x")).await.unwrap();
    clock.advance(TimeDelta::seconds(301));
    (login, user, clock)
}

/// Asks until the answer has come that the login does not hold: a request does not wait for it for long. The clock stands still.
async fn turned_away(login: &Login, user: &User) {
    let gone = async {
        while login.still_holds(user, false).await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), gone).await.unwrap();
}

#[tokio::test]
async fn nobody_who_can_be_asked_is_no_answer_for_long() {
    let hangs = Arc::new(Hangs::default());
    hangs.away.store(1, Ordering::SeqCst);
    hangs.answers.notify_one();
    let (login, user, clock) = due(&hangs).await;
    for seconds in [0, 29] {
        clock.advance(TimeDelta::seconds(seconds));
        assert!(login.still_holds(&user, false).await.unwrap(), "{seconds}");
    }
    clock.advance(TimeDelta::seconds(1));
    turned_away(&login, &user).await;
}

#[tokio::test]
async fn half_a_minute_begins_when_it_is_known_that_nobody_answers() {
    let hangs = Arc::new(Hangs::default());
    hangs.hangs_up.store(true, Ordering::SeqCst);
    let (login, user, clock) = due(&hangs).await;
    let known = login.freshness().of(user.id).await;
    assert_eq!(known.patience(), PATIENCE);
    let (asks, who) = (login.clone(), user.clone());
    let first = tokio::spawn(async move { asks.still_holds(&who, false).await });
    hangs.asked.notified().await;
    clock.advance(TimeDelta::seconds(40));
    hangs.answers.notify_one();
    assert!(first.await.unwrap().unwrap());
    // Asked now, it would say at once that they have left.
    hangs.answers.notify_one();
    clock.advance(TimeDelta::seconds(29));
    assert!(login.still_holds(&user, false).await.unwrap());
    assert_eq!(known.patience(), SHORT_PATIENCE);
    clock.advance(TimeDelta::seconds(1));
    turned_away(&login, &user).await;
    assert_eq!(known.patience(), PATIENCE);
}

#[tokio::test]
async fn while_the_authenticator_hangs_one_request_waits_and_no_other() {
    let hangs = Arc::new(Hangs::default());
    let (login, user, _) = due(&hangs).await;
    let (asks, who) = (login.clone(), user.clone());
    let first = tokio::spawn(async move { asks.still_holds(&who, false).await });
    hangs.asked.notified().await;
    // The database is asked nothing by these: they come back at once, or never.
    for _ in 0..3 {
        assert!(login.still_holds(&user, false).await.unwrap());
    }
    // The request that waits is given up; the answer is not lost.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    hangs.answers.notify_one();
    turned_away(&login, &user).await;
}

#[test]
fn when_the_authenticator_is_asked_again() {
    let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
    let age = Duration::from_secs(300);
    for (then, now, due) in [
        (0, 0, false),
        (0, 299, false),
        (0, 300, true),
        (10, 9, true),
    ] {
        assert_eq!(is_due(at(then), at(now), age), due, "{then} {now}");
    }
}

/// Knows groups, keeps something of each login, and answers what it is told to when asked again.
#[derive(Debug, Default)]
struct Told {
    logins: AtomicU64,
    answers: std::sync::Mutex<VecDeque<Refreshed>>,
    seen: std::sync::Mutex<Vec<Option<Value>>>,
    asked: Notify,
    answer: Notify,
}

#[async_trait]
impl Authenticator for Told {
    fn class(&self) -> &'static str {
        "told"
    }

    fn refreshes(&self) -> bool {
        true
    }

    fn says_groups(&self) -> bool {
        true
    }

    async fn authenticate(
        &self,
        name: &str,
        _: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        let login = self.logins.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Some(AuthModel {
            name: name.to_owned(),
            groups: Some(["crew".to_owned()].into()),
            auth_state: Some(json!({"login": login})),
            ..AuthModel::default()
        }))
    }

    async fn refresh_with(
        &self,
        _: &Username,
        state: Option<&Value>,
        _: DateTime<Utc>,
    ) -> Result<Refreshed, AuthUnavailable> {
        self.seen.lock().unwrap().push(state.cloned());
        self.asked.notify_one();
        self.answer.notified().await;
        let answer = self.answers.lock().unwrap().pop_front();
        Ok(answer.unwrap_or(Refreshed::Unchanged))
    }
}

/// Two hubs with one database and one authenticator.
struct Hubs {
    here: Login,
    other: Login,
    told: Arc<Told>,
    clock: FakeClock,
}

impl Hubs {
    async fn start() -> Self {
        let mut config = Config::default();
        config.authenticator.allow_all = Some(true);
        config.authenticator.manage_groups = true;
        config.authenticator.enable_auth_state = true;
        config.crypt_keeper.keys = vec![CryptKey::parse(&"5a".repeat(32)).unwrap()];
        let db = crate::db::testing::empty().await;
        let (told, clock) = (
            Arc::new(Told::default()),
            FakeClock::at(DateTime::UNIX_EPOCH),
        );
        let login = || {
            Login::new(
                db.clone(),
                Bus::default(),
                Arc::new(clock.clone()),
                Arc::new(config.clone()),
                Arc::<Told>::clone(&told),
            )
        };
        Self {
            here: login(),
            other: login(),
            told: Arc::clone(&told),
            clock,
        }
    }

    /// Asks again, now that it is due, and answers this.
    async fn refresh(&self, user: &User, answer: Refreshed) -> bool {
        self.told.answers.lock().unwrap().push_back(answer);
        self.told.answer.notify_one();
        self.clock.advance(TimeDelta::seconds(301));
        self.here.still_holds(user, false).await.unwrap()
    }

    async fn is_admin(&self, user: &User) -> bool {
        let found = users::get(self.here.db().read(), user.id).await.unwrap();
        found.unwrap().admin
    }

    async fn groups(&self) -> Vec<String> {
        let all = groups::snapshot(self.here.db().read()).await.unwrap();
        all.of_user("mal")
    }
}

fn model(change: impl FnOnce(&mut AuthModel)) -> Refreshed {
    let mut model = AuthModel {
        name: "mal".to_owned(),
        ..AuthModel::default()
    };
    change(&mut model);
    Refreshed::New(model)
}

#[tokio::test]
async fn a_login_at_another_hub_wins_over_a_refresh_that_is_on_its_way() {
    let olds = [
        model(|model| {
            model.admin = Some(true);
            model.auth_state = Some(json!("old"));
        }),
        model(|model| model.admin = Some(true)),
        Refreshed::Tokens(json!("old")),
        Refreshed::Gone("the token was used".to_owned()),
    ];
    for old in olds {
        let hubs = Hubs::start().await;
        let form = LoginForm::new("mal", "x");
        let user = hubs.here.check(&form).await.unwrap();
        let new = model(|model| model.auth_state = Some(json!("new")));
        let case = format!("{old:?}");
        hubs.told.answers.lock().unwrap().extend([old, new]);
        hubs.clock.advance(TimeDelta::seconds(301));
        let meanwhile = async {
            hubs.told.asked.notified().await;
            hubs.other.check(&form).await.unwrap();
            hubs.told.answer.notify_one();
            hubs.told.asked.notified().await;
            hubs.told.answer.notify_one();
        };
        let (holds, ()) = tokio::join!(hubs.here.still_holds(&user, false), meanwhile);
        assert!(holds.unwrap(), "{case}");
        let seen = hubs.told.seen.lock().unwrap().clone();
        let of = |login: u64| Some(json!({"login": login}));
        assert_eq!(seen, [of(1), of(2)], "{case}");
        let kept = hubs.here.auth_states().of(&user).await.unwrap();
        assert_eq!(kept, Some(json!("new")), "{case}");
        assert!(!hubs.is_admin(&user).await, "{case}");
    }
}

#[tokio::test]
async fn what_an_authenticator_does_not_know_right_now_stays() {
    let hubs = Hubs::start().await;
    let user = hubs.here.check(&LoginForm::new("mal", "x")).await.unwrap();
    let kept = async || hubs.here.auth_states().of(&user).await.unwrap();
    let crew = ["crew".to_owned()];
    assert!(
        hubs.refresh(&user, model(|model| model.admin = Some(true)))
            .await
    );
    assert!(hubs.is_admin(&user).await);
    assert!(hubs.refresh(&user, model(|_| {})).await);
    assert!(hubs.is_admin(&user).await, "`admin` was not said");
    assert_eq!(hubs.groups().await, crew, "`groups` was not said");
    assert_eq!(kept().await, Some(json!({"login": 1})));
    // What is said counts, whatever else is not.
    assert!(
        hubs.refresh(&user, model(|model| model.admin = Some(false)))
            .await
    );
    assert!(!hubs.is_admin(&user).await);
    assert_eq!(hubs.groups().await, crew);
    assert!(
        hubs.refresh(&user, model(|model| model.groups = Some([].into())))
            .await
    );
    assert_eq!(hubs.groups().await, [""; 0]);
}

#[tokio::test]
async fn new_tokens_with_which_nobody_could_be_asked_are_no_answer() {
    let hubs = Hubs::start().await;
    let user = hubs.here.check(&LoginForm::new("mal", "x")).await.unwrap();
    assert!(hubs.refresh(&user, Refreshed::Tokens(json!("new"))).await);
    let gone = Refreshed::Gone("left".to_owned());
    hubs.told.answers.lock().unwrap().push_back(gone);
    hubs.told.answer.notify_one();
    hubs.clock.advance(TimeDelta::seconds(30));
    turned_away(&hubs.here, &user).await;
}
