//! What a server is at the hub: its token, its OAuth client, its environment.

use hub_types::names::Username;
use hub_types::paths::{BaseUrl, server_client_id};
use hub_types::scope::{Catalogue, Filter, FilterKind, Scope, ScopeName};
use hub_types::secret::{Token, TokenHash};
use services::contract::{HubAddress, Listen, Resources, ServerContract};
use url::Url;

use super::ManagerDeps;
use crate::config::PerServer;
use crate::db::{self, DbError, NewTokenRow, OAuthClient, RoleTable, Tx};
use crate::domain::role::{self, Bearer, SERVER_ROLE};
use crate::domain::server::{Server, ServerId, ServerRef};
use crate::domain::token::TokenOwner;
use crate::domain::user::UserId;

/// How servers of this hub reach it: with `Spawner.hub_connect_url` below that, path and all, as in JupyterHub.
pub(super) fn hub_address(deps: &ManagerDeps, settings: &PerServer) -> HubAddress {
    let mut hub = crate::managed::hub_address(&deps.addresses, &deps.config);
    if let Some(url) = &settings.spawner.hub_connect_url {
        hub.api_url = api_below(url, &hub.base_url);
    }
    hub
}

/// The API at `url`. Whatever leads to the hub under a path of its own takes that off again.
fn api_below(url: &Url, base: &BaseUrl) -> String {
    format!("{}{}", url.as_str().trim_end_matches('/'), base.api())
}

/// What the environment of a server is made of; the spawner adds where it listens and who it runs as.
pub(super) fn contract(
    deps: &ManagerDeps,
    settings: &PerServer,
    server: &ServerRef,
    token: Token,
) -> ServerContract {
    let spawner = &settings.spawner;
    let listen = Listen {
        ip: spawner.ip.clone(),
        port: spawner.port,
        tls: false,
    };
    ServerContract {
        admin_access: deps.config.jupyterhub.admin_access,
        client_allowed_scopes: spawner
            .oauth_client_allowed_scopes
            .iter()
            .map(ToString::to_string)
            .collect(),
        resources: Resources {
            mem_limit: spawner.mem_limit,
            mem_guarantee: spawner.mem_guarantee,
            cpu_limit: spawner.cpu_limit,
            cpu_guarantee: spawner.cpu_guarantee,
        },
        notebook_dir: named(spawner.notebook_dir.as_deref(), &server.user),
        default_url: named(spawner.default_url.as_deref(), &server.user),
        debug: spawner.debug,
        disable_user_config: spawner.disable_user_config,
        environment: spawner.environment.clone(),
        subdomain: deps.addresses.user_origin(&server.user),
        ..ServerContract::new(token, server.user.clone(), server.name.clone(), listen)
    }
}

/// A text in which `%U` may stand for the user, as up to JupyterHub 0.8; `{username}` is filled in by now.
fn named(text: Option<&str>, user: &Username) -> String {
    text.unwrap_or_default().replace("%U", user.as_str())
}

/// What bare filters stand for in scopes of a server. They are resolved here, not expanded: any catalogue will do.
fn bearer(server: &ServerRef) -> Bearer<'_> {
    static CATALOGUE: Catalogue = Catalogue::builtin();
    let user = server.user.as_str();
    Bearer {
        server: Some((user, server.name.as_str())),
        ..Bearer::user(user, &CATALOGUE)
    }
}

