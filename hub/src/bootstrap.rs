//! What the configuration says of users, groups, roles, services and tokens, written into the database at start.
//!
//! The configuration is authoritative for what it names: a role that it no longer has is deleted, the holders it lists
//! for a role are exact. What was made at run time beside it stays.

mod roles;
mod spelling;
mod tokens;

use chrono::{DateTime, Utc};
use hub_types::names::{GroupName, InvalidName, ServiceName, Username};

use self::spelling::Spelling;
use crate::auth::identities::Identities;
use crate::auth::{AuthUnavailable, Authenticator};
use crate::bus::Event;
use crate::config::Config;
use crate::db::lock_out::{Held, lock_out};
use crate::db::{Db, DbError, Tx, groups, services, users};
use crate::domain::login::new_name;
use crate::domain::user::UserId;

/// How many of the users with old names a warning names.
const NAMED: usize = 5;

/// All administrators were in `blocked_users`.
const NO_ADMINISTRATOR: &str = "no user is an administrator any more, as those who were are in blocked_users; name others in \
                                Authenticator.admin_users";

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
    /// The authenticator cannot say how a name is spelled.
    #[error(transparent)]
    Spelling(#[from] AuthUnavailable),
    /// The database refused.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What all steps work with.
struct Step<'a> {
    config: &'a Config,
    names: Spelling,
    tx: &'a Tx,
    now: DateTime<Utc>,
}

/// Writes everything in one transaction, then tells `identities` the configured secrets.
///
/// # Errors
/// When a name is invalid or unknown, when `authenticator` cannot say how it is spelled, or when the database refuses; nothing
/// has been written then.
pub async fn sync(
    config: &Config,
    authenticator: &dyn Authenticator,
    db: &Db,
    identities: &Identities,
    now: DateTime<Utc>,
) -> Result<(), BootstrapError> {
    // It may ask a directory: nobody waits for the database meanwhile.
    let names = Spelling::of(config, authenticator).await?;
    let tx = db.write().await?;
    let step = Step {
        config,
        names,
        tx: &tx,
        now,
    };
    step.services().await?;
    step.users().await?;
    step.warn_of_old_names().await?;
    step.groups().await?;
    roles::sync(&step).await?;
    // Whatever else the configuration gives them.
    for remark in step.blocked().await? {
        tracing::warn!("{remark}");
    }
    let secrets = tokens::sync(&step).await?;
    // Other hubs know users whose rights, tokens or sessions have just ended.
    tx.commit_and_tell(identities.bus(), [Event::Identities])
        .await?;
    identities.set_configured(&secrets);
    Ok(())
}

impl Step<'_> {
    /// Services of the configuration, and those for which it only has a token.
    async fn services(&self) -> Result<(), DbError> {
        let hub = &self.config.jupyterhub;
        let mut wanted: Vec<(ServiceName, bool)> = hub
            .services
            .iter()
            .map(|service| (service.service_name(), service.admin))
            .collect();
        let known = services::list(&**self.tx).await?;
        for (_, name) in &hub.service_tokens {
            let registered = known
                .iter()
                .any(|row| row.name.as_str() == name && !row.from_config);
            if registered || wanted.iter().any(|(known, _)| known.as_str() == name) {
                continue;
            }
            tracing::warn!(
                "service_tokens names the service {name}, which is not in JupyterHub.services: it is registered with \
                 nothing but its token"
            );
            wanted.push((ServiceName::stored(name.clone()), false));
        }
        for name in services::sync(self.tx, &wanted).await? {
            tracing::warn!(
                "service {name} of the configuration takes the place of one that was registered through the API"
            );
        }
        Ok(())
    }

    async fn users(&self) -> Result<(), BootstrapError> {
        let authenticator = &self.config.authenticator;
        for name in &authenticator.admin_users {
            self.user("Authenticator.admin_users", name, true).await?;
        }
        for name in &authenticator.allowed_users {
            self.user("Authenticator.allowed_users", name, false)
                .await?;
        }
        Ok(())
    }

    /// Who is blocked keeps nothing to act with: that counts at once, not at the next login. Returns what whoever looks after
    /// the hub should know of it.
    async fn blocked(&self) -> Result<Vec<String>, DbError> {
        let mut remarks = Vec::new();
        let mut administrators = false;
        for name in self.names.blocked() {
            if let Some(user) = users::find(&**self.tx, name).await? {
                let held = lock_out(self.tx, &user).await?;
                administrators |= held.admin;
                remarks.extend(remark_on_lost(name, &held));
            }
        }
        if administrators && users::admins(&**self.tx).await?.is_empty() {
            remarks.push(NO_ADMINISTRATOR.to_owned());
        }
        let aliases = self.names.blocked_aliases();
        remarks.extend(aliases.map(|(alias, user)| remark_on_alias(alias, user)));
        Ok(remarks)
    }

    /// Stricter rules for names lock nobody out, but whoever looks after the hub should know whose names break them.
    async fn warn_of_old_names(&self) -> Result<(), DbError> {
        let names = users::names(&**self.tx).await?;
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

    /// The user of this name, who is registered when there is none, and made an administrator when `admin`.
    async fn user(&self, place: &str, name: &str, admin: bool) -> Result<UserId, BootstrapError> {
        let name = self.names.normalise(name);
        match users::find(&**self.tx, &name).await? {
            Some(user) => {
                if admin && !user.admin {
                    users::set_admin(self.tx, user.id, true).await?;
                }
                Ok(user.id)
            }
            None => {
                let pattern = self.config.authenticator.by_pattern(&name);
                let username = new_name(&name, pattern).map_err(|why| BootstrapError::Name {
                    place: place.into(),
                    name,
                    why,
                })?;
                Ok(users::insert(self.tx, &username, admin, self.now).await?.id)
            }
        }
    }

    async fn groups(&self) -> Result<(), BootstrapError> {
        for (name, group) in &self.config.jupyterhub.load_groups {
            let place = format!("JupyterHub.load_groups.{name}");
            check_group(&place, name)?;
            let id = groups::ensure(self.tx, name, &group.properties).await?;
            for member in &group.users {
                let user = self.user(&place, member, false).await?;
                groups::add_member(self.tx, id, user).await?;
            }
        }
        Ok(())
    }
}

/// What somebody who is blocked has lost, if it was anything: it does not come back by itself.
fn remark_on_lost(name: &str, held: &Held) -> Option<String> {
    let admin = held.admin.then(|| "being an administrator".to_owned());
    let roles = held.roles.iter().map(|role| format!("role {role}"));
    let groups = held.groups.iter().map(|group| format!("group {group}"));
    let lost: Vec<String> = admin.into_iter().chain(roles).chain(groups).collect();
    let lost = (!lost.is_empty()).then(|| lost.join(", "))?;
    Some(format!("{name} is in blocked_users and loses: {lost}"))
}

/// A name that is blocked, and the user who is not.
fn remark_on_alias(alias: &str, user: &str) -> String {
    format!(
        "{alias} is in blocked_users, and {user} by username_map: nobody logs in as {alias} any more, but {user} keeps rights, \
         tokens, sessions and servers; to take those away, name {user} in blocked_users"
    )
}

fn check_group(place: &str, name: &str) -> Result<(), BootstrapError> {
    GroupName::new(name).map_err(|why| BootstrapError::Name {
        place: place.to_owned(),
        name: name.to_owned(),
        why,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests;
