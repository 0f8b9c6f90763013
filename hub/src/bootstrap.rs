//! What the configuration says of users, groups, roles and services, written into the database at start.
//!
//! The configuration is authoritative for what it names: a role that it no longer has is deleted, the members it lists
//! for a role are exact. What was made at run time beside it stays.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use hub_types::names::{GroupName, InvalidName, Username, normalise};
use hub_types::scope::{Scope, ScopeName};

use crate::auth::identities::Identities;
use crate::config::Config;
use crate::db::roles::Holders;
use crate::db::{Db, DbError, NewTokenRow, Tx, groups, roles, services, sessions, tokens, users};
use crate::domain::login;
use crate::domain::role::{ADMIN_ROLE, Role, builtin_roles};
use crate::domain::token::TokenOwner;
use crate::domain::user::UserId;

/// Note of tokens whose secret stands in the configuration. Source: JupyterHub 6.1.
const FROM_CONFIG: &str = "from config";

/// How many of the users with old names a warning names.
const NAMED: usize = 5;

/// What is wrong with the configuration's users, groups or roles.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A name that cannot be.
    #[error("{place}: {name:?} is no valid name: {why}")]
    Name {
        /// Where it stands.
        place: String,
        /// The name.
        name: String,
        /// The rule that it breaks.
        why: InvalidName,
    },
    /// A role for somebody who does not exist.
    #[error(
        "JupyterHub.load_roles: role {role:?} names services that are not configured: {missing}"
    )]
    Unknown {
        /// The role.
        role: String,
        /// The names.
        missing: String,
    },
    /// The database refused.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Writes everything in one transaction, then tells `identities` the configured secrets.
///
/// # Errors
/// When a name is invalid or unknown, or the database refuses; nothing has been written then.
pub async fn sync(
    config: &Config,
    db: &Db,
    identities: &Identities,
    now: DateTime<Utc>,
) -> Result<(), BootstrapError> {
    let tx = db.write().await?;
    let wanted: Vec<_> = config
        .jupyterhub
        .services
        .iter()
        .map(|service| (service.service_name(), service.admin))
        .collect();
    services::sync(&tx, &wanted).await?;
    sync_users(config, &tx, now).await?;
    warn_of_old_names(&tx).await?;
    sync_groups(config, &tx, now).await?;
    sync_roles(config, &tx, now).await?;
    let secrets = sync_tokens(config, &tx, now).await?;
    tx.commit().await?;
    for (secret, id) in secrets {
        identities.add_configured(&secret, id);
    }
    Ok(())
}

/// Stricter rules for names lock nobody out, but whoever looks after the hub should know whose names break them.
async fn warn_of_old_names(tx: &Tx) -> Result<(), DbError> {
    let names = users::names(&**tx).await?;
    let odd: Vec<&String> = names
        .iter()
        .filter(|name| Username::new(name).is_err())
        .collect();
    if !odd.is_empty() {
        let some: Vec<String> = odd
            .iter()
            .take(NAMED)
            .map(|name| format!("{name:?}"))
            .collect();
        tracing::warn!(
            "{} users have names that could not be taken today, such as {}; they go on",
            odd.len(),
            some.join(", ")
        );
    }
    Ok(())
}

async fn ensure_user(
    config: &Config,
    tx: &Tx,
    place: &str,
    name: &str,
    admin: bool,
    now: DateTime<Utc>,
) -> Result<(), BootstrapError> {
    let name = normalise(name);
    match users::find(&**tx, &name).await? {
        Some(user) if admin && !user.admin => users::set_admin(tx, user.id, true).await?,
        Some(_) => {}
        None => {
            let pattern = config.authenticator.by_pattern(&name);
            let username = login::new_name(&name, pattern).map_err(|why| BootstrapError::Name {
                place: place.into(),
                name,
                why,
            })?;
            users::insert(tx, &username, admin, now).await?;
        }
    }
    Ok(())
}

async fn sync_users(config: &Config, tx: &Tx, now: DateTime<Utc>) -> Result<(), BootstrapError> {
    for name in &config.authenticator.admin_users {
        ensure_user(config, tx, "Authenticator.admin_users", name, true, now).await?;
    }
    for name in &config.authenticator.allowed_users {
        ensure_user(config, tx, "Authenticator.allowed_users", name, false, now).await?;
    }
    for name in &config.authenticator.blocked_users {
        if let Some(user) = users::find(&**tx, &normalise(name)).await? {
            lock_out(tx, user.id).await?;
        }
    }
    Ok(())
}

/// Ends every session and revokes every token of a blocked user: being blocked counts at once, not at the next login.
async fn lock_out(tx: &Tx, user: UserId) -> Result<(), DbError> {
    sessions::end_all(tx, user).await?;
    tokens::revoke_all(tx, TokenOwner::User(user)).await
}

