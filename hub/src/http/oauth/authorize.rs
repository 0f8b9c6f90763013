//! `GET` and `POST /hub/api/oauth2/authorize`: a browser asks for a code for a client. Only the login cookie counts.
//!
//! Both methods go through the same checks in the same order; the form of the consent page can narrow what is given, and
//! nothing else.

use std::collections::BTreeSet;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hub_types::names::Username;
use hub_types::scope::{FilterKind, Scope, ScopeName};
use hub_types::secret::Token;
use url::form_urlencoded;

use super::consent;
use crate::db::{NewCode, OAuthClient, oauth, roles, servers, services, tokens};
use crate::domain::action::{AccessServer, AccessService};
use crate::domain::oauth::authorize::{
    Challenge, PkceRules, Refused, Untrusted, check, client_id, redirect_uri, state,
};
use crate::domain::oauth::scopes::{self, Asking, ClientScopes};
use crate::domain::oauth::{CODE_LIFE, Parameters, with_query};
use crate::domain::principal::{Granted, Principal};
use crate::domain::role::Bearer;
use crate::domain::server::ServerRef;
use crate::domain::token::TokenOwner;
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::pages::form::{Form, RawForm, STALE};
use crate::http::pages::{PageError, Visitor};
use crate::render::ErrorPage;

/// Shows the consent page, or sends the browser back with a code at once.
pub(super) async fn ask(visitor: Visitor) -> Response {
    let Some(principal) = visitor.principal.clone() else {
        return found(&visitor.way_in());
    };
    let asked = match Asked::read(&visitor, &principal).await {
        Ok(asked) => asked,
        Err(refusal) => return refusal.answer(&visitor),
    };
    let answer = match asked.needs_confirmation(&visitor).await {
        Ok(true) => consent::page(&visitor, &asked, StatusCode::OK, None),
        Ok(false) => asked.give(&visitor, asked.scopes.clone()).await,
        Err(error) => Err(error),
    };
    answer.unwrap_or_else(|error| PageError::from(error).shown_to(&visitor))
}

/// The consent page was sent.
pub(super) async fn confirmed(visitor: Visitor, form: RawForm) -> Response {
    let Some(principal) = visitor.principal.clone() else {
        return error_page(
            &visitor,
            StatusCode::FORBIDDEN,
            Some("Log in first, then try again."),
        );
    };
    let checked = match form.check(&visitor) {
        Ok(checked) => checked,
        Err(error) => return error_page(&visitor, error.status, error.message.as_deref()),
    };
    let asked = match Asked::read(&visitor, &principal).await {
        Ok(asked) => asked,
        Err(refusal) => return refusal.answer(&visitor),
    };
    let answer = match checked {
        Form::Good => {
            let limits = asked.client_scopes(&visitor);
            let told = form.all("scopes").collect::<Vec<_>>().join(" ");
            match scopes::ticked(&told, &limits, principal.groups()) {
                Ok(ticked) => {
                    let given = scopes::confirmed(&asked.scopes, &limits, &ticked);
                    asked.give(&visitor, given).await
                }
                Err(_) => Ok(found(
                    &Refused::Scope.location(&asked.redirect_uri, asked.state.as_deref()),
                )),
            }
        }
        Form::Stale => consent::page(&visitor, &asked, StatusCode::FORBIDDEN, Some(STALE)),
    };
    answer.unwrap_or_else(|error| PageError::from(error).shown_to(&visitor))
}

