//! What the hub does for the supervisor: remember processes, give out tokens.

use async_trait::async_trait;
use hub_types::names::ServiceName;
use hub_types::secret::Token;
use serde::{Deserialize, Serialize};

use crate::process::ProcessRecord;

/// Whatever went wrong at the hub's side.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is recorded of a running service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The identity of its process.
    pub record: ProcessRecord,
    /// Of the spec it was started from ([`crate::spec::ServiceSpec::fingerprint`]).
    pub fingerprint: String,
    /// Where it listens.
    pub url: Option<String>,
}

/// Remembers which process runs which service. Every call must be durable when it returns: a process is released only
/// after [`Ledger::store`].
#[async_trait]
pub trait Ledger: Send + Sync {
    /// What is recorded of a service.
    async fn load(&self, service: &ServiceName) -> Result<Option<Entry>, BoxError>;

    /// Everything that is recorded.
    async fn list(&self) -> Result<Vec<(ServiceName, Entry)>, BoxError>;

    /// Records the process of a service, in place of an older one.
    async fn store(&self, service: &ServiceName, entry: &Entry) -> Result<(), BoxError>;

    /// Removes what is recorded of a service.
    async fn forget(&self, service: &ServiceName) -> Result<(), BoxError>;
}

/// Gives services their tokens.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// The token for a process that is about to be started, registered as the service's API token and OAuth client
    /// secret; older generated ones stop working. Called before every start of a service whose spec has no `api_token`,
    /// and not for adopted processes: those keep theirs.
    async fn issue(&self, service: &ServiceName) -> Result<Token, BoxError>;
}