/// Administrators are exactly those of the configuration, once `load_roles` lists the users of `admin`.
async fn sync_admins(config: &Config, tx: &Tx) -> Result<(), BootstrapError> {
    let roles = &config.jupyterhub.load_roles;
    let listed: Vec<&String> = roles
        .iter()
        .filter(|role| role.name == ADMIN_ROLE)
        .filter_map(|role| role.users.as_ref())
        .flatten()
        .collect();
    if !roles
        .iter()
        .any(|role| role.name == ADMIN_ROLE && role.users.is_some())
    {
        return Ok(());
    }
    let wanted: BTreeSet<String> = listed
        .into_iter()
        .chain(&config.authenticator.admin_users)
        .map(|name| normalise(name))
        .collect();
    for user in users::admins(&**tx).await? {
        if !wanted.contains(user.name.as_str()) {
            users::set_admin(tx, user.id, false).await?;
        }
    }
    Ok(())
}

async fn sync_groups(config: &Config, tx: &Tx, now: DateTime<Utc>) -> Result<(), BootstrapError> {
    for (name, group) in &config.jupyterhub.load_groups {
        let place = format!("JupyterHub.load_groups.{name}");
        GroupName::new(name).map_err(|why| BootstrapError::Name {
            place: place.clone(),
            name: name.clone(),
            why,
        })?;
        let id = groups::ensure(tx, name, &group.properties).await?;
        for member in &group.users {
            ensure_user(config, tx, &place, member, false, now).await?;
            if let Some(user) = users::find(&**tx, &normalise(member)).await? {
                groups::add_member(tx, id, user.id).await?;
            }
        }
    }
    Ok(())
}

/// The built-in roles with what the configuration changes of them, and its own.
fn wanted_roles(config: &Config) -> Vec<Role> {
    let mut table: BTreeMap<String, Role> = builtin_roles()
        .into_iter()
        .map(|role| (role.name.clone(), role))
        .collect();
    for spec in config
        .jupyterhub
        .load_roles
        .iter()
        .filter(|spec| spec.name != ADMIN_ROLE)
    {
        let role = table.entry(spec.name.clone()).or_insert_with(|| Role {
            name: spec.name.clone(),
            description: String::new(),
            scopes: Vec::new(),
            from_config: true,
        });
        if let Some(description) = &spec.description {
            role.description.clone_from(description);
        }
        if let Some(scopes) = &spec.scopes {
            role.scopes.clone_from(scopes);
        }
    }
    table.into_values().collect()
}

async fn sync_roles(config: &Config, tx: &Tx, now: DateTime<Utc>) -> Result<(), BootstrapError> {
    roles::sync(tx, &wanted_roles(config)).await?;
    sync_admins(config, tx).await?;
    for spec in &config.jupyterhub.load_roles {
        let place = format!("JupyterHub.load_roles ({})", spec.name);
        // A set: "Mal" and "mal" are one.
        let lower = |names: &Vec<String>| -> Vec<String> {
            let names: BTreeSet<String> = names.iter().map(|name| normalise(name)).collect();
            names.into_iter().collect()
        };
        for name in spec.users.iter().flatten() {
            ensure_user(config, tx, &place, name, spec.name == ADMIN_ROLE, now).await?;
        }
        for name in spec.groups.iter().flatten() {
            GroupName::new(name).map_err(|why| BootstrapError::Name {
                place: place.clone(),
                name: name.clone(),
                why,
            })?;
            groups::ensure_exists(tx, name).await?;
        }
        let holders = Holders {
            users: spec.users.as_ref().map(lower),
            groups: spec.groups.clone(),
            services: spec.services.clone(),
        };
        let missing = roles::grant(tx, &spec.name, &holders).await?;
        if !missing.is_empty() {
            return Err(BootstrapError::Unknown {
                role: spec.name.clone(),
                missing: missing.join(", "),
            });
        }
    }
    Ok(())
}

type Secrets = Vec<(hub_types::secret::Token, crate::domain::token::TokenId)>;

