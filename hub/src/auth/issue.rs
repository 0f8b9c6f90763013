//! New API tokens, whoever asks for them: the REST API and the token page.

use chrono::{DateTime, Utc};
use hub_types::scope::{Scope, ScopeName, ScopeSet};
use hub_types::secret::Token;

use crate::db::{Db, DbError, NewTokenRow, tokens};
use crate::domain::action::ManageTokens;
use crate::domain::principal::{Granted, Owner};
use crate::domain::role::{Bearer, expand_token};
use crate::domain::token::{ApiToken, InvalidLife, MAX_NOTE, TokenOwner, expiry};
use crate::domain::user::Groups;

/// The most scopes that a token is asked for with: more is a mistake, or an attack on the database.
pub const MAX_SCOPES: usize = 1_000;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// What it is for.
    pub note: String,
    /// Life in seconds; none for as long as is allowed.
    pub expires_in: Option<i64>,
    /// What it may do; none for all that its owner may.
    pub scopes: Option<Vec<Scope>>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The life is not allowed.
    #[error(transparent)]
    Life(#[from] InvalidLife),
    /// The note is too long.
    #[error("note must be at most {MAX_NOTE} characters")]
    Note,
    /// Too many scopes.
    #[error("at most {MAX_SCOPES} scopes can be asked for")]
    Scopes,
    /// More than the owner may do. The text is JupyterHub's.
    #[error("Not assigning requested scopes {missing} not held by {owner}")]
    NotHeld {
        /// The scopes.
        missing: String,
        /// `User alice`, `Service x`.
        owner: String,
    },
    /// The database refused.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The owner of a new token, as [`Identities::of_owner`](super::identities::Identities::of_owner) answers.
#[derive(Debug, Clone, Copy)]
pub struct For<'a> {
    /// Who it is.
    pub owner: &'a Owner,
    /// What they hold.
    pub held: &'a ScopeSet,
    /// Who is in which group.
    pub groups: &'a Groups,
}

impl For<'_> {
    fn token_owner(&self) -> TokenOwner {
        match self.owner {
            Owner::User(user) => TokenOwner::User(user.id),
            Owner::Service { id, .. } => TokenOwner::Service(*id),
        }
    }

    fn bearer(&self) -> Bearer<'_> {
        match self.owner {
            Owner::User(user) => Bearer {
                user: Some(user.name.as_str()),
                ..Bearer::default()
            },
            Owner::Service { name, .. } => Bearer {
                service: Some(name.as_str()),
                ..Bearer::default()
            },
        }
    }

    /// What a token with these scopes may do right now, in the wire form.
    #[must_use]
    pub fn effective(&self, scopes: &[Scope]) -> Vec<String> {
        expand_token(scopes, self.bearer(), self.held)
            .intersect(self.held, self.groups)
            .to_strings()
    }

    fn check(&self, scopes: &[Scope]) -> Result<(), IssueError> {
        let asked = expand_token(scopes, self.bearer(), self.held);
        let missing: Vec<String> = asked
            .iter()
            .filter(|scope| {
                !self
                    .held
                    .includes(&ScopeSet::of_expanded([scope.to_string()]), self.groups)
            })
            .map(|scope| scope.to_string())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let kind = match self.owner {
            Owner::User(_) => "User",
            Owner::Service { .. } => "Service",
        };
        Err(IssueError::NotHeld {
            missing: missing.join(","),
            owner: format!("{kind} {}", self.owner.name()),
        })
    }
}

/// Makes a token. `longest` is the configured limit of a life in seconds, 0 for none.
///
/// # Errors
/// [`IssueError`].
pub async fn issue(
    db: &Db,
    _granted: &Granted<ManageTokens>,
    who: For<'_>,
    request: TokenRequest,
    longest: i64,
    now: DateTime<Utc>,
) -> Result<(ApiToken, Token), IssueError> {
    if request.note.chars().count() > MAX_NOTE {
        return Err(IssueError::Note);
    }
    let expires = expiry(request.expires_in, longest, now)?;
    if request
        .scopes
        .as_ref()
        .is_some_and(|scopes| scopes.len() > MAX_SCOPES)
    {
        return Err(IssueError::Scopes);
    }
    let scopes = request
        .scopes
        .unwrap_or_else(|| vec![Scope::all(ScopeName::Inherit)]);
    who.check(&scopes)?;
    let secret = Token::generate();
    let row = NewTokenRow {
        hash: Some(secret.hash()),
        owner: who.token_owner(),
        server_id: None,
        client_id: None,
        code_hash: None,
        session_id: None,
        scopes,
        note: request.note,
        expires,
    };
    let tx = db.write().await?;
    let token = tokens::insert(&tx, &row, now).await?;
    tx.commit().await?;
    Ok((token, secret))
}
