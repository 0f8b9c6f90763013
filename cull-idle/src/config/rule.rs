//! One `[[rule]]` of the file.

use chrono::TimeDelta;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Draft, did_you_mean, tables};
use crate::cli::MOST_SECONDS;
use crate::rules::{Patterns, Rule, Then, span};
use crate::settings::seconds;

/// What a rule may say.
const KEYS: [&str; 9] = [
    "name", "users", "groups", "servers", "profiles", "keep", "timeout", "max_age", "notice",
];

/// A rule that is being read.
#[derive(Default)]
struct Written {
    name: Option<String>,
    users: Option<Patterns>,
    groups: Option<Patterns>,
    servers: Option<Patterns>,
    profiles: Option<Patterns>,
    keep: Option<bool>,
    timeout: Option<u64>,
    max_age: Option<u64>,
    notice: Option<u64>,
}

/// Reads one rule, and notes everything that is wrong with it.
pub(super) fn read(draft: &mut Draft<'_>, value: &Spanned<DeValue<'_>>) {
    let DeValue::Table(table) = value.get_ref() else {
        let at = value.span().start;
        return draft.wrong(at, "a rule is a table: write [[rule]] and its keys below");
    };
    let at = first(table).unwrap_or(value.span().start);
    let before = draft.problems.len();
    let mut written = Written::default();
    for (key, value) in tables::in_order(table) {
        if let Err(why) = take(&mut written, key.get_ref(), value.get_ref()) {
            draft.wrong(key.span().start, format_args!("[[rule]] {why}"));
        }
    }
    if draft.problems.len() > before {
        return;
    }
    match then(&written) {
        Err(why) => draft.wrong(at, format_args!("[[rule]] {why}")),
        Ok(then) => {
            let place = format!("{}:{}", draft.name, draft.line(at));
            let name = written.name.map_or_else(
                || place.clone(),
                |name| format!("{} ({place})", crate::report::Quoted(&name)),
            );
            draft.file.rules.push(Rule {
                name,
                users: written.users,
                groups: written.groups,
                servers: written.servers,
                profiles: written.profiles,
                then,
            });
        }
    }
}

/// A rule behind one that applies to everything would never count.
pub(super) fn check_order(draft: &mut Draft<'_>) {
    let rules = &draft.file.rules;
    let Some(all) = rules.iter().position(Rule::is_for_all) else {
        return;
    };
    if let Some(late) = rules.get(all + 1) {
        draft.problems.push(format!(
            "[[rule]] {late} never counts: {} before it has no condition, so it applies to everything",
            rules[all]
        ));
    }
}

/// Where the first key of a table stands: the header has no place of its own.
fn first(table: &DeTable<'_>) -> Option<usize> {
    table.iter().map(|(key, _)| key.span().start).min()
}

/// Takes one key, or says what is wrong with it.
fn take(rule: &mut Written, key: &str, value: &DeValue<'_>) -> Result<(), String> {
    match key {
        "name" => rule.name = Some(text(key, value)?),
        "users" => rule.users = Some(patterns(key, value)?),
        "groups" => rule.groups = Some(patterns(key, value)?),
        "servers" => rule.servers = Some(patterns(key, value)?),
        "profiles" => rule.profiles = Some(patterns(key, value)?),
        "keep" => match value {
            DeValue::Boolean(yes) => rule.keep = Some(*yes),
            _ => return Err("keep: expected true or false".to_owned()),
        },
        "timeout" => rule.timeout = Some(time(key, value)?),
        "max_age" => rule.max_age = Some(time(key, value)?),
        "notice" => rule.notice = Some(time(key, value)?),
        other => {
            let hint = did_you_mean(other, KEYS);
            let keys = KEYS.join(", ");
            return Err(format!("has no {other}{hint}; expected one of {keys}"));
        }
    }
    Ok(())
}

fn text(key: &str, value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.as_ref().to_owned()),
        _ => Err(format!("{key}: expected a text")),
    }
}

/// A list of patterns; a single text is a list of one.
fn patterns(key: &str, value: &DeValue<'_>) -> Result<Patterns, String> {
    let expected =
        || format!("{key}: expected a list of names or patterns, such as [\"a*\", \"bob\"]");
    let list = match value {
        DeValue::Array(items) => items
            .iter()
            .map(|item| text(key, item.get_ref()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| expected())?,
        DeValue::String(one) => vec![one.as_ref().to_owned()],
        _ => return Err(expected()),
    };
    if list.is_empty() {
        return Err(format!(
            "{key}: an empty list matches nothing, so this rule would never count; leave the key out for any"
        ));
    }
    Ok(Patterns::new(list))
}

fn time(key: &str, value: &DeValue<'_>) -> Result<u64, String> {
    tables::scalar(value)
        .filter(|_| !matches!(value, DeValue::Boolean(_)))
        .and_then(|text| span::seconds(&text))
        .filter(|seconds| *seconds <= MOST_SECONDS)
        .ok_or_else(|| {
            format!(
                "{key}: expected a number of seconds, or a time such as \"90min\", \"2h\" or \"7d\""
            )
        })
}

/// What a rule decides, if what it says makes sense together.
fn then(rule: &Written) -> Result<Then, String> {
    let limits = rule.timeout.is_some() || rule.max_age.is_some() || rule.notice.is_some();
    match (rule.keep, limits) {
        (Some(true), true) => {
            Err("keep = true never culls, so it has no timeout, max_age or notice".to_owned())
        }
        (Some(true), false) => Ok(Then::Keep),
        (Some(false) | None, true) => Ok(Then::Limits {
            timeout: rule.timeout.map(seconds),
            max_age: rule
                .max_age
                .map(|age| Some(age).filter(|age| *age > 0).map(seconds)),
            notice: rule.notice.map(seconds),
        }),
        // The flags' own limits, whatever later rules say.
        (Some(false), false) => Ok(Then::Limits {
            timeout: None,
            max_age: None,
            notice: None::<TimeDelta>,
        }),
        (None, false) => Err(
            "decides nothing: add keep = true, or one of timeout, max_age and notice".to_owned(),
        ),
    }
}
