//! Who and what the fake hub knows.

use hub_types::identity::{Identity, Kind};
use hub_types::secret::Token;
use hub_types::server::ServerModel;
use hub_types::service::ServiceModel;
use hub_types::user::{ActivityReport, UserModel};

use super::FakeHub;

impl FakeHub {
    /// Adds a user who may enter all services; gives a token of theirs.
    pub fn add_user(&self, name: &str) -> Token {
        self.add_user_with(name, &[], &["access:services"])
    }

    /// Adds a user with these groups; gives a token of theirs with these scopes.
    pub fn add_user_with(&self, name: &str, groups: &[&str], scopes: &[&str]) -> Token {
        let user = UserModel {
            kind: Some("user".to_owned()),
            name: name.to_owned(),
            admin: Some(false),
            groups: Some(owned(groups)),
            server: Some(None),
            pending: Some(None),
            servers: Some(Default::default()),
            ..UserModel::default()
        };
        self.shared.world().users.insert(name.to_owned(), user);
        self.add_token(identity(Kind::User, name, groups, scopes))
    }

    /// Adds a service; gives its token, which has no scopes.
    pub fn add_service(&self, name: &str) -> Token {
        let service = ServiceModel {
            kind: "service".to_owned(),
            name: name.to_owned(),
            ..ServiceModel::default()
        };
        self.shared
            .world()
            .services
            .insert(name.to_owned(), service);
        self.add_token(identity(Kind::Service, name, &[], &[]))
    }

    /// Adds a token of anybody.
    pub fn add_token(&self, identity: Identity) -> Token {
        let token = Token::generate();
        self.shared
            .world()
            .tokens
            .insert(token.expose().to_owned(), identity);
        token
    }

    /// Makes the hub know a token that others made.
    pub fn know_token(&self, token: &Token, identity: Identity) {
        self.shared
            .world()
            .tokens
            .insert(token.expose().to_owned(), identity);
    }

    /// Makes the hub forget a token.
    pub fn revoke(&self, token: &Token) {
        self.shared.world().tokens.remove(token.expose());
    }

    /// Makes the hub forget all tokens of a user.
    pub fn revoke_all(&self, user: &str) {
        self.shared
            .world()
            .tokens
            .retain(|_, identity| identity.name != user);
    }

    /// Makes a cookie belong to a user, for the look-up of 0.7 and 0.8.
    pub fn add_cookie(&self, cookie: &str, value: &str, user: &str) {
        let identity = identity(Kind::User, user, &[], &[]);
        self.shared
            .world()
            .cookies
            .insert((cookie.to_owned(), value.to_owned()), identity);
    }

    /// Logs the browser in (`None`: out).
    pub fn log_in(&self, user: Option<&str>) {
        self.shared.world().visitor = user.map(str::to_owned);
    }

    /// Gives a user a server.
    pub fn add_server(&self, user: &str, server: ServerModel) {
        if let Some(user) = self.shared.world().users.get_mut(user) {
            user.servers
                .get_or_insert_default()
                .insert(server.name.clone(), server);
        }
    }

    /// A user as the hub has it now.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<UserModel> {
        self.shared.world().users.get(name).cloned()
    }

    /// Makes starts and stops take long: they answer 202.
    pub fn set_slow(&self, slow: bool) {
        self.shared.world().slow = slow;
    }

    /// The activity that was reported, in order.
    #[must_use]
    pub fn reported_activity(&self) -> Vec<(String, ActivityReport)> {
        self.shared.world().activity.clone()
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// An identity with these groups and scopes.
pub(super) fn identity(kind: Kind, name: &str, groups: &[&str], scopes: &[&str]) -> Identity {
    Identity {
        kind,
        name: name.to_owned(),
        admin: false,
        groups: owned(groups),
        scopes: owned(scopes),
        session_id: None,
        token_id: Some("a1".to_owned()),
        user_info: None,
        extra: serde_json::Map::new(),
    }
}
