//! The arguments of `/hub/spawn` to the fields that they stand for. Source: JupyterHub's spawn page.

use serde_json::Value;

use super::form::Fields;

/// Arguments that mean something else.
const RESERVED: &[&str] = &["next", "display_name", "_xsrf"];
/// What marks an option.
const PREFIX: &str = "opt-";

/// An argument `opt-` without a name: 422.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid user-option name opt-")]
pub struct Nameless;

/// The options in these arguments: those with the prefix `opt-`, or all others where none has it.
///
/// # Errors
/// [`Nameless`].
pub fn fields(arguments: impl Iterator<Item = (String, String)>) -> Result<Fields, Nameless> {
    let (mut marked, mut plain) = (Fields::new(), Fields::new());
    for (name, value) in arguments.filter(|(name, _)| !RESERVED.contains(&name.as_str())) {
        let (into, name) = match name.strip_prefix(PREFIX) {
            Some("") => return Err(Nameless),
            Some(option) => (&mut marked, option.to_owned()),
            None => (&mut plain, name),
        };
        into.entry(name).or_default().push(Value::from(value));
    }
    Ok(if marked.is_empty() { plain } else { marked })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_in_a_query() {
        for (query, expected) in [
            ("next=%2Fx&display_name=a", Some(json!({}))),
            ("opt-a=1&opt-a=2&b=3", Some(json!({"a": ["1", "2"]}))),
            ("a=1&next=%2Fx", Some(json!({"a": ["1"]}))),
            ("opt-next=1", Some(json!({"next": ["1"]}))),
            ("opt-=1", None),
        ] {
            let found = fields(url::form_urlencoded::parse(query.as_bytes()).into_owned());
            assert_eq!(found.ok().map(|fields| json!(fields)), expected, "{query}");
        }
    }
}
