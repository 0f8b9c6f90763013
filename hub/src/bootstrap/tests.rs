mod blocked;

use std::sync::Arc;

use chrono::TimeDelta;
use hub_types::clock::{Clock as _, FakeClock};
use hub_types::scope::{Scope, ScopeName, Target};
use hub_types::secret::Token;

use async_trait::async_trait;

use super::*;
use crate::auth::null::Nobody;
use crate::auth::{AuthModel, LoginForm};
use crate::bus::Bus;
use crate::config::{GroupSpec, RoleSpec, ServiceSpec};
use crate::db::roles::Holder;
use crate::db::{self, NewTokenRow};
use crate::domain::principal::Principal;
use crate::domain::role::{ADMIN_ROLE, Origin};
use crate::domain::token::TokenOwner;

/// A database and its configuration; a start is one call.
struct Hub {
    db: Db,
    clock: FakeClock,
    identities: Identities,
    config: Config,
    authenticator: Arc<dyn Authenticator>,
}

impl Hub {
    async fn new() -> Self {
        let db = db::testing::empty().await;
        let clock = FakeClock::at(DateTime::UNIX_EPOCH);
        let identities = identities(&db, &clock);
        Self {
            db,
            clock,
            identities,
            config: Config::default(),
            authenticator: Arc::new(Nobody),
        }
    }

    /// Starts with the configuration as it is now; caches of before are gone.
    async fn start(&mut self) -> Result<(), BootstrapError> {
        self.identities = identities(&self.db, &self.clock);
        let now = self.clock.now();
        let authenticator = &*self.authenticator;
        sync(&self.config, authenticator, &self.db, &self.identities, now).await
    }

    async fn who(&self, secret: &Token) -> Option<Principal> {
        self.identities.by_token(secret).await.unwrap()
    }

    async fn user(&self, name: &str) -> crate::domain::user::User {
        users::find(self.db.read(), name).await.unwrap().unwrap()
    }

    async fn is_admin(&self, name: &str) -> bool {
        self.user(name).await.admin
    }

    async fn token(&self, user: &str) -> Token {
        let secret = Token::generate();
        let owner = TokenOwner::User(self.user(user).await.id);
        let row = NewTokenRow {
            hash: Some(secret.hash()),
            ..NewTokenRow::new(owner, vec![Scope::all(ScopeName::Inherit)], "")
        };
        let tx = self.db.write().await.unwrap();
        db::tokens::insert(&tx, &row, self.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        secret
    }

    async fn may(&self, user: &str, scope: ScopeName) -> bool {
        let secret = self.token(user).await;
        let who = self.who(&secret).await.unwrap();
        who.may(&scope, Target::Everything)
    }

    fn role(&mut self, spec: RoleSpec) {
        let roles = &mut self.config.jupyterhub.load_roles;
        roles.retain(|role| role.name != spec.name);
        roles.push(spec);
    }
}

fn identities(db: &Db, clock: &FakeClock) -> Identities {
    let clock = Arc::new(clock.clone());
    let resolution = TimeDelta::seconds(30);
    Identities::new(
        db.clone(),
        Bus::default(),
        clock,
        Arc::default(),
        resolution,
    )
}

fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(ToString::to_string).collect())
}

fn role(name: &str, scopes: &[&str]) -> RoleSpec {
    RoleSpec {
        name: name.into(),
        scopes: Some(scopes.iter().map(|scope| scope.parse().unwrap()).collect()),
        ..RoleSpec::default()
    }
}

const SECRET: &str = "culler-secret-1234";

