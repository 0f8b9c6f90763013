//! Administrators write an announcement, users read it, and the hub shows it above its pages.
//!
//! ```text
//! GET  /         a page for users; administrators find a form there
//! POST /         for administrators: the form, or JSON {"announcement": "…"} with a token
//! GET  /latest   JSON, for anybody: the hub shows it above its login page, too
//! ```

mod board;

use std::process::ExitCode;

use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Json, Router};
use hubauth::extract::{Admin, Require};
use hubauth::{HubOAuth, HubUser, XsrfToken};
use serde::Deserialize;

use board::{Announcement, Board};

/// What an administrator sends.
#[derive(Deserialize)]
struct New {
    announcement: String,
}

/// The longest announcement in characters: as much as the hub shows.
const LONGEST: usize = 2000;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

async fn page(State(board): State<Board>, user: HubUser, xsrf: Option<XsrfToken>) -> Html<String> {
    let Announcement {
        announcement,
        timestamp,
        user: author,
    } = board.latest();
    let text = match announcement.as_str() {
        "" => "<p>Nothing is announced.".to_owned(),
        text => format!(
            "<p><strong>{}</strong><p>{}, {}",
            escape(text),
            escape(&author),
            escape(&timestamp)
        ),
    };
    // Visitors with a token have no form: they send JSON.
    let form = xsrf.filter(|_| user.admin).map(|XsrfToken(xsrf)| {
        format!(
            "<form method=post><input type=hidden name=_xsrf value=\"{}\">\
             <p><label>Announce <input name=announcement size=60 value=\"{}\"></label> <button>Say so</button>\
             <p>An empty text takes it back.</form>",
            escape(&xsrf),
            escape(&announcement)
        )
    });
    Html(format!(
        "<!doctype html><title>Announcement</title><h1>Announcement</h1>{text}{}",
        form.unwrap_or_default()
    ))
}

async fn post(
    State(board): State<Board>,
    author: Require<Admin>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Response> {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let json = kind.is_some_and(|kind| kind.starts_with(b"application/json"));
    let new: New = if json {
        let Json(new) = Json::from_request(request, &())
            .await
            .map_err(IntoResponse::into_response)?;
        new
    } else {
        let Form(new) = Form::from_request(request, &())
            .await
            .map_err(IntoResponse::into_response)?;
        new
    };
    if new.announcement.chars().count() > LONGEST {
        let why = format!("an announcement has at most {LONGEST} characters");
        return Err((StatusCode::BAD_REQUEST, why).into_response());
    }
    let latest = board
        .say(&author.name, &new.announcement)
        .map_err(|error| {
            tracing::error!("{error:#}");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the announcement cannot be kept",
            )
                .into_response()
        })?;
    Ok(match json {
        true => Json(latest).into_response(),
        false => Redirect::to("./").into_response(),
    })
}

fn main() -> ExitCode {
    services::kit::run(async |_| {
        let hub = HubOAuth::from_env()?;
        let board = Board::open("announcement.json")?;
        let private = Router::new()
            .route("/", get(page).post(post))
            .layer(hub.layer());
        let latest = async |State(board): State<Board>| Json(board.latest());
        Ok(private
            .route("/latest", get(latest))
            .with_state(board)
            .merge(hub.callback_routes()))
    })
}
