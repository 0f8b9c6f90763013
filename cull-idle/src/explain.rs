//! `--explain USER[/SERVER]`: the verdict about one server or user, and everything that it rests on.

use std::fmt::{self, Write as _};

use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;

use crate::decide::{self, Limits, Policy, Verdict};
use crate::facts::{Profile, ServerFacts, Stamp, State, UserFacts};
use crate::hub::HubError;
use crate::report::{Quoted, Span};
use crate::rules::{self, NotTold, Rule, Then};
use crate::settings::Settings;
use crate::source::wire::Era;
use crate::sweep::Sweeper;

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The hub does not answer as it should.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// There is no such user.
    #[error("--explain: the hub has no user {0} that this token may see")]
    NoUser(String),
    /// There is no such server.
    #[error("--explain: {user} has no active server {server:?}; active: {active}")]
    NoServer {
        /// The user.
        user: String,
        /// The server that was asked for.
        server: String,
        /// Those that there are.
        active: String,
    },
}

/// What is to be explained: `USER`, `USER/` or `USER/SERVER`, with escapes as in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    user: String,
    server: Option<String>,
}

impl Asked {
    fn parse(text: &str) -> Self {
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        match text.split_once('/') {
            None => Self {
                user: plain(text),
                server: None,
            },
            Some((user, server)) => Self {
                user: plain(user),
                server: Some(plain(server)),
            },
        }
    }
}

/// The story of `subject`, as text of several lines.
///
/// # Errors
/// When the hub cannot be asked, or has no such user or server.
pub async fn explain(
    sweeper: &Sweeper,
    settings: &Settings,
    subject: &str,
) -> Result<String, ExplainError> {
    let asked = Asked::parse(subject);
    let era = sweeper.era().await?;
    let found = sweeper.user(era, &asked.user).await?;
    let (now, user) = found.ok_or_else(|| ExplainError::NoUser(Quoted(&asked.user).to_string()))?;
    let policy = sweeper.policy();
    let mut text = match &asked.server {
        Some(server) => {
            let facts = find(&user, server)?;
            about_server(policy, now, &user, facts)
        }
        None => about_user(policy, now, &user),
    };
    let _ = writeln!(text, "{}", about_hub(settings, era, now));
    Ok(text)
}

fn find<'a>(user: &'a UserFacts, server: &str) -> Result<&'a ServerFacts, ExplainError> {
    let servers = user.servers.as_deref().unwrap_or_default();
    servers
        .iter()
        .find(|facts| facts.name == server)
        .ok_or_else(|| ExplainError::NoServer {
            user: Quoted(&user.name).to_string(),
            server: server.to_owned(),
            active: match &user.servers {
                None => "not told to this token (scope read:servers)".to_owned(),
                Some(servers) if servers.is_empty() => "none".to_owned(),
                Some(servers) => servers
                    .iter()
                    .map(|facts| format!("{:?}", facts.name))
                    .collect::<Vec<_>>()
                    .join(", "),
            },
        })
}

/// The story of a server. Pure.
fn about_server(
    policy: &Policy,
    now: DateTime<Utc>,
    user: &UserFacts,
    facts: &ServerFacts,
) -> String {
    let subject = format!("{}/{}", Quoted(&user.name), Quoted(&facts.name));
    let verdict = decide::server(policy, now, user, facts);
    let mut text = headline(&subject, &verdict);
    line(
        &mut text,
        "state",
        match &facts.state {
            State::Ready => "ready".to_owned(),
            State::Pending(what) => format!("{} is pending", Quoted(what)),
            State::NotReady => "not ready".to_owned(),
            State::Stopped => "stopped".to_owned(),
        },
    );
    line(&mut text, "started", stamp(now, &facts.started));
    line(&mut text, "last_activity", stamp(now, &facts.last_activity));
    line(&mut text, "groups", groups(user));
    line(
        &mut text,
        "profile",
        match &facts.profile {
            Profile::Unknown => "the hub does not say".to_owned(),
            Profile::None => "none".to_owned(),
            Profile::Named(name) => Quoted(name).to_string(),
        },
    );
    if let Some(at) = facts.notice {
        line(&mut text, "announced for", stamp(now, &Stamp::At(at)));
    }
    let rule = rules::for_server(&policy.rules, user, facts);
    line(&mut text, "rule", rule_text(policy, &rule));
    if let Ok(limits) = policy.limits_for(user, facts) {
        line(&mut text, "limits", limits_text(&limits));
    }
    text
}