#[tokio::test]
async fn a_service_holds_what_its_role_says_and_loses_what_it_no_longer_says() {
    let mut hub = Hub::new().await;
    let secret = Token::from_config(SECRET);
    hub.config.jupyterhub.services.push(ServiceSpec {
        api_token: Some(secret.clone()),
        ..ServiceSpec::new("culler")
    });
    hub.role(RoleSpec {
        services: names(&["culler"]),
        ..role("cull-idle", &["list:users"])
    });
    hub.start().await.unwrap();
    let who = hub.who(&secret).await.unwrap();
    assert!(who.may(&ScopeName::ListUsers, Target::Everything));

    hub.config.jupyterhub.load_roles.clear();
    hub.start().await.unwrap();
    let who = hub.who(&secret).await.unwrap();
    assert!(!who.may(&ScopeName::ListUsers, Target::Everything));

    hub.config.jupyterhub.services.clear();
    hub.start().await.unwrap();
    assert!(hub.who(&secret).await.is_none());
}

#[tokio::test]
async fn being_blocked_and_losing_the_admin_role_count_at_once() {
    let mut hub = Hub::new().await;
    hub.config.authenticator.admin_users.insert("mal".into());
    hub.config.authenticator.allowed_users.insert("zoe".into());
    hub.start().await.unwrap();
    let secret = hub.token("zoe").await;
    hub.config.authenticator.blocked_users.insert("Zoe".into());
    hub.config.authenticator.admin_users.clear();
    hub.role(RoleSpec {
        name: ADMIN_ROLE.into(),
        users: names(&["ada"]),
        ..RoleSpec::default()
    });
    hub.start().await.unwrap();
    assert!(hub.who(&secret).await.is_none());
    assert!(hub.is_admin("ada").await);
    assert!(!hub.is_admin("mal").await);
}

/// JupyterHub 6.1's `test_admin_role_membership` and `test_admin_role_and_flag`.
#[tokio::test]
async fn who_is_an_administrator() {
    for (listed, admin_users, expected) in [
        (None, &[][..], &["alpha", "beta"][..]),
        (None, &["gamma"], &["alpha", "beta", "gamma"]),
        (names(&[]), &[], &[]),
        (names(&["Alpha", "gamma"]), &[], &["alpha", "gamma"]),
        (names(&["alpha"]), &["gamma"], &["alpha", "gamma"]),
    ] {
        let mut hub = Hub::new().await;
        hub.config.authenticator.admin_users = ["alpha".into(), "beta".into()].into();
        hub.start().await.unwrap();
        let more = admin_users.iter().map(ToString::to_string);
        hub.config.authenticator.admin_users = more.collect();
        hub.role(RoleSpec {
            name: ADMIN_ROLE.into(),
            users: listed.clone(),
            ..RoleSpec::default()
        });
        hub.start().await.unwrap();
        let mut found: Vec<String> = users::admins(hub.db.read())
            .await
            .unwrap()
            .into_iter()
            .map(|user| user.name.as_str().to_owned())
            .collect();
        found.sort();
        assert_eq!(found, expected, "{listed:?} {admin_users:?}");
    }
}

