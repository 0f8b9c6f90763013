//! Placeholders in settings: `{username}`, `{servername}` and the like.

/// Fills in the placeholders of `values`, each once and from left to right: what is filled in is not looked at again,
/// so a user called `{servername}` stays one. Other braces stay as they are, because arguments may hold JSON.
#[must_use]
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, from_brace) = rest.split_at(open);
        filled.push_str(before);
        let hit = values.iter().find_map(|(name, value)| {
            let after = from_brace
                .strip_prefix('{')?
                .strip_prefix(name)?
                .strip_prefix('}')?;
            Some((*value, after))
        });
        match hit {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = &from_brace[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_placeholders_once() {
        let values = [("username", "{servername}"), ("servername", "gpu")];
        for (text, expected) in [
            ("", ""),
            ("~/nb/{username}", "~/nb/{servername}"),
            ("{servername}{servername}", "gpugpu"),
            ("{{servername}}", "{gpu}"),
            (r#"{"a": "{servername}"}"#, r#"{"a": "gpu"}"#),
            ("{unknown} {", "{unknown} {"),
            ("{servername", "{servername"),
            ("é{servername}é", "égpué"),
        ] {
            assert_eq!(fill(text, &values), expected, "{text}");
        }
    }
}
