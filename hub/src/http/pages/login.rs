//! The login page.

use std::time::Instant;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use hub_types::scope::{ScopeName, Target};
use hub_types::secret::Token;
use url::form_urlencoded;

use super::context::{Visitor, add_cookie, found};
use super::error_page::PageError;
use super::form::{Form, RawForm};
use super::root::default_target;
use crate::auth::LoginForm;
use crate::auth::login::LoginError;
use crate::domain::principal::Principal;
use crate::http::extract::login_life;
use crate::http::xsrf::{self, Sender};
use crate::render::pages::LoginPage;

/// A name longer than this is cut when it is shown again. Source: JupyterHub 6.1.
const LONGEST_SHOWN: usize = 32;

/// What wrong credentials and users whom no rule allows are told alike.
const REFUSED: &str = "Invalid username or password";

/// What a form of another session, or none of ours, is told.
const STALE: &str = "Login form invalid or expired. Try again.";

fn page(
    visitor: &Visitor,
    status: StatusCode,
    username: &str,
    error: Option<&str>,
) -> Result<Response, PageError> {
    let mut action = visitor.base().hub_path("login");
    if let Some(next) = visitor.argument("next") {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("next", &next)
            .finish();
        action = format!("{action}?{query}");
    }
    let shown: String = if username.chars().count() > LONGEST_SHOWN {
        username
            .chars()
            .take(LONGEST_SHOWN / 2)
            .chain(['…'])
            .collect()
    } else {
        username.to_owned()
    };
    let page = LoginPage {
        chrome: visitor.chrome(),
        action,
        username: shown,
        login_error: error.map(ToOwned::to_owned),
        insecure: is_insecure(visitor),
        ..LoginPage::default()
    };
    visitor.page(status, &page)
}

/// Whether a password typed here crosses a network in clear.
fn is_insecure(visitor: &Visitor) -> bool {
    if visitor.scheme() == "https" {
        return false;
    }
    let origin = visitor.origin();
    match url::Url::parse(&origin)
        .ok()
        .as_ref()
        .and_then(url::Url::host)
    {
        Some(url::Host::Domain(name)) => !(name == "localhost" || name.ends_with(".localhost")),
        Some(url::Host::Ipv4(ip)) => !ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => !ip.is_loopback(),
        None => true,
    }
}

/// `GET /hub/login`: the form, or on to `next` for somebody who has logged in.
pub(super) async fn form(visitor: Visitor) -> Result<Response, PageError> {
    match &visitor.principal {
        Some(principal) => {
            let next = visitor.next(visitor.argument("next").as_deref());
            let target = match next {
                Some(next) => next,
                None => default_target(&visitor, principal).await?,
            };
            refuse_in_vain(&visitor, principal, &target)?;
            let mut response = found(&target);
            visitor.keep_session(response.headers_mut());
            // A service that asks for its cookie may have come after the login.
            if let Some(session) = visitor.session_id() {
                add_service_cookies(&visitor, response.headers_mut(), session);
            }
            Ok(response)
        }
        None => page(
            &visitor,
            StatusCode::OK,
            visitor.argument("username").as_deref().unwrap_or_default(),
            None,
        ),
    }
}

/// `POST /hub/login`: a session and on to `next`, or the form again.
pub(super) async fn submit(visitor: Visitor, form: RawForm) -> Result<Response, PageError> {
    let username = form.field("username").unwrap_or_default();
    // A form of another site would log the visitor in as somebody else.
    if visitor.sender() == Sender::Elsewhere || !matches!(form.check(&visitor), Ok(Form::Good)) {
        return page(&visitor, StatusCode::FORBIDDEN, username, Some(STALE));
    }
    let login = LoginForm {
        username: username.to_owned(),
        password: Token::from_config(form.field("password").unwrap_or_default()),
    };
    let begin = Instant::now();
    let begun = visitor.state.login.begin(&login).await;
    visitor.state.metrics.login(begun.is_ok(), begin.elapsed());
    let session = match begun {
        Ok(session) => session,
        Err(LoginError::Refused(why)) => {
            let name: String = username
                .chars()
                .take(64)
                .flat_map(char::escape_debug)
                .collect();
            tracing::warn!("Failed login for {name}: {why}");
            return page(&visitor, StatusCode::FORBIDDEN, username, Some(REFUSED));
        }
        Err(LoginError::Unavailable(error)) => {
            tracing::error!("{error}");
            let text = "Logging in is not possible right now. Try again later.";
            return page(
                &visitor,
                StatusCode::SERVICE_UNAVAILABLE,
                username,
                Some(text),
            );
        }
        Err(LoginError::Db(error)) => return Err(error.into()),
    };
    if let Some(old) = visitor.session_id() {
        visitor.state.login.end(old).await?;
    }
    let now = visitor.state.clock.now();
    tracing::info!("User logged in: {}", session.user.name);
    let target = visitor
        .next(visitor.argument("next").as_deref())
        .unwrap_or_else(|| visitor.base().hub());
    let mut response = found(&target);
    let style = visitor.cookie_style();
    let headers = response.headers_mut();
    let value = visitor.state.cookies.login_value(&session.secret, now);
    add_cookie(headers, &style.login(value, session.life).to_string());
    let token = xsrf::issue(&visitor.state.cookies, Some(&session.id), now);
    add_cookie(headers, &style.xsrf(token, false).to_string());
    add_service_cookies(&visitor, headers, &session.id);
    add_cookie(headers, &style.session(session.id).to_string());
    Ok(response)
}

/// Gives the browser the cookies of the services that know their visitors by one, as in JupyterHub 0.8.
fn add_service_cookies(visitor: &Visitor, headers: &mut HeaderMap, session: &str) {
    let (style, now) = (visitor.cookie_style(), visitor.state.clock.now());
    for service in visitor.state.managed.with_cookies() {
        let value = visitor.state.cookies.service_value(&service, session, now);
        let cookie = style.service(&service, value, login_life(&visitor.state));
        add_cookie(headers, &cookie.to_string());
    }
}

/// A service that knows its visitors by cookie sends those it may not know back to the login, which would send them to
/// the service, for ever. They are told instead.
fn refuse_in_vain(visitor: &Visitor, principal: &Principal, target: &str) -> Result<(), PageError> {
    let services = visitor.state.managed.with_cookies();
    let service = services
        .iter()
        .find(|service| target.starts_with(&visitor.base().service(service)));
    match service {
        Some(service)
            if !principal.may(
                &ScopeName::AccessServices,
                Target::Service(service.as_str()),
            ) =>
        {
            Err(PageError::forbidden(format!(
                "You do not have permission to access the service {service}"
            )))
        }
        _ => Ok(()),
    }
}
