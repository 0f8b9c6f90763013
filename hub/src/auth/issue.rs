//! New API tokens, whoever asks for them: the REST API, the token page, the command line.

use std::fmt;

use chrono::{DateTime, Utc};
use hub_types::scope::{Scope, ScopeName, ScopeSet};
use hub_types::secret::Token;

use crate::db::{Db, DbError, NewTokenRow, RoleTable, roles, tokens};
use crate::domain::action::ManageTokens;
use crate::domain::authority::Authority;
use crate::domain::principal::{Granted, Owner};
use crate::domain::role::TOKEN_ROLE;
use crate::domain::token::{ApiToken, InvalidLife, MAX_NOTE, expiry};

/// The most scopes that a token is asked for with: more is a mistake, or an attack on the database.
pub const MAX_SCOPES: usize = 1_000;

/// The most tokens that one owner has at a time (security case 122). A program that needs a token each time forgets to
/// revoke them.
pub const MAX_TOKENS: u64 = 2_000;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// What it is for.
    pub note: String,
    /// Life in seconds; none for as long as is allowed.
    pub expires_in: Option<i64>,
    /// What it may do; none for what the role `token` says.
    pub scopes: Option<Vec<Scope>>,
}

/// Why there is no token. The texts are JupyterHub's, where it has one.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The life is not allowed.
    #[error(transparent)]
    Life(#[from] InvalidLife),
    /// The note is too long.
    #[error("token note must be at most {MAX_NOTE} characters")]
    Note,
    /// Too many scopes.
    #[error("token scopes must be at most {MAX_SCOPES}")]
    Scopes,
    /// Too many tokens.
    #[error(
        "{0} has {MAX_TOKENS} tokens already; revoke some that nobody uses, or give new ones an end"
    )]
    Tokens(String),
    /// More than the owner may do, or than the token may that asks.
    #[error("Not assigning requested scopes {missing} not held by {holder}")]
    NotHeld {
        /// The scopes.
        missing: String,
        /// `User alice`, `Service x`.
        holder: String,
    },
    /// The database refused.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The most that a new token may do.
#[derive(Debug, Clone, Copy)]
pub enum Limit<'a> {
    /// All that its owner may.
    Owner,
    /// What this token of the same owner may, which asks for it: a narrow token makes no wider one (security case 48).
    Asker(&'a ScopeSet),
}

/// Who a scope is not held by, as a text.
struct Holder<'a> {
    owner: &'a Owner,
    narrow: bool,
}

impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = if self.narrow { "this token of " } else { "" };
        let kind = match self.owner {
            Owner::User(_) => "User",
            Owner::Service { .. } => "Service",
        };
        write!(f, "{token}{kind} {}", self.owner.name())
    }
}

/// The scopes of a new token: those asked for, or those of the role `token`; never more than `limit`.
fn scopes(
    who: &Authority,
    limit: Limit<'_>,
    asked: Option<Vec<Scope>>,
    table: &RoleTable,
) -> Result<Vec<Scope>, IssueError> {
    let limit = match limit {
        Limit::Owner => &who.held,
        Limit::Asker(scopes) => scopes,
    };
    let narrow = !who.is_within(limit);
    let asked = match asked {
        Some(asked) => asked,
        None if narrow => return Ok(limit.iter().collect()),
        None => match table.get(TOKEN_ROLE) {
            Some(role) => role.scopes.clone(),
            None => vec![Scope::all(ScopeName::Inherit)],
        },
    };
    if asked.len() > MAX_SCOPES {
        return Err(IssueError::Scopes);
    }
    let inherit = narrow && asked.iter().any(|scope| scope.name == ScopeName::Inherit);
    let missing = if inherit {
        vec![ScopeName::Inherit.to_string()]
    } else {
        who.beyond(&asked, limit)
    };
    if missing.is_empty() {
        return Ok(asked);
    }
    let owner = &who.owner;
    Err(IssueError::NotHeld {
        missing: missing.join(","),
        holder: Holder { owner, narrow }.to_string(),
    })
}

/// Makes a token for `who`. `longest` is the configured limit of a life in seconds, 0 for none.
///
/// # Errors
/// [`IssueError`].
pub async fn issue(
    db: &Db,
    _granted: &Granted<ManageTokens>,
    (who, limit): (&Authority, Limit<'_>),
    request: TokenRequest,
    longest: i64,
    now: DateTime<Utc>,
) -> Result<(ApiToken, Token), IssueError> {
    if request.note.chars().count() > MAX_NOTE {
        return Err(IssueError::Note);
    }
    let expires = expiry(request.expires_in, longest, now)?;
    let table = roles::all(db.read()).await?;
    let scopes = scopes(who, limit, request.scopes, &table)?;
    let secret = Token::generate();
    let row = NewTokenRow {
        hash: Some(secret.hash()),
        expires,
        ..NewTokenRow::new(who.id(), scopes, request.note)
    };
    let tx = db.write().await?;
    if tokens::count(&*tx, who.id(), now).await? >= MAX_TOKENS {
        return Err(IssueError::Tokens(who.owner.name().to_owned()));
    }
    let token = tokens::insert(&tx, &row, now).await?;
    tx.commit().await?;
    Ok((token, secret))
}
