//! The pages, one struct each: what its template shows, and the forms it sends.
//!
//! Field names are the template's variables; where JupyterHub's template of the same name has the variable, it has the
//! same name here. All URLs are complete paths (with the hub's prefix) or absolute http(s) URLs, already escaped.

use chrono::{DateTime, Utc};
use hub_types::time::{iso, iso_opt};
use serde::Serialize;

use super::{Chrome, Page};

macro_rules! page {
    ($page:ty, $template:literal) => {
        impl Page for $page {
            const TEMPLATE: &'static str = $template;

            fn chrome(&self) -> &Chrome {
                &self.chrome
            }
        }
    };
}

mod accept_share;
pub mod admin;
pub mod api_docs;
mod home;
mod manage;
mod services;

pub use accept_share::{AcceptSharePage, Called};
pub use api_docs::ApiDocsPage;
pub use home::{HomePage, NewServerForm, ServerCard, ServerState};
pub use manage::{LinkRow, ManagePage, ShareRow, Sharing};
pub use services::{ServiceFailure, ServiceRow, ServicesPage};

/// `login.html`: a form with `_xsrf`, `username`, `password` and perhaps `otp`, or a link to the login service.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LoginPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// Where the form posts: `{hub}login`, with the `next` of this request.
    pub action: String,
    /// Filled in; after a failed login what the visitor typed (the handler cuts long names).
    pub username: String,
    /// Why the last attempt failed; shown as an alert.
    pub login_error: Option<String>,
    /// True for plain HTTP from elsewhere than this machine: the page warns.
    pub insecure: bool,
    /// Name of the service that does the login, such as `GitHub`: a button replaces the form.
    pub login_service: Option<String>,
    /// Where that button leads.
    pub authenticator_login_url: Option<String>,
    /// Label of the one-time-password field; no field without it.
    pub otp_prompt: Option<String>,
}
page!(LoginPage, "login.html");

/// `logout.html`: the session has ended.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LogoutPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// Whether the visitor's servers stop with the session.
    pub servers_stop: bool,
}
page!(LogoutPage, "logout.html");

/// Colour and urgency of a [`Notice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// Something was done.
    Ok,
    /// Something deserves attention.
    Warn,
    /// Something was refused or failed.
    Error,
}

/// A sentence on top of a page about what has just happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// How it looks.
    pub kind: NoticeKind,
    /// What it says.
    pub text: String,
}

impl Notice {
    /// Something was done.
    #[must_use]
    pub fn done(text: impl Into<String>) -> Self {
        Self {
            kind: NoticeKind::Ok,
            text: text.into(),
        }
    }

    /// Something was refused or failed.
    #[must_use]
    pub fn error(text: impl Into<String>) -> Self {
        Self {
            kind: NoticeKind::Error,
            text: text.into(),
        }
    }
}

/// `spawn.html`: asks before a start that the visitor did not ask for here; posts `_xsrf` to `url`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SpawnPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// Owner of the server.
    pub for_user: String,
    /// Name of the server; empty for the default one.
    pub server_name: String,
    /// Where the form posts: this page's own path and query (it keeps `next`).
    pub url: String,
    /// Why the last attempt failed.
    pub error_message: Option<String>,
    /// Markup of `Spawner.options_form`, shown as it is; `None` where there is no form.
    pub spawner_options_form: Option<String>,
    /// The variants of `Spawner.profile_list`.
    pub profiles: Vec<ProfileCard>,
    /// Options of a link, which the form then starts the server with: names and values as text.
    pub from_query: Vec<(String, String)>,
}
page!(SpawnPage, "spawn.html");

/// A variant on the spawn page. Its field is `profile`, with the slug as value.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProfileCard {
    /// Its name in the form.
    pub slug: String,
    /// What people see.
    pub display_name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Whether it is chosen.
    pub chosen: bool,
    /// What it leaves open.
    pub options: Vec<ProfileField>,
}

/// What a variant leaves open, as a list to choose from.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProfileField {
    /// Name of the field.
    pub field: String,
    /// What people see.
    pub display_name: String,
    /// Values, what people see of each, and whether it is chosen.
    pub choices: Vec<(String, String, bool)>,
}

