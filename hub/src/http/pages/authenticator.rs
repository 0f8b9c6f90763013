//! Pages of the authenticator's own, where people come and go who log in elsewhere.

use std::cmp::Reverse;
use std::time::Instant;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use chrono::TimeDelta;
use url::form_urlencoded;

use super::context::{Visitor, add_cookie, found};
use super::error_page::PageError;
use super::form::RawForm;
use super::login::welcome;
use crate::auth::AuthModel;
use crate::auth::cookies::{state_cookie, state_cookies};
use crate::auth::login::{LoginError, log_failure};
use crate::auth::page::{Fault, KEPT, Kept, PageAnswer, PageRequest, Refused};
use crate::domain::session::signed_at;
use crate::http::client_ip::ClientIp;
use crate::state::AppState;

/// A longer answer of ours no browser keeps: cookies have 4 KiB.
const LONGEST_COOKIE: usize = 4000;
/// How many logins a browser remembers: as many tabs may be on their way at once.
const LOGINS: usize = 8;
/// How long all that it remembers may be, in bytes: servers before the hub take 8 KiB of headers, often.
const LONGEST_COOKIES: usize = 6000;

/// The routes of these pages.
pub(super) fn routes(state: &AppState) -> Router<AppState> {
    let pages = state.authenticator.pages().iter();
    pages.fold(Router::new(), |router, page| {
        let path = state.addresses.base.hub_path(page);
        router.route(&path, get(answer).post(answer))
    })
}

fn kept_for() -> TimeDelta {
    TimeDelta::from_std(KEPT).unwrap_or(TimeDelta::hours(1))
}

/// What the authenticator is asked.
fn request(visitor: &Visitor, ClientIp(from): ClientIp, form: RawForm) -> PageRequest {
    let state = &visitor.state;
    let base = visitor.base();
    let path = visitor.uri.path();
    let now = state.clock.now();
    let query = visitor.uri.query().unwrap_or_default();
    let mut arguments: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    arguments.extend(form.into_fields());
    let mut request = PageRequest {
        page: path.strip_prefix(&base.hub()).unwrap_or(path).to_owned(),
        arguments,
        kept: None,
        hub_url: format!("{}{}", visitor.origin(), base.hub()),
        next: visitor.next(visitor.argument("next").as_deref()),
        from,
        now,
    };
    let login = state.authenticator.login_of(&request);
    let kept = login.and_then(|login| {
        let name = cookie_name(visitor, login);
        let cookies = visitor.cookies();
        let mut values = cookies.all(&name);
        values.find_map(|value| state.cookies.read_state(value, kept_for(), now))
    });
    request.kept = kept;
    request
}

fn cookie_name(visitor: &Visitor, login: &str) -> String {
    let config = &visitor.state.config;
    state_cookie(config.jupyterhub.cookie_host_prefix_enabled, login)
}

async fn answer(visitor: Visitor, from: ClientIp, form: RawForm) -> Result<Response, PageError> {
    let begin = Instant::now();
    let request = request(&visitor, from, form);
    let answered = visitor.state.authenticator.page(&request).await;
    let metrics = &visitor.state.metrics;
    let done = match answered {
        PageAnswer::Away { to, keep, login } => return away(&visitor, &to, (&login, &keep)),
        PageAnswer::Person {
            model,
            next,
            otherwise,
        } => {
            let come = come(&visitor, from, *model, next.as_deref(), &otherwise).await;
            metrics.login(come.is_ok(), begin.elapsed());
            come
        }
        // To be sent again as it is.
        PageAnswer::Refused(refused) if refused.fault == Fault::Busy => {
            return Err(told(from, &refused));
        }
        PageAnswer::Refused(refused) => {
            metrics.login(false, begin.elapsed());
            Err(told(from, &refused))
        }
    };
    let mut response = done.unwrap_or_else(|error| error.shown_to(&visitor));
    // Good for one attempt.
    let login = visitor.state.authenticator.login_of(&request);
    if let (Some(login), Some(_)) = (login, &request.kept) {
        forget(
            &visitor,
            response.headers_mut(),
            cookie_name(&visitor, login),
        );
    }
    Ok(response)
}

fn forget(visitor: &Visitor, headers: &mut HeaderMap, name: String) {
    let style = visitor.cookie_style();
    let gone = style.state(name, String::new(), TimeDelta::zero());
    add_cookie(headers, &gone.to_string());
}

