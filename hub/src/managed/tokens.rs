//! Tokens and OAuth clients of services.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use hub_types::clock::Clock;
use hub_types::names::ServiceName;
use hub_types::paths::BaseUrl;
use hub_types::scope::{FilterKind, Scope, ScopeName};
use hub_types::secret::{Token, TokenHash};
use services::spec::ServiceSpec;
use services::supervisor::{BoxError, Tokens};

use super::ManagedDeps;
use crate::bus::{Bus, Event};
use crate::db::{self, Db, DbError, NewTokenRow, OAuthClient, Tx};
use crate::domain::token::{ServiceId, TokenOwner};

/// Note of the tokens that the hub makes for services. Source: JupyterHub 6.1.
const NOTE: &str = "generated at startup";

/// Gives services their tokens, and keeps their OAuth clients.
#[derive(Debug, Clone)]
pub struct ServiceTokens {
    db: Db,
    bus: Bus,
    clock: Arc<dyn Clock>,
    base: BaseUrl,
    /// Shared by all clones.
    specs: Arc<RwLock<BTreeMap<String, ServiceSpec>>>,
}

impl ServiceTokens {
    /// Tokens for the services of `specs`.
    #[must_use]
    pub fn new(deps: &ManagedDeps, specs: BTreeMap<String, ServiceSpec>) -> Self {
        Self {
            db: deps.db.clone(),
            bus: deps.bus.clone(),
            clock: deps.clock.clone(),
            base: deps.addresses.base.clone(),
            specs: Arc::new(RwLock::new(specs)),
        }
    }

    /// The services are these from now on.
    pub(super) fn settle(&self, specs: BTreeMap<String, ServiceSpec>) {
        *self.specs.write().unwrap_or_else(PoisonError::into_inner) = specs;
    }

    fn spec(&self, name: &ServiceName) -> Option<ServiceSpec> {
        let specs = self.specs.read().unwrap_or_else(PoisonError::into_inner);
        specs.get(name.as_str()).cloned()
    }

    /// Makes the OAuth clients what the specs say. A service that is adopted keeps its secret; one whose token is
    /// configured has no generated one.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn register(&self) -> Result<(), DbError> {
        let tx = self.db.write().await?;
        for row in db::services::list(&*tx).await? {
            let Some(spec) = self.spec(&row.name) else {
                continue;
            };
            let id = spec.has_oauth().then(|| spec.client_id());
            db::oauth::delete_other_clients_of_service(&tx, row.id, id.as_deref()).await?;
            if spec.api_token.is_some() {
                db::tokens::revoke_of_service(&tx, row.id, NOTE).await?;
            }
            if let Some(id) = id {
                let known = db::oauth::find_client(&*tx, &id).await?;
                let known_owner = known.as_ref().map(|client| client.service_id);
                let secret = known
                    .filter(|client| client.service_id == Some(row.id))
                    .and_then(|client| client.secret_hash)
                    .filter(|_| spec.api_token.is_none());
                if known_owner.is_some_and(|owner| owner != Some(row.id)) {
                    // Whoever had the id before must not be mistaken for this service.
                    db::oauth::delete_client(&tx, &id).await?;
                }
                db::oauth::put_client(&tx, &client(&self.base, &spec, row.id, secret)).await?;
            }
        }
        tx.commit_and_tell(&self.bus, [Event::Identities]).await?;
        Ok(())
    }

    async fn issue_in(&self, tx: &Tx, name: &ServiceName, token: &Token) -> Result<(), DbError> {
        let rows = db::services::list(&**tx).await?;
        let row = rows
            .into_iter()
            .find(|row| row.name == *name)
            .ok_or_else(|| DbError::Inconsistent {
                table: "services",
                why: format!("there is no row for service {name:?}"),
            })?;
        db::tokens::revoke_of_service(tx, row.id, NOTE).await?;
        let new = row_of(row.id, token, NOTE);
        db::tokens::insert(tx, &new, self.clock.now()).await?;
        if let Some(spec) = self.spec(name).filter(ServiceSpec::has_oauth) {
            let client = client(&self.base, &spec, row.id, Some(token.hash()));
            db::oauth::put_client(tx, &client).await?;
        }
        Ok(())
    }
}

