//! `username_map`: whose password opens whose account.

use std::sync::Mutex;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher as _};

use super::*;
use crate::auth::dictionary::Dictionary;
use crate::auth::dummy::Dummy;
use crate::db::groups;

/// A configuration that lets everybody in and calls the student `s1234567` `ada`.
fn renamed() -> Config {
    let mut config = Config::default();
    config.authenticator.allow_all = Some(true);
    config.authenticator.username_map = [("S1234567".to_owned(), "ada".to_owned())].into();
    config
}

/// As cheap as argon2 can be.
fn cheap(password: &str) -> Token {
    let argon = Argon2::from(Params::new(8, 1, 1, None).unwrap());
    let hash: PasswordHash = argon.hash_password(password.as_bytes()).unwrap();
    Token::from_config(hash.to_string())
}

/// Who comes in with this form, if anybody does.
async fn comes_in(login: &Login, name: &str, password: &str) -> Option<String> {
    let checked = login.check(&LoginForm::new(name, password)).await;
    checked.ok().map(|user| user.name.to_string())
}

/// People with a password each, as a system has them, who may add where they are: whom it was asked about, and everybody's
/// groups.
#[derive(Debug, Default)]
struct System {
    asked: Mutex<Vec<String>>,
}

impl System {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn group(name: &str) -> BTreeSet<String> {
    [format!("group-of-{name}")].into()
}

#[async_trait]
impl Authenticator for System {
    fn class(&self) -> &'static str {
        "system"
    }

    fn says_groups(&self) -> bool {
        true
    }

    fn respells(&self) -> bool {
        true
    }

    async fn normalise(&self, name: String) -> Result<String, AuthUnavailable> {
        Ok(name.trim_end_matches("@example.org").to_owned())
    }

    async fn groups_of(&self, name: &str) -> Result<Option<BTreeSet<String>>, AuthUnavailable> {
        Ok(Some(group(name)))
    }

    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        self.asked.lock().unwrap().push(name.to_owned());
        let right = form.password.expose() == format!("password of {name}");
        Ok(right.then(|| AuthModel {
            name: name.to_owned(),
            groups: Some(group(name)),
            ..AuthModel::default()
        }))
    }
}

/// JupyterHub 6.1 asks for the name as typed, then renames.
#[tokio::test]
async fn the_password_is_that_of_the_name_that_was_typed() {
    let users = ["s1234567", "ada"].map(|name| {
        let password = cheap(&format!("password of {name}"));
        (name.to_owned(), password)
    });
    let dictionary = Dictionary::new(&crate::config::Dictionary {
        users: users.into(),
    });
    let both: [Arc<dyn Authenticator>; 2] = [Arc::new(dictionary), Arc::<System>::default()];
    for authenticator in both {
        let class = authenticator.class();
        let login = login_by(authenticator, renamed()).await;
        for (typed, password, right) in [
            ("s1234567", "password of s1234567", true),
            (" S1234567", "password of s1234567", true),
            ("s1234567", "password of ada", false),
            ("ada", "password of ada", true),
            ("ada", "password of s1234567", false),
        ] {
            let expected = right.then(|| "ada".to_owned());
            let got = comes_in(&login, typed, password).await;
            assert_eq!(got, expected, "{class}: {typed:?} {password:?}");
        }
    }
}

