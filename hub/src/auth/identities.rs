//! From a token or a session to who it is and what they may do; cached.
//!
//! A cached answer is good while [`Bus::identities_version`] stands still, and for half a minute at most (another hub may
//! have changed something that this one was not told of), or for some more while the database is away. Expiry is judged by
//! the clock at every use. A cached token costs no database work at all.

mod members;
mod uses;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use hub_types::clock::Clock;
use hub_types::scope::{Catalogue, Scope};
use hub_types::secret::{Token, TokenHash};

use self::members::Members;
use self::uses::Unwritten;
use crate::auth::answers::Answers;
use crate::auth::memory::Memory;
use crate::bus::Bus;
use crate::db::{Db, DbError, Session, roles, servers, services, sessions, shares, tokens, users};
use crate::domain::activity::worth_a_write;
use crate::domain::authority::{Authority, bearer, wants_server};
use crate::domain::principal::{Credential, Owner, Principal};
use crate::domain::role::{ADMIN_ROLE, USER_ROLE, expand};
use crate::domain::token::{ApiToken, TokenId, TokenOwner};
use crate::domain::user::UserId;

/// How many credentials are remembered.
const CAPACITY: u64 = 50_000;

/// How long an answer is remembered when nobody says that it changed.
const TTL: TimeDelta = TimeDelta::seconds(30);

/// How long an answer is kept for a database that is away, at most ([`Db::outage`]).
const OUTAGE: TimeDelta = TimeDelta::minutes(10);

/// What an answer is remembered by. A session's secret is no token, so the two never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Token(TokenHash),
    Session(TokenHash),
}

/// An answer, and until when it is good.
struct Known {
    principal: Principal,
    version: u64,
    loaded: DateTime<Utc>,
    expires: Option<DateTime<Utc>>,
    /// Microseconds of the last use that was noted for writing.
    noted: AtomicI64,
}

struct Inner {
    db: Db,
    bus: Bus,
    clock: Arc<dyn Clock>,
    answers: Answers,
    /// The scopes that exist.
    catalogue: Arc<Catalogue>,
    resolution: TimeDelta,
    cache: Memory<Key, Known>,
    members: Members,
    /// Tokens whose secret stands in the configuration: the database knows their row, not their hash.
    configured: RwLock<BTreeMap<TokenHash, TokenId>>,
    uses: Unwritten,
}

/// Answers "who is this?". Cheap to clone.
#[derive(Clone)]
pub struct Identities(Arc<Inner>);

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identities")
            .field("cached", &self.0.cache.len())
            .finish_non_exhaustive()
    }
}

impl Identities {
    /// Looks in `db`; uses of credentials are noted at most every `resolution`. `catalogue` are the scopes that exist.
    #[must_use]
    pub fn new(
        db: Db,
        bus: Bus,
        clock: Arc<dyn Clock>,
        catalogue: Arc<Catalogue>,
        resolution: TimeDelta,
    ) -> Self {
        let answers = Answers::new(db.clone(), bus.clone(), Arc::clone(&clock));
        Self(Arc::new(Inner {
            answers,
            db,
            bus,
            clock,
            catalogue,
            resolution,
            cache: Memory::new(CAPACITY, OUTAGE),
            members: Members::default(),
            configured: RwLock::default(),
            uses: Unwritten::default(),
        }))
    }

