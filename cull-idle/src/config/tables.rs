//! The TOML form of the file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Draft, did_you_mean, rule};

/// What a file may contain.
const SECTIONS: [&str; 2] = ["IdleCuller", "rule"];

/// Reads the tables of a file.
pub(super) fn read(draft: &mut Draft<'_>) {
    let table = match DeTable::parse(draft.text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            return draft.wrong(at, error.message());
        }
    };
    for (key, value) in in_order(&table) {
        let at = key.span().start;
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("IdleCuller", DeValue::Table(settings)) => {
                for (key, value) in in_order(settings) {
                    setting(draft, key.span().start, key.get_ref(), value);
                }
            }
            ("rule", DeValue::Array(rules)) => {
                for each in rules {
                    rule::read(draft, each);
                }
                rule::check_order(draft);
            }
            ("IdleCuller", _) => draft.wrong(at, "IdleCuller is a table: write [IdleCuller]"),
            ("rule", _) => draft.wrong(at, "rules are a list: write [[rule]], with two brackets"),
            (other, _) => {
                let hint = did_you_mean(other, SECTIONS);
                draft.wrong(
                    at,
                    format_args!("there is no {other}{hint}; expected [IdleCuller] or [[rule]]"),
                );
            }
        }
    }
}

fn setting(draft: &mut Draft<'_>, at: usize, key: &str, value: &Spanned<DeValue<'_>>) {
    match scalar(value.get_ref()) {
        Some(text) => draft.set(at, key, &text),
        None => draft.wrong(
            at,
            format_args!("[IdleCuller] {key}: expected a text, a whole number, or true or false"),
        ),
    }
}

/// A single value, as a flag would be given it.
pub(super) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.as_ref().to_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number.to_string()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// The entries of a table as they were written.
pub(super) fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(
    &'t Spanned<std::borrow::Cow<'i, str>>,
    &'t Spanned<DeValue<'i>>,
)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}