#[tokio::test]
async fn services_that_are_administrators() {
    let mut hub = Hub::new().await;
    for (name, admin) in [("one", true), ("two", false)] {
        hub.config.jupyterhub.services.push(ServiceSpec {
            admin,
            ..ServiceSpec::new(name)
        });
    }
    let admins = async |hub: &Hub| {
        let rows = services::list(hub.db.read()).await.unwrap();
        let admins = rows.into_iter().filter(|row| row.admin);
        admins
            .map(|row| row.name.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    hub.start().await.unwrap();
    assert_eq!(admins(&hub).await, ["one"]);
    // Once the role lists services, only that counts.
    hub.role(RoleSpec {
        name: ADMIN_ROLE.into(),
        services: names(&["two"]),
        ..RoleSpec::default()
    });
    hub.start().await.unwrap();
    assert_eq!(admins(&hub).await, ["two"]);
}

/// JupyterHub 6.1's `test_config_role_users` and its rule that what is not listed is listed empty; grants that were made
/// at run time stay unless the configuration lists who shall hold the role.
#[tokio::test]
async fn holders_are_those_of_the_configuration() {
    let mut hub = Hub::new().await;
    let painter = |users: Option<Vec<String>>, groups: Option<Vec<String>>| RoleSpec {
        users,
        groups,
        ..role("painter", &["read:hub"])
    };
    hub.config.jupyterhub.load_groups.insert(
        "band".into(),
        GroupSpec {
            users: vec!["bjorn".into()],
            ..GroupSpec::default()
        },
    );
    hub.role(painter(names(&["Benny", "benny"]), names(&["band", "new"])));
    hub.start().await.unwrap();
    assert!(hub.may("benny", ScopeName::ReadHub).await);
    assert!(hub.may("bjorn", ScopeName::ReadHub).await);
    assert!(groups::find(hub.db.read(), "new").await.unwrap().is_some());

    // Somebody else gets it at run time; the configuration says nothing of users any more.
    hub.config
        .authenticator
        .allowed_users
        .insert("frida".into());
    hub.start().await.unwrap();
    let tx = hub.db.write().await.unwrap();
    let granted = db::roles::grant(&tx, "painter", Holder::User, "frida", Origin::Api).await;
    assert!(granted.unwrap());
    tx.commit().await.unwrap();
    hub.role(painter(None, names(&["band"])));
    hub.start().await.unwrap();
    assert!(!hub.may("benny", ScopeName::ReadHub).await);
    assert!(hub.may("bjorn", ScopeName::ReadHub).await);
    assert!(hub.may("frida", ScopeName::ReadHub).await);

    hub.role(painter(names(&["benny"]), None));
    hub.start().await.unwrap();
    assert!(hub.may("benny", ScopeName::ReadHub).await);
    assert!(!hub.may("bjorn", ScopeName::ReadHub).await);
    assert!(!hub.may("frida", ScopeName::ReadHub).await);
}

/// JupyterHub 6.1's `test_custom_role_reset` and `test_removal_config_to_db`.
#[tokio::test]
async fn a_built_in_role_comes_back() {
    let mut hub = Hub::new().await;
    hub.config.authenticator.allowed_users.insert("eddy".into());
    hub.config.jupyterhub.extra_user_scopes = vec!["proxy".parse().unwrap()];
    hub.start().await.unwrap();
    assert!(hub.may("eddy", ScopeName::Proxy).await);
    assert!(!hub.may("eddy", ScopeName::Shutdown).await);

    // What the configuration says of the role itself wins over extra scopes.
    hub.role(role("user", &["self", "shutdown"]));
    hub.role(role("wizard", &["read:hub"]));
    hub.start().await.unwrap();
    assert!(!hub.may("eddy", ScopeName::Proxy).await);
    assert!(hub.may("eddy", ScopeName::Shutdown).await);

    hub.config.jupyterhub.load_roles.clear();
    hub.config.jupyterhub.extra_user_scopes.clear();
    hub.start().await.unwrap();
    assert!(!hub.may("eddy", ScopeName::Shutdown).await);
    let table = db::roles::all(hub.db.read()).await.unwrap();
    let known: Vec<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(known, ["admin", "server", "token", "user"]);
}

#[tokio::test]
async fn users_groups_and_mistakes() {
    let mut hub = Hub::new().await;
    hub.config.authenticator.admin_users.insert("Mal".into());
    hub.config.jupyterhub.load_groups.insert(
        "lab".into(),
        GroupSpec {
            users: vec!["zoe".into()],
            ..GroupSpec::default()
        },
    );
    hub.start().await.unwrap();
    assert!(hub.is_admin("mal").await);
    let snapshot = groups::snapshot(hub.db.read()).await.unwrap();
    assert_eq!(snapshot.of_user("zoe"), ["lab"]);

    hub.role(RoleSpec {
        name: "r12".into(),
        services: names(&["ghost"]),
        ..RoleSpec::default()
    });
    let error = hub.start().await.unwrap_err();
    assert!(error.to_string().contains("ghost"), "{error}");
    hub.config.jupyterhub.load_roles.clear();
    hub.config.authenticator.allowed_users.insert("a/b".into());
    let error = hub.start().await.unwrap_err();
    assert!(error.to_string().contains("allowed_users"), "{error}");
}

#[tokio::test]
async fn tokens_of_the_configuration() {
    let mut hub = Hub::new().await;
    let secret = |text: &str| Token::from_config(text);
    let (one, two, mine) = (
        secret("service-one"),
        secret("service-two"),
        secret("mals-token"),
    );
    hub.config.authenticator.username_map = [("mal".into(), "malcolm".into())].into();
    hub.config.jupyterhub.services.push(ServiceSpec {
        api_token: Some(one.clone()),
        ..ServiceSpec::new("grader")
    });
    hub.config.jupyterhub.service_tokens = vec![
        (two.clone(), "grader".into()),
        (secret("implicit-1"), "implicit".into()),
    ];
    hub.config.jupyterhub.api_tokens = vec![(mine.clone(), "Mal".into())];
    hub.role(RoleSpec {
        services: names(&["implicit"]),
        ..role("reader", &["read:hub"])
    });
    hub.start().await.unwrap();
    for (token, name) in [
        (&one, "grader"),
        (&two, "grader"),
        (&secret("implicit-1"), "implicit"),
        (&mine, "malcolm"),
    ] {
        assert_eq!(hub.who(token).await.unwrap().owner.name(), name);
    }
    let implicit = hub.who(&secret("implicit-1")).await.unwrap();
    assert!(implicit.may(&ScopeName::ReadHub, Target::Everything));
    let rows = db::tokens::with_note(hub.db.read(), "from config")
        .await
        .unwrap();
    assert_eq!(rows.len(), 4);

    // A restart keeps the rows; what the configuration no longer has is gone, and whoever is blocked.
    hub.start().await.unwrap();
    assert_eq!(
        db::tokens::with_note(hub.db.read(), "from config")
            .await
            .unwrap(),
        rows
    );
    hub.config.jupyterhub.service_tokens.clear();
    hub.config.jupyterhub.load_roles.clear();
    hub.config
        .authenticator
        .blocked_users
        .insert("malcolm".into());
    hub.start().await.unwrap();
    assert!(hub.who(&one).await.is_some());
    for gone in [&two, &mine, &secret("implicit-1")] {
        assert!(hub.who(gone).await.is_none());
    }
    assert_eq!(services::list(hub.db.read()).await.unwrap().len(), 1);
}

/// Every row. Grants without their ids: holders that the configuration lists are written anew.
async fn every_row(db: &Db) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut all = db::testing::every_row(db).await;
    for grant in all.get_mut("role_grants").into_iter().flatten() {
        let mut row: serde_json::Map<_, _> = serde_json::from_str(grant).unwrap();
        row.remove("id");
        *grant = serde_json::Value::from(row).to_string();
    }
    all.values_mut().for_each(|rows| rows.sort());
    all
}

/// A restart with the same configuration changes nothing.
#[tokio::test]
async fn a_second_start_changes_nothing() {
    let mut hub = Hub::new().await;
    let authenticator = &mut hub.config.authenticator;
    authenticator.admin_users.insert("Mal".into());
    authenticator.allowed_users = ["zoe".into(), "Wash".into()].into();
    authenticator.blocked_users.insert("jayne".into());
    let properties = serde_json::json!({"room": 7}).as_object().cloned();
    let lab = GroupSpec {
        users: vec!["zoe".into(), "kaylee".into()],
        properties: properties.unwrap(),
    };
    let jupyterhub = &mut hub.config.jupyterhub;
    jupyterhub.load_groups.insert("lab".into(), lab);
    jupyterhub.services.push(ServiceSpec {
        api_token: Some(Token::from_config(SECRET)),
        ..ServiceSpec::new("culler")
    });
    jupyterhub.service_tokens = vec![(Token::from_config("implicit-1"), "implicit".into())];
    jupyterhub.api_tokens = vec![(Token::from_config("mals-token"), "Mal".into())];
    hub.role(RoleSpec {
        users: names(&["Zoe"]),
        groups: names(&["lab", "crew"]),
        services: names(&["culler", "implicit"]),
        ..role("cull-idle", &["list:users", "read:servers"])
    });
    hub.role(RoleSpec {
        name: ADMIN_ROLE.into(),
        users: names(&["ada", "mal"]),
        ..RoleSpec::default()
    });
    hub.start().await.unwrap();
    // What was granted at run time stays, too.
    hub.token("zoe").await;
    let first = every_row(&hub.db).await;
    for (table, least) in [
        ("users", 5),
        ("role_grants", 5),
        ("tokens", 4),
        ("group_members", 2),
    ] {
        assert!(first[table].len() >= least, "{table}: {:?}", first[table]);
    }
    for _ in 0..2 {
        hub.clock.advance(TimeDelta::hours(1));
        hub.start().await.unwrap();
        assert_eq!(every_row(&hub.db).await, first);
    }
}

/// Knows people by two names, as a directory does, unless it is away.
#[derive(Debug)]
struct Directory {
    away: bool,
}

#[async_trait]
impl Authenticator for Directory {
    fn class(&self) -> &'static str {
        "directory"
    }

    fn respells(&self) -> bool {
        true
    }

    async fn normalise(&self, name: String) -> Result<String, AuthUnavailable> {
        match self.away {
            true => Err(AuthUnavailable("it is away".to_owned())),
            false => Ok(name.trim_start_matches("ship\\").to_owned()),
        }
    }

    async fn authenticate(
        &self,
        _: &str,
        _: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        Ok(None)
    }
}