    /// By which others are told that they must look again.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// What was last answered to tokens.
    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.0.answers
    }

    /// Makes the secrets of the configuration known as the tokens with these row ids. Those of before are forgotten.
    pub fn set_configured(&self, secrets: &[(Token, TokenId)]) {
        let secrets = secrets.iter().map(|(secret, id)| (secret.hash(), *id));
        *self
            .0
            .configured
            .write()
            .unwrap_or_else(PoisonError::into_inner) = secrets.collect();
    }

    /// Whether `secret` is a token of the configuration, whoever's.
    #[must_use]
    pub fn is_any_configured(&self, secret: &Token) -> bool {
        self.0
            .configured
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&secret.hash())
    }

    /// Whether `secret` is the configured token with this row id.
    #[must_use]
    pub fn is_configured(&self, secret: &Token, id: TokenId) -> bool {
        self.0
            .configured
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&secret.hash())
            == Some(&id)
    }

    /// Whose API token this is. Its use is noted as activity of the token, and of the user unless it is a server's own.
    ///
    /// # Errors
    /// When the database refuses or is gone (cached answers go on).
    pub async fn by_token(&self, token: &Token) -> Result<Option<Principal>, DbError> {
        let hash = token.hash();
        if let Some(known) = self.fresh(Key::Token(hash)).await {
            return Ok(Some(self.used(&known)));
        }
        match self.look_for_token(hash).await {
            Err(error) => self.remembered(Key::Token(hash), error).await.map(Some),
            found => found,
        }
    }

    async fn look_for_token(&self, hash: TokenHash) -> Result<Option<Principal>, DbError> {
        let version = self.0.bus.identities_version();
        let configured = self
            .0
            .configured
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&hash)
            .copied();
        let row = match configured {
            Some(id) => tokens::get(self.0.db.read(), id).await?,
            None => tokens::find(self.0.db.read(), hash).await?,
        };
        let Some(row) = row.filter(|row| row.valid_at(self.0.clock.now())) else {
            return Ok(None);
        };
        let Some(principal) = self.of_token(&row).await? else {
            return Ok(None);
        };
        Ok(Some(
            self.remember(
                Key::Token(hash),
                principal,
                version,
                row.expires,
                row.last_activity,
            )
            .await,
        ))
    }

    /// Whose browser session this is.
    ///
    /// # Errors
    /// When the database refuses or is gone (cached answers go on).
    pub async fn by_session(&self, secret: TokenHash) -> Result<Option<Principal>, DbError> {
        let key = Key::Session(secret);
        if let Some(known) = self.fresh(key).await {
            return Ok(Some(self.used(&known)));
        }
        match self.look_for_session(secret).await {
            Err(error) => self.remembered(key, error).await.map(Some),
            found => found,
        }
    }

    async fn look_for_session(&self, secret: TokenHash) -> Result<Option<Principal>, DbError> {
        let key = Key::Session(secret);
        let version = self.0.bus.identities_version();
        let Some(session) = sessions::find(self.0.db.read(), secret, self.0.clock.now()).await?
        else {
            return Ok(None);
        };
        let expires = session.expires;
        let Some(principal) = self.of_session(session).await? else {
            return Ok(None);
        };
        let last = principal.owner.user().and_then(|user| user.last_activity);
        Ok(Some(
            self.remember(key, principal, version, Some(expires), last)
                .await,
        ))
    }

    /// Whose browser session has this id. The id is no secret: whoever calls this has proof of another kind. Not
    /// remembered: the services of old that ask so remember the answer themselves.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn by_session_id(&self, id: &str) -> Result<Option<Principal>, DbError> {
        match sessions::get(self.0.db.read(), id, self.0.clock.now()).await? {
            Some(session) => self.of_session(session).await,
            None => Ok(None),
        }
    }

    async fn of_session(&self, session: Session) -> Result<Option<Principal>, DbError> {
        let owner = TokenOwner::User(session.user_id);
        let Some(who) = self.of_owner(owner).await? else {
            return Ok(None);
        };
        let credential = Credential::Cookie {
            session_id: session.id,
        };
        Ok(Some(Principal::new(
            who.owner, credential, who.held, who.groups,
        )))
    }

    /// Writes the uses that were noted since the last call, in one transaction.
    ///
    /// # Errors
    /// When the database refuses or is gone; the uses are kept for the next call then.
    pub async fn write_uses(&self) -> Result<(), DbError> {
        self.0.uses.write(&self.0.db).await
    }

    /// The later of what is stored and of what is still to be written.
    #[must_use]
    pub fn last_activity(
        &self,
        user: UserId,
        stored: Option<DateTime<Utc>>,
    ) -> Option<DateTime<Utc>> {
        stored.max(self.0.uses.of_user(user))
    }

    /// The same for a token.
    #[must_use]
    pub fn last_use(&self, token: TokenId, stored: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        stored.max(self.0.uses.of_token(token))
    }

    async fn fresh(&self, key: Key) -> Option<Arc<Known>> {
        self.known(key, TTL).await
    }

    /// What was known before the database went away.
    async fn remembered(&self, key: Key, error: DbError) -> Result<Principal, DbError> {
        if !error.is_away() {
            return Err(error);
        }
        match self.known(key, self.0.db.outage()).await {
            Some(known) => Ok(self.used(&known)),
            None => Err(error),
        }
    }

    async fn known(&self, key: Key, age: TimeDelta) -> Option<Arc<Known>> {
        let known = self.0.cache.get(&key).await?;
        let now = self.0.clock.now();
        let good = known.version == self.0.bus.identities_version()
            && now - known.loaded < age
            && known.expires.is_none_or(|expires| now < expires);
        good.then_some(known)
    }

    async fn remember(
        &self,
        key: Key,
        principal: Principal,
        version: u64,
        expires: Option<DateTime<Utc>>,
        last_use: Option<DateTime<Utc>>,
    ) -> Principal {
        let noted = last_use.map_or(i64::MIN, |at| at.timestamp_micros());
        let loaded = self.0.clock.now();
        let known = Arc::new(Known {
            principal,
            version,
            loaded,
            expires,
            noted: AtomicI64::new(noted),
        });
        let kept = Arc::clone(&known);
        self.0.cache.keep(key, version, kept).await;
        self.used(&known)
    }

    /// Notes a use, if the last one noted is older than the resolution.
    fn used(&self, known: &Known) -> Principal {
        let now = self.0.clock.now();
        let last = DateTime::from_timestamp_micros(known.noted.load(Ordering::Relaxed));
        let last = last.filter(|_| known.noted.load(Ordering::Relaxed) != i64::MIN);
        if worth_a_write(last, now, self.0.resolution) {
            known.noted.store(now.timestamp_micros(), Ordering::Relaxed);
            self.0.uses.note(&known.principal, now);
        }
        known.principal.clone()
    }

    async fn of_token(&self, row: &ApiToken) -> Result<Option<Principal>, DbError> {
        let Some(who) = self.of_owner(row.owner).await? else {
            return Ok(None);
        };
        let server = match row.server_id {
            Some(id) if wants_server(row) => servers::get(self.0.db.read(), id).await?,
            _ => None,
        };
        let scopes = who.token(&row.scopes, server.as_ref().map(|server| &server.at));
        let credential = Credential::Token {
            id: row.id,
            session_id: row.session_id.clone(),
            counts_as_activity: row.counts_as_user_activity(),
        };
        Ok(Some(Principal::new(
            who.owner, credential, scopes, who.groups,
        )))
    }

    /// What an owner may do, whatever credential they come with.
    ///
    /// # Errors
    /// When the database refuses or is gone.
    pub async fn of_owner(&self, id: TokenOwner) -> Result<Option<Authority>, DbError> {
        let c = self.0.db.read();
        let owner = match id {
            TokenOwner::User(id) => users::get(c, id).await?.map(Owner::User),
            TokenOwner::Service(id) => services::get(c, id).await?.map(|row| Owner::Service {
                id,
                name: row.name,
                admin: row.admin,
            }),
        };
        let Some(owner) = owner else { return Ok(None) };
        let mut held = roles::held_by(c, id).await?;
        held.extend(owner.user().map(|_| USER_ROLE.to_owned()));
        held.extend(owner.admin().then(|| ADMIN_ROLE.to_owned()));
        let table = roles::all(c).await?;
        let mut scopes: Vec<Scope> = held
            .iter()
            .filter_map(|name| table.get(name))
            .flat_map(|role| role.scopes.iter().cloned())
            .collect();
        if let TokenOwner::User(id) = id {
            for (at, shared) in shares::held_by(c, id).await? {
                scopes.extend(shared.on(&at));
            }
        }
        let catalogue = Arc::clone(&self.0.catalogue);
        let held = Arc::new(expand(scopes, bearer(&owner, &catalogue)));
        let version = self.0.bus.identities_version();
        let members = &self.0.members;
        let groups = members.at(version, self.0.clock.now(), &self.0.db).await?;
        Ok(Some(Authority {
            owner,
            held,
            groups,
            catalogue,
        }))
    }
}