/// What a server's token may do: as configured, and always report activity; else the role `server`.
pub(super) fn token_scopes(
    configured: &[Scope],
    roles: &RoleTable,
    server: &ServerRef,
) -> Vec<Scope> {
    let activity = Scope::own(ScopeName::UsersActivity, FilterKind::User);
    let wanted: Vec<Scope> = if configured.is_empty() {
        let builtin = || {
            role::builtin_roles()
                .into_iter()
                .find(|role| role.name == SERVER_ROLE)
        };
        roles
            .get(SERVER_ROLE)
            .cloned()
            .or_else(builtin)
            .map(|role| role.scopes)
            .unwrap_or_default()
    } else {
        configured.iter().cloned().chain([activity]).collect()
    };
    let mut scopes: Vec<Scope> = Vec::new();
    for scope in wanted
        .into_iter()
        .filter_map(|scope| role::resolve(scope, bearer(server)))
    {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes
}

/// What a server may ask to do in the name of its visitors: to let them in, and what is configured. `!server` means
/// this server; `!user` stays, it means the visitor.
pub(super) fn client_scopes(configured: &[Scope], server: &ServerRef) -> Vec<Scope> {
    let access = Scope::own(ScopeName::AccessServers, FilterKind::Server);
    configured
        .iter()
        .cloned()
        .chain([access])
        .filter_map(|scope| match scope.filter {
            Filter::Own(FilterKind::Server) => role::resolve(scope, bearer(server)),
            _ => Some(scope),
        })
        .collect()
}

/// Gives a server that is about to start a new token and registers it as an OAuth client.
pub(super) async fn issue(
    tx: &Tx,
    deps: &ManagerDeps,
    at: &ServerRef,
    ids: (ServerId, UserId),
    secret: TokenHash,
) -> Result<(), DbError> {
    let (server, owner) = ids;
    let spawner = &deps.config.spawner;
    let prefix = deps.addresses.base.server(&at.user, &at.name);
    let description = format!("Server at {prefix}");
    db::tokens::revoke_of_server(tx, server).await?;
    let roles = db::roles::all(&**tx).await?;
    let token = NewTokenRow {
        hash: Some(secret),
        owner: TokenOwner::User(owner),
        server_id: Some(server),
        client_id: None,
        code_hash: None,
        session_id: None,
        scopes: token_scopes(&spawner.server_token_scopes, &roles, at),
        note: description.clone(),
        expires: None,
    };
    db::tokens::insert(tx, &token, deps.clock.now()).await?;
    // Names may collide once they are joined (`a-b` + `c`, `a` + `b-c`): the server who has the id keeps it.
    let mut id = server_client_id(&at.user, &at.name);
    let taken = db::oauth::find_client(&**tx, &id).await?;
    if taken.is_some_and(|client| client.server_id != Some(server)) {
        id = format!("{id}--{}", server.0);
    }
    let client = OAuthClient {
        id,
        secret_hash: Some(secret),
        redirect_uri: format!("{}oauth_callback", deps.addresses.server_url(at)),
        description,
        allowed_scopes: client_scopes(&spawner.oauth_client_allowed_scopes, at),
        server_id: Some(server),
        service_id: None,
    };
    db::oauth::put_client(tx, &client).await
}

/// Takes the token and the OAuth client of a server away, with every token that was issued through it.
pub(super) async fn revoke(tx: &Tx, server: &Server) -> Result<(), DbError> {
    db::tokens::revoke_of_server(tx, server.id).await?;
    db::oauth::delete_client_of_server(tx, server.id).await
}

#[cfg(test)]
mod tests {
    use hub_types::names::{ServerName, Username};

    use super::*;

    #[test]
    fn where_servers_find_the_api() {
        for (url, base, api) in [
            ("http://gw", "/", "http://gw/hub/api"),
            ("http://gw:81/", "/lab/", "http://gw:81/lab/hub/api"),
            ("http://gw/hubproxy/", "/", "http://gw/hubproxy/hub/api"),
            ("http://gw/a/b", "/lab/", "http://gw/a/b/lab/hub/api"),
        ] {
            let (url, base) = (Url::parse(url).unwrap(), BaseUrl::new(base));
            assert_eq!(api_below(&url, &base), api);
        }
    }

    fn texts(scopes: &[Scope]) -> Vec<String> {
        scopes.iter().map(ToString::to_string).collect()
    }

    fn scopes(texts: &[&str]) -> Vec<Scope> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn scopes_of_token_and_client() {
        let server = ServerRef::new(Username::stored("alice"), ServerName::stored("gpu"));
        let roles = RoleTable::new();
        assert_eq!(
            texts(&token_scopes(&[], &roles, &server)),
            [
                "users:activity!user=alice",
                "access:servers!server=alice/gpu"
            ]
        );
        assert_eq!(
            texts(&token_scopes(
                &scopes(&["read:users!user", "access:services"]),
                &roles,
                &server
            )),
            [
                "read:users!user=alice",
                "access:services",
                "users:activity!user=alice"
            ]
        );
        assert_eq!(
            texts(&client_scopes(
                &scopes(&["read:users!user", "read:servers!server"]),
                &server
            )),
            [
                "read:users!user",
                "read:servers!server=alice/gpu",
                "access:servers!server=alice/gpu"
            ]
        );
    }
}