/// One row for each configured secret; rows of secrets that are gone are deleted.
async fn sync_tokens(
    config: &Config,
    tx: &Tx,
    now: DateTime<Utc>,
) -> Result<Secrets, BootstrapError> {
    let configured: BTreeMap<_, _> = config
        .jupyterhub
        .services
        .iter()
        .filter_map(|service| {
            service
                .api_token
                .clone()
                .map(|token| (service.service_name(), token))
        })
        .collect();
    let mut secrets = Vec::new();
    for service in services::list(&**tx).await? {
        let owner = TokenOwner::Service(service.id);
        let row = tokens::of_owner(&**tx, owner, now)
            .await?
            .into_iter()
            .find(|row| row.note == FROM_CONFIG);
        match (configured.get(&service.name), row) {
            (Some(secret), Some(row)) => secrets.push((secret.clone(), row.id)),
            (Some(secret), None) => {
                let new = NewTokenRow {
                    hash: None,
                    owner,
                    server_id: None,
                    client_id: None,
                    code_hash: None,
                    session_id: None,
                    scopes: vec![Scope::all(ScopeName::Inherit)],
                    note: FROM_CONFIG.to_owned(),
                    expires: None,
                };
                secrets.push((secret.clone(), tokens::insert(tx, &new, now).await?.id));
            }
            (None, Some(row)) => tokens::revoke(tx, &row).await?,
            (None, None) => {}
        }
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use hub_types::clock::{Clock as _, FakeClock};
    use hub_types::scope::Target;

    use super::*;
    use crate::bus::Bus;
    use crate::config::{DbUrl, GroupSpec, RoleSpec};

    async fn hub() -> (Db, Identities, FakeClock) {
        let db = Db::open(&DbUrl::Memory).await.unwrap();
        let clock = FakeClock::at(DateTime::UNIX_EPOCH);
        let identities = Identities::new(
            db.clone(),
            Bus::default(),
            std::sync::Arc::new(clock.clone()),
            chrono::TimeDelta::seconds(30),
        );
        (db, identities, clock)
    }

    #[tokio::test]
    async fn a_service_holds_what_its_role_says_and_loses_what_it_no_longer_says() {
        let (db, identities, clock) = hub().await;
        let mut config = Config::default();
        let mut service = ::services::spec::ServiceSpec::new("culler");
        let secret = hub_types::secret::Token::from_config("culler-secret-1234");
        service.api_token = Some(secret.clone());
        config.jupyterhub.services.push(service);
        config.jupyterhub.load_roles.push(RoleSpec {
            name: "cull-idle".into(),
            scopes: Some(vec!["list:users".parse().unwrap()]),
            services: Some(vec!["culler".into()]),
            ..RoleSpec::default()
        });
        sync(&config, &db, &identities, clock.now()).await.unwrap();
        let who = identities.by_token(&secret).await.unwrap().unwrap();
        assert!(who.may(&ScopeName::ListUsers, Target::Everything));

        config.jupyterhub.load_roles.clear();
        sync(&config, &db, &identities, clock.now()).await.unwrap();
        clock.advance(chrono::TimeDelta::minutes(1));
        let who = identities.by_token(&secret).await.unwrap().unwrap();
        assert!(!who.may(&ScopeName::ListUsers, Target::Everything));

        config.jupyterhub.services.clear();
        sync(&config, &db, &identities, clock.now()).await.unwrap();
        clock.advance(chrono::TimeDelta::minutes(1));
        assert!(identities.by_token(&secret).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn being_blocked_and_losing_the_admin_role_count_at_once() {
        let (db, identities, clock) = hub().await;
        let mut config = Config::default();
        config.authenticator.admin_users.insert("mal".into());
        config.authenticator.allowed_users.insert("zoe".into());
        sync(&config, &db, &identities, clock.now()).await.unwrap();
        let zoe = users::find(db.read(), "zoe").await.unwrap().unwrap();
        let secret = hub_types::secret::Token::generate();
        let tx = db.write().await.unwrap();
        let row = NewTokenRow {
            hash: Some(secret.hash()),
            owner: TokenOwner::User(zoe.id),
            server_id: None,
            client_id: None,
            code_hash: None,
            session_id: None,
            scopes: vec![Scope::all(ScopeName::Inherit)],
            note: String::new(),
            expires: None,
        };
        tokens::insert(&tx, &row, clock.now()).await.unwrap();
        tx.commit().await.unwrap();

        config.authenticator.blocked_users.insert("Zoe".into());
        config.authenticator.admin_users.clear();
        config.jupyterhub.load_roles.push(RoleSpec {
            name: ADMIN_ROLE.into(),
            users: Some(vec!["ada".into()]),
            ..RoleSpec::default()
        });
        sync(&config, &db, &identities, clock.now()).await.unwrap();
        assert!(identities.by_token(&secret).await.unwrap().is_none());
        assert!(users::find(db.read(), "ada").await.unwrap().unwrap().admin);
        assert!(!users::find(db.read(), "mal").await.unwrap().unwrap().admin);
    }

    #[tokio::test]
    async fn users_groups_and_mistakes() {
        let (db, identities, clock) = hub().await;
        let mut config = Config::default();
        config.authenticator.admin_users.insert("Mal".into());
        config.jupyterhub.load_groups.insert(
            "lab".into(),
            GroupSpec {
                users: vec!["zoe".into()],
                ..GroupSpec::default()
            },
        );
        sync(&config, &db, &identities, clock.now()).await.unwrap();
        assert!(users::find(db.read(), "mal").await.unwrap().unwrap().admin);
        assert_eq!(
            groups::snapshot(db.read()).await.unwrap().of_user("zoe"),
            ["lab"]
        );

        config.jupyterhub.load_roles.push(RoleSpec {
            name: "r12".into(),
            services: Some(vec!["ghost".into()]),
            ..RoleSpec::default()
        });
        let error = sync(&config, &db, &identities, clock.now())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("ghost"), "{error}");
        config.jupyterhub.load_roles.clear();
        config.authenticator.allowed_users.insert("a/b".into());
        assert!(
            sync(&config, &db, &identities, clock.now())
                .await
                .unwrap_err()
                .to_string()
                .contains("allowed_users")
        );
    }
}