/// `spawn_pending.html`: follows the start of a server through its progress events, and reloads itself at their end.
///
/// The handler answers that reload, or the press on "Look again" without scripts: a ready server with a redirect, a failed one with [`NotRunningPage`]. Cancel posts
/// `_xsrf`, `user` and `server` to `{hub}home/stop-server`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SpawnPendingPage {
    /// What all pages share; its `xsrf` is also sent to `progress_url` as `?_xsrf=`.
    #[serde(skip)]
    pub chrome: Chrome,
    /// Owner of the server.
    pub for_user: String,
    /// Name of the server; empty for the default one.
    pub server_name: String,
    /// Path of the event stream, without a query: `{hub}api/users/NAME/server/progress`.
    pub progress_url: String,
    /// Percent reached when the page was made, 0 to 100.
    pub progress: u8,
    /// The last event's message when the page was made.
    pub message: Option<String>,
}
page!(SpawnPendingPage, "spawn_pending.html");

/// Why a start failed, as far as the visitor may know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The last lines that the server printed.
    pub output: Option<String>,
}

/// `not_running.html`: the server is stopped, or its start failed; a link starts it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NotRunningPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// Owner of the server.
    pub for_user: String,
    /// Name of the server; empty for the default one.
    pub server_name: String,
    /// Where the start button leads, with `next`.
    pub spawn_url: String,
    /// Set when the last start failed.
    pub failure: Option<Failure>,
    /// Seconds after which a script starts the server; `None` leaves it to the visitor.
    pub implicit_spawn_seconds: Option<u32>,
}
page!(NotRunningPage, "not_running.html");

/// `stop_pending.html`: the server is stopping; a script asks for the page every two seconds and follows a redirect.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StopPendingPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// Owner of the server.
    pub for_user: String,
    /// Name of the server; empty for the default one.
    pub server_name: String,
}
page!(StopPendingPage, "stop_pending.html");

/// A choice of the expiry field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpiryOption {
    /// Seconds, sent as `expires_in`; `None` (sent as the empty string) is never.
    pub seconds: Option<u64>,
    /// What the choice says.
    pub label: String,
}

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

impl ExpiryOption {
    /// The choices of JupyterHub's token page: 1 hour, 1 day, 1 week, 1 month (30 days), 1 year (365 days), never.
    ///
    /// With `max` seconds (`token_expires_in_max_seconds`) longer ones and never give way to `Max (N days)`.
    #[must_use]
    pub fn choices(max: Option<u64>) -> Vec<Self> {
        let standard = [
            (HOUR, "1 hour"),
            (DAY, "1 day"),
            (7 * DAY, "1 week"),
            (30 * DAY, "1 month"),
            (365 * DAY, "1 year"),
        ];
        let allowed = standard
            .iter()
            .filter(|(seconds, _)| max.is_none_or(|max| *seconds <= max));
        let mut choices: Vec<_> = allowed
            .map(|(seconds, label)| Self {
                seconds: Some(*seconds),
                label: (*label).to_owned(),
            })
            .collect();
        match max {
            None => choices.push(Self {
                seconds: None,
                label: "Never".to_owned(),
            }),
            Some(max) if choices.iter().all(|choice| choice.seconds != Some(max)) => {
                choices.push(Self {
                    seconds: Some(max),
                    label: format!("Max ({})", duration(max)),
                });
            }
            Some(_) => {}
        }
        choices
    }
}