/// The story of a user. Pure.
fn about_user(policy: &Policy, now: DateTime<Utc>, user: &UserFacts) -> String {
    let servers = user.servers.iter().flatten();
    let verdicts: Vec<Verdict> = servers
        .map(|facts| decide::server(policy, now, user, facts))
        .collect();
    let verdict = decide::user(policy, now, user, &verdicts);
    let mut text = headline(&format!("user {}", Quoted(&user.name)), &verdict);
    line(
        &mut text,
        "admin",
        match user.admin {
            Some(admin) => admin.to_string(),
            None => "the hub does not say".to_owned(),
        },
    );
    line(&mut text, "created", stamp(now, &user.created));
    line(&mut text, "last_activity", stamp(now, &user.last_activity));
    line(&mut text, "groups", groups(user));
    let rule = rules::for_user(&policy.rules, user);
    line(&mut text, "rule", rule_text(policy, &rule));
    for (facts, verdict) in user.servers.iter().flatten().zip(&verdicts) {
        let name = format!("{}/{}", Quoted(&user.name), Quoted(&facts.name));
        line(
            &mut text,
            "server",
            headline(&name, verdict).trim_end().to_owned(),
        );
    }
    text
}

fn about_hub(settings: &Settings, era: Era, now: DateTime<Utc>) -> String {
    format!(
        "  {:<14} JupyterHub {era} at {}; its time is {}",
        "hub",
        settings.url,
        hub_types::time::format(now)
    )
}

fn headline(subject: &str, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Cull(why) => format!("{subject} would be culled: {why}\n"),
        Verdict::Keep(why) => format!("{subject} is kept: {why}\n"),
        Verdict::Announce { why, stop_at } => format!(
            "{subject} is kept, and announced to be stopped at {}: {why}\n",
            hub_types::time::format(*stop_at)
        ),
    }
}

fn line(text: &mut String, name: &str, value: impl fmt::Display) {
    let _ = writeln!(text, "  {name:<14} {value}");
}

fn stamp(now: DateTime<Utc>, stamp: &Stamp) -> String {
    match stamp {
        Stamp::Missing => "the hub does not say".to_owned(),
        Stamp::Never => "never".to_owned(),
        Stamp::Unreadable(what) => format!("no timestamp: {what}"),
        Stamp::At(time) if *time > now => {
            format!(
                "{} (in {})",
                hub_types::time::format(*time),
                Span(*time - now)
            )
        }
        Stamp::At(time) => {
            format!(
                "{} ({} ago)",
                hub_types::time::format(*time),
                Span(now - *time)
            )
        }
    }
}

fn groups(user: &UserFacts) -> String {
    match &user.groups {
        None => "the hub does not say".to_owned(),
        Some(groups) if groups.is_empty() => "none".to_owned(),
        Some(groups) => groups
            .iter()
            .map(|group| Quoted(group).to_string())
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn rule_text(policy: &Policy, rule: &Result<Option<&Rule>, NotTold>) -> String {
    match rule {
        _ if policy.rules.is_empty() => "there are none".to_owned(),
        Ok(None) => format!("none of {} applies", policy.rules.len()),
        Ok(Some(rule)) => match rule.then {
            Then::Keep => format!("{rule}: keep"),
            Then::Limits { .. } => format!("{rule}: limits below"),
        },
        Err(NotTold(field)) => format!("cannot be told: the hub does not say {field}"),
    }
}

fn limits_text(limits: &Limits) -> String {
    let age = limits
        .max_age
        .map_or_else(|| "none".to_owned(), |age| Span(age).to_string());
    format!(
        "timeout {}, maximum age {age}, notice {}",
        Span(limits.timeout),
        Span(limits.notice)
    )
}

#[cfg(test)]
mod tests;
