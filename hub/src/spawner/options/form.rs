//! Fields of a form to options. Source: JupyterHub's `options_from_form`; the typed form is ours, in place of a function.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{InvalidOptions, Options};
use crate::config::{FieldKind, OptionsFromForm};

/// The fields of a form: each a list, of texts or of [`file()`]s.
pub type Fields = BTreeMap<String, Vec<Value>>;

/// A file of a form, as JupyterHub keeps it: its bytes as base64.
#[must_use]
pub fn file(name: &str, content_type: &str, bytes: &[u8]) -> Value {
    json!({
        "filename": name,
        "content_type": content_type,
        "body": {"__jupyterhub_bytes__": true, "data": STANDARD.encode(bytes)},
    })
}

/// The options that a form says.
///
/// # Errors
/// When a field is not what the rule says; the message names it.
pub fn options(rule: &OptionsFromForm, fields: Fields) -> Result<Options, InvalidOptions> {
    match rule {
        OptionsFromForm::Passthrough => Ok(fields
            .into_iter()
            .map(|(name, values)| (name, values.into()))
            .collect()),
        OptionsFromForm::Simple => Ok(fields
            .into_iter()
            .map(|(name, values)| (name, simple(values)))
            .collect()),
        OptionsFromForm::Typed(kinds) => kinds
            .iter()
            .filter_map(|(name, kind)| {
                let values = fields.get(name).map_or(&[][..], Vec::as_slice);
                let read = typed(*kind, values).transpose()?;
                Some(match read {
                    Ok(value) => Ok((name.clone(), value)),
                    Err(why) => Err(InvalidOptions(format!("{name} {why}"))),
                })
            })
            .collect(),
    }
}

fn simple(mut values: Vec<Value>) -> Value {
    match (values.len(), values.pop()) {
        (1, Some(Value::String(text))) if text == "on" => true.into(),
        (1, Some(value)) => value,
        (_, last) => {
            values.extend(last);
            values.into()
        }
    }
}

/// A field as its kind; `None` when it was not filled in.
fn typed(kind: FieldKind, values: &[Value]) -> Result<Option<Value>, String> {
    let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
    let first = texts.first().copied().unwrap_or_default();
    let trimmed = first.trim();
    match kind {
        FieldKind::Boolean => {
            let off = ["", "false", "off", "0", "no"];
            let on = !off.contains(&trimmed.to_ascii_lowercase().as_str());
            return Ok(Some(on.into()));
        }
        // A browser sends nothing for a list in which nothing is selected, and an empty text for an empty field.
        FieldKind::List if texts.iter().all(|text| text.is_empty()) => return Ok(None),
        FieldKind::List => return Ok(Some(texts.into())),
        _ if values.is_empty() => return Ok(None),
        FieldKind::Words if trimmed.is_empty() => return Ok(None),
        FieldKind::Text => return Ok(Some(first.into())),
        FieldKind::Words => return words(first).map(Some),
        FieldKind::Environment => return environment(first).map(Some),
        FieldKind::Integer | FieldKind::Number if trimmed.is_empty() => return Ok(None),
        FieldKind::Integer => trimmed.parse::<i64>().ok().map(Value::from),
        FieldKind::Number => {
            let number = trimmed.parse::<f64>().ok();
            number.filter(|number| number.is_finite()).map(Value::from)
        }
    }
    .map(Some)
    .ok_or_else(|| match kind {
        FieldKind::Integer => "must be a whole number".to_owned(),
        _ => "must be a number".to_owned(),
    })
}

fn words(text: &str) -> Result<Value, String> {
    shell_words::split(text)
        .map(Value::from)
        .map_err(|_| "lacks a closing quote".to_owned())
}

