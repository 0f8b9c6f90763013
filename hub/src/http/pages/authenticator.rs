//! Pages of the authenticator's own, where people come and go who log in elsewhere.

use std::time::Instant;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use chrono::TimeDelta;
use url::form_urlencoded;

use super::context::{Visitor, add_cookie, found};
use super::error_page::PageError;
use super::form::RawForm;
use super::login::welcome;
use crate::auth::AuthModel;
use crate::auth::cookies::state_cookie;
use crate::auth::login::{LoginError, log_failure};
use crate::auth::page::{Fault, KEPT, Kept, PageAnswer, PageRequest, Refused};
use crate::http::client_ip::ClientIp;
use crate::state::AppState;

/// A longer answer of ours no browser keeps: cookies have 4 KiB.
const LONGEST_COOKIE: usize = 4000;

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
    let name = state_cookie(state.config.jupyterhub.cookie_host_prefix_enabled);
    let cookies = visitor.cookies();
    let kept = cookies
        .all(name)
        .find_map(|value| state.cookies.read_state(value, kept_for(), now));
    PageRequest {
        page: path.strip_prefix(&base.hub()).unwrap_or(path).to_owned(),
        arguments,
        kept,
        hub_url: format!("{}{}", visitor.origin(), base.hub()),
        next: visitor.next(visitor.argument("next").as_deref()),
        from,
        now,
    }
}

async fn answer(visitor: Visitor, from: ClientIp, form: RawForm) -> Result<Response, PageError> {
    let begin = Instant::now();
    let request = request(&visitor, from, form);
    let answered = visitor.state.authenticator.page(&request).await;
    let metrics = &visitor.state.metrics;
    let done = match answered {
        PageAnswer::Away { to, keep } => return away(&visitor, &to, &keep),
        PageAnswer::Person {
            model,
            next,
            otherwise,
        } => {
            let come = come(&visitor, from, *model, next.as_deref(), &otherwise).await;
            metrics.login(come.is_ok(), begin.elapsed());
            come
        }
        PageAnswer::Refused(refused) => {
            metrics.login(false, begin.elapsed());
            Err(told(from, &refused))
        }
    };
    let mut response = done.unwrap_or_else(|error| error.shown_to(&visitor));
    // Good for one attempt.
    if request.kept.is_some() {
        let gone = visitor
            .cookie_style()
            .state(String::new(), TimeDelta::zero());
        add_cookie(response.headers_mut(), &gone.to_string());
    }
    Ok(response)
}

/// Sends the browser elsewhere.
fn away(visitor: &Visitor, to: &str, Kept(keep): &Kept) -> Result<Response, PageError> {
    let state = &visitor.state;
    let value = state.cookies.state_value(keep, state.clock.now());
    if value.len() > LONGEST_COOKIE {
        // It is where the person was going that can be so long.
        let text = "The address that you were going to is too long to be remembered. Sign in first, then go there.";
        return Err(PageError::new(StatusCode::URI_TOO_LONG, text));
    }
    let mut response = found(to);
    let cookie = visitor.cookie_style().state(value, kept_for());
    let headers = response.headers_mut();
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
        Fault::Away => StatusCode::SERVICE_UNAVAILABLE,
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
