//! What can be asked of the hub, as types: each action names the scope it needs and what it is done to.
//!
//! [`Principal::require`](super::principal::Principal::require) turns an action into a
//! [`Granted`](super::principal::Granted), which the function that does it takes as an argument: forgetting the check
//! does not compile.

use hub_types::scope::{ScopeName, Target};

use super::server::ServerRef;

/// Something that needs permission.
pub trait Action {
    /// Holding any one of these suffices.
    const SCOPES: &'static [ScopeName];
    /// What it is done to.
    type Subject;

    /// The subject as scopes see it.
    fn target(subject: &Self::Subject) -> Target<'_>;
}

/// `Everything`: the action concerns the whole hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hub;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident($($scope:ident)|+) on $subject:ty => $target:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl Action for $name {
                const SCOPES: &'static [ScopeName] = &[$(ScopeName::$scope),+];
                type Subject = $subject;

                fn target(subject: &Self::Subject) -> Target<'_> {
                    let target: fn(&$subject) -> Target<'_> = $target;
                    target(subject)
                }
            }
        )*
    };
}

actions! {
    /// Read what this hub is made of.
    ReadHub(ReadHub) on Hub => |_| Target::Everything;
    /// Read or repair the proxy's routes.
    ManageProxy(Proxy) on Hub => |_| Target::Everything;
    /// Stop the hub.
    Shutdown(Shutdown) on Hub => |_| Target::Everything;
    /// Read Prometheus metrics.
    ReadMetrics(ReadMetrics) on Hub => |_| Target::Everything;
    /// Open the admin page.
    OpenAdminUi(AdminUi) on Hub => |_| Target::Everything;
    /// Register users that do not exist yet.
    CreateUsers(AdminUsers) on Hub => |_| Target::Everything;
    /// Read a user's model, or part of it.
    ReadUser(ReadUsers | ReadUsersName | ReadUsersGroups | ReadUsersActivity | ReadServers | ReadRolesUsers) on String => |name| Target::User(name);
    /// Register, change or rename one user.
    EditUser(AdminUsers) on String => |name| Target::User(name);
    /// Delete a user.
    DeleteUser(DeleteUsers) on String => |name| Target::User(name);
    /// Report a user's activity.
    ReportActivity(UsersActivity) on String => |name| Target::User(name);
    /// List a user's tokens.
    ReadTokens(ReadTokens) on String => |name| Target::User(name);
    /// Make and revoke a user's tokens.
    ManageTokens(Tokens) on String => |name| Target::User(name);
    /// Read a server's model.
    ReadServer(ReadServers) on ServerRef => |at| Target::Server(at.user.as_str(), at.name.as_str());
    /// Start a server.
    StartServer(StartServers) on ServerRef => |at| Target::Server(at.user.as_str(), at.name.as_str());
    /// Stop a server.
    StopServer(DeleteServers) on ServerRef => |at| Target::Server(at.user.as_str(), at.name.as_str());
    /// Ask for access to a user's servers: does nothing any more.
    AdminAccess(Servers) on String => |name| Target::User(name);
    /// Read what a server wrote, which may hold secrets.
    ReadServerOutput(AdminServerState) on ServerRef => |at| Target::Server(at.user.as_str(), at.name.as_str());
    /// Enter a server.
    AccessServer(AccessServers) on ServerRef => |at| Target::Server(at.user.as_str(), at.name.as_str());
    /// See with whom a server is shared, and its share codes.
    ReadServerShares(ReadShares) on ServerRef => |at| Target::Server(at.user.as_str(), at.name.as_str());
    /// See with whom all servers of a user are shared.
    ReadOwnersShares(ReadShares) on String => |name| Target::User(name);
    /// Share a server, make share codes, and take both back.
    ShareServer(Shares) on ServerRef => |at| Target::Server(at.user.as_str(), at.name.as_str());
    /// The same for all servers of a user.
    ShareAllServers(Shares) on String => |name| Target::User(name);
    /// See what is shared with a user.
    ReadSharedWithUser(ReadUsersShares) on String => |name| Target::User(name);
    /// Give up what is shared with a user.
    DropSharedWithUser(UsersShares) on String => |name| Target::User(name);
    /// See what is shared with a group.
    ReadSharedWithGroup(ReadGroupsShares) on String => |name| Target::Group(name);
    /// Give up what is shared with a group.
    DropSharedWithGroup(GroupsShares) on String => |name| Target::Group(name);
    /// Learn whether there is a user of a name.
    NameUser(ReadUsersName) on String => |name| Target::User(name);
    /// Learn whether there is a group of a name.
    NameGroup(ReadGroupsName) on String => |name| Target::Group(name);
    /// Read a group.
    ReadGroup(ReadGroups | ReadGroupsName | ReadRolesGroups) on String => |name| Target::Group(name);
    /// Read all roles and who holds them.
    ReadRoles(ReadRoles) on Hub => |_| Target::Everything;
    /// Make, change and delete roles.
    EditRoles(AdminUsers) on Hub => |_| Target::Everything;
    /// Give a role to a user, or take it away.
    GiveRoleToUser(AdminUsers) on String => |name| Target::User(name);
    /// Give a role to a group, or take it away.
    GiveRoleToGroup(AdminGroups) on String => |name| Target::Group(name);
    /// Give a role to a service, or take it away.
    GiveRoleToService(AdminServices) on String => |name| Target::Service(name);
    /// Make groups of any name.
    CreateGroups(AdminGroups) on Hub => |_| Target::Everything;
    /// Make one group.
    CreateGroup(AdminGroups) on String => |name| Target::Group(name);
    /// Change who is in a group, and its properties.
    EditGroup(Groups) on String => |name| Target::Group(name);
    /// Delete a group.
    DeleteGroup(DeleteGroups) on String => |name| Target::Group(name);
    /// Enter a service.
    AccessService(AccessServices) on String => |name| Target::Service(name);
    /// Read a service's model, or part of it.
    ReadService(ReadServices | ReadServicesName | ReadRolesServices) on String => |name| Target::Service(name);
    /// Register or delete a service at run time.
    EditService(AdminServices) on String => |name| Target::Service(name);
    /// Read what a service wrote, which may hold secrets.
    ReadServiceOutput(AdminServices) on String => |name| Target::Service(name);
}