fn duration(seconds: u64) -> String {
    let (count, unit) = match seconds {
        DAY.. => (seconds / DAY, "day"),
        HOUR.. => (seconds / HOUR, "hour"),
        60.. => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// What stands in the fields of the token form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TokenForm {
    /// Field `note`.
    pub note: String,
    /// Field `expires_in`: the chosen option; `None` is never.
    pub expires_in: Option<u64>,
    /// Field `scopes`, separated by spaces.
    pub scopes: String,
}

/// A row of the table of tokens.
#[derive(Debug, Clone, Serialize)]
pub struct TokenRow {
    /// Id in the API, such as `a17`; sent as `id` to revoke it.
    pub id: String,
    /// What its owner noted.
    pub note: String,
    /// Its scopes, the first of them.
    pub scopes: Vec<String>,
    /// How many there are besides.
    pub more_scopes: usize,
    /// When it was last used.
    #[serde(with = "iso_opt")]
    pub last_activity: Option<DateTime<Utc>>,
    /// When it was made.
    #[serde(with = "iso")]
    pub created: DateTime<Utc>,
    /// When it ends; never without.
    #[serde(with = "iso_opt")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A row of the table of applications: all tokens of one OAuth client.
#[derive(Debug, Clone, Serialize)]
pub struct ClientRow {
    /// What the client calls itself.
    pub description: String,
    /// Id of one of its tokens; sent as `id`, revokes all of them.
    pub token_id: String,
    /// Scopes of all its tokens, the first of them.
    pub scopes: Vec<String>,
    /// How many there are besides.
    pub more_scopes: usize,
    /// When the newest use was.
    #[serde(with = "iso_opt")]
    pub last_activity: Option<DateTime<Utc>>,
    /// When the oldest token was made.
    #[serde(with = "iso_opt")]
    pub created: Option<DateTime<Utc>>,
}

/// `token.html`: request tokens, see and revoke them.
///
/// The form posts `_xsrf`, `note`, `expires_in` (seconds, or empty for never) and `scopes` (separated by spaces, or
/// empty for all) to `{hub}token`; the handler answers with this page and `new_token`. Revoking posts `_xsrf` and `id` to
/// `{hub}token/revoke`.
#[derive(Clone, Default, Serialize)]
pub struct TokenPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// Content of the form.
    pub form: TokenForm,
    /// Choices of `expires_in`: [`ExpiryOption::choices`].
    pub expiry_options: Vec<ExpiryOption>,
    /// The plain token that was just made: shown this once.
    pub new_token: Option<String>,
    /// The visitor's own tokens, those of this part of the list.
    pub api_tokens: Vec<TokenRow>,
    /// The other parts.
    pub pager: admin::Pager,
    /// Applications with tokens of the visitor, those of this part of the list.
    pub oauth_clients: Vec<ClientRow>,
    /// The other parts.
    pub clients_pager: admin::Pager,
    /// The query that leads here again, with its question mark; empty for the first part of both lists.
    pub place: String,
    /// What has just happened, or why a request was refused.
    pub notice: Option<Notice>,
}
page!(TokenPage, "token.html");

impl std::fmt::Debug for TokenPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let new_token = self.new_token.as_ref().map(|_| "…");
        f.debug_struct("TokenPage")
            .field("form", &self.form)
            .field("new_token", &new_token)
            .finish_non_exhaustive()
    }
}

/// The application that asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConsentClient {
    /// What it calls itself, such as `JupyterHub service whoami`.
    pub description: String,
    /// Its OAuth client id.
    pub identifier: String,
    /// Where the visitor will be sent.
    pub redirect_uri: String,
}

/// A scope in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeDescription {
    /// The raw scope, such as `read:users:name!user`.
    pub scope: String,
    /// What it allows.
    pub description: String,
    /// What it is limited to, in words, such as `only yourself`.
    pub filter: Option<String>,
}

/// `oauth.html`: asks whether an application may act for the visitor.
///
/// Posts to its own URL (with its query): `_xsrf`, and `scopes` once per allowed scope.
#[derive(Debug, Clone, Default, Serialize)]
pub struct OAuthPage {
    /// What all pages share.
    #[serde(skip)]
    pub chrome: Chrome,
    /// Who asks.
    pub oauth_client: ConsentClient,
    /// What it may do, in words.
    pub scope_descriptions: Vec<ScopeDescription>,
    /// The same as raw scopes, for the form.
    pub allowed_scopes: Vec<String>,
    /// Why the last answer did not count.
    pub error_message: Option<String>,
    /// Where Cancel leads: the redirect URI with `error=access_denied` and the `state`, or the home page.
    pub cancel_url: String,
}
page!(OAuthPage, "oauth.html");

#[cfg(test)]
mod tests;
