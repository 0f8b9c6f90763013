//! Shares and share codes as wire models. Who may see a share may see all of it, and of its server only this much.

use hub_types::share::{Named, ShareCodeModel, ShareModel, SharedServer};

use crate::addresses::Addresses;
use crate::domain::lifecycle::ServerState;
use crate::domain::server::Server;
use crate::domain::share::{Share, ShareCode, SharedWith};

fn server(addresses: &Addresses, server: &Server) -> SharedServer {
    SharedServer {
        user: Named::new(server.at.user.as_str()),
        name: server.at.name.as_str().to_owned(),
        full_url: addresses.full_server_url(&server.at),
        url: addresses.server_url(&server.at),
        ready: server.state == ServerState::Ready,
    }
}

/// A share.
#[must_use]
pub fn share(addresses: &Addresses, share: &Share) -> ShareModel {
    let (user, group, kind) = match &share.with {
        SharedWith::User(name) => (Some(Named::new(name.as_str())), None, "user"),
        SharedWith::Group(name) => (None, Some(Named::new(name)), "group"),
    };
    ShareModel {
        server: server(addresses, &share.server),
        scopes: share.scopes.texts(&share.server.at),
        user,
        group,
        kind: kind.to_owned(),
        created_at: share.created,
    }
}

/// A share code, without the code itself.
#[must_use]
pub fn share_code(addresses: &Addresses, code: &ShareCode) -> ShareCodeModel {
    ShareCodeModel {
        server: server(addresses, &code.server),
        scopes: code.scopes.texts(&code.server.at),
        id: code.id.to_string(),
        created_at: code.created,
        expires_at: code.expires,
        exchange_count: code.exchange_count,
        last_exchanged_at: code.last_exchanged,
        secret: None,
    }
}
