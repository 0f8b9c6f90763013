//! The token page: make API tokens, see and revoke them, see and revoke what applications were given.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use hub_types::scope::{Catalogue, Scope, UnknownScope};
use hub_types::secret::Token;

use super::context::{PageUser, found};
use super::error_page::PageError;
use super::form::{Form, RawForm, STALE};
use super::pager::List;
use crate::auth::issue::{IssueError, Limit, TokenRequest, issue};
use crate::bus::Event;
use crate::db::{oauth, tokens};
use crate::domain::action::{ManageTokens, ReadTokens};
use crate::domain::principal::Granted;
use crate::domain::token::{ApiToken, TokenId, TokenOwner};
use crate::domain::user::{User, UserId};
use crate::http::freshness;
use crate::render::pages::{ClientRow, ExpiryOption, Notice, TokenForm, TokenPage, TokenRow};

fn owner(user: &PageUser) -> Result<&User, PageError> {
    user.principal
        .owner
        .user()
        .ok_or_else(|| PageError::forbidden("Services have no token page."))
}

/// `GET /hub/token`.
pub(super) async fn page(user: PageUser) -> Result<Response, PageError> {
    let page = filled(&user).await?;
    user.page(StatusCode::OK, &page)
}

/// A page with both lists, all that is loaded for it, notes of 40 characters and many scopes weighs less than 100 KB.
const TOKENS: List = List {
    argument: "offset",
    rows: 25,
};

const CLIENTS: List = List {
    argument: "applications",
    rows: 10,
};

/// A URL of the page with the same parts of both lists.
fn same_parts(user: &PageUser, page: &str) -> String {
    CLIENTS.here(user, &TOKENS.here(user, page))
}

async fn filled(user: &PageUser) -> Result<TokenPage, PageError> {
    let owner = owner(user)?;
    user.principal
        .require::<ReadTokens>(owner.name.as_str().to_owned())?;
    let db = user.state.db.read();
    let rows = tokens::of_owner(db, TokenOwner::User(owner.id), user.state.clock.now()).await?;
    let (mut own, mut clients) = (Vec::new(), BTreeMap::<String, Vec<ApiToken>>::new());
    for row in rows {
        match row.client_id.clone() {
            Some(client) => clients.entry(client).or_default().push(row),
            None => own.push(row),
        }
    }
    let page = user.base().hub_path("token");
    let (own, own_pager) = TOKENS.part(user, own, &page);
    let (clients, clients_pager) = CLIENTS.part(user, clients.into_iter().collect(), &page);
    let mut oauth_clients = Vec::new();
    for (id, tokens) in clients {
        let client = oauth::find_client(db, &id).await?;
        oauth_clients.push(client_row(
            client.map_or(id, |client| client.description),
            &tokens,
        ));
    }
    let longest = user.state.config.jupyterhub.longest_token();
    let limit = u64::try_from(longest).ok().filter(|limit| *limit > 0);
    Ok(TokenPage {
        chrome: user.chrome(),
        expiry_options: ExpiryOption::choices(limit),
        api_tokens: own.iter().map(token_row).collect(),
        pager: own_pager,
        oauth_clients,
        clients_pager,
        place: same_parts(user, ""),
        ..TokenPage::default()
    })
}

/// The most that the scopes of a row weigh, in bytes, and what each of them weighs besides its text.
const SCOPES: usize = 700;
const TAG: usize = "<li></li>".len();

/// The first scopes of a token, at least one, and how many there are besides: it may have a thousand.
fn shown(scopes: &[Scope]) -> (Vec<String>, usize) {
    let mut left = SCOPES;
    let mut fits = |text: &String| {
        let room = left.checked_sub(text.len() + TAG);
        let first = left == SCOPES;
        left = room.unwrap_or(0);
        first || room.is_some()
    };
    let texts = scopes.iter().map(ToString::to_string);
    let texts: Vec<String> = texts.take_while(&mut fits).collect();
    let more = scopes.len() - texts.len();
    (texts, more)
}

fn token_row(token: &ApiToken) -> TokenRow {
    let (scopes, more_scopes) = shown(&token.scopes);
    TokenRow {
        id: token.id.to_string(),
        note: token.note.clone(),
        scopes,
        more_scopes,
        last_activity: token.last_activity,
        created: token.created,
        expires_at: token.expires,
    }
}

/// One row for each application, however many tokens it has: what is revoked is the application.
fn client_row(description: String, tokens: &[ApiToken]) -> ClientRow {
    let scopes = tokens.first().map(|token| shown(&token.scopes));
    let (scopes, more_scopes) = scopes.unwrap_or_default();
    ClientRow {
        description,
        token_id: tokens
            .first()
            .map(|token| token.id.to_string())
            .unwrap_or_default(),
        scopes,
        more_scopes,
        last_activity: tokens.iter().filter_map(|token| token.last_activity).max(),
        created: tokens.iter().map(|token| token.created).min(),
    }
}