/// Which of the logins that a browser remembers it forgets, so that another of so many bytes has room: the oldest.
fn too_many<'a>(known: impl Iterator<Item = (&'a str, &'a str)>, another: usize) -> Vec<&'a str> {
    let mut known: Vec<_> = known.collect();
    known.sort_by_key(|(_, value)| Reverse(signed_at(value)));
    let mut bytes = another;
    let known = known.into_iter().enumerate();
    known
        .filter_map(|(before, (name, value))| {
            bytes += name.len() + value.len();
            (before + 1 >= LOGINS || bytes > LONGEST_COOKIES).then_some(name)
        })
        .collect()
}

/// Sends the browser elsewhere.
fn away(
    visitor: &Visitor,
    to: &str,
    (login, Kept(keep)): (&str, &Kept),
) -> Result<Response, PageError> {
    let state = &visitor.state;
    let value = state.cookies.state_value(keep, state.clock.now());
    if value.len() > LONGEST_COOKIE {
        // It is where the person was going that can be so long.
        let text = "The address that you were going to is too long to be remembered. Sign in first, then go there.";
        return Err(PageError::new(StatusCode::URI_TOO_LONG, text));
    }
    let mut response = found(to);
    let headers = response.headers_mut();
    let prefix = state_cookies(state.config.jupyterhub.cookie_host_prefix_enabled);
    for name in too_many(visitor.cookies().beginning(prefix), value.len()) {
        forget(visitor, headers, name.to_owned());
    }
    let name = cookie_name(visitor, login);
    let cookie = visitor.cookie_style().state(name, value, kept_for());
    add_cookie(headers, &cookie.to_string());
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    Ok(response)
}

/// Lets somebody in, if a rule says so.
async fn come(
    visitor: &Visitor,
    ClientIp(from): ClientIp,
    model: AuthModel,
    next: Option<&str>,
    otherwise: &str,
) -> Result<Response, PageError> {
    let name = model.name.clone();
    match visitor.state.login.begin_as(model).await {
        Ok(session) => welcome(visitor, session, next).await,
        Err(LoginError::Refused(why)) => {
            log_failure(&name, from, why);
            Err(PageError::forbidden(otherwise))
        }
        Err(LoginError::Db(error)) => Err(error.into()),
        Err(error @ (LoginError::Throttled(_) | LoginError::Unavailable(_))) => {
            tracing::error!("{error}");
            let text = "Logging in is not possible right now. Try again later.";
            Err(PageError::new(StatusCode::SERVICE_UNAVAILABLE, text))
        }
    }
}

/// What the log and the person are told.
fn told(ClientIp(from): ClientIp, refused: &Refused) -> PageError {
    let why = refused.why.escape_debug();
    let status = match refused.fault {
        Fault::NoPage => StatusCode::NOT_FOUND,
        Fault::Request => StatusCode::BAD_REQUEST,
        Fault::Person => StatusCode::FORBIDDEN,
        Fault::Answer => StatusCode::BAD_GATEWAY,
        Fault::Away | Fault::Busy => StatusCode::SERVICE_UNAVAILABLE,
    };
    match (refused.fault, &refused.name) {
        (Fault::Person, Some(name)) => log_failure(name, from, why),
        (Fault::Answer | Fault::Away, _) => {
            tracing::error!("nobody could be asked who logs in: {why}");
        }
        _ => tracing::warn!("a login was not ended: {why}"),
    }
    PageError::new(status, refused.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_logins_make_room() {
        let value = |at: u32, bytes: usize| format!("1|{at}|{}|x", "v".repeat(bytes));
        let all: Vec<(String, String)> = (0..9)
            .map(|at| (format!("c{at}"), value(at, 100)))
            .chain([("odd".to_owned(), "no date".to_owned())])
            .collect();
        let known = || {
            all.iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
        };
        assert_eq!(too_many(known(), 100), ["c1", "c0", "odd"]);
        assert_eq!(too_many(known().take(3), 100), [""; 0]);
        let long = [
            ("a", value(2, 3000)),
            ("b", value(1, 10)),
            ("c", value(3, 10)),
        ];
        let long = || long.iter().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(too_many(long(), 500), [""; 0]);
        assert_eq!(too_many(long(), 3500), ["a", "b"]);
    }
}
