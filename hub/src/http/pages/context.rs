//! Who looks at a page, and what every page of theirs shares.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use hub_types::JUPYTERHUB_VERSION;
use hub_types::paths::BaseUrl;
use hub_types::scope::{ScopeName, Target};
use hub_types::secret::random_urlsafe;
use url::form_urlencoded;

use super::PageError;
use crate::auth::Way;
use crate::auth::cookies::{CookieStyle, RequestCookies, SESSION_COOKIE};
use crate::domain::action::{Hub, OpenAdminUi};
use crate::domain::next_url;
use crate::domain::principal::Principal;
use crate::http::extract::{
    CallerNote, argument, cookie_caller, cookies, session_id, token_caller,
};
use crate::http::xsrf::{Sender, XsrfError};
use crate::http::{origin, xsrf};
use crate::render::{Chrome, NavService, Page, content_security_policy};
use crate::state::AppState;

/// Whoever asks for a page, logged in or not.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The hub.
    pub state: AppState,
    /// Who it is, if they have logged in.
    pub principal: Option<Principal>,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The whole URI, with the base URL.
    pub uri: Uri,
    /// The XSRF token for the forms of the page; empty for a script that has not shown it.
    pub xsrf: String,
    /// Why the page is not for the script that asks for it, if one does.
    script: Option<XsrfError>,
    /// Whether the browser does not hold that token yet.
    new_xsrf: bool,
    /// What a script in the page itself would need, new for every answer.
    nonce: String,
}

impl Visitor {
    /// Finds out who asks, for pages that must be shown whatever happens, as that of an error: a database that is away makes
    /// everybody a stranger.
    pub async fn of(state: &AppState, headers: &HeaderMap, uri: &Uri) -> Self {
        let principal = cookie_caller(state, headers).await.ok().flatten();
        Self::with(state, principal, headers, uri)
    }

    fn with(
        state: &AppState,
        principal: Option<Principal>,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Self {
        let (jar, now) = (cookies(headers), state.clock.now());
        let session = principal.as_ref().and_then(session_id);
        let held = xsrf::current(&state.cookies, &jar, session, now).map(ToOwned::to_owned);
        let new_xsrf = held.is_none();
        let argument = argument(uri, "_xsrf");
        let shown = xsrf::shown(argument.as_deref(), headers);
        let method = Method::GET;
        let knows = xsrf::check(&state.cookies, &jar, shown, session, &method, now);
        let script = xsrf::read_by_script(headers).then_some(knows);
        let xsrf = match script {
            // It must not learn from the page what it could not show.
            Some(Err(_)) => String::new(),
            _ => held.unwrap_or_else(|| xsrf::issue(&state.cookies, session, now)),
        };
        Self {
            script: script.and_then(Result::err),
            state: state.clone(),
            principal,
            headers: headers.clone(),
            uri: uri.clone(),
            xsrf,
            new_xsrf,
            nonce: random_urlsafe::<16>(),
        }
    }

    /// The same visitor, whose session has just ended.
    #[must_use]
    pub fn stranger(&self) -> Self {
        Self {
            principal: None,
            ..self.clone()
        }
    }

    /// The base URL.
    #[must_use]
    pub fn base(&self) -> &BaseUrl {
        &self.state.addresses.base
    }

    /// The request's cookies.
    #[must_use]
    pub fn cookies(&self) -> RequestCookies {
        cookies(&self.headers)
    }

    /// The browser session, if logged in.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.principal.as_ref().and_then(session_id)
    }

    /// What all pages share, for this visitor.
    #[must_use]
    pub fn chrome(&self) -> Chrome {
        Chrome {
            base_url: self.base().as_str().to_owned(),
            hub_prefix: self.base().hub(),
            user: self
                .principal
                .as_ref()
                .map(|principal| principal.owner.name().to_owned()),
            admin: self
                .principal
                .as_ref()
                .is_some_and(|principal| principal.require::<OpenAdminUi>(Hub).is_ok()),
            administers_services: self
                .principal
                .as_ref()
                .is_some_and(|principal| principal.reach(&[ScopeName::AdminServices]).is_ok()),
            xsrf: self.xsrf.clone(),
            nonce: self.nonce.clone(),
            services: self.services(),
            version: JUPYTERHUB_VERSION.to_owned(),
            announcement: None,
            announced: self.state.managed.announcement(),
        }
    }