#[tokio::test]
async fn names_of_the_configuration_are_spelled_as_at_a_login() {
    let mut hub = Hub::new().await;
    hub.authenticator = Arc::new(Directory { away: false });
    let (auth, own) = (&mut hub.config.authenticator, &mut hub.config.jupyterhub);
    auth.username_map = [("captain".to_owned(), "ship\\mal".to_owned())].into();
    auth.admin_users = ["Captain".to_owned()].into();
    auth.allowed_users = ["SHIP\\Zoe".to_owned()].into();
    auth.blocked_users = ["Ship\\Jayne".to_owned()].into();
    let crew = GroupSpec {
        users: vec![" ship\\Kaylee ".to_owned()],
        ..GroupSpec::default()
    };
    own.load_groups = [("crew".to_owned(), crew)].into();
    let secret = |name: &str| Token::from_config(format!("{name}-secret-123456"));
    own.api_tokens = ["Zoe", "jayne"]
        .map(|name| (secret(name), format!("ship\\{name}")))
        .into();
    hub.role(RoleSpec {
        users: names(&["SHIP\\wash"]),
        ..role("pilot", &["list:users"])
    });
    hub.role(RoleSpec {
        name: ADMIN_ROLE.into(),
        users: names(&["SHIP\\INARA"]),
        ..RoleSpec::default()
    });
    hub.start().await.unwrap();
    let mut all = users::names(hub.db.read()).await.unwrap();
    all.sort();
    assert_eq!(all, ["inara", "kaylee", "mal", "wash", "zoe"]);
    for (name, admin) in [("mal", true), ("inara", true), ("zoe", false)] {
        assert_eq!(hub.is_admin(name).await, admin, "{name}");
    }
    let members = groups::snapshot(hub.db.read()).await.unwrap();
    assert_eq!(members.of_user("kaylee"), ["crew"]);
    assert!(hub.may("wash", ScopeName::ListUsers).await);
    assert!(hub.who(&secret("Zoe")).await.is_some());
    assert!(hub.who(&secret("jayne")).await.is_none());

    // Whoever is blocked by another name loses what they had, and nothing is guessed while nobody can say.
    let token = hub.token("zoe").await;
    let blocked = &mut hub.config.authenticator;
    blocked.allowed_users.clear();
    blocked.blocked_users.insert("ship\\ZOE".to_owned());
    hub.authenticator = Arc::new(Directory { away: true });
    let away = hub.start().await.unwrap_err().to_string();
    assert!(away.contains("it is away"), "{away}");
    assert!(hub.who(&token).await.is_some());
    hub.authenticator = Arc::new(Directory { away: false });
    hub.start().await.unwrap();
    assert!(hub.who(&token).await.is_none());
}
