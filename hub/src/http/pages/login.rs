//! The login page.

use std::time::Instant;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use hub_types::scope::{ScopeName, Target};
use hub_types::secret::{Token, random_bytes};
use url::form_urlencoded;

use super::context::{Visitor, add_cookie, found};
use super::error_page::PageError;
use super::form::{Form, RawForm};
use super::root::default_target;
use crate::auth::cookies::BROWSER_COOKIE;
use crate::auth::login::{LoginError, NewSession, log_failure};
use crate::auth::{LoginForm, Way};
use crate::domain::principal::Principal;
use crate::http::client_ip::ClientIp;
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
    let settings = &visitor.state.config.authenticator;
    let (service, url) = match visitor.state.login.way() {
        Way::Elsewhere { service, url } => (Some(service), Some(url)),
        Way::Form | Way::Closed => (None, None),
    };
    let page = LoginPage {
        chrome: visitor.chrome(),
        action,
        username: shown,
        login_error: error.map(ToOwned::to_owned),
        insecure: is_insecure(visitor),
        otp_prompt: settings.request_otp.then(|| settings.otp_prompt.clone()),
        authenticator_login_url: url.map(|url| with_next(visitor, &url)),
        login_service: service,
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

/// A URL with the `next` of this request.
fn with_next(visitor: &Visitor, url: &str) -> String {
    let next = visitor.next(visitor.argument("next").as_deref());
    let Some(next) = next else {
        return url.to_owned();
    };
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", &next)
        .finish();
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{query}")
}

/// For strangers: the form, or the way to where people log in.
fn door(visitor: &Visitor) -> Result<Response, PageError> {
    let username = visitor.argument("username").unwrap_or_default();
    match visitor.state.login.way() {
        Way::Closed => Err(closed()),
        Way::Elsewhere { url, .. } if visitor.state.config.authenticator.auto_login => {
            Ok(found(&with_next(visitor, &url)))
        }
        Way::Form | Way::Elsewhere { .. } => page(visitor, StatusCode::OK, &username, None),
    }
}

fn closed() -> PageError {
    PageError::forbidden("Nobody logs in here: this hub is used by services and through its API.")
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
        None => door(&visitor),
    }
}

/// `POST /hub/login`: a session and on to `next`, or the form again.
pub(super) async fn submit(
    visitor: Visitor,
    ClientIp(from): ClientIp,
    form: RawForm,
) -> Result<Response, PageError> {
    if visitor.state.login.way() == Way::Closed {
        return Err(closed());
    }
    let username = form.field("username").unwrap_or_default();
    // A form of another site would log the visitor in as somebody else.
    if visitor.sender() == Sender::Elsewhere || !matches!(form.check(&visitor), Ok(Form::Good)) {
        return page(&visitor, StatusCode::FORBIDDEN, username, Some(STALE));
    }
    let asked = visitor.state.config.authenticator.request_otp;
    let login = LoginForm {
        otp: form.field("otp").filter(|_| asked).map(Token::from_config),
        from,
        ..LoginForm::new(username, form.field("password").unwrap_or_default())
    };
    let begin = Instant::now();
    let (keys, now) = (&visitor.state.cookies, visitor.state.clock.now());
    let cookies = visitor.cookies();
    let known = |name: &str| keys.read_browser(name, cookies.all(BROWSER_COOKIE), now);
    let begun = visitor.state.login.begin(&login, &known).await;
    visitor.state.metrics.login(begun.is_ok(), begin.elapsed());
    let session = match begun {
        Ok(session) => session,
        Err(error) => return refused(&visitor, &login, error),
    };
    welcome(&visitor, session, visitor.argument("next").as_deref()).await
}

/// Gives the browser its new session, and sends it where its person was going.
pub(super) async fn welcome(
    visitor: &Visitor,
    session: NewSession,
    next: Option<&str>,
) -> Result<Response, PageError> {
    if let Some(old) = visitor.session_id() {
        visitor.state.login.end(old).await?;
    }
    tracing::info!("User logged in: {}", session.user.name);
    let next = visitor.next(next);
    let mut response = found(&next.unwrap_or_else(|| visitor.base().hub()));
    hand_over(visitor, session, response.headers_mut());
    Ok(response)
}

/// Gives the browser everything by which it is known from now on.
fn hand_over(visitor: &Visitor, session: NewSession, headers: &mut HeaderMap) {
    let (keys, now) = (&visitor.state.cookies, visitor.state.clock.now());
    let style = visitor.cookie_style();
    let value = keys.login_value(&session.secret, now);
    add_cookie(headers, &style.login(value, session.life).to_string());
    let token = xsrf::issue(keys, Some(&session.id), now);
    add_cookie(headers, &style.xsrf(token, false).to_string());
    add_service_cookies(visitor, headers, &session.id);
    let id = hex::encode(random_bytes::<16>());
    let browser = keys.browser_value(session.user.name.as_str(), &id, now);
    add_cookie(headers, &style.browser(browser).to_string());
    add_cookie(headers, &style.session(session.id).to_string());
}

/// The form again, with why it was not enough.
fn refused(visitor: &Visitor, login: &LoginForm, error: LoginError) -> Result<Response, PageError> {
    let again = |status, text| page(visitor, status, &login.username, Some(text));
    match error {
        LoginError::Refused(why) => {
            log_failure(&login.username, login.from, why);
            again(StatusCode::FORBIDDEN, REFUSED)
        }
        LoginError::Throttled(wait) => {
            log_failure(&login.username, login.from, "too many failures");
            let seconds = wait.as_secs().max(1);
            let text =
                format!("Too many failed attempts to sign in. Try again in {seconds} seconds.");
            let mut response = again(StatusCode::TOO_MANY_REQUESTS, &text)?;
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            Ok(response)
        }
        LoginError::Unavailable(error) => {
            tracing::error!("{error}");
            let text = "Logging in is not possible right now. Try again later.";
            again(StatusCode::SERVICE_UNAVAILABLE, text)
        }
        LoginError::Db(error) => Err(error.into()),
    }
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