    /// The services that the visitor may enter.
    fn services(&self) -> Vec<NavService> {
        let Some(principal) = &self.principal else {
            return Vec::new();
        };
        let services = self.state.managed.displayed();
        services
            .into_iter()
            .filter(|service| {
                principal.may(
                    &ScopeName::AccessServices,
                    Target::Service(service.as_str()),
                )
            })
            .map(|service| NavService {
                href: self.state.addresses.service_url(&service),
                name: service.as_str().to_owned(),
            })
            .collect()
    }

    /// How cookies are set for this visitor.
    #[must_use]
    pub fn cookie_style(&self) -> CookieStyle {
        CookieStyle {
            base: self.base().clone(),
            domain: self.state.addresses.cookie_domain().map(ToOwned::to_owned),
            secure: self.scheme() == "https",
            host_prefix: self.state.config.jupyterhub.cookie_host_prefix_enabled,
        }
    }

    /// The scheme that the browser uses.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        origin::scheme(&self.state.addresses, &self.headers)
    }

    /// The origin under which the browser sees us.
    #[must_use]
    pub fn origin(&self) -> String {
        origin::of_browser(&self.state.addresses, &self.headers)
    }

    /// Whose page sent the browser here.
    #[must_use]
    pub fn sender(&self) -> Sender {
        xsrf::sender(&self.headers, &self.origin())
    }

    /// Where `next` leads on our own host. One that names a host of a user or service leads there by way of ours.
    #[must_use]
    pub fn next(&self, raw: Option<&str>) -> Option<String> {
        let origin = self.origin();
        let subdomains = self.state.addresses.subdomains.as_ref();
        raw.and_then(|raw| next_url::validate(raw, &[&origin], subdomains))
    }

    /// An argument of the query.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<String> {
        let query = self.uri.query()?;
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// The page as a response, with the XSRF cookie if the browser lacks it.
    ///
    /// # Errors
    /// When the template is broken.
    pub fn page<P: Page>(&self, status: StatusCode, page: &P) -> Result<Response, PageError> {
        let html = self
            .state
            .renderer
            .render(page)
            .map_err(PageError::internal)?;
        Ok(self.html(status, html))
    }

    /// HTML as a response, with the headers that all pages carry.
    #[must_use]
    pub fn html(&self, status: StatusCode, html: String) -> Response {
        let mut response = (status, Html(html)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(policy) =
            HeaderValue::from_str(&content_security_policy(&self.base().hub(), &self.nonce))
        {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        if self.new_xsrf && xsrf::may_set(&self.headers) {
            let cookie = self
                .cookie_style()
                .xsrf(self.xsrf.clone(), self.principal.is_none());
            add_cookie(headers, &cookie.to_string());
        }
        self.keep_session(headers);
        response
    }

    /// Gives the browser its session id back when it has lost it (it ends with the browser, the login does not):
    /// servers and services tell by it that somebody has logged out.
    pub(crate) fn keep_session(&self, headers: &mut HeaderMap) {
        let Some(session) = self.session_id() else {
            return;
        };
        if self.cookies().first(SESSION_COOKIE) != Some(session) {
            let cookie = self.cookie_style().session(session.to_owned());
            add_cookie(headers, &cookie.to_string());
        }
    }

    /// Where somebody is sent who has to log in on the way to a service or server: past the login page, if the
    /// configuration wants that and people log in elsewhere.
    #[must_use]
    pub fn way_in(&self) -> String {
        match self.state.login.way() {
            Way::Elsewhere { url, .. }
                if self.state.config.authenticator.auto_login_oauth2_authorize =>
            {
                let (_, query) = self.login_url().split_once('?').map_or_else(
                    || (String::new(), String::new()),
                    |(path, query)| (path.to_owned(), query.to_owned()),
                );
                let mark = if url.contains('?') { '&' } else { '?' };
                format!("{url}{mark}{query}")
            }
            _ => self.login_url(),
        }
    }

    /// Where somebody who has to log in first is sent.
    #[must_use]
    pub fn login_url(&self) -> String {
        let here = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("next", here)
            .finish();
        format!("{}?{query}", self.base().hub_path("login"))
    }
}

/// Adds a `Set-Cookie`.
pub(super) fn add_cookie(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        headers.append(header::SET_COOKIE, value);
    }
}