#[tokio::test]
async fn a_name_that_needs_no_password_of_its_own_is_renamed_as_well() {
    let login = login_by(Arc::new(Dummy::new(None)), renamed()).await;
    for (typed, name) in [("s1234567", "ada"), ("ada", "ada"), ("zoe", "zoe")] {
        assert_eq!(comes_in(&login, typed, "x").await.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn a_map_that_only_spells_a_name_says_how_to_ask_for_it() {
    let mut config = renamed();
    config.authenticator.username_map = [("ada".to_owned(), "Ada".to_owned())].into();
    let system = Arc::<System>::default();
    let login = login_by(Arc::<System>::clone(&system), config).await;
    for typed in ["ada", "ADA"] {
        comes_in(&login, typed, "wrong").await;
        assert_eq!(system.asked(), ["Ada"]);
    }
}

/// JupyterHub 6.1 with `pam_normalize_username`: the map knows the system's own names.
#[tokio::test]
async fn whoever_types_their_name_in_another_spelling_is_renamed_as_well() {
    let mut config = renamed();
    let more = [
        ("zoe", "washburne@example.org"),
        ("washburne", "river"),
        ("inara@example.org", "kaylee"),
        ("inara", "river"),
    ];
    let more = more.map(|(typed, name)| (typed.to_owned(), name.to_owned()));
    config.authenticator.username_map.extend(more);
    let login = login_by(Arc::<System>::default(), config).await;
    for (typed, own, name) in [
        ("S1234567@example.org", "s1234567", "ada"),
        ("zoe@example.org", "zoe", "washburne"),
        ("zoe", "zoe", "washburne"),
        // Once: what the map makes of a name is not looked up again.
        ("washburne@example.org", "washburne", "river"),
        ("inara@example.org", "inara", "kaylee"),
        ("mal@example.org", "mal", "mal"),
    ] {
        let password = format!("password of {own}");
        let got = comes_in(&login, typed, &password).await;
        assert_eq!(got.as_deref(), Some(name), "{typed}");
    }
}

/// A list of JupyterHub's names users of the hub; here nobody logs in by such a name either.
#[tokio::test]
async fn a_name_that_is_blocked_is_blocked_before_the_map_and_after_it() {
    let mut config = renamed();
    let map = [("zoe", "mal"), ("mal", "river")];
    config.authenticator.username_map = map.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    config.authenticator.blocked_users = ["Mal".to_owned()].into();
    let login = login_by(Arc::<System>::default(), config).await;
    for (typed, name) in [("zoe", None), ("mal", None), ("wash", Some("wash"))] {
        let got = comes_in(&login, typed, &format!("password of {typed}")).await;
        assert_eq!(got.as_deref(), name, "{typed}");
    }
}

#[tokio::test]
async fn groups_are_those_of_the_account() {
    let mut config = renamed();
    config.authenticator.manage_groups = true;
    let login = login_by(Arc::<System>::default(), config).await;
    for (typed, name) in [("s1234567", "ada"), ("zoe", "zoe")] {
        let form = LoginForm::new(typed, format!("password of {typed}"));
        let user = login.check(&form).await.unwrap();
        let names = groups::names_of_user(login.db().read(), user.id).await;
        assert_eq!(names.unwrap(), [format!("group-of-{name}")], "{typed}");
    }
}

/// The account by whichever name is typed, a name that is typed in whichever spelling. The authenticator has the same work with
/// it as with others: how long a refusal takes tells nothing.
#[tokio::test]
async fn who_is_blocked_is_refused_after_the_password() {
    let blocked = LoginRefusal::Policy(Refusal::Blocked);
    let typed = [
        ("s1234567", "s1234567"),
        ("s1234567@example.org", "s1234567"),
    ];
    let every = [("ada", "ada"), typed[0], typed[1]];
    for (name, refused) in [
        ("ada", &every[..]),
        ("Ada@example.org", &every),
        ("s1234567", &typed),
        ("S1234567@example.org", &typed),
    ] {
        let mut config = renamed();
        config.authenticator.blocked_users = [name.to_owned()].into();
        let system = Arc::<System>::default();
        let login = login_by(Arc::<System>::clone(&system), config).await;
        for (typed, own) in refused {
            let right = format!("password of {own}");
            for (password, why) in [(&*right, &blocked), ("wrong", &LoginRefusal::Credentials)] {
                let got = login.check(&LoginForm::new(*typed, password)).await;
                assert!(
                    matches!(&got, Err(LoginError::Refused(refusal)) if refusal == why),
                    "{name} {typed} {password}: {got:?}"
                );
                assert_eq!(system.asked(), [*own], "{name} {password}");
            }
        }
        let existing = crate::db::users::find(login.db().read(), "ada").await;
        assert!(existing.unwrap().is_none(), "nobody is registered");
    }
}

/// Several people may share an account: the others keep it.
#[tokio::test]
async fn an_account_stays_when_a_name_that_opens_it_is_blocked() {
    let mut config = renamed();
    let map = [("alice", "lab"), ("bob", "lab"), ("carol", "Carol")];
    config.authenticator.username_map = map.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    config.authenticator.blocked_users = ["alice".to_owned(), "carol".to_owned()].into();
    for authenticator in [
        Arc::<System>::default() as Arc<dyn Authenticator>,
        Arc::new(Dummy::new(None)),
    ] {
        let class = authenticator.class();
        let login = login_by(authenticator, config.clone()).await;
        for (typed, name) in [
            ("alice", None),
            ("bob", Some("lab")),
            ("lab", Some("lab")),
            ("carol", None),
        ] {
            let got = comes_in(&login, typed, &format!("password of {typed}")).await;
            assert_eq!(got.as_deref(), name, "{class}: {typed}");
        }
        // A map that only spells a name makes no other name of it.
        for (name, blocked) in [("lab", false), ("alice", true), ("Carol", true)] {
            let got = login.is_blocked(&Username::stored(name)).await;
            assert_eq!(got.unwrap(), blocked, "{class}: {name}");
        }
    }
}

/// Security case 120.
#[tokio::test]
async fn case_120_all_names_of_an_account_are_counted_together() {
    let login = login_by(Arc::<System>::default(), renamed()).await;
    let mut refused = Vec::new();
    for typed in ["s1234567", "ada", "S1234567@example.org"].repeat(4) {
        match login.check(&LoginForm::new(typed, "wrong")).await {
            Err(LoginError::Throttled(_)) => break,
            other => refused.push(other.is_err()),
        }
    }
    assert_eq!(refused, [true; 10]);
}
