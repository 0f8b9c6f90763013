//! Who comes in, as what, and what is kept of it.

mod mapped;

use async_trait::async_trait;
use hub_types::clock::FakeClock;

use super::*;
use crate::auth::AuthModel;

/// Believes everybody, as a directory does that takes a bind without a password for an anonymous one.
#[derive(Debug)]
struct Gullible {
    asks: bool,
    slow: Duration,
}

#[async_trait]
impl Authenticator for Gullible {
    fn class(&self) -> &'static str {
        "gullible"
    }

    fn asks_for_password(&self) -> bool {
        self.asks
    }

    fn refusal_takes(&self) -> Duration {
        self.slow
    }

    fn opens(&self, administrator: bool, form: &LoginForm) -> bool {
        !administrator || form.password.expose() == "of-admins"
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
}

#[tokio::test]
async fn an_empty_password_is_nobodys() {
    let db = crate::db::testing::empty().await;
    let mut config = Config::default();
    config.authenticator.allow_all = Some(true);
    let config = Arc::new(config);
    for (asks, password, comes_in) in [
        (true, "", false),
        (true, " ", true),
        (true, "x", true),
        (false, "", true),
    ] {
        let clock = Arc::new(FakeClock::at(DateTime::UNIX_EPOCH));
        let slow = Duration::ZERO;
        let authenticator = Arc::new(Gullible { asks, slow });
        let login = Login::new(
            db.clone(),
            Bus::default(),
            clock,
            Arc::clone(&config),
            authenticator,
        );
        let form = LoginForm::new("alice", password);
        let came_in = match login.check(&form).await {
            Ok(_) => true,
            Err(LoginError::Refused(LoginRefusal::Credentials)) => false,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(came_in, comes_in, "{asks} {password:?}");
    }
}

/// A login with this configuration, which changes it while the hub runs.
async fn login_with(slow: Duration, change: impl FnOnce(&mut Config)) -> Login {
    let mut config = Config::default();
    config.authenticator.allow_all = Some(true);
    let login = Login::new(
        crate::db::testing::empty().await,
        Bus::default(),
        Arc::new(FakeClock::at(DateTime::UNIX_EPOCH)),
        Arc::new(config.clone()),
        Arc::new(Gullible { asks: true, slow }),
    );
    change(&mut config);
    login.rules.replace(Arc::new(config));
    login
}

#[tokio::test]
async fn a_new_administrator_wants_the_administrators_password_at_once() {
    let login = login_with(Duration::ZERO, |config| {
        config.authenticator.admin_users = ["Mal".to_owned(), "zoe".to_owned()].into();
        config.authenticator.username_map = [("mal".to_owned(), "river".to_owned())].into();
    })
    .await;
    for (name, password, right) in [
        ("river", "x", false),
        ("mal", "x", false),
        ("zoe", "x", false),
        ("zoe", "of-admins", true),
        ("river", "of-admins", true),
        ("kaylee", "x", true),
    ] {
        let got = login.check(&LoginForm::new(name, password)).await;
        assert_eq!(got.is_ok(), right, "{name} {password}: {got:?}");
    }
}

/// Takes its time, and lets in everybody then. Knows people by two names.
#[derive(Debug, Default)]
struct Slow {
    asked: tokio::sync::Notify,
    answers: tokio::sync::Notify,
    aliases: bool,
}

#[async_trait]
impl Authenticator for Slow {
    fn class(&self) -> &'static str {
        "slow"
    }

    fn respells(&self) -> bool {
        self.aliases
    }

    async fn normalise(&self, name: String) -> Result<String, AuthUnavailable> {
        Ok(name.trim_end_matches("@example.org").to_owned())
    }

    async fn authenticate(
        &self,
        name: &str,
        _: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        self.asked.notify_one();
        self.answers.notified().await;
        let name = name.to_owned();
        Ok(Some(AuthModel {
            name,
            ..AuthModel::default()
        }))
    }
}

async fn login_by(authenticator: Arc<dyn Authenticator>, config: Config) -> Login {
    Login::new(
        crate::db::testing::empty().await,
        Bus::default(),
        Arc::new(FakeClock::at(DateTime::UNIX_EPOCH)),
        Arc::new(config),
        authenticator,
    )
}

#[tokio::test]
async fn who_is_blocked_while_a_password_is_looked_at_gets_no_session() {
    let mut config = Config::default();
    config.authenticator.allow_all = Some(true);
    let slow = Arc::new(Slow::default());
    let login = login_by(Arc::<Slow>::clone(&slow), config.clone()).await;
    let form = LoginForm::new("mal", "x");
    let begin = login.begin(&form, &|_| None);
    let block = async {
        slow.asked.notified().await;
        let _changing = login.rules().changing().await;
        config.authenticator.blocked_users = ["mal".to_owned()].into();
        login.rules().replace(Arc::new(config));
        slow.answers.notify_one();
    };
    let (begun, ()) = tokio::join!(begin, block);
    let blocked = LoginRefusal::Policy(Refusal::Blocked);
    assert!(
        matches!(&begun, Err(LoginError::Refused(why)) if *why == blocked),
        "{begun:?}"
    );
}

#[tokio::test]
async fn lists_mean_people_however_they_are_spelled() {
    let mut config = Config::default();
    config.authenticator.allowed_users = ["mal@example.org".to_owned()].into();
    config.authenticator.blocked_users = ["jayne@example.org".to_owned()].into();
    config.authenticator.admin_users = ["jayne".to_owned()].into();
    let aliases = true;
    let slow = Arc::new(Slow {
        aliases,
        ..Slow::default()
    });
    let login = login_by(Arc::<Slow>::clone(&slow), config).await;
    for (name, right) in [
        ("mal", true),
        ("mal@example.org", true),
        ("jayne", false),
        ("jayne@example.org", false),
        ("zoe", false),
    ] {
        slow.answers.notify_one();
        let got = login.check(&LoginForm::new(name, "x")).await;
        assert_eq!(got.is_ok(), right, "{name}: {got:?}");
    }
}

#[tokio::test]
async fn a_name_is_counted_before_anybody_is_asked_how_it_is_spelled() {
    let slow = Arc::new(Slow {
        aliases: true,
        ..Slow::default()
    });
    let login = login_by(slow, Config::default()).await;
    let tries = async |name: &str| {
        let form = LoginForm::new(name, "");
        let mut refused = 0;
        while !matches!(login.check(&form).await, Err(LoginError::Throttled(_))) {
            refused += 1;
        }
        refused
    };
    assert_eq!(tries("mal@example.org").await, 10);
    assert_eq!(
        tries("mal").await,
        0,
        "another spelling of the same account"
    );
}

#[tokio::test]
async fn a_right_password_is_refused_as_slowly_as_a_wrong_one() {
    let slow = Duration::from_millis(300);
    let login = login_with(slow, |config| {
        config.authenticator.blocked_users = ["mal".to_owned()].into();
        config.authenticator.admin_users = ["zoe".to_owned()].into();
    })
    .await;
    for name in ["mal", "zoe"] {
        let begin = Instant::now();
        let got = login.check(&LoginForm::new(name, "right")).await;
        assert!(matches!(got, Err(LoginError::Refused(_))), "{got:?}");
        assert!(begin.elapsed() >= slow, "{name}");
    }
}