/// 302, as JupyterHub answers; the browser goes on with GET.
#[must_use]
pub(super) fn found(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(value) => (StatusCode::FOUND, [(header::LOCATION, value)]).into_response(),
        Err(_) => Redirect::to("/").into_response(),
    }
}

fn note(parts: &Parts, principal: &Principal) {
    if let Some(CallerNote(cell)) = parts.extensions.get() {
        let _ = cell.set(principal.owner.name().to_owned());
    }
}

fn whole_uri(parts: &Parts) -> Uri {
    parts
        .extensions
        .get::<OriginalUri>()
        .map_or_else(|| parts.uri.clone(), |uri| uri.0.clone())
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Response;

    /// 503 when the database is away: whoever is logged in must not be taken for a stranger, sent to the login, or told that
    /// they are logged out.
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let uri = whole_uri(parts);
        match cookie_caller(state, &parts.headers).await {
            Ok(principal) => {
                if let Some(principal) = &principal {
                    note(parts, principal);
                }
                Ok(Self::with(state, principal, &parts.headers, &uri))
            }
            Err(error) => {
                let stranger = Self::with(state, None, &parts.headers, &uri);
                Err(PageError::from(error).shown_to(&stranger))
            }
        }
    }
}

/// Whoever asks for a page that is shown whatever happens ([`Visitor::of`]).
#[derive(Debug, Clone)]
pub(crate) struct Onlooker(pub(crate) Visitor);

impl FromRequestParts<AppState> for Onlooker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let visitor = Visitor::of(state, &parts.headers, &whole_uri(parts)).await;
        if let Some(principal) = &visitor.principal {
            note(parts, principal);
        }
        Ok(Self(visitor))
    }
}

/// Somebody who has logged in. Others are sent to the login page, or refused when they did not just ask for a page.
#[derive(Debug, Clone)]
pub struct PageUser {
    /// The page's surroundings.
    pub visitor: Visitor,
    /// Who it is.
    pub principal: Principal,
}

impl std::ops::Deref for PageUser {
    type Target = Visitor;

    fn deref(&self) -> &Visitor {
        &self.visitor
    }
}

impl PageUser {
    /// Also lets an API token in: for the pages of servers that do not run, which API clients reach too.
    ///
    /// # Errors
    /// A redirect to the login, or 403.
    pub async fn or_token(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        match token_caller(state, &parts.headers).await {
            Ok(Some(principal)) => {
                note(parts, &principal);
                let visitor = Visitor::with(
                    state,
                    Some(principal.clone()),
                    &parts.headers,
                    &whole_uri(parts),
                );
                Ok(Self { visitor, principal })
            }
            // What a page asks of its server that has stopped is answered here, too.
            Ok(None) => Self::by_cookie(parts, state).await,
            Err(error) => Err(PageError::from(error).into_response()),
        }
    }
}

impl FromRequestParts<AppState> for PageUser {
    type Rejection = Response;

    /// A script is let in with the token only: those of servers on this host must neither read pages nor start anything.
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let user = Self::by_cookie(parts, state).await?;
        match &user.script {
            Some(error) if is_reading(parts) => Err(PageError::from(error.clone()).into_response()),
            _ => Ok(user),
        }
    }
}

fn is_reading(parts: &Parts) -> bool {
    matches!(parts.method, Method::GET | Method::HEAD)
}

impl PageUser {
    async fn by_cookie(parts: &Parts, state: &AppState) -> Result<Self, Response> {
        let reading = is_reading(parts);
        let principal = cookie_caller(state, &parts.headers)
            .await
            .map_err(|error| PageError::from(error).into_response())?;
        let visitor = Visitor::with(state, principal.clone(), &parts.headers, &whole_uri(parts));
        match principal {
            Some(principal) => {
                note(parts, &principal);
                Ok(Self { visitor, principal })
            }
            None if reading => Err(found(&visitor.login_url())),
            None => Err(PageError::forbidden("Log in first, then try again.").into_response()),
        }
    }
}
