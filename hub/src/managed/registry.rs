//! Services that are registered while the hub runs: external ones, in the database until they are deleted.
//!
//! Their token is stored as its hash, like every token that did not come from the configuration.

use serde_json::{Map, Value};
use services::spec::ServiceSpec;

use super::{ManagedServices, Service};
use crate::bus::Event;
use crate::db::{self, Db, DbError, ServiceRow};
use crate::domain::action::EditService;
use crate::domain::principal::Granted;

/// Note of the token that a service was registered with.
const NOTE: &str = "registered";

/// Why a service was not registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// There is one of that name.
    #[error("Service {0} already exists")]
    Exists(String),
    /// Another service or server logs in with that OAuth client id.
    #[error("oauth_client_id {0:?} belongs to another client; choose another one")]
    ClientTaken(String),
    /// The token is somebody's.
    #[error("api_token is in use already; `openssl rand -hex 32` makes a new one")]
    TokenTaken,
    /// The database refused or is gone.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Why a service was not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnregisterError {
    /// There is none of that name.
    #[error("Service {0} does not exist")]
    Unknown(String),
    /// It stands in the configuration: take it out there, and start the hub again.
    #[error("Service {0} is not modifiable at runtime")]
    FromConfig(String),
    /// The database refused or is gone.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The form in which a spec is stored: without its token.
fn stored(spec: &ServiceSpec) -> Map<String, Value> {
    let mut fields = spec.shown();
    fields.remove("api_token");
    fields
}

/// Reads the services that were registered; one that this version cannot read is left out, and said in the log.
pub(super) async fn load(db: &Db) -> Result<Vec<ServiceSpec>, DbError> {
    let rows = db::services::registered(db.read()).await?;
    let specs = rows.into_iter().filter_map(|(row, fields)| {
        serde_json::from_value(Value::Object(fields))
            .inspect_err(|error| {
                tracing::error!(
                    "service {} is left out, its registration cannot be read: {error}",
                    row.name
                );
            })
            .ok()
    });
    Ok(specs.collect())
}

impl ManagedServices {
    /// Registers an external service; its spec has been validated. From now on it has its token, its OAuth client and
    /// (with a URL) its checks; its route is the caller's to add.
    ///
    /// # Errors
    /// [`RegisterError`]; nothing has changed then.
    pub async fn register(
        &self,
        granted: &Granted<EditService>,
        mut spec: ServiceSpec,
    ) -> Result<ServiceRow, RegisterError> {
        debug_assert_eq!(*granted.subject(), spec.name);
        spec.origin = self.0.addresses.service_origin(&spec.service_name());
        let tx = self.0.db.write().await?;
        let name = spec.service_name();
        if db::services::find(&*tx, &spec.name).await?.is_some() {
            return Err(RegisterError::Exists(spec.name));
        }
        let client = spec.client_id();
        if spec.has_oauth() && db::oauth::find_client(&*tx, &client).await?.is_some() {
            return Err(RegisterError::ClientTaken(client));
        }
        let row = db::services::insert(&tx, &name, spec.admin, &stored(&spec)).await?;
        if let Some(token) = &spec.api_token {
            let new = super::tokens::row_of(row.id, token, NOTE);
            let inserted = db::tokens::insert(&tx, &new, self.0.clock.now()).await;
            inserted.map_err(|error| match error.is_conflict() {
                true => RegisterError::TokenTaken,
                false => error.into(),
            })?;
        }
        if spec.has_oauth() {
            let secret = spec.api_token.as_ref().map(hub_types::secret::Token::hash);
            let client = super::tokens::client(&self.0.addresses.base, &spec, row.id, secret);
            db::oauth::put_client(&tx, &client).await?;
        }
        tx.commit_and_tell(&self.0.bus, [Event::Identities]).await?;
        self.0.supervisor.watch_external(&spec);
        self.keep(Service {
            url: spec.url.clone(),
            // In memory too, only the hash goes on.
            spec: ServiceSpec {
                api_token: None,
                ..spec
            },
            from_config: false,
        });
        Ok(row)
    }

    /// Forgets a registered service with its tokens, its OAuth client and its roles; its route is the caller's to
    /// delete.
    ///
    /// # Errors
    /// [`UnregisterError`].
    pub async fn unregister(&self, granted: &Granted<EditService>) -> Result<(), UnregisterError> {
        let name = granted.subject();
        let tx = self.0.db.write().await?;
        let row = db::services::find(&*tx, name).await?;
        let row = row.ok_or_else(|| UnregisterError::Unknown(name.clone()))?;
        if row.from_config {
            return Err(UnregisterError::FromConfig(name.clone()));
        }
        db::services::delete(&tx, row.id).await?;
        tx.commit_and_tell(&self.0.bus, [Event::Identities]).await?;
        self.drop_kept(name);
        self.0.supervisor.forget(name);
        Ok(())
    }
}
