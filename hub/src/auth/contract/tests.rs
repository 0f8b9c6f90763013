//! The suite finds what is broken, and nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use hub_types::names::Username;

use super::*;
use crate::auth::dictionary::{Dictionary, hash_password};
use crate::auth::dummy::Dummy;
use crate::auth::null::Nobody;
use crate::auth::oauth::OAuthUsers;
use crate::auth::shared_password::SharedPassword;
use crate::auth::{AddUserError, PageAnswer, PageRequest, Refreshed, Refused};
use crate::config::{Accounts, Config, Provider};
use crate::domain::server::ServerRef;

const WRONG: &str = "not a password";

fn subject(right: &[(&str, &str)]) -> Subject {
    let form = |(name, password): &(&str, &str)| LoginForm::new(*name, *password);
    Subject {
        right: right.iter().map(form).collect(),
        wrong: WRONG,
    }
}

#[tokio::test]
async fn every_built_in_authenticator_keeps_the_contract() {
    let mut config = Config::default();
    let shared = &mut config.shared_password;
    shared.user_password = Some(Token::from_config("of-the-users"));
    shared.admin_password = Some(Token::from_config("of-the-administrators-and-longer"));
    config.authenticator.admin_users = ["mal".to_owned()].into();
    let hash =
        |password: &str| Token::from_config(hash_password(&Token::from_config(password)).unwrap());
    let users = [("mal", "serenity"), ("zoe", "warrior")];
    config.dictionary.users = users
        .map(|(name, password)| (name.to_owned(), hash(password)))
        .into();
    let cases: [(Arc<dyn Authenticator>, Subject); 5] = [
        (
            Arc::new(Dictionary::new(&config.dictionary)),
            subject(&users),
        ),
        (
            Arc::new(SharedPassword::new(&config)),
            subject(&[
                ("mal", "of-the-administrators-and-longer"),
                ("zoe", "of-the-users"),
            ]),
        ),
        (Arc::new(Dummy::new(None)), subject(&[("mal", "x")])),
        (
            Arc::new(Dummy::new(Some(Token::from_config("open-sesame")))),
            subject(&[("mal", "open-sesame"), ("zoe", "open-sesame")]),
        ),
        (Arc::new(Nobody), subject(&[])),
    ];
    for (authenticator, subject) in cases {
        let broken = check(&*authenticator, &subject).await;
        assert!(broken.is_empty(), "{}: {broken:#?}", authenticator.class());
    }
}

/// Where people log in elsewhere nobody can here; what is asked beside that must be answered all the same.
#[tokio::test]
async fn every_built_in_provider_keeps_the_contract() {
    // Nobody listens there.
    let nowhere = Some("http://127.0.0.1:1/".parse().unwrap());
    let mut config = Config::default();
    config.oauth.client_id = Some("the-hub".to_owned());
    config.oauth.authorize_url.clone_from(&nowhere);
    config.oauth.token_url.clone_from(&nowhere);
    config.oauth.userdata_url.clone_from(&nowhere);
    config.oidc.issuer = Some("http://127.0.0.1:1".to_owned());
    config.authenticator.enable_auth_state = true;
    for provider in [
        Provider::Generic,
        Provider::Oidc,
        Provider::GitHub,
        Provider::GitLab,
        Provider::Google,
    ] {
        for accounts in [Accounts::Hub, Accounts::System] {
            let authenticator = OAuthUsers::new(&config, provider, accounts);
            let broken = check(&authenticator, &subject(&[])).await;
            assert!(broken.is_empty(), "{provider:?} {accounts:?}: {broken:#?}");
        }
    }
}

/// What is wrong with an authenticator that is right otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Class,
    Anybody,
    AnyPassword,
    SomebodyElse,
    Groups,
    Info,
    Nameless,
    Respells,
    Opens,
    Admins,
    Allows,
    Forgets,
    Remembers,
    Renames,
    RegistersOnce,
    NoServer,
    FormElsewhere,
    State,
    LeadsNowhere,
    OddPages,
    OpenPage,
    AnyPage,
}

/// Knows `mal`, with this fault. The password stands in a field that may be shown.
struct Faulty(Fault, Option<&'static str>);

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Faulty({:?}, {:?})", self.0, self.1)
    }
}

impl Faulty {
    fn is(&self, fault: Fault) -> bool {
        self.0 == fault
    }

    fn model(&self, name: &str) -> AuthModel {
        AuthModel {
            name: match self.0 {
                Fault::SomebodyElse => "zoe",
                Fault::Nameless => "",
                _ => name,
            }
            .to_owned(),
            groups: self.is(Fault::Groups).then(|| ["crew".to_owned()].into()),
            user_info: self.is(Fault::Info).then(|| "a text".into()),
            auth_state: self.is(Fault::State).then(|| "a text".into()),
            ..AuthModel::default()
        }
    }
}