/// What a form asks for; the text says what is wrong with it.
fn read(form: &RawForm, catalogue: &Catalogue) -> Result<TokenRequest, String> {
    let expires_in = match form.field("expires_in").unwrap_or_default().trim() {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| format!("'{text}' is no number of seconds."))?,
        ),
    };
    let scopes = form.field("scopes").unwrap_or_default();
    let scopes: Vec<Scope> = scopes
        .split_whitespace()
        .map(|text| {
            catalogue
                .parse(text)
                .map_err(|error: UnknownScope| format!("{error}."))
        })
        .collect::<Result<_, _>>()?;
    let note = form.field("note").unwrap_or_default().trim();
    let note = if note.is_empty() {
        "Requested via token page"
    } else {
        note
    };
    Ok(TokenRequest {
        note: note.to_owned(),
        expires_in,
        scopes: (!scopes.is_empty()).then_some(scopes),
    })
}

/// The secret of a new token, or why there is none.
async fn make(
    user: &PageUser,
    granted: &Granted<ManageTokens>,
    id: UserId,
    request: TokenRequest,
) -> Result<Result<Token, String>, PageError> {
    let state = &user.state;
    let Some(who) = state.identities.of_owner(TokenOwner::User(id)).await? else {
        return Err(PageError::forbidden("This user is no longer registered."));
    };
    let _settled = freshness::settled(state, &who).await?;
    let (longest, now) = (state.config.jupyterhub.longest_token(), state.clock.now());
    let issued = issue(
        &state.db,
        granted,
        (&who, Limit::Owner),
        request,
        longest,
        now,
    )
    .await;
    match issued {
        Ok((_, secret)) => Ok(Ok(secret)),
        Err(IssueError::Db(error)) => Err(error.into()),
        Err(error) => Ok(Err(format!("{error}."))),
    }
}

/// `POST /hub/token`: a new token, shown once.
pub(super) async fn request(user: PageUser, form: RawForm) -> Result<Response, PageError> {
    if form.check(&user)? == Form::Stale {
        return again(&user, &form, StatusCode::FORBIDDEN, STALE).await;
    }
    let name = owner(&user)?.name.as_str().to_owned();
    let id = owner(&user)?.id;
    let granted = user.principal.require::<ManageTokens>(name)?;
    let made = match read(&form, &user.state.config.jupyterhub.custom_scopes) {
        Err(text) => Err(text),
        Ok(request) => make(&user, &granted, id, request).await?,
    };
    match made {
        Ok(secret) => {
            let mut page = filled(&user).await?;
            page.new_token = Some(secret.expose().to_owned());
            user.page(StatusCode::OK, &page)
        }
        Err(text) => again(&user, &form, StatusCode::BAD_REQUEST, &text).await,
    }
}

/// The page once more, with the form as it came and what is wrong with it.
async fn again(
    user: &PageUser,
    form: &RawForm,
    status: StatusCode,
    text: &str,
) -> Result<Response, PageError> {
    let mut page = filled(user).await?;
    page.form = TokenForm {
        note: form.field("note").unwrap_or_default().to_owned(),
        expires_in: form.field("expires_in").and_then(|text| text.parse().ok()),
        scopes: form.field("scopes").unwrap_or_default().to_owned(),
    };
    page.notice = Some(Notice::error(text));
    user.page(status, &page)
}

/// The page once more, for a form on it that was too old and has no fields to keep.
pub(super) async fn stale(user: &PageUser) -> Result<Response, PageError> {
    again(user, &RawForm::default(), StatusCode::FORBIDDEN, STALE).await
}

/// `POST /hub/token/revoke`: one token, or all of an application.
pub(super) async fn revoke(user: PageUser, form: RawForm) -> Result<Response, PageError> {
    if form.check(&user)? == Form::Stale {
        return stale(&user).await;
    }
    let owner = owner(&user)?;
    user.principal
        .require::<ManageTokens>(owner.name.as_str().to_owned())?;
    let id = form.field("id").and_then(TokenId::parse);
    let tx = user.state.db.write().await?;
    let row = match id {
        Some(id) => tokens::get(&*tx, id)
            .await?
            .filter(|row| row.owner == TokenOwner::User(owner.id)),
        None => None,
    };
    // Revoked twice is revoked: no error.
    if let Some(row) = row {
        tokens::revoke(&tx, &row).await?;
    }
    tx.commit_and_tell(&user.state.bus, [Event::Identities])
        .await?;
    let path = user.base().hub_path("token");
    Ok(found(&same_parts(&user, &path)))
}