/// 302 to `location`, which no cache keeps: it may carry a code.
fn found(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => {
            let headers = [
                (header::LOCATION, location),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (StatusCode::FOUND, headers).into_response()
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn error_page(visitor: &Visitor, status: StatusCode, message: Option<&str>) -> Response {
    let mut page = ErrorPage::new(visitor.chrome(), status, None);
    if let Some(message) = message {
        page = page.with_message(message);
    }
    visitor.html(status, visitor.state.renderer.render_error(&page))
}

/// Why there is neither a code nor a question.
enum Refusal {
    /// A page: the client or the redirect cannot be trusted.
    Untrusted(Untrusted),
    /// A page: the user may not enter what the client is.
    NoAccess(String),
    /// A redirect with the error.
    Told(String),
    /// A page: the hub's own trouble.
    Failed(ApiError),
}

impl<E: Into<ApiError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Refusal::Failed(error.into())
    }
}

impl Refusal {
    fn answer(self, visitor: &Visitor) -> Response {
        match self {
            Refusal::Untrusted(error) => {
                error_page(visitor, StatusCode::BAD_REQUEST, Some(&error.to_string()))
            }
            Refusal::NoAccess(text) => error_page(visitor, StatusCode::FORBIDDEN, Some(&text)),
            Refusal::Told(location) => found(&location),
            Refusal::Failed(error) => PageError::from(error).shown_to(visitor),
        }
    }
}

/// What a client is, with the evidence that the user may enter it.
enum Entry {
    Server(Granted<AccessServer>),
    Service(Granted<AccessService>),
}

/// A request that may be granted.
pub(super) struct Asked {
    /// The client.
    pub(super) client: OAuthClient,
    /// Where the browser is sent back to.
    pub(super) redirect_uri: String,
    /// The client's `state`.
    pub(super) state: Option<String>,
    /// The user who is asked.
    pub(super) user: User,
    /// What the token may do if the user agrees.
    pub(super) scopes: BTreeSet<Scope>,
    challenge: Option<Challenge>,
    entry: Entry,
    access: Scope,
    own_server: bool,
}

impl Asked {
    /// Checks a request of somebody who has logged in. Source of the order: wire contract 2.2.
    async fn read(visitor: &Visitor, principal: &Principal) -> Result<Self, Refusal> {
        let query = visitor.uri.query().unwrap_or_default();
        let parameters = Parameters::new(form_urlencoded::parse(query.as_bytes()).into_owned());
        let id = client_id(&parameters).map_err(Refusal::Untrusted)?;
        let client = oauth::find_client(visitor.state.db.read(), id).await?;
        let client = client.ok_or(Refusal::Untrusted(Untrusted::UnknownClient))?;
        let uri = redirect_uri(&parameters, &client.redirect_uri)
            .map_err(Refusal::Untrusted)?
            .to_owned();
        let told = |error: Refused| Refusal::Told(error.location(&uri, state(&parameters)));
        let config = &visitor.state.config;
        let rules = PkceRules {
            required: config.jupyterhub.oauth_require_pkce,
            plain: config.own.oauth_allow_plain_pkce,
        };
        let challenge = check(&parameters, rules).map_err(told)?;
        let (entry, access, own_server) = enter(visitor, principal, &client).await?;
        let Some(user) = principal.owner.user().cloned() else {
            return Err(ApiError::internal("a login cookie of something that is no user").into());
        };
        let asked = asked_scopes(visitor, parameters.get("scope"))
            .await?
            .map_err(told)?;
        let state = state(&parameters).map(ToOwned::to_owned);
        let mut all = Self {
            redirect_uri: uri.clone(),
            state,
            user,
            scopes: BTreeSet::new(),
            challenge,
            entry,
            access,
            own_server,
            client,
        };
        let limits = all.client_scopes(visitor);
        let wanted = scopes::requested(asked, &limits, principal.groups())
            .map_err(|_| told(Refused::Scope))?;
        all.scopes = scopes::narrowed(wanted, &limits, principal.scopes(), principal.groups());
        Ok(all)
    }

    /// What the client may ask of this user.
    pub(super) fn client_scopes<'a>(&'a self, visitor: &'a Visitor) -> ClientScopes<'a> {
        let (server, service) = match &self.entry {
            Entry::Server(granted) => {
                let at = granted.subject();
                (Some((at.user.as_str(), at.name.as_str())), None)
            }
            Entry::Service(granted) => (None, Some(granted.subject().as_str())),
        };
        let bearer = Bearer {
            user: Some(self.user.name.as_str()),
            service,
            server,
            catalogue: &visitor.state.config.jupyterhub.custom_scopes,
        };
        ClientScopes {
            allowed: &self.client.allowed_scopes,
            access: &self.access,
            bearer,
        }
    }

    async fn needs_confirmation(&self, visitor: &Visitor) -> Result<bool, ApiError> {
        let state = &visitor.state;
        let owner = TokenOwner::User(self.user.id);
        let before = tokens::of_owner(state.db.read(), owner, state.clock.now()).await?;
        let of_client = before
            .into_iter()
            .filter(|token| token.client_id.as_ref() == Some(&self.client.id));
        let given_before = of_client.flat_map(|token| token.scopes).collect();
        let no_confirm = state.managed.needs_no_confirmation(&self.client.id);
        let asking = Asking {
            own_server: self.own_server,
            no_confirm,
            given_before: &given_before,
        };
        Ok(scopes::needs_confirmation(asking, &self.scopes))
    }

    /// Makes a code and sends the browser back with it.
    async fn give(&self, visitor: &Visitor, scopes: BTreeSet<Scope>) -> Result<Response, ApiError> {
        let (state, now) = (&visitor.state, visitor.state.clock.now());
        let code = Token::generate();
        let new = NewCode {
            hash: code.hash(),
            client_id: self.client.id.clone(),
            user_id: self.user.id,
            redirect_uri: self.redirect_uri.clone(),
            scopes: scopes.into_iter().collect(),
            session_id: visitor.session_id().map(ToOwned::to_owned),
            challenge: self
                .challenge
                .clone()
                .map(|challenge| (challenge.value, challenge.method.to_owned())),
            expires: now + CODE_LIFE,
        };
        let tx = state.db.write().await?;
        oauth::insert_code(&tx, &new, now).await?;
        tx.commit().await?;
        let mut pairs = vec![("code", code.expose())];
        pairs.extend(self.state.as_deref().map(|state| ("state", state)));
        let mut response = found(&with_query(&self.redirect_uri, &pairs));
        visitor.keep_session(response.headers_mut());
        Ok(response)
    }
}

/// Whether the user may enter what the client is; the scope that says so, and whether it is the user's own server.
async fn enter(
    visitor: &Visitor,
    principal: &Principal,
    client: &OAuthClient,
) -> Result<(Entry, Scope, bool), Refusal> {
    let db = visitor.state.db.read();
    let no_access = |_| {
        tracing::warn!(
            "user {} may not enter {}",
            principal.owner.name(),
            client.description
        );
        Refusal::NoAccess(format!(
            "You do not have permission to access {}",
            client.description
        ))
    };
    if let Some(id) = client.server_id
        && let Some(server) = servers::get(db, id).await?
    {
        let own = principal
            .owner
            .user()
            .is_some_and(|user| user.id == server.user_id);
        let access = server_access(&server.at.user, &server.at);
        let granted = principal
            .require::<AccessServer>(server.at)
            .map_err(no_access)?;
        return Ok((Entry::Server(granted), access, own));
    }
    if let Some(id) = client.service_id
        && let Some(service) = services::get(db, id).await?
    {
        let name = service.name.as_str().to_owned();
        let access = Scope::only(ScopeName::AccessServices, FilterKind::Service, name.clone());
        let granted = principal
            .require::<AccessService>(name)
            .map_err(no_access)?;
        return Ok((Entry::Service(granted), access, false));
    }
    Err(ApiError::internal(format!(
        "OAuth client {} is neither a server nor a service",
        client.id
    ))
    .into())
}

fn server_access(owner: &Username, at: &ServerRef) -> Scope {
    let full = hub_types::paths::server_full_name(owner.as_str(), at.name.as_str());
    Scope::only(ScopeName::AccessServers, FilterKind::Server, full)
}

/// The scopes of the `scope` parameter; names that are no scopes may be names of roles, as in JupyterHub 2.
async fn asked_scopes(
    visitor: &Visitor,
    parameter: Option<&str>,
) -> Result<Result<Option<Vec<Scope>>, Refused>, ApiError> {
    if parameter.is_none() {
        return Ok(Ok(None));
    }
    let words = scopes::words(parameter);
    let catalogue = &visitor.state.config.jupyterhub.custom_scopes;
    if let Ok(asked) = scopes::parse(&words, catalogue) {
        return Ok(Ok(Some(asked)));
    }
    let table = roles::all(visitor.state.db.read()).await?;
    let of_roles: Option<Vec<_>> = words
        .iter()
        .map(|name| table.get(*name).map(|role| role.scopes.clone()))
        .collect();
    Ok(of_roles
        .map(|scopes| Some(scopes.concat()))
        .ok_or(Refused::Scope))
}