#[async_trait]
impl Authenticator for Faulty {
    fn class(&self) -> &'static str {
        if self.is(Fault::Class) { "" } else { "faulty" }
    }

    fn way(&self) -> Way {
        match self.0 {
            Fault::FormElsewhere => Way::Closed,
            _ => Way::Form,
        }
    }

    fn refreshes(&self) -> bool {
        true
    }

    fn logout_redirect_url(&self) -> Option<String> {
        self.is(Fault::LeadsNowhere)
            .then(|| "//elsewhere".to_owned())
    }

    fn pages(&self) -> &'static [&'static str] {
        match self.0 {
            Fault::OddPages => &["back/../home"],
            Fault::OpenPage => &["back"],
            _ => &[],
        }
    }

    async fn page(&self, request: &PageRequest) -> PageAnswer {
        match self.0 {
            Fault::OpenPage | Fault::AnyPage => PageAnswer::Person {
                model: Box::new(self.model("mal")),
                next: None,
                otherwise: String::new(),
            },
            _ => PageAnswer::Refused(Refused::not_found(&request.page)),
        }
    }

    fn opens(&self, _: bool, _: &LoginForm) -> bool {
        !self.is(Fault::Opens)
    }

    async fn normalise(&self, name: String) -> Result<String, AuthUnavailable> {
        Ok(match self.0 {
            Fault::Respells if name.starts_with("nobody") => format!("{name}0"),
            _ => name,
        })
    }

    async fn authenticate(
        &self,
        name: &str,
        form: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        let name_is_right = name == "mal" || self.is(Fault::Anybody);
        let password = form.password.expose();
        let right = password == "serenity"
            || self.is(Fault::AnyPassword)
            || self.is(Fault::FormElsewhere)
            || (self.is(Fault::Anybody) && name != "mal");
        Ok((name_is_right && right).then(|| self.model(name)))
    }

    async fn is_admin(&self, _: &Username) -> Result<Option<bool>, AuthUnavailable> {
        Ok(self.is(Fault::Admins).then_some(true))
    }

    async fn allows(&self, _: &Username) -> Result<bool, AuthUnavailable> {
        Ok(self.is(Fault::Allows))
    }

    async fn refresh(&self, name: &Username) -> Result<Refreshed, AuthUnavailable> {
        Ok(match (self.0, name.as_str()) {
            (Fault::Forgets, _) => Refreshed::Gone("forgotten".to_owned()),
            (Fault::Remembers, _) => Refreshed::Unchanged,
            (Fault::Renames, "mal") => Refreshed::New(self.model("river")),
            (_, "mal") => Refreshed::Unchanged,
            _ => Refreshed::Gone("unknown".to_owned()),
        })
    }

    async fn add_user(&self, _: &Username) -> Result<(), AddUserError> {
        match self.0 {
            Fault::RegistersOnce => Err(AddUserError::Refused("there already".to_owned())),
            _ => Ok(()),
        }
    }

    async fn pre_spawn(&self, _: &ServerRef) -> Result<(), String> {
        match self.0 {
            Fault::NoServer => Err("never".to_owned()),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn what_is_broken_is_found() {
    let subject = subject(&[("mal", "serenity")]);
    for (fault, clause) in [
        (Fault::None, None),
        (Fault::Class, Some("the class has a name")),
        (Fault::Anybody, Some("nobody is who is not there")),
        (Fault::AnyPassword, Some("a wrong, empty")),
        (
            Fault::SomebodyElse,
            Some("who is right comes in, as themselves"),
        ),
        (
            Fault::Nameless,
            Some("who is right comes in, as themselves"),
        ),
        (Fault::Groups, Some("who is right comes in")),
        (Fault::Info, Some("who is right comes in")),
        (Fault::Respells, Some("a name has one spelling")),
        (Fault::Opens, Some("who is right opens an account")),
        (Fault::Admins, Some("who is not there is no administrator")),
        (Fault::Allows, Some("who is not there is no administrator")),
        (Fault::Forgets, Some("who came in holds")),
        (Fault::Remembers, Some("who is not there does not hold")),
        (Fault::Renames, Some("who came in holds")),
        (
            Fault::RegistersOnce,
            Some("who is there can be registered twice"),
        ),
        (Fault::NoServer, Some("servers start and stop")),
        (Fault::FormElsewhere, Some("whoever logs in elsewhere")),
        (Fault::State, Some("who is right comes in")),
        (Fault::LeadsNowhere, Some("where people are sent")),
        (Fault::OddPages, Some("its pages are paths")),
        (Fault::OpenPage, Some("whoever brings nothing of a login")),
        (Fault::AnyPage, Some("whoever brings nothing of a login")),
    ] {
        let broken = check(&Faulty(fault, None), &subject).await;
        let found = |clause: &str| {
            broken
                .iter()
                .any(|broken| broken.clause.starts_with(clause))
        };
        match clause {
            None => assert!(broken.is_empty(), "{broken:#?}"),
            Some(clause) => assert!(found(clause), "{fault:?}: {broken:#?}"),
        }
    }
    let broken = check(&Faulty(Fault::None, Some("serenity")), &subject).await;
    assert_eq!(broken.len(), 1, "{broken:#?}");
    assert_eq!(broken[0].clause, "it does not show passwords");
}
