//! Blocked while the authenticator is asked again.

use super::*;

/// Lets in everybody. When asked again it says, once it is told to, that they are an administrator.
#[derive(Debug, Default)]
struct Promotes {
    asked: Notify,
    answers: Notify,
}

#[async_trait]
impl Authenticator for Promotes {
    fn class(&self) -> &'static str {
        "promotes"
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

    async fn refresh(&self, name: &Username) -> Result<Refreshed, AuthUnavailable> {
        self.asked.notify_one();
        self.answers.notified().await;
        Ok(Refreshed::New(AuthModel {
            name: name.to_string(),
            admin: Some(true),
            ..AuthModel::default()
        }))
    }
}

#[tokio::test]
async fn who_is_blocked_while_somebody_is_asked_about_them_gets_nothing_back() {
    for blocked in [false, true] {
        let mut config = Config::default();
        config.authenticator.allow_all = Some(true);
        let promotes = Arc::<Promotes>::default();
        let login = Login::new(
            crate::db::testing::empty().await,
            Bus::default(),
            Arc::new(FakeClock::at(DateTime::UNIX_EPOCH)),
            Arc::new(config.clone()),
            Arc::<Promotes>::clone(&promotes),
        );
        let user = login.check(&LoginForm::new("mal", "x")).await.unwrap();
        let meanwhile = async {
            promotes.asked.notified().await;
            if blocked {
                config.authenticator.blocked_users = ["mal".to_owned()].into();
                login.rules().replace(Arc::new(config));
            }
            promotes.answers.notify_one();
        };
        let (holds, ()) = tokio::join!(login.still_holds(&user, true), meanwhile);
        assert_eq!(holds.unwrap(), !blocked);
        let user = users::get(login.db().read(), user.id).await.unwrap();
        assert_eq!(user.unwrap().admin, !blocked);
    }
}
