//! One start of a service: environment, launcher, ledger, release.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use hub_types::secret::Token;

use super::{BoxError, Entry, Inner, Prepared};
use crate::contract::{Account, ServiceContract, put_on_path};
use crate::process::users::{self, SystemUser, UserError};
use crate::process::{LaunchError, LaunchPlan, Running, hold};

/// How long the user database may take to answer.
const LOOKUP: Duration = Duration::from_secs(20);

/// Why a start failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("cannot make the folder {0:?} for its output: {1}")]
    Folder(std::path::PathBuf, io::Error),
    #[error("user: {0}")]
    User(#[from] UserError),
    #[error("cannot give it a token: {0}")]
    Token(BoxError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error("cannot record its process, so it was not started: {0}")]
    Ledger(BoxError),
}

impl StartError {
    /// The folders in which the program was looked up in vain.
    pub(super) fn searched(&self) -> Option<&str> {
        match self {
            Self::Launch(LaunchError::Failed(failure)) => failure.searched(),
            _ => None,
        }
    }
}

impl Inner {
    /// Starts the service. Nothing runs unless its process is recorded.
    pub(super) async fn launch(&self, service: &Prepared) -> Result<Running, StartError> {
        let spec = &service.spec;
        let name = spec.service_name();
        make_private(&self.settings.output_folder)?;
        let user = match &spec.user {
            Some(user) => Some(find_user(user.clone()).await?),
            None => None,
        };
        let token = match &spec.api_token {
            Some(token) => token.clone(),
            None => self.tokens.issue(&name).await.map_err(StartError::Token)?,
        };
        let plan = self.plan(service, token, user.as_ref());
        let held = hold(&self.settings.launcher, &plan).await?;
        let entry = Entry {
            record: held.record().clone(),
            fingerprint: spec.fingerprint(&self.settings.hub),
            url: service.url.clone(),
        };
        self.ledger
            .store(&name, &entry)
            .await
            .map_err(StartError::Ledger)?;
        Ok(held.release().await?)
    }

    fn plan(&self, service: &Prepared, token: Token, user: Option<&SystemUser>) -> LaunchPlan {
        let spec = &service.spec;
        let name = spec.service_name();
        let contract = ServiceContract {
            token,
            client_id: spec.client_id(),
            url: service.url.clone(),
            subdomain: spec.origin.clone(),
            kept: self.settings.kept.clone(),
            environment: spec.environment.clone(),
            account: user.map(Account::from),
            name: name.clone(),
        };
        let mut env = contract.to_env(&self.settings.hub);
        if let Some(folder) = self.settings.launcher.parent() {
            put_on_path(&mut env, folder);
        }
        LaunchPlan {
            env,
            cwd: spec.cwd.as_ref().map(Into::into),
            run_as: user.map(SystemUser::run_as),
            ..LaunchPlan::new(spec.command.clone(), self.settings.output_of(&name))
        }
    }
}

/// The user database may be far away: asked on a thread of its own.
async fn find_user(name: String) -> Result<SystemUser, UserError> {
    let lookup = name.clone();
    let found = tokio::task::spawn_blocking(move || users::lookup(&lookup));
    let why = match tokio::time::timeout(LOOKUP, found).await {
        Ok(Ok(found)) => return found,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!(
            "the user database did not answer within {} s",
            LOOKUP.as_secs()
        ),
    };
    Err(UserError::Lookup { name, why })
}

fn make_private(folder: &Path) -> Result<(), StartError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| StartError::Folder(folder.to_owned(), error))
}