fn environment(text: &str) -> Result<Value, String> {
    let mut variables = Map::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| "must have lines like NAME=value".to_owned())?;
        variables.insert(name.trim().to_owned(), value.trim().into());
    }
    Ok(variables.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(form: &[(&str, &[&str])]) -> Fields {
        form.iter()
            .map(|(name, values)| {
                let values = values.iter().copied().map(Value::from).collect();
                ((*name).to_owned(), values)
            })
            .collect()
    }

    /// The form that the manual shows, with the types that its function gives the fields.
    #[test]
    fn the_manuals_form() {
        let form = || {
            fields(&[
                ("integer", &["5"]),
                ("text", &["some text"]),
                ("select", &["a", "b"]),
            ])
        };
        let kinds = OptionsFromForm::Typed(
            [
                ("integer".to_owned(), FieldKind::Integer),
                ("text".to_owned(), FieldKind::Text),
                ("select".to_owned(), FieldKind::List),
            ]
            .into(),
        );
        for (rule, expected) in [
            (
                OptionsFromForm::Passthrough,
                json!({"integer": ["5"], "text": ["some text"], "select": ["a", "b"]}),
            ),
            (
                OptionsFromForm::Simple,
                json!({"integer": "5", "text": "some text", "select": ["a", "b"]}),
            ),
            (
                kinds,
                json!({"integer": 5, "text": "some text", "select": ["a", "b"]}),
            ),
        ] {
            assert_eq!(Value::from(options(&rule, form()).unwrap()), expected);
        }
    }

    #[test]
    fn a_ticked_box_is_true_and_files_stay() {
        let mut form = fields(&[("box", &["on"]), ("empty", &[])]);
        form.insert(
            "key_file".into(),
            vec![file("a.txt", "text/plain", b"\xff")],
        );
        assert_eq!(
            Value::from(options(&OptionsFromForm::Simple, form).unwrap()),
            json!({"box": true, "empty": [], "key_file": {"filename": "a.txt", "content_type": "text/plain",
                "body": {"__jupyterhub_bytes__": true, "data": "/w=="}}})
        );
    }

    #[test]
    fn fields_of_every_kind() {
        use FieldKind::{Boolean, Environment, Integer, List, Number, Text, Words};
        for (kind, values, expected) in [
            (Integer, &[" 7 "][..], Ok(Some(json!(7)))),
            (Integer, &[""], Ok(None)),
            (Integer, &["7.5"], Err("must be a whole number")),
            (Number, &["7.5"], Ok(Some(json!(7.5)))),
            (Number, &["inf"], Err("must be a number")),
            (Number, &["many"], Err("must be a number")),
            (Boolean, &[], Ok(Some(json!(false)))),
            (Boolean, &["on"], Ok(Some(json!(true)))),
            (Boolean, &["False"], Ok(Some(json!(false)))),
            (Text, &[" {username} "], Ok(Some(json!(" {username} ")))),
            (Text, &[], Ok(None)),
            (List, &[], Ok(None)),
            (List, &[""], Ok(None)),
            (List, &["", "a"], Ok(Some(json!(["", "a"])))),
            (Words, &[" "], Ok(None)),
            (List, &["a", "b"], Ok(Some(json!(["a", "b"])))),
            (
                Words,
                &["--x='a b' $(id)"],
                Ok(Some(json!(["--x=a b", "$(id)"]))),
            ),
            (Words, &["'"], Err("lacks a closing quote")),
            (
                Environment,
                &["YOURNAME=kaylee\r\n\r\n A = b=c \n"],
                Ok(Some(json!({"YOURNAME": "kaylee", "A": "b=c"}))),
            ),
            (Environment, &["x"], Err("must have lines like NAME=value")),
        ] {
            let values: Vec<Value> = values.iter().copied().map(Value::from).collect();
            let expected = expected.map_err(ToOwned::to_owned);
            assert_eq!(typed(kind, &values), expected, "{kind:?} {values:?}");
        }
        let rule = OptionsFromForm::Typed([("n".to_owned(), Integer)].into());
        let error = options(&rule, fields(&[("n", &["x"])])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid user options: n must be a whole number"
        );
        assert!(
            options(&rule, fields(&[("other", &["x"])]))
                .unwrap()
                .is_empty()
        );
    }
}
