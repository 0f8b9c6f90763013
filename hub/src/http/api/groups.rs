//! Groups. Changing them comes with the whole REST API; for now the configuration makes them.

pub(super) mod get;
pub(super) mod list;

use hub_types::group::GroupModel;
use hub_types::scope::{Membership as _, ScopeName, Target};

use crate::db::groups::GroupRow;
use crate::domain::principal::Principal;

/// A group as `caller` may see it.
fn model(caller: &Principal, group: &GroupRow, roles: Vec<String>) -> GroupModel {
    let may = |scope: ScopeName| caller.may(&scope, Target::Group(&group.name));
    let whole = may(ScopeName::ReadGroups);
    GroupModel {
        kind: "group".to_owned(),
        name: group.name.clone(),
        users: whole.then(|| caller.groups().members(&group.name)),
        roles: may(ScopeName::ReadRolesGroups).then_some(roles),
        properties: whole.then(|| group.properties.clone()),
    }
}
