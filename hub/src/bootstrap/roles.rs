//! Roles of the configuration, and who holds them. Source of the rules: JupyterHub 6.1.

use std::collections::BTreeSet;

use super::{BootstrapError, Step, check_group};
use crate::config::RoleSpec;
use crate::db::roles::Holder;
use crate::db::{DbError, groups, roles, services, users};
use crate::domain::role::{ADMIN_ROLE, Origin, USER_ROLE};

/// Writes roles and their holders.
pub(super) async fn sync(step: &Step<'_>) -> Result<(), BootstrapError> {
    let hub = &step.config.jupyterhub;
    for name in roles::sync(step.tx, &hub.roles()).await? {
        tracing::warn!("role {name} gives more than it did before");
    }
    for spec in &hub.load_roles {
        users(step, spec).await?;
        groups(step, spec).await?;
        services(step, spec).await?;
    }
    Ok(())
}

/// A kind of holder that is not listed is as if it were listed empty, but for what was granted at run time.
async fn set(
    step: &Step<'_>,
    role: &str,
    kind: Holder,
    names: Option<&BTreeSet<String>>,
) -> Result<Vec<String>, DbError> {
    let Some(names) = names else {
        roles::clear_holders(step.tx, role, kind, Origin::Config).await?;
        return Ok(Vec::new());
    };
    let names: Vec<String> = names.iter().cloned().collect();
    roles::set_holders(step.tx, role, kind, &names, Origin::Config).await
}

async fn users(step: &Step<'_>, spec: &RoleSpec) -> Result<(), BootstrapError> {
    let place = format!("JupyterHub.load_roles ({})", spec.name);
    let admin = spec.name == ADMIN_ROLE;
    for name in spec.users.iter().flatten() {
        step.user(&place, name, admin).await?;
    }
    // A set: "Mal" and "mal" are one.
    let names = |names: &Vec<String>| -> BTreeSet<String> {
        names
            .iter()
            .map(|name| step.names.normalise(name))
            .collect()
    };
    let listed = spec.users.as_ref().map(names);
    match spec.name.as_str() {
        // Being an administrator is a property of the user, and being a user is enough for the role `user`.
        ADMIN_ROLE => match listed {
            Some(listed) => Ok(administrators(step, listed).await?),
            None => Ok(()),
        },
        USER_ROLE => Ok(()),
        role => {
            set(step, role, Holder::User, listed.as_ref()).await?;
            Ok(())
        }
    }
}

/// Administrators are exactly those of the configuration, once `load_roles` lists the users of `admin`.
async fn administrators(step: &Step<'_>, mut listed: BTreeSet<String>) -> Result<(), DbError> {
    let more = &step.config.authenticator.admin_users;
    listed.extend(more.iter().map(|name| step.names.normalise(name)));
    for user in users::admins(&**step.tx).await? {
        if !listed.contains(user.name.as_str()) {
            users::set_admin(step.tx, user.id, false).await?;
        }
    }
    Ok(())
}

async fn groups(step: &Step<'_>, spec: &RoleSpec) -> Result<(), BootstrapError> {
    let place = format!("JupyterHub.load_roles ({})", spec.name);
    for name in spec.groups.iter().flatten() {
        check_group(&place, name)?;
        groups::ensure_exists(step.tx, name).await?;
    }
    let listed: Option<BTreeSet<String>> = spec
        .groups
        .as_ref()
        .map(|names| names.iter().cloned().collect());
    set(step, &spec.name, Holder::Group, listed.as_ref()).await?;
    Ok(())
}

async fn services(step: &Step<'_>, spec: &RoleSpec) -> Result<(), BootstrapError> {
    let listed: Option<BTreeSet<String>> = spec
        .services
        .as_ref()
        .map(|names| names.iter().cloned().collect());
    let missing = match (spec.name.as_str(), &listed) {
        // As with users; the services' own `admin = true` no longer counts then (JupyterHub's rule).
        (ADMIN_ROLE, Some(listed)) => services::set_admins(step.tx, listed).await?,
        (ADMIN_ROLE, None) => Vec::new(),
        (role, listed) => set(step, role, Holder::Service, listed.as_ref()).await?,
    };
    if missing.is_empty() {
        return Ok(());
    }
    Err(BootstrapError::Unknown {
        role: spec.name.clone(),
        missing: missing.join(", "),
    })
}
