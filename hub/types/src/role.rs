//! Roles, as the REST API shows them. Ours: JupyterHub has no endpoints for roles.

use serde::{Deserialize, Serialize};

use crate::scope::Scope;

/// A role with whoever holds it by a grant. (That every user holds `user`, and administrators `admin`, is no grant.)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoleModel {
    /// Always `role`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// For people.
    pub description: String,
    /// What it gives, as written.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub scopes: Vec<Scope>,
    /// Who made it: `builtin`, `config`, `api` or `authenticator`. Only those of `api` can be changed here.
    pub origin: String,
    /// Users.
    pub users: Vec<String>,
    /// Groups, whose members hold it.
    pub groups: Vec<String>,
    /// Services.
    pub services: Vec<String>,
}
