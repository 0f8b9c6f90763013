//! `POST /users/:name/activity`: when a user and their servers were last used. Servers report it themselves.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use hub_types::names::ServerName;
use hub_types::time;
use serde_json::{Map, Value};

use super::super::body::{python, quoted};
use crate::db::{NewServer, Tx, last_activity, servers, users};
use crate::domain::action::ReportActivity;
use crate::domain::activity::{Verdict, judge};
use crate::domain::principal::Granted;
use crate::domain::server::{Server, ServerId, ServerRef};
use crate::domain::user::User;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, JsonBody, UserPath};
use crate::state::AppState;

pub(in crate::http::api) async fn activity(
    State(state): State<AppState>,
    Auth(caller): Auth,
    UserPath(name): UserPath,
    body: JsonBody,
) -> Result<StatusCode, ApiError> {
    let granted = caller.require::<ReportActivity>(name.as_str().to_owned())?;
    let user = users::find(state.db.read(), name.as_str()).await?;
    let user = user
        .ok_or_else(|| ApiError::not_found(format!("No such user: {}", quoted(name.as_str()))))?;
    let Some(Value::Object(fields)) = body.read()? else {
        return Err(ApiError::bad_request("body must be a json dict"));
    };
    let known = servers::of_users(state.db.read(), &[user.id]).await?;
    let report = Report::read(&user, &known, &fields, state.clock.now())?;
    store(&state, granted, &user, &report).await?;
    Ok(StatusCode::OK)
}

/// What is new: each time is later than what is known.
#[derive(Default)]
struct Report<'a> {
    user: Option<DateTime<Utc>>,
    servers: Vec<(&'a Server, DateTime<Utc>)>,
    /// For the default server of a user who has not used it yet.
    unused_default: Option<DateTime<Utc>>,
}

impl<'a> Report<'a> {
    /// Checks everything before anything is stored.
    fn read(
        user: &User,
        known: &'a [Server],
        fields: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Self, ApiError> {
        let time = fields.get("last_activity").filter(|value| !empty(value));
        let entries = fields.get("servers").filter(|value| !empty(value));
        if time.is_none() && entries.is_none() {
            return Err(ApiError::bad_request(
                "body must contain at least one of `last_activity` or `servers`",
            ));
        }
        let mut report = Self::default();
        if let Some(entries) = entries {
            for (name, entry) in entries.as_object().ok_or_else(shape)? {
                report.server(user, known, (name, entry), now)?;
            }
        }
        if let Some(time) = time {
            report.user = newer(user.last_activity, time, now)?;
        }
        Ok(report)
    }

    /// Reads what is said of one server.
    fn server(
        &mut self,
        user: &User,
        known: &'a [Server],
        (name, entry): (&str, &Value),
        now: DateTime<Utc>,
    ) -> Result<(), ApiError> {
        let server = known.iter().find(|server| server.at.name.as_str() == name);
        if server.is_none() && !name.is_empty() {
            let name = quoted(name);
            let text = format!("No such server {name} for user {}", user.name);
            return Err(ApiError::bad_request(text));
        }
        let entry = entry.as_object().ok_or_else(shape)?;
        let time = entry.get("last_activity").ok_or_else(shape)?;
        let seen = server.and_then(|server| server.last_activity);
        match (server, newer(seen, time, now)?) {
            (Some(server), Some(time)) => self.servers.push((server, time)),
            (None, time) => self.unused_default = time,
            (Some(_), None) => {}
        }
        Ok(())
    }
}

fn shape() -> ApiError {
    ApiError::bad_request(
        "servers must be a dict of the form {server_name: {last_activity: timestamp}}",
    )
}

/// What Python takes for nothing.
fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn newer(
    known: Option<DateTime<Utc>>,
    reported: &Value,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, ApiError> {
    let parsed = reported.as_str().and_then(time::parse);
    let reported = parsed.ok_or_else(|| {
        ApiError::bad_request(format!("Not a valid timestamp: {}", python(reported)))
    })?;
    match judge(known, reported, now) {
        Verdict::Store(time) => Ok(Some(time)),
        Verdict::Old => Ok(None),
        Verdict::Future => Err(ApiError::bad_request(format!(
            "Rejecting activity from more than an hour in the future: {}",
            time::format(reported)
        ))),
    }
}

async fn store(
    state: &AppState,
    _granted: Granted<ReportActivity>,
    user: &User,
    report: &Report<'_>,
) -> Result<(), ApiError> {
    if report.user.is_none() && report.servers.is_empty() && report.unused_default.is_none() {
        return Ok(());
    }
    let tx = state.db.write().await?;
    let of_user: Vec<_> = report
        .user
        .map(|time| (user.id, time))
        .into_iter()
        .collect();
    last_activity::of_users(&tx, &of_user).await?;
    let seen = report.servers.iter();
    let mut of_servers: Vec<_> = seen.map(|(server, time)| (server.id, *time)).collect();
    if let Some(time) = report.unused_default {
        of_servers.push((default_server(&tx, user).await?, time));
    }
    last_activity::of_servers(&tx, &of_servers).await?;
    Ok(tx.commit().await?)
}

/// The row of a user's default server. It is looked for in the transaction that makes it: somebody else may have made it
/// since the report was read.
async fn default_server(tx: &Tx, user: &User) -> Result<ServerId, ApiError> {
    let at = ServerRef::new(user.name.clone(), ServerName::default_server());
    Ok(match servers::find(&**tx, &at).await? {
        Some(server) => server.id,
        None => servers::insert(tx, user.id, &at.name, &NewServer::default()).await?,
    })
}
