//! With whom a server is shared: users, groups, and whoever is sent a link.

use axum::http::StatusCode;
use hub_types::names::Username;
use hub_types::scope::{FilterKind, Reach, Scope, ScopeName, Target};

use super::super::context::PageUser;
use super::super::error_page::PageError;
use super::super::form::RawForm;
use crate::db::{ShareCodesOf, SharesOf, share_codes, shares};
use crate::domain::action::ShareServer;
use crate::domain::server::{Server, ServerRef};
use crate::domain::share::{Share, ShareCode, SharedScopes, SharedWith};
use crate::http::api::share_codes::create::{accept_path, make};
use crate::http::api::share_codes::delete::{Which, take_back};
use crate::http::api::shares::With;
use crate::http::api::shares::grant::share_with;
use crate::http::api::shares::revoke::take_back_from;
use crate::render::pages::{ExpiryOption, LinkRow, ShareRow, Sharing};

/// How many of each are shown.
const SHOWN: u64 = 100;

/// An invitation lasts a year at most, in seconds. Source: JupyterHub 6.1.
const LONGEST_LINK: u64 = 525_600 * 60;

/// What the box "may also start and stop it" adds to entering a server.
const CONTROL: [ScopeName; 2] = [ScopeName::StartServers, ScopeName::DeleteServers];

/// What the page shows of it; none for those who may not share this server.
pub(super) async fn of(
    user: &PageUser,
    server: &Server,
    new_link: Option<String>,
) -> Result<Option<Sharing>, PageError> {
    let at = &server.at;
    if user.principal.require::<ShareServer>(at.clone()).is_err() {
        return Ok(None);
    }
    let (db, now) = (user.state.db.read(), user.state.clock.now());
    let (found, people) = shares::page(db, SharesOf::Server(server.id), 0, SHOWN).await?;
    let of_server = ShareCodesOf::Server(server.id);
    let (codes, links) = share_codes::page(db, of_server, now, 0, SHOWN).await?;
    let target = Target::Server(at.user.as_str(), at.name.as_str());
    Ok(Some(Sharing {
        shares: found.iter().map(share_row).collect(),
        more_shares: people.saturating_sub(SHOWN),
        links: codes.iter().map(link_row).collect(),
        more_links: links.saturating_sub(SHOWN),
        may_name_users: reaches_others(user, &[ScopeName::ReadUsersName], FilterKind::User),
        may_name_groups: reaches_others(user, &[ScopeName::ReadGroupsName], FilterKind::Group),
        may_share_control: CONTROL
            .iter()
            .all(|scope| user.principal.may(scope, target)),
        expiry_options: ExpiryOption::choices(Some(LONGEST_LINK)),
        new_link,
    }))
}

/// Whether the visitor may name anybody but themselves.
fn reaches_others(user: &PageUser, scope: &'static [ScopeName], kind: FilterKind) -> bool {
    let own = user.principal.owner.name();
    match user.principal.reach(scope) {
        Err(_) => false,
        Ok(Reach::All) => true,
        Ok(only) => {
            only.values(FilterKind::Group).next().is_some()
                || only.values(kind).any(|name| name != own)
        }
    }
}

/// What scopes allow, in the words of the page.
fn in_words(scopes: &SharedScopes) -> Vec<String> {
    let word = |name: &ScopeName| match name {
        ScopeName::AccessServers => "open it".to_owned(),
        ScopeName::StartServers => "start it".to_owned(),
        ScopeName::DeleteServers => "stop it".to_owned(),
        ScopeName::Servers => "start and stop it".to_owned(),
        other => other.as_str().to_owned(),
    };
    scopes.names().map(word).collect()
}

fn share_row(share: &Share) -> ShareRow {
    let (kind, name) = match &share.with {
        SharedWith::User(name) => ("user", name.as_str()),
        SharedWith::Group(name) => ("group", name.as_str()),
    };
    ShareRow {
        kind,
        name: name.to_owned(),
        allows: in_words(&share.scopes),
        created: share.created,
    }
}

fn link_row(code: &ShareCode) -> LinkRow {
    LinkRow {
        id: code.id.to_string(),
        allows: in_words(&code.scopes),
        created: code.created,
        expires: code.expires,
        accepted: code.exchange_count,
        last_accepted: code.last_exchanged,
    }
}

/// Whom the form names.
fn with(form: &RawForm) -> Result<With, PageError> {
    let name = form.field("name").unwrap_or_default().trim();
    if name.is_empty() {
        return Err(PageError::new(
            StatusCode::BAD_REQUEST,
            "Say with whom to share.",
        ));
    }
    Ok(match form.field("kind") {
        Some("group") => With::Group(name.to_owned()),
        _ => With::User(Username::stored(name)),
    })
}

/// What the form allows.
fn scopes(form: &RawForm) -> Vec<Scope> {
    let control = CONTROL
        .into_iter()
        .filter(|_| form.field("control").is_some());
    std::iter::once(ScopeName::AccessServers)
        .chain(control)
        .map(Scope::all)
        .collect()
}

/// Shares the server with a user or a group.
pub(super) async fn share(user: &PageUser, at: ServerRef, form: &RawForm) -> Result<(), PageError> {
    let granted = user.principal.require::<ShareServer>(at)?;
    let with = with(form)?;
    if with == With::User(granted.subject().user.clone()) {
        let text = "It is theirs already.";
        return Err(PageError::new(StatusCode::BAD_REQUEST, text));
    }
    share_with(&user.state, &user.principal, granted, &with, &scopes(form)).await?;
    Ok(())
}

/// Takes everything back from a user or a group.
pub(super) async fn unshare(
    user: &PageUser,
    at: ServerRef,
    form: &RawForm,
) -> Result<(), PageError> {
    let granted = user.principal.require::<ShareServer>(at)?;
    take_back_from(&user.state, &granted, &with(form)?, &[]).await?;
    Ok(())
}

/// Makes an invitation: the link to it.
pub(super) async fn invite(
    user: &PageUser,
    at: ServerRef,
    form: &RawForm,
) -> Result<String, PageError> {
    let granted = user.principal.require::<ShareServer>(at)?;
    let life = form.field("expires_in").unwrap_or_default().parse();
    let life = life.map_err(|_| {
        PageError::new(
            StatusCode::BAD_REQUEST,
            "Say how many seconds the link shall work.",
        )
    })?;
    let (_, code) = make(
        &user.state,
        &user.principal,
        granted,
        &scopes(form),
        Some(life),
    )
    .await?;
    let path = accept_path(&user.state, &code);
    let url = user.state.addresses.full_url(&path);
    Ok(url.unwrap_or_else(|| format!("{}{path}", user.origin())))
}

/// Takes an invitation back.
pub(super) async fn uninvite(
    user: &PageUser,
    at: ServerRef,
    form: &RawForm,
) -> Result<(), PageError> {
    let granted = user.principal.require::<ShareServer>(at)?;
    let id = form.field("id").unwrap_or_default().to_owned();
    take_back(&user.state, &granted, &Which::Id(id)).await?;
    Ok(())
}