/// The row of a service's token, which is worth what the service is.
pub(super) fn row_of(service: ServiceId, token: &Token, note: &str) -> NewTokenRow {
    let scopes = vec![Scope::all(ScopeName::Inherit)];
    NewTokenRow {
        hash: Some(token.hash()),
        ..NewTokenRow::new(TokenOwner::Service(service), scopes, note)
    }
}

/// The OAuth client that a service is.
pub(super) fn client(
    base: &BaseUrl,
    spec: &ServiceSpec,
    id: ServiceId,
    secret: Option<TokenHash>,
) -> OAuthClient {
    let origin = spec.origin.as_deref().unwrap_or_default();
    let prefix = base.service(&spec.service_name());
    let access = Scope::only(
        ScopeName::AccessServices,
        FilterKind::Service,
        spec.name.clone(),
    );
    OAuthClient {
        id: spec.client_id(),
        secret_hash: secret,
        redirect_uri: spec.redirect_uri(&format!("{origin}{prefix}oauth_callback")),
        description: format!("Service {}", spec.name),
        allowed_scopes: spec
            .oauth_client_allowed_scopes
            .iter()
            .cloned()
            .chain([access])
            .collect(),
        server_id: None,
        service_id: Some(id),
    }
}

#[async_trait]
impl Tokens for ServiceTokens {
    async fn issue(&self, service: &ServiceName) -> Result<Token, BoxError> {
        let token = Token::generate();
        let tx = self.db.write().await?;
        self.issue_in(&tx, service, &token).await?;
        tx.commit_and_tell(&self.bus, [Event::Identities]).await?;
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use hub_types::clock::FakeClock;

    use super::*;

    async fn scene(spec: &ServiceSpec) -> (Db, ServiceTokens) {
        let db = db::testing::empty().await;
        let tx = db.write().await.unwrap();
        db::services::sync(&tx, &[(spec.service_name(), false)])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        (db.clone(), tokens(&db, spec))
    }

    fn tokens(db: &Db, spec: &ServiceSpec) -> ServiceTokens {
        ServiceTokens {
            db: db.clone(),
            bus: Bus::default(),
            clock: Arc::new(FakeClock::at(DateTime::UNIX_EPOCH)),
            base: BaseUrl::new("/pfx/"),
            specs: Arc::new(RwLock::new([(spec.name.clone(), spec.clone())].into())),
        }
    }

    fn whoami() -> ServiceSpec {
        ServiceSpec {
            url: Some("http://127.0.0.1:1".into()),
            command: vec!["x".into()],
            ..ServiceSpec::new("whoami")
        }
    }

    #[tokio::test]
    async fn each_start_has_a_token_that_replaces_the_one_before() {
        let spec = whoami();
        let (db, tokens) = scene(&spec).await;
        tokens.register().await.unwrap();
        let client = db::oauth::find_client(db.read(), "service-whoami")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (client.redirect_uri.as_str(), client.secret_hash),
            ("/pfx/services/whoami/oauth_callback", None)
        );
        assert_eq!(
            client.allowed_scopes[0].to_string(),
            "access:services!service=whoami"
        );

        let first = tokens.issue(&spec.service_name()).await.unwrap();
        let second = tokens.issue(&spec.service_name()).await.unwrap();
        assert!(
            db::tokens::find(db.read(), first.hash())
                .await
                .unwrap()
                .is_none()
        );
        let row = db::tokens::find(db.read(), second.hash())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (row.note.as_str(), row.scopes[0].to_string().as_str()),
            (NOTE, "inherit")
        );

        // A restart of the hub keeps the secret of the process that goes on running.
        tokens.register().await.unwrap();
        let client = db::oauth::find_client(db.read(), "service-whoami")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(client.secret_hash, Some(second.hash()));
    }

    #[tokio::test]
    async fn a_configured_token_or_another_client_id_leaves_nothing_behind() {
        let mut spec = whoami();
        let (db, before) = scene(&spec).await;
        before.register().await.unwrap();
        let generated = before.issue(&spec.service_name()).await.unwrap();
        spec.api_token = Some(Token::from_config("configured-token"));
        spec.oauth_client_id = Some("service-other".into());
        tokens(&db, &spec).register().await.unwrap();
        assert!(
            db::tokens::find(db.read(), generated.hash())
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            db::oauth::find_client(db.read(), "service-whoami")
                .await
                .unwrap()
                .is_none()
        );
        let client = db::oauth::find_client(db.read(), "service-other")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(client.secret_hash, None);
    }
}
